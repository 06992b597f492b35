//! A program that signs with the `cryptoki` crate, from the slots to the signature.

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, Result};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;

use crate::report::{Report, Script, shown};
use crate::token::Token;
use crate::verification::{Padding, SHA256, Signed};
use crate::{EC_LABELS, RSA_LABELS};

pub const SCRIPTS: &[Script] = &[
    ("a program", program),
    ("a program with mistakes", mistakes),
];

const MESSAGE: &[u8] = b"signed by a Rust program\n";

/// The context of the `cryptoki` crate, initialized by it.
fn context(token: &Token) -> Pkcs11 {
    token.finalize();
    let context = Pkcs11::new(&token.path).unwrap();
    let arguments = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
    context.initialize(arguments).unwrap();
    context
}

fn slot(context: &Pkcs11) -> Slot {
    let slots = context.get_slots_with_initialized_token().unwrap();
    assert_eq!(slots.len(), 1);
    slots[0]
}

fn pin(token: &Token) -> AuthPin {
    AuthPin::from(String::from_utf8(token.pin.clone()).unwrap())
}

fn program(token: &Token, report: &mut Report) {
    let context = context(token);
    let slot = slot(&context);
    let info = context.get_token_info(slot).unwrap();
    report.note("label", info.label());
    report.note("login required", info.login_required());
    report.note("token initialized", info.token_initialized());
    report.note("user PIN initialized", info.user_pin_initialized());

    let session = context.open_ro_session(slot).unwrap();
    report.note("state before login", format!("{:?}", state(&session)));
    report.note(
        "login",
        outcome(session.login(UserType::User, Some(&pin(token)))),
    );
    report.note("state after login", format!("{:?}", state(&session)));

    for label in RSA_LABELS.into_iter().chain(EC_LABELS) {
        let certificate = find(&session, ObjectClass::CERTIFICATE, label);
        use AttributeType::{
            CertificateType as Type, Id, Issuer, Label, SerialNumber, Subject, Value,
        };
        note_attributes(
            &session,
            report,
            &format!("{label} certificate"),
            certificate,
            &[Type, Id, Label, Subject, Issuer, SerialNumber, Value],
        );
        let key = find(&session, ObjectClass::PRIVATE_KEY, label);
        use AttributeType::{AlwaysAuthenticate, Extractable, KeyType, Modulus, PublicExponent};
        use AttributeType::{EcParams, Private, PrivateExponent, Sensitive, Sign};
        note_attributes(
            &session,
            report,
            &format!("{label} private key"),
            key,
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
            ],
        );
        for (case, mechanism, padding, data) in signatures(label) {
            let case = format!("{label} {case}");
            let signature = session.sign(&mechanism, key, &data);
            note_signature(report, case, label, padding, signature);
        }
        if RSA_LABELS.contains(&label) {
            let case = format!("{label} in parts");
            note_signature(report, case, label, Padding::Pkcs1, in_parts(&session, key));
        }
    }
    report.note("logout", outcome(session.logout()));
    report.note("close", outcome(session.close()));
    report.note("finalize", outcome(context.finalize()));
}

fn state(session: &Session) -> cryptoki::session::SessionState {
    session.get_session_info().unwrap().session_state()
}

fn find(session: &Session, class: ObjectClass, label: &str) -> ObjectHandle {
    let template = [
        Attribute::Class(class),
        Attribute::Token(true),
        Attribute::Id(label.into()),
        Attribute::Label(label.into()),
    ];
    let found = session.find_objects(&template).unwrap();
    assert_eq!(found.len(), 1);
    found[0]
}

fn note_attributes(
    session: &Session,
    report: &mut Report,
    case: &str,
    object: ObjectHandle,
    wanted: &[AttributeType],
) {
    let attributes = session.get_attributes(object, wanted);
    report.note(format!("{case}, values"), format!("{attributes:?}"));
    let info = session.get_attribute_info(object, wanted);
    report.note(format!("{case}, sizes"), format!("{info:?}"));
}

type Signature = (&'static str, Mechanism<'static>, Padding, Vec<u8>);

fn signatures(label: &str) -> Vec<Signature> {
    let pss = PkcsPssParams {
        hash_alg: MechanismType::SHA256,
        mgf: PkcsMgfType::MGF1_SHA256,
        s_len: 32.into(),
    };
    let (digest, digest_info) = (SHA256.digest(MESSAGE), SHA256.digest_info(MESSAGE));
    let message = MESSAGE.to_vec();
    use Padding::{Ecdsa, Pkcs1, Pss};
    if EC_LABELS.contains(&label) {
        return vec![("ECDSA", Mechanism::Ecdsa, Ecdsa, digest)];
    }
    vec![
        ("RSA PKCS #1", Mechanism::RsaPkcs, Pkcs1, digest_info),
        ("RSA PSS", Mechanism::RsaPkcsPss(pss), Pss, digest),
        (
            "SHA-256 RSA PKCS #1",
            Mechanism::Sha256RsaPkcs,
            Pkcs1,
            message.clone(),
        ),
        (
            "SHA-256 RSA PSS",
            Mechanism::Sha256RsaPkcsPss(pss),
            Pss,
            message,
        ),
    ]
}

fn in_parts(session: &Session, key: ObjectHandle) -> Result<Vec<u8>> {
    session.sign_init(&Mechanism::Sha256RsaPkcs, key)?;
    for part in MESSAGE.chunks(10) {
        session.sign_update(part)?;
    }
    session.sign_final()
}

fn note_signature(
    report: &mut Report,
    case: String,
    label: &'static str,
    padding: Padding,
    signature: Result<Vec<u8>>,
) {
    match &signature {
        Ok(signature) if padding == Padding::Pkcs1 => report.note(&case, shown(signature)),
        Ok(signature) => report.note(&case, format!("{} bytes", signature.len())),
        Err(error) => report.note(&case, error),
    }
    if let Ok(signature) = signature {
        report.signatures.push(Signed {
            case: report.case(case),
            label,
            padding,
            hash: &SHA256,
            message: MESSAGE.to_vec(),
            signature,
        });
    }
}

fn mistakes(token: &Token, report: &mut Report) {
    let context = context(token);
    let slot = slot(&context);
    report.note(
        "initialize, twice",
        outcome(context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))),
    );
    let session = context.open_rw_session(slot).unwrap();
    report.note("logout before login", outcome(session.logout()));
    let wrong = AuthPin::from("wrong PIN".to_owned());
    report.note(
        "wrong PIN",
        outcome(session.login(UserType::User, Some(&wrong))),
    );
    report.note("sign_final", outcome(session.sign_final().map(drop)));
    let certificate = find(&session, ObjectClass::CERTIFICATE, RSA_LABELS[0]);
    report.note(
        "key type of a certificate",
        format!(
            "{:?}",
            session.get_attribute_info(certificate, &[AttributeType::KeyType])
        ),
    );
    report.note(
        "certificates of another type",
        format!(
            "{:?}",
            session.find_objects(&[Attribute::CertificateType(CertificateType::WTLS)])
        ),
    );
    session.login(UserType::User, Some(&pin(token))).unwrap();
    report.note(
        "login, twice",
        outcome(session.login(UserType::User, Some(&pin(token)))),
    );
    let key = find(&session, ObjectClass::PRIVATE_KEY, EC_LABELS[0]);
    report.note(
        "RSA with an EC key",
        outcome(session.sign_init(&Mechanism::RsaPkcs, key)),
    );
    report.note("AES", outcome(session.sign_init(&Mechanism::AesEcb, key)));
    report.note(
        "sign_init",
        outcome(session.sign_init(&Mechanism::Ecdsa, key)),
    );
    report.note(
        "sign_init, twice",
        outcome(session.sign_init(&Mechanism::Ecdsa, key)),
    );
}

/// A result as the name of its return value.
fn outcome(result: Result<()>) -> String {
    match result {
        Ok(()) => "CKR_OK".to_owned(),
        Err(Error::Pkcs11(error, function)) => format!("{error:?} of {function:?}"),
        Err(error) => error.to_string(),
    }
}
