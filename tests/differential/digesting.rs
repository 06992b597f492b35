//! Digests and random numbers.

use std::ptr;

use cryptoki_sys::*;

use crate::RSA_LABELS;
use crate::names::{Rv, mechanism_name};
use crate::operations::buffer_answer;
use crate::report::{Report, Script, shown};
use crate::token::{Mechanism, Token, call};

pub const SCRIPTS: &[Script] = &[
    ("digests", digests),
    ("order of digest calls", order),
    ("buffers for digests", buffers),
    ("what cannot be digested", refused),
    ("while digesting", in_parallel),
    ("random", random),
];

const DIGESTS: [CK_MECHANISM_TYPE; 6] = [
    CKM_MD5, CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512,
];

/// A digest, or why there is none.
fn answer((rv, length, buffer): (Rv, CK_ULONG, Vec<u8>)) -> String {
    match rv {
        Rv(CKR_OK) => format!("CKR_OK, {}", shown(&buffer[..length as usize])),
        rv => rv.to_string(),
    }
}

fn digests(token: &Token, report: &mut Report) {
    let session = token.session();
    let long: Vec<u8> = (0..100_000_u32).map(|number| number as u8).collect();
    for id in DIGESTS {
        let name = mechanism_name(id);
        let mechanism = Mechanism::new(id);
        for (case, message) in [
            ("empty", &b""[..]),
            ("short", b"abc"),
            ("a block", &long[..64]),
            ("long", &long),
        ] {
            report.note(
                format!("{name}, {case}, C_DigestInit"),
                token.digest_init(session, &mechanism),
            );
            let digest = token.digest_into(session, message, Some(64));
            report.note(format!("{name}, {case}"), answer(digest));
            token.digest_init(session, &mechanism);
            for part in message.chunks(1000) {
                token.digest_update(session, part);
            }
            let digest = token.digest_final_into(session, Some(64));
            report.note(format!("{name}, {case}, in parts"), answer(digest));
        }
    }
}

fn order(token: &Token, report: &mut Report) {
    let session = token.session();
    let mechanism = Mechanism::new(CKM_SHA256);
    let init = || token.digest_init(session, &mechanism);
    let digest = || answer(token.digest_into(session, b"data", Some(32)));
    let update = || token.digest_update(session, b"data");
    let finish = || answer(token.digest_final_into(session, Some(32)));
    report.note("C_Digest without C_DigestInit", digest());
    report.note("C_DigestUpdate without C_DigestInit", update());
    report.note("C_DigestFinal without C_DigestInit", finish());
    report.note(
        "C_DigestKey without C_DigestInit",
        call!(token, C_DigestKey(session, 1)),
    );
    report.note("C_DigestInit", init());
    report.note("C_DigestInit, twice", init());
    report.note("C_Digest after both", digest());
    report.note("C_Digest, twice", digest());
    report.note("C_DigestInit again", init());
    report.note("C_DigestUpdate", update());
    report.note("C_DigestInit while there are parts", init());
    report.note("C_DigestFinal", finish());
    report.note("C_DigestFinal, twice", finish());
    init();
    update();
    report.note("C_Digest behind C_DigestUpdate", digest());
    report.note("C_DigestFinal behind both", finish());
    for (case, room) in [("NULL", None), ("a byte too few", Some(31))] {
        init();
        update();
        let (rv, ..) = token.digest_into(session, b"data", room);
        report.note(format!("C_Digest behind C_DigestUpdate, {case}"), rv);
        finish();
        init();
        token.digest_into(session, b"data", room);
        report.note(format!("C_DigestUpdate behind C_Digest, {case}"), update());
        report.note(format!("C_DigestFinal behind C_Digest, {case}"), finish());
        report.note(
            format!("C_Digest behind C_DigestFinal behind C_Digest, {case}"),
            digest(),
        );
    }
    init();
    report.note("C_DigestFinal alone", finish());
    report.note(
        "no mechanism",
        call!(token, C_DigestInit(session, ptr::null_mut())),
    );
    init();
    report.note(
        "no mechanism while digesting",
        call!(token, C_DigestInit(session, ptr::null_mut())),
    );
    report.note("C_Digest after it", digest());
}

fn buffers(token: &Token, report: &mut Report) {
    let session = token.session();
    let mechanism = Mechanism::new(CKM_SHA384);
    token.digest_init(session, &mechanism);
    for (case, room) in [
        ("NULL", None),
        ("no bytes", Some(0)),
        ("a byte too few", Some(47)),
        ("exact", Some(48)),
        ("after the digest", Some(48)),
    ] {
        let digest = buffer_answer(token.digest_into(session, b"data", room));
        report.note(format!("C_Digest, {case}"), digest);
    }
    token.digest_init(session, &mechanism);
    token.digest_update(session, b"data");
    for (case, room) in [
        ("NULL", None),
        ("a byte too few", Some(47)),
        ("more than enough", Some(64)),
        ("after the digest", Some(48)),
    ] {
        let digest = buffer_answer(token.digest_final_into(session, room));
        report.note(format!("C_DigestFinal, {case}"), digest);
    }
    let (mut data, mut length) = ([0x5a; 64], 64);
    let data = data.as_mut_ptr();
    token.digest_init(session, &mechanism);
    report.note(
        "no data",
        call!(
            token,
            C_Digest(session, ptr::null_mut(), 4, data, &mut length)
        ),
    );
    token.digest_init(session, &mechanism);
    report.note(
        "no length",
        call!(token, C_Digest(session, data, 4, data, ptr::null_mut())),
    );
    token.digest_init(session, &mechanism);
    report.note(
        "no part",
        call!(token, C_DigestUpdate(session, ptr::null_mut(), 4)),
    );
    token.digest_init(session, &mechanism);
    length = 64;
    report.note(
        "in the same place",
        call!(token, C_Digest(session, data, 64, data, &mut length)),
    );
    // SAFETY: the array is alive, and 48 bytes of it have been written.
    let written = unsafe { std::slice::from_raw_parts(data, 48) };
    report.note("in the same place, digest", shown(written));
}

fn refused(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let private = token.object(session, CKO_PRIVATE_KEY, RSA_LABELS[0]);
    for (case, id) in [
        ("unknown", 0x7fff_0000),
        ("a signature mechanism", CKM_SHA256_RSA_PKCS),
        ("CKM_AES_CBC", CKM_AES_CBC),
    ] {
        report.note(case, token.digest_init(session, &Mechanism::new(id)));
    }
    let with_parameter = Mechanism {
        id: CKM_SHA256,
        parameter: vec![1],
    };
    let other = token.session();
    report.note("a parameter", token.digest_init(other, &with_parameter));
    token.close(other);
    token.digest_init(session, &Mechanism::new(CKM_SHA256));
    token.digest_update(session, b"data");
    for (case, key) in [("private key", private), ("no object", 0x7fff_fff0)] {
        report.note(
            format!("C_DigestKey of {case}"),
            call!(token, C_DigestKey(session, key)),
        );
    }
    let digest = token.digest_final_into(session, Some(32));
    report.note("the digest without it", answer(digest));
}

fn in_parallel(token: &Token, report: &mut Report) {
    let session = token.user_session();
    let key = token.object(session, CKO_PRIVATE_KEY, RSA_LABELS[0]);
    let public = token.object(session, CKO_PUBLIC_KEY, RSA_LABELS[0]);
    token.digest_init(session, &Mechanism::new(CKM_SHA256));
    let rsa = Mechanism::new(CKM_SHA256_RSA_PKCS);
    report.note("C_SignInit", token.sign_init(session, &rsa, key));
    report.note("C_VerifyInit", token.verify_init(session, &rsa, public));
    report.note("C_FindObjectsInit", token.find_init(session, &[]));
    let mut bytes = [0; 4];
    report.note(
        "C_GenerateRandom",
        call!(token, C_GenerateRandom(session, bytes.as_mut_ptr(), 4)),
    );
    let digest = token.digest_into(session, b"data", Some(32));
    report.note("the digest", answer(digest));
}

fn random(token: &Token, report: &mut Report) {
    let session = token.session();
    let (mut first, mut second) = ([0; 5000], [0; 5000]);
    for bytes in [&mut first, &mut second] {
        let bytes = bytes.as_mut_ptr();
        assert_eq!(
            call!(token, C_GenerateRandom(session, bytes, 4999)),
            Rv(CKR_OK)
        );
    }
    report.note("twice the same", first == second);
    let zeros = first.iter().filter(|byte| **byte == 0).count();
    report.note("one byte in 256 is 0", zeros < 100);
    report.note("the end is written", first[4990..4999] != [0; 9]);
    report.note("and no more", first[4999] == 0);
    let bytes = first.as_mut_ptr();
    let none = ptr::null_mut();
    report.note(
        "no bytes",
        call!(token, C_GenerateRandom(session, bytes, 0)),
    );
    report.note("no place", call!(token, C_GenerateRandom(session, none, 4)));
    report.note(
        "no place for none",
        call!(token, C_GenerateRandom(session, none, 0)),
    );
    report.note(
        "no session",
        call!(token, C_GenerateRandom(0x7fff_fff0, bytes, 4)),
    );
    report.note("a seed", call!(token, C_SeedRandom(session, bytes, 16)));
    report.note("no seed", call!(token, C_SeedRandom(session, none, 16)));
    report.note(
        "a seed in no session",
        call!(token, C_SeedRandom(0x7fff_fff0, bytes, 16)),
    );
}
