"""Finds a key with python-pkcs11, signs a file and verifies the signature with the token.

python-pkcs11 gives a key its methods by the capabilities that it reads in one call, so that `sign` and `verify` exist only if
the attributes are right.

Arguments: module, PIN, label of the key, mechanism, file to sign, file for the signature.
"""

import sys

import pkcs11
from pkcs11.util.ec import encode_ecdsa_signature

module, pin, name, mechanism, input_path, signature_path = sys.argv[1:]
token = pkcs11.lib(module).get_token(token_label="SignPath")
with token.open(user_pin=pin) as session:
    private_key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=name)
    public_key = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=name)
    message = open(input_path, "rb").read()
    mechanism = pkcs11.Mechanism[mechanism]
    signature = private_key.sign(message, mechanism=mechanism)
    if not public_key.verify(message, signature, mechanism=mechanism):
        sys.exit("the token does not verify the signature")
    if public_key.verify(message + b"x", signature, mechanism=mechanism):
        sys.exit("the token verifies the signature for another message")

if private_key.key_type == pkcs11.KeyType.EC:
    signature = encode_ecdsa_signature(signature)
open(signature_path, "wb").write(signature)
