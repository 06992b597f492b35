//! Digests, signatures and verifications in one part and in several: which call may follow which, what is in the result, and
//! what it takes to get its length.

use cryptoki_sys::*;
use pkcs11_test::harness::{Key, Mechanism, Module, Output, Rv, Session};

use crate::report::{Report, Script, Told};
use crate::verification::{Padding, SHA256, SHA384};
use crate::{EC_LABELS, RSA, reasons};

/// An operation whose data comes in one part or in several.
#[derive(Clone, Copy, PartialEq)]
pub enum Kind {
    Digest,
    Sign,
    Verify,
    /// Verifies a signature that is handed over first.
    VerifySignature,
}

use Kind::*;

/// Calls of an operation, each after the other in a session of its own: `init`, `one` for all data, `part`, `empty` for a part
/// of no bytes, and `last`. After these, `?` asks for the length, `0`, `<` and `+` stand for no room, a byte too few and more
/// than enough, and `!` and `-` for a signature that is wrong or too short. `:none` and `:active` say why a call is refused.
pub const ORDER: &[&str] = &[
    "one:none part:none last:none init init:active one one:none part:none last:none init",
    "init part init:active part last last:none part:none one:none",
    "init last one:none",
    "init empty last",
    "init part one:active part last one:none",
];
const LENGTHS: &[&str] = &["init one? one? one0 one< one one:none", "init one+"];
const LENGTHS_OF_PARTS: &[&str] = &[
    "init part last? last0 last< last last:none",
    "init part last+",
    "init last? part last",
    "init last? one",
    "init one? part:active last:active last?:active one",
    "init one0 part:active last:active last?:active one",
    "init one< part:active last:active last?:active one",
    "init part one?:active one0:active one<:active last",
];
const SIGNATURES: &[&str] = &[
    "init one! one:none",
    "init one- one:none",
    "init part last! last:none",
    "init part last- last:none",
];

const DATA: &[u8] = b"data";

pub const SCRIPTS: &[Script] = &[
    ("digesting", |t, r| all(t, r, Digest, &[ORDER, LENGTHS, LENGTHS_OF_PARTS])),
    ("signing", |t, r| all(t, r, Sign, &[ORDER, LENGTHS, LENGTHS_OF_PARTS])),
    ("verifying", |t, r| all(t, r, Verify, &[ORDER, SIGNATURES])),
    ("signing a DigestInfo", |t, r| {
        let digest_info = SHA256.digest_info(DATA);
        run(t, r, Sign, RSA, &CKM_RSA_PKCS.into(), &digest_info, &[LENGTHS]);
    }),
    ("signing with CKM_RSA_PKCS_PSS", |t, r| {
        let pss = SHA256.pss(CKM_RSA_PKCS_PSS);
        run(t, r, Sign, RSA, &pss, &SHA256.digest(DATA), &[LENGTHS]);
    }),
    ("signing with CKM_ECDSA", |t, r| {
        let (key, digest) = (EC_LABELS[2], SHA256.digest(DATA));
        run(t, r, Sign, key, &CKM_ECDSA.into(), &digest, &[LENGTHS]);
    }),
];

/// Runs sequences with a mechanism that hashes.
pub fn all(t: &Module, r: &mut Report, kind: Kind, sequences: &[&[&str]]) {
    let mechanism = match kind {
        Digest => CKM_SHA384,
        _ => CKM_SHA256_RSA_PKCS,
    };
    run(t, r, kind, RSA, &mechanism.into(), DATA, sequences);
}

macro_rules! functions {
    ($($name:ident)*) => { [$(stringify!($name)),*] };
}

/// What is needed to run a step.
struct Operation<'a> {
    kind: Kind,
    key: Key<'a>,
    mechanism: &'a Mechanism,
    data: &'a [u8],
    /// The signatures of the data, so many times.
    signatures: Vec<Vec<u8>>,
}

impl Operation<'_> {
    /// The functions for `init`, `one`, `part` and `last`.
    fn functions(&self) -> [&'static str; 4] {
        match self.kind {
            Digest => functions!(C_DigestInit C_Digest C_DigestUpdate C_DigestFinal),
            Sign => functions!(C_SignInit C_Sign C_SignUpdate C_SignFinal),
            Verify => functions!(C_VerifyInit C_Verify C_VerifyUpdate C_VerifyFinal),
            VerifySignature => functions! {
                C_VerifySignatureInit C_VerifySignature C_VerifySignatureUpdate C_VerifySignatureFinal
            },
        }
    }

    fn init(&self, s: Session, copies: usize) -> Rv {
        match self.kind {
            Digest => s.digest_init(self.mechanism),
            Sign => s.sign_init(self.mechanism, self.key.private),
            Verify => s.verify_init(self.mechanism, self.key.public),
            VerifySignature => {
                let signature = &self.signatures[copies];
                s.verify_signature_init(self.mechanism, self.key.public, signature)
            }
        }
    }

    fn part(&self, s: Session, part: &[u8]) -> Rv {
        match self.kind {
            Digest => s.digest_update(part),
            Sign => s.sign_update(part),
            Verify => s.verify_update(part),
            VerifySignature => s.verify_signature_update(part),
        }
    }

    fn fill(&self, s: Session, is_one: bool, room: Option<usize>) -> Output {
        match (self.kind, is_one) {
            (Digest, true) => s.digest_into(self.data, room),
            (Digest, false) => s.digest_final_into(room),
            (_, true) => s.sign_into(self.data, room),
            (_, false) => s.sign_final_into(room),
        }
    }

    fn verify(&self, s: Session, is_one: bool, signature: &[u8]) -> Rv {
        match (self.kind, is_one) {
            (Verify, true) => s.verify(self.data, signature),
            (Verify, false) => s.verify_final(signature),
            (_, true) => s.verify_signature(self.data),
            (_, false) => s.verify_signature_final(),
        }
    }
}

fn run(
    t: &Module,
    r: &mut Report,
    kind: Kind,
    label: &'static str,
    mechanism: &Mechanism,
    data: &[u8],
    sequences: &[&[&str]],
) {
    let key = t.user().key(label);
    let sign = |times| key.sign(mechanism, &data.repeat(times)).unwrap();
    let (exact, signatures) = match kind {
        Digest => (48, vec![]),
        Sign => (sign(1).len(), vec![]),
        _ => (0, (0..3).map(sign).collect()),
    };
    let operation = Operation { kind, key, mechanism, data, signatures };
    let [init, one, update, last] = operation.functions();
    for sequence in sequences.concat() {
        let (s, mut parts, mut history) = (t.session(), 0, String::new());
        // What the whole sequence verifies, for a signature that is handed over first.
        let steps = || sequence.split(' ');
        let copies = match steps().any(|step| step == "last") {
            true => steps().filter(|step| *step == "part").count(),
            false => 1,
        };
        let mut single = None;
        for step in steps() {
            let (call, refused) = step.split_once(':').unwrap_or((step, ""));
            let name = call.trim_end_matches(['?', '0', '<', '+', '!', '-']);
            let how = &call[name.len()..];
            let (is_one, end) = (name == "one", if name == "one" { one } else { last });
            let (room, rv, what) = match how {
                "?" => (None, CKR_OK, " for the length"),
                "0" => (Some(0), CKR_BUFFER_TOO_SMALL, " without room"),
                "<" => (Some(exact - 1), CKR_BUFFER_TOO_SMALL, " with less room"),
                "+" => (Some(exact + 100), CKR_OK, " with more room"),
                "!" => (None, CKR_SIGNATURE_INVALID, " of a wrong signature"),
                "-" => (None, CKR_SIGNATURE_LEN_RANGE, " of a short signature"),
                _ if name == "empty" => (None, CKR_OK, " of nothing"),
                _ => (Some(exact), CKR_OK, ""),
            };
            let rv = Rv(match refused {
                "none" => CKR_OPERATION_NOT_INITIALIZED,
                "active" => CKR_OPERATION_ACTIVE,
                _ => rv,
            });
            let (function, result) = match name {
                "init" => (init, Err(operation.init(s, copies))),
                "part" => (update, Err(operation.part(s, data))),
                "empty" => (update, Err(operation.part(s, b""))),
                _ if matches!(kind, Digest | Sign) => (end, Ok(operation.fill(s, is_one, room))),
                _ => {
                    let times = if is_one { 1 } else { parts };
                    let mut signature = operation.signatures[times].clone();
                    match how {
                        "!" => signature[7] ^= 1,
                        "-" => signature.truncate(255),
                        _ => (),
                    }
                    (end, Err(operation.verify(s, is_one, &signature)))
                }
            };
            let expected = match (&result, refused, room) {
                (Err(_), ..) => rv.to_string(),
                (_, "", Some(_)) if rv == CKR_OK => format!("{rv}, length {exact}, written"),
                (_, "", _) => format!("{rv}, length {exact}, nothing written"),
                (.., room) => format!("{rv}, length {}, nothing written", room.unwrap_or_default()),
            };
            let told = match &result {
                Err(rv) => rv.told(),
                Ok(output) => output.clone().told(),
            };
            if refused == "active" && name != "init" {
                let end = if single == Some(true) { one } else { last };
                r.hint = format!("end it with {end}");
            }
            let case = match &*history {
                "" if name == "init" => function.to_owned(),
                "" => format!("{function}{what} without {init}"),
                _ => format!("{function}{what} after {history}"),
            };
            let case: &'static str = case.leak();
            if !r.has(case) {
                r.answers_to(&[(case, Some((expected.clone().leak(), Some(reasons::FORMS))))]);
                r.note(case, &*told, None);
            }
            r.hint.clear();
            match (name, refused) {
                ("init", "") => (parts, single, history) = (0, None, String::new()),
                ("part" | "empty", "") => single = single.or(Some(false)),
                ("one", "") => single = Some(true),
                _ => (),
            }
            parts += usize::from(call == "part" && refused.is_empty());
            if !history.is_empty() {
                history.push_str(" then ");
            }
            if name == "init" || !history.is_empty() {
                history.push_str(&format!("{function}{what}"));
            }
            let message = data.repeat(if is_one { 1 } else { parts });
            if let Ok(output) = result {
                if told == expected && expected.ends_with(", written") {
                    check(r, &operation, label, case, message, output.bytes().unwrap());
                }
            }
        }
    }
}

/// Sees to it that a result is that of the data.
fn check(
    r: &mut Report,
    operation: &Operation,
    label: &'static str,
    case: &str,
    message: Vec<u8>,
    result: Vec<u8>,
) {
    let (padding, message) = match (operation.kind, operation.mechanism.id) {
        (Digest, _) => return assert_eq!(result, SHA384.digest(&message), "{case}"),
        (_, CKM_SHA256_RSA_PKCS) => (Padding::Pkcs1, message),
        (_, CKM_RSA_PKCS) => (Padding::Pkcs1, DATA.to_vec()),
        (_, CKM_RSA_PKCS_PSS) => (Padding::Pss, DATA.to_vec()),
        _ => (Padding::Ecdsa, DATA.to_vec()),
    };
    r.signed(case, label, (padding, &SHA256), message, result);
}
