"""Finds a key with PyKCS11, reads its attributes, signs a file and verifies the signature with the token.

Arguments: module, PIN, CKA_ID of the key, mechanism, file to sign, file for the signature.
"""

import sys

from PyKCS11 import CKA_CLASS, CKA_ID, CKA_LABEL, CKA_SIGN, CKA_TOKEN, CKA_VALUE
from PyKCS11 import CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, Mechanism, PyKCS11, PyKCS11Lib

module, pin, name, mechanism, input_path, signature_path = sys.argv[1:]
library = PyKCS11Lib()
library.load(module)
(slot,) = library.getSlotList(tokenPresent=True)
session = library.openSession(slot)
session.login(pin)


def find(object_class):
    (found,) = session.findObjects([(CKA_CLASS, object_class), (CKA_ID, name.encode())])
    return found


private_key, public_key = find(CKO_PRIVATE_KEY), find(CKO_PUBLIC_KEY)
# In one call, and since one of them is not to be had, again one by one.
attributes = session.getAttributeValue(private_key, [CKA_LABEL, CKA_VALUE, CKA_TOKEN, CKA_SIGN], allAsBinary=False)
if attributes != [name, None, True, True]:
    sys.exit(f"the private key has the attributes {attributes}")
private_key.to_dict()

message = open(input_path, "rb").read()
mechanism = Mechanism(getattr(PyKCS11, mechanism), None)
signature = bytes(session.sign(private_key, message, mechanism))
if not session.verify(public_key, message, signature, mechanism):
    sys.exit("the token does not verify the signature")
if session.verify(public_key, message + b"x", signature, mechanism):
    sys.exit("the token verifies the signature for another message")
open(signature_path, "wb").write(signature)
session.logout()
session.closeSession()
