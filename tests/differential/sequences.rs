//! Digests, signatures and verifications in one part and in several: which call may follow which, what is in the result, and
//! what it takes to get its length.

use cryptoki_sys::*;
use pkcs11_test::harness::{Key, Mechanism, Module, Output, Rv, Session};

use crate::report::{Report, Script, Told};
use crate::verification::{Padding, SHA256, SHA384, verify};
use crate::{EC_LABELS, RSA, reasons};

/// An operation whose data comes in one part or in several.
#[derive(Clone, Copy, PartialEq, Debug)]
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

/// What is needed to run a step.
struct Operation<'a> {
    kind: Kind,
    label: &'static str,
    key: Key<'a>,
    mechanism: &'a Mechanism,
    data: &'a [u8],
}

impl Operation<'_> {
    /// What a call gave; nothing is written by one that only has a return value.
    fn call(&self, s: Session, step: &str, room: Option<usize>, signature: &[u8]) -> Output {
        let (mechanism, key, data) = (self.mechanism, self.key, self.data);
        let part = if step == "empty" { b"" } else { data };
        let rv = match (self.kind, step) {
            (Digest, "init") => s.digest_init(mechanism),
            (Digest, "one") => return s.digest_into(data, room),
            (Digest, "last") => return s.digest_final_into(room),
            (Digest, _) => s.digest_update(part),
            (Sign, "init") => s.sign_init(mechanism, key.private),
            (Sign, "one") => return s.sign_into(data, room),
            (Sign, "last") => return s.sign_final_into(room),
            (Sign, _) => s.sign_update(part),
            (Verify, "init") => s.verify_init(mechanism, key.public),
            (Verify, "one") => s.verify(data, signature),
            (Verify, "last") => s.verify_final(signature),
            (Verify, _) => s.verify_update(part),
            (VerifySignature, "init") => s.verify_signature_init(mechanism, key.public, signature),
            (VerifySignature, "one") => s.verify_signature(data),
            (VerifySignature, "last") => s.verify_signature_final(),
            (VerifySignature, _) => s.verify_signature_update(part),
        };
        Output { rv, length: 0, buffer: vec![] }
    }

    /// Sees to it that a result is that of the data.
    fn check(&self, message: &[u8], result: &[u8]) {
        let (padding, message) = match (self.kind, self.mechanism.id) {
            (Digest, _) => return assert_eq!(result, SHA384.digest(message)),
            (_, CKM_SHA256_RSA_PKCS) => (Padding::Pkcs1, message),
            _ => (Padding::Ecdsa, DATA),
        };
        verify(self.key.session.module, self.label, (padding, &SHA256), message, result);
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
    // The length of a result, and signatures of the data, so many times.
    let (exact, signatures) = match kind {
        Digest => (48, vec![]),
        Sign => (sign(1).len(), vec![]),
        _ => (0, (0..3).map(sign).collect()),
    };
    let operation = Operation { kind, label, key, mechanism, data };
    let [init, one, update, last] =
        ["Init", "", "Update", "Final"].map(|part| format!("C_{kind:?}{part}"));
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
            let rv = match refused {
                "none" => CKR_OPERATION_NOT_INITIALIZED,
                "active" => CKR_OPERATION_ACTIVE,
                _ => rv,
            };
            let (function, times) = match name {
                "init" => (&init, copies),
                "one" => (&one, 1),
                "last" => (&last, parts),
                _ => (&update, parts),
            };
            let mut signature = signatures.get(times).cloned().unwrap_or_default();
            match how {
                "!" => signature[7] ^= 1,
                "-" => signature.truncate(255),
                _ => (),
            }
            let output = operation.call(s, name, room, &signature);
            let fills = matches!((kind, name), (Digest | Sign, "one" | "last"));
            let (length, written) = match (fills, refused, room) {
                (false, ..) => (0, "nothing written"),
                (_, "", Some(_)) if rv == CKR_OK => (exact, "written"),
                (_, "", _) => (exact, "nothing written"),
                (.., room) => (room.unwrap_or_default(), "nothing written"),
            };
            let expected = format!("{}, length {length}, {written}", Rv(rv));
            if refused == "active" && name != "init" {
                let end = if single == Some(true) { &one } else { &last };
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
                r.note(case, output.clone(), None);
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
            if written == "written" && output.clone().told() == expected {
                let message = data.repeat(if name == "one" { 1 } else { parts });
                println!("{case}");
                operation.check(&message, &output.bytes().unwrap());
            }
        }
    }
}
