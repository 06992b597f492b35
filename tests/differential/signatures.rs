//! Signatures: every mechanism with every key, in one part and in several.

use cryptoki_sys::*;

use crate::names::mechanism_name;
use crate::report::{Report, Script, shown};
use crate::token::{Answer, Mechanism, Token};
use crate::verification::{Hash, MD5, Padding, SHA1, SHA256, SHA384, SHA512, Signed};
use crate::{EC_LABELS, RSA_LABELS};

pub const SCRIPTS: &[Script] = &[
    ("of a digest", of_digests),
    ("of a message", of_messages),
    ("of a message in parts", in_parts),
    ("of an empty message", of_nothing),
    ("of a long message in parts", of_much),
];

const MESSAGE: &[u8] = b"What is signed here is the digest of this message.\n";

use Padding::{Ecdsa, Pkcs1, Pss};

/// Mechanisms that sign a digest of the caller's.
const OF_DIGESTS: [(CK_MECHANISM_TYPE, Padding, &[&Hash]); 3] = [
    (
        CKM_RSA_PKCS,
        Pkcs1,
        &[&MD5, &SHA1, &SHA256, &SHA384, &SHA512],
    ),
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

fn labels(padding: Padding) -> [&'static str; 3] {
    match padding {
        Ecdsa => EC_LABELS,
        _ => RSA_LABELS,
    }
}

fn of_digests(token: &Token, report: &mut Report) {
    let session = token.user_session();
    for (id, padding, hashes) in OF_DIGESTS {
        for hash in hashes {
            let (mechanism, data) = match padding {
                Pkcs1 => (Mechanism::new(id), hash.digest_info(MESSAGE)),
                Pss => (hash.pss(id), hash.digest(MESSAGE)),
                Ecdsa => (Mechanism::new(id), hash.digest(MESSAGE)),
            };
            for label in labels(padding) {
                let signed = Signed {
                    case: format!("{label} {} {}", mechanism_name(id), hash.name),
                    label,
                    padding,
                    hash,
                    message: MESSAGE.to_vec(),
                    signature: Vec::new(),
                };
                let signature = initialized(token, session, &mechanism, label)
                    .and_then(|()| token.sign(session, &data));
                note(report, signed, signature);
            }
        }
    }
}

fn of_messages(token: &Token, report: &mut Report) {
    each(token, report, MESSAGE, |session, message| {
        token.sign(session, message)
    });
}

fn in_parts(token: &Token, report: &mut Report) {
    each(token, report, MESSAGE, |session, message| {
        for part in message.chunks(7) {
            token.sign_update(session, part).answer(())?;
        }
        token.sign_update(session, b"").answer(())?;
        token.sign_final(session)
    });
}

fn of_nothing(token: &Token, report: &mut Report) {
    each(token, report, b"", |session, message| {
        token.sign(session, message)
    });
}

fn of_much(token: &Token, report: &mut Report) {
    let message: Vec<u8> = MESSAGE.iter().copied().cycle().take(300_000).collect();
    each(token, report, &message, |session, message| {
        for part in message.chunks(65_536) {
            token.sign_update(session, part).answer(())?;
        }
        token.sign_final(session)
    });
}

/// Signs a message by every mechanism that hashes, with every key.
fn each(
    token: &Token,
    report: &mut Report,
    message: &[u8],
    sign: impl Fn(CK_SESSION_HANDLE, &[u8]) -> Answer<Vec<u8>>,
) {
    let session = token.user_session();
    for (id, padding, hash) in OF_MESSAGES {
        let mechanism = match padding {
            Pss => hash.pss(id),
            _ => Mechanism::new(id),
        };
        for label in labels(padding) {
            let signed = Signed {
                case: format!("{label} {}", mechanism_name(id)),
                label,
                padding,
                hash,
                message: message.to_vec(),
                signature: Vec::new(),
            };
            let signature = initialized(token, session, &mechanism, label)
                .and_then(|()| sign(session, message));
            note(report, signed, signature);
        }
    }
}

fn initialized(
    token: &Token,
    session: CK_SESSION_HANDLE,
    mechanism: &Mechanism,
    label: &str,
) -> Answer<()> {
    let key = token.object(session, CKO_PRIVATE_KEY, label);
    token.sign_init(session, mechanism, key).answer(())
}

/// Notes a signature: its bytes, or where they are of chance, their number.
fn note(report: &mut Report, mut signed: Signed, signature: Answer<Vec<u8>>) {
    report.fetched(&signed.case, signature.clone(), |signature| {
        match signed.padding {
            Pkcs1 => shown(signature),
            _ => format!("{} bytes", signature.len()),
        }
    });
    if let Ok(signature) = signature {
        signed.signature = signature;
        signed.case = report.case(&signed.case);
        report.signatures.push(signed);
    }
}
