//! Signatures: every mechanism with every key, in one part and in several.

use cryptoki_sys::*;
use pkcs11_test::harness::{Answer, Mechanism, Module, Session, mechanism_name};

use crate::report::{Report, Script, shown};
use crate::verification::{Hash, MD5, Padding, SHA1, SHA256, SHA384, SHA512, verify};
use crate::{EC_LABELS, RSA_LABELS};

const MESSAGE: &[u8] = b"What is signed here is the digest of this message.\n";

use Padding::{Ecdsa, Pkcs1, Pss, PssWith};

/// Mechanisms that sign a digest of the caller's.
const OF_DIGESTS: [(CK_MECHANISM_TYPE, Padding, &[&Hash]); 3] = [
    (CKM_RSA_PKCS, Pkcs1, &[&MD5, &SHA1, &SHA256, &SHA384, &SHA512]),
    (CKM_RSA_PKCS_PSS, Pss, &[&SHA1, &SHA256, &SHA384, &SHA512]),
    (CKM_ECDSA, Ecdsa, &[&SHA1, &SHA256, &SHA384, &SHA512]),
];

/// Mechanisms that hash themselves.
const OF_MESSAGES: [(CK_MECHANISM_TYPE, Padding, &Hash); 13] = [
    (CKM_MD5_RSA_PKCS, Pkcs1, &MD5),
    (CKM_SHA1_RSA_PKCS, Pkcs1, &SHA1),
    (CKM_SHA256_RSA_PKCS, Pkcs1, &SHA256),
    (CKM_SHA384_RSA_PKCS, Pkcs1, &SHA384),
    (CKM_SHA512_RSA_PKCS, Pkcs1, &SHA512),
    (CKM_SHA1_RSA_PKCS_PSS, Pss, &SHA1),
    (CKM_SHA256_RSA_PKCS_PSS, Pss, &SHA256),
    (CKM_SHA384_RSA_PKCS_PSS, Pss, &SHA384),
    (CKM_SHA512_RSA_PKCS_PSS, Pss, &SHA512),
    (CKM_ECDSA_SHA1, Ecdsa, &SHA1),
    (CKM_ECDSA_SHA256, Ecdsa, &SHA256),
    (CKM_ECDSA_SHA384, Ecdsa, &SHA384),
    (CKM_ECDSA_SHA512, Ecdsa, &SHA512),
];

pub const SCRIPTS: &[Script] = &[
    ("of a digest", |t, r| {
        let session = t.user();
        for (id, padding, hashes) in OF_DIGESTS {
            for hash in hashes {
                let data = match padding {
                    Pkcs1 => hash.digest_info(MESSAGE),
                    _ => hash.digest(MESSAGE),
                };
                let name = format!("{} {}", mechanism_name(id), hash.name);
                of_each_key(session, r, &name, (id, padding, hash), MESSAGE, |s| s.sign(&data));
            }
        }
    }),
    ("of a message", |t, r| each(t, r, MESSAGE, |s| s.sign(MESSAGE))),
    ("of an empty message", |t, r| each(t, r, b"", |s| s.sign(b""))),
    ("of a long multi-part message", |t, r| {
        let message: Vec<u8> = MESSAGE.iter().copied().cycle().take(300_000).collect();
        each(t, r, &message, |s| {
            let mut parts = message.chunks(65_536).chain([&b""[..]]);
            parts.try_for_each(|part| s.sign_update(part).answer(()))?;
            s.sign_final()
        });
    }),
];

/// Signs a message by every mechanism that hashes, with every key.
fn each(t: &Module, r: &mut Report, message: &[u8], sign: impl Fn(Session) -> Answer<Vec<u8>>) {
    let session = t.user();
    answers! { r;
        "demo/p-256 CKM_ECDSA_SHA*" => "CKR_OK, 64 bytes": NO_ECDSA_SHA;
        "demo/p-384 CKM_ECDSA_SHA*" => "CKR_OK, 96 bytes": NO_ECDSA_SHA;
        "demo/p-521 CKM_ECDSA_SHA*" => "CKR_OK, 132 bytes": NO_ECDSA_SHA;
    }
    for row in OF_MESSAGES {
        of_each_key(session, r, &mechanism_name(row.0), row, message, &sign);
    }
}

/// Signs with every key that goes with a mechanism, and notes the signature: its bytes, or where they are random, their
/// number.
fn of_each_key(
    session: Session,
    r: &mut Report,
    name: &str,
    (id, padding, hash): (CK_MECHANISM_TYPE, Padding, &'static Hash),
    message: &[u8],
    sign: impl Fn(Session) -> Answer<Vec<u8>>,
) {
    let (mechanism, labels) = match padding {
        Pkcs1 => (Mechanism::from(id), RSA_LABELS),
        Pss | PssWith(_) => (hash.pss(id), RSA_LABELS),
        Ecdsa => (Mechanism::from(id), EC_LABELS),
    };
    for label in labels {
        let case = format!("{label} {name}");
        let init = session.sign_init(&mechanism, session.private(label));
        let signature = init.answer(()).and_then(|()| sign(session));
        let told = |signature: &Vec<u8>| match padding {
            Pkcs1 => shown(signature),
            _ => format!("{} bytes", signature.len()),
        };
        rows! { r; &case => signature.as_ref().map(told).map_err(|rv| *rv); }
        if let Ok(signature) = signature {
            println!("{case}");
            verify(session.module, label, (padding, hash), message, &signature);
        }
    }
}
