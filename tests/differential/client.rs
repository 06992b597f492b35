//! A program that signs with the `cryptoki` crate, from the slots to the signature.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, Result};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use pkcs11_test::harness::Module;

use crate::report::{Report, Script, shown};
use crate::verification::{Padding, SHA256, Signed};
use crate::{EC, EC_LABELS, RSA, RSA_LABELS};

const MESSAGE: &[u8] = b"signed by a Rust program\n";

/// The context of the `cryptoki` crate, initialized by it, and the slot of the token.
fn context(module: &Module) -> (Pkcs11, Slot) {
    module.finalize();
    let context = Pkcs11::new(&module.path).unwrap();
    context.initialize(arguments()).unwrap();
    let slots = context.get_slots_with_initialized_token().unwrap();
    assert_eq!(slots.len(), 1);
    (context, slots[0])
}

fn arguments() -> CInitializeArgs {
    CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)
}

fn login(module: &Module, session: &Session) -> Result<()> {
    let pin = String::from_utf8(module.pin.clone()).unwrap();
    session.login(UserType::User, Some(&AuthPin::from(pin)))
}

fn state(session: &Session) -> String {
    format!("{:?}", session.get_session_info().unwrap().session_state())
}

fn find(session: &Session, class: ObjectClass, label: &str) -> ObjectHandle {
    let name = [Attribute::Id(label.into()), Attribute::Label(label.into())];
    let [id, label] = name;
    let found = session
        .find_objects(&[Attribute::Class(class), Attribute::Token(true), id, label])
        .unwrap();
    assert_eq!(found.len(), 1);
    found[0]
}

/// A result as the name of its return value.
fn outcome<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => "CKR_OK".to_owned(),
        Err(Error::Pkcs11(error, function)) => format!("{error:?} of {function:?}"),
        Err(error) => error.to_string(),
    }
}

/// Attributes of the certificate and of the private key.
const OF_CERTIFICATE: &[AttributeType] = {
    use AttributeType::*;
    &[
        CertificateType,
        Id,
        Label,
        Subject,
        Issuer,
        SerialNumber,
        Value,
    ]
};
const OF_KEY: &[AttributeType] = {
    use AttributeType::*;
    &[
        KeyType,
        Modulus,
        PublicExponent,
        PrivateExponent,
        EcParams,
        Sign,
        Private,
        Sensitive,
        Extractable,
        AlwaysAuthenticate,
    ]
};

pub const SCRIPTS: &[Script] = &[
    ("a program", |t, r| {
        let (context, slot) = context(t);
        let info = context.get_token_info(slot).unwrap();
        let session = context.open_ro_session(slot).unwrap();
        rows! { r;
            "label" => info.label() => "SignPath";
            "login required" => info.login_required() => true;
            "token initialized" => info.token_initialized() => true;
            "user PIN initialized" => info.user_pin_initialized() => true;
            "state before login" => state(&session) => RoPublic;
            "login" => outcome(login(t, &session)) => CKR_OK;
            "state after login" => state(&session) => RoUser;
        }
        for label in RSA_LABELS.into_iter().chain(EC_LABELS) {
            let certificate = find(&session, ObjectClass::CERTIFICATE, label);
            let key = find(&session, ObjectClass::PRIVATE_KEY, label);
            for (name, object, wanted) in [
                ("certificate", certificate, OF_CERTIFICATE),
                ("private key", key, OF_KEY),
            ] {
                rows! { r;
                    format!("{label} {name}, values") => format!("{:?}", session.get_attributes(object, wanted));
                    format!("{label} {name}, sizes") => format!("{:?}", session.get_attribute_info(object, wanted));
                }
            }
            sign(&session, key, r, label);
        }
        rows! { r;
            "logout" => outcome(session.logout()) => CKR_OK;
            "close" => outcome(session.close()) => CKR_OK;
            "finalize" => outcome(context.finalize()) => CKR_OK;
        }
    }),
    ("a program with mistakes", |t, r| {
        let (context, slot) = context(t);
        let session = context.open_rw_session(slot).unwrap();
        let wrong = AuthPin::from("wrong PIN".to_owned());
        let certificate = find(&session, ObjectClass::CERTIFICATE, RSA);
        let info = |id| session.get_attribute_info(certificate, &[id]);
        let wtls = [Attribute::CertificateType(CertificateType::WTLS)];
        rows! { r;
            "initialize, twice" => outcome(context.initialize(arguments())) => "CryptokiAlreadyInitialized of Initialize";
            "logout before login" => outcome(session.logout()) => "UserNotLoggedIn of Logout" | CKR_OK: LOGOUT;
            "wrong PIN" => outcome(session.login(UserType::User, Some(&wrong))) => "PinIncorrect of Login";
            "sign_final" => outcome(session.sign_final()) => "OperationNotInitialized of SignFinal";
            "key type of a certificate" => format!("{:?}", info(AttributeType::KeyType)) => "Ok([TypeInvalid])";
            "certificates of another type" => format!("{:?}", session.find_objects(&wtls)) => "Ok([])";
        }
        login(t, &session).unwrap();
        let key = find(&session, ObjectClass::PRIVATE_KEY, EC);
        let init = |mechanism| outcome(session.sign_init(&mechanism, key));
        rows! { r;
            "login, twice" => outcome(login(t, &session)) => "UserAlreadyLoggedIn of Login";
            "RSA with an EC key" => init(Mechanism::RsaPkcs) => "KeyTypeInconsistent of SignInit" | CKR_OK: KEY_TYPE;
            "AES" => init(Mechanism::AesEcb) => "MechanismInvalid of SignInit" | "OperationActive of SignInit": STILL_ACTIVE;
            "sign_init" => init(Mechanism::Ecdsa) => CKR_OK | "OperationActive of SignInit": STILL_ACTIVE;
            "sign_init, twice" => init(Mechanism::Ecdsa) => "OperationActive of SignInit";
        }
    }),
];

/// Signs with every mechanism of a key.
fn sign(session: &Session, key: ObjectHandle, r: &mut Report, label: &'static str) {
    let pss = PkcsPssParams {
        hash_alg: MechanismType::SHA256,
        mgf: PkcsMgfType::MGF1_SHA256,
        s_len: 32.into(),
    };
    let in_parts = || {
        session.sign_init(&Mechanism::Sha256RsaPkcs, key)?;
        MESSAGE
            .chunks(10)
            .try_for_each(|part| session.sign_update(part))?;
        session.sign_final()
    };
    let (digest, digest_info) = (SHA256.digest(MESSAGE), SHA256.digest_info(MESSAGE));
    let one = |mechanism, data: &[u8]| session.sign(&mechanism, key, data);
    let signatures = match EC_LABELS.contains(&label) {
        true => vec![("ECDSA", Padding::Ecdsa, one(Mechanism::Ecdsa, &digest))],
        false => vec![
            (
                "RSA PKCS #1",
                Padding::Pkcs1,
                one(Mechanism::RsaPkcs, &digest_info),
            ),
            (
                "RSA PSS",
                Padding::Pss,
                one(Mechanism::RsaPkcsPss(pss), &digest),
            ),
            (
                "SHA-256 RSA PKCS #1",
                Padding::Pkcs1,
                one(Mechanism::Sha256RsaPkcs, MESSAGE),
            ),
            (
                "SHA-256 RSA PSS",
                Padding::Pss,
                one(Mechanism::Sha256RsaPkcsPss(pss), MESSAGE),
            ),
            ("in parts", Padding::Pkcs1, in_parts()),
        ],
    };
    for (name, padding, signature) in signatures {
        let signature = signature.unwrap();
        let told = match padding {
            Padding::Pkcs1 => shown(&signature),
            _ => format!("{} bytes", signature.len()),
        };
        let case = format!("{label} {name}");
        rows! { r; &case => told; }
        let (case, hash, message) = (r.case(case), &SHA256, MESSAGE.to_vec());
        r.signatures.push(Signed {
            case,
            label,
            padding,
            hash,
            message,
            signature,
        });
    }
}
