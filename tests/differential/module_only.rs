//! On our module alone: the functions of PKCS #11 3.0 and 3.2, which SoftHSM does not have, and
//! lengths that it takes without a look, and does not survive.

use std::ffi::c_void;
use std::ptr::null_mut;

use cryptoki_sys::*;

use crate::common::raw::{self, Raw, ck};
use crate::interruptions;
use crate::names::Rv;
use crate::report::Report;
use crate::token::called;

/// A script of calls, by its name. It starts with a module that is not initialized.
pub type Script = (&'static str, fn(&Raw, &mut Report));

pub const SCRIPTS: &[Script] = &[
    ("interfaces", interfaces),
    ("before C_Initialize", before_initialize),
    ("no session of that handle", no_session),
    ("a session without operations", no_operation),
    ("login with a name", login_user),
    ("cancelling", cancelling),
    ("signing messages", sign_messages),
    ("verifying messages", verify_messages),
    ("a signature told at first", verify_signature),
    ("more than there can be", huge),
    ("asynchronous", asynchronous),
];

const HUGE: CK_ULONG = CK_ULONG::MAX;
const RSA: &str = "demo/rsa-2048";

/// Calls a function and notes what it returns.
macro_rules! note {
    ($raw:ident, $report:ident => $function:ident($($argument:expr),* $(,)?)) => {{
        let rv = Rv(ck!($raw, $function($($argument),*)));
        called(stringify!($function));
        $report.note(stringify!($function), rv);
    }};
    ($raw:ident, $report:ident => $situation:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        let rv = Rv(ck!($raw, $function($($argument),*)));
        called(stringify!($function));
        $report.note(format!("{}: {}", stringify!($function), $situation), rv);
    }};
}

pub(crate) use note;

/// Runs all scripts.
pub fn report(raw: &Raw) -> Report {
    let mut report = Report::default();
    for (name, script) in SCRIPTS.iter().chain(interruptions::SCRIPTS) {
        report.begin(name);
        script(raw, &mut report);
        ck!(raw, C_Finalize(null_mut()));
    }
    report
}

pub fn initialize(raw: &Raw) {
    assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
}

pub fn open(raw: &Raw) -> CK_SESSION_HANDLE {
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION;
    let rv = ck!(raw, C_OpenSession(1, flags, null_mut(), None, &mut session));
    assert_eq!(rv, CKR_OK);
    session
}

fn interfaces(raw: &Raw, report: &mut Report) {
    let (mut count, mut interface) = (0, null_mut());
    let mut list = [CK_INTERFACE {
        pInterfaceName: null_mut(),
        pFunctionList: null_mut(),
        flags: 0,
    }; 3];
    let list = list.as_mut_ptr();
    note!(raw, report => "without a place for the count", C_GetInterfaceList(list, null_mut()));
    note!(raw, report => "question for the count", C_GetInterfaceList(null_mut(), &mut count));
    count = 2;
    note!(raw, report => "room for too few", C_GetInterfaceList(list, &mut count));
    note!(raw, report => "room for all", C_GetInterfaceList(list, &mut count));

    let (mut name, mut other) = (*b"PKCS 11\0", *b"another\0");
    let (name, other) = (name.as_mut_ptr(), other.as_mut_ptr());
    let (none, any) = (null_mut(), null_mut());
    let mut version = CK_VERSION { major: 3, minor: 1 };
    note!(raw, report => "without a place", C_GetInterface(name, any, none, 0));
    note!(raw, report => "any", C_GetInterface(none.cast(), any, &mut interface, 0));
    note!(raw, report => "by name", C_GetInterface(name, any, &mut interface, 0));
    note!(raw, report => "another name", C_GetInterface(other, any, &mut interface, 0));
    note!(raw, report => "version 3.1", C_GetInterface(name, &mut version, &mut interface, 0));
    version.minor = 2;
    note!(raw, report => "version 3.2", C_GetInterface(name, &mut version, &mut interface, 0));
    note!(raw, report => "fork safe",
        C_GetInterface(name, any, &mut interface, CKF_INTERFACE_FORK_SAFE));
}

fn before_initialize(raw: &Raw, report: &mut Report) {
    each(raw, report, 1);
}

fn no_session(raw: &Raw, report: &mut Report) {
    initialize(raw);
    each(raw, report, 0x7fff_fff0);
}

fn no_operation(raw: &Raw, report: &mut Report) {
    let session = raw::logged_in(raw);
    each(raw, report, session);
}

/// Every function with arguments that are good for nothing but their form.
fn each(raw: &Raw, report: &mut Report, session: CK_SESSION_HANDLE) {
    let (mut bytes, mut length, mut handle, mut flags) = ([0_u8; 512], 512, 0, 0);
    let (b, l, h) = (bytes.as_mut_ptr(), &raw mut length, &raw mut handle);
    let (none, mut mechanism) = (null_mut::<c_void>(), raw::mechanism(CKM_SHA256_RSA_PKCS));
    let m = &raw mut mechanism;
    let t = null_mut::<CK_ATTRIBUTE>();
    let s = session;
    note!(raw, report => C_SessionCancel(s, CKF_SIGN));
    note!(raw, report => C_GetSessionValidationFlags(s, CKS_LAST_VALIDATION_OK, &mut flags));
    note!(raw, report => C_SignMessage(s, none, 0, b, 1, b, l));
    note!(raw, report => C_SignMessageBegin(s, none, 0));
    note!(raw, report => C_SignMessageNext(s, none, 0, b, 1, b, l));
    note!(raw, report => C_MessageSignFinal(s));
    note!(raw, report => C_VerifyMessage(s, none, 0, b, 1, b, 256));
    note!(raw, report => C_VerifyMessageBegin(s, none, 0));
    note!(raw, report => C_VerifyMessageNext(s, none, 0, b, 1, b, 256));
    note!(raw, report => C_MessageVerifyFinal(s));
    note!(raw, report => C_VerifySignature(s, b, 1));
    note!(raw, report => C_VerifySignatureUpdate(s, b, 1));
    note!(raw, report => C_VerifySignatureFinal(s));
    note!(raw, report => C_MessageSignInit(s, m, 0));
    note!(raw, report => C_MessageVerifyInit(s, m, 0));
    note!(raw, report => C_VerifySignatureInit(s, m, 0, b, 256));
    note!(raw, report => C_MessageEncryptInit(s, m, 1));
    note!(raw, report => C_EncryptMessage(s, none, 0, b, 0, b, 1, b, l));
    note!(raw, report => C_EncryptMessageBegin(s, none, 0, b, 0));
    note!(raw, report => C_EncryptMessageNext(s, none, 0, b, 1, b, l, 0));
    note!(raw, report => C_MessageEncryptFinal(s));
    note!(raw, report => C_MessageDecryptInit(s, m, 1));
    note!(raw, report => C_DecryptMessage(s, none, 0, b, 0, b, 1, b, l));
    note!(raw, report => C_DecryptMessageBegin(s, none, 0, b, 0));
    note!(raw, report => C_DecryptMessageNext(s, none, 0, b, 1, b, l, 0));
    note!(raw, report => C_MessageDecryptFinal(s));
    note!(raw, report => C_EncapsulateKey(s, m, 1, t, 0, b, l, h));
    note!(raw, report => C_DecapsulateKey(s, m, 1, t, 0, b, 1, h));
    note!(raw, report => C_WrapKeyAuthenticated(s, m, 1, 1, b, 1, b, l));
    note!(raw, report => C_UnwrapKeyAuthenticated(s, m, 1, b, 1, t, 0, b, 1, h));
    note!(raw, report => C_AsyncComplete(s, b, null_mut()));
    note!(raw, report => C_AsyncGetID(s, b, h));
    note!(raw, report => C_AsyncJoin(s, b, 1, b, 1));
    // Last, because it would log in.
    note!(raw, report => C_LoginUser(s, CKU_USER, b, 1, b, 1));
}

fn login_user(raw: &Raw, report: &mut Report) {
    initialize(raw);
    let session = open(raw);
    let (mut pin, mut name) = (*b"CONFIG", *b"another organization");
    let (pin, name, none) = (pin.as_mut_ptr(), name.as_mut_ptr(), null_mut());
    note!(raw, report => "no PIN of 6 bytes", C_LoginUser(session, CKU_USER, none, 6, name, 20));
    note!(raw, report => "no name of 20 bytes", C_LoginUser(session, CKU_USER, pin, 6, none, 20));
    note!(raw, report => "a huge PIN", C_LoginUser(session, CKU_USER, pin, HUGE, name, 20));
    note!(raw, report => "another organization", C_LoginUser(session, CKU_USER, pin, 6, name, 20));
    note!(raw, report => "an unknown user type", C_LoginUser(session, 99, pin, 6, none, 0));
    note!(raw, report => "CKU_SO", C_LoginUser(session, CKU_SO, pin, 6, none, 0));
    note!(raw, report => "no name", C_LoginUser(session, CKU_USER, pin, 6, none, 0));
    note!(raw, report => "twice", C_LoginUser(session, CKU_USER, pin, 6, none, 0));
    let mut flags = 0;
    let last = CKS_LAST_VALIDATION_OK;
    note!(raw, report => "no place", C_GetSessionValidationFlags(session, last, null_mut()));
    note!(raw, report => "an unknown type", C_GetSessionValidationFlags(session, 99, &mut flags));
}

fn cancelling(raw: &Raw, report: &mut Report) {
    let session = raw::logged_in(raw);
    let mut mechanism = raw::mechanism(CKM_SHA256);
    assert_eq!(ck!(raw, C_DigestInit(session, &mut mechanism)), CKR_OK);
    note!(raw, report => "no flags", C_SessionCancel(session, 0));
    note!(raw, report => "of a digest", C_SessionCancel(session, CKF_DIGEST));
    note!(raw, report => "of no operation", C_SessionCancel(session, CKF_DIGEST));
    note!(raw, report => "all flags", C_SessionCancel(session, HUGE));
}

fn sign_messages(raw: &Raw, report: &mut Report) {
    let s = raw::logged_in(raw);
    let key = raw::object(raw, s, CKO_PRIVATE_KEY, RSA);
    let public = raw::object(raw, s, CKO_PUBLIC_KEY, RSA);
    let mut mechanism = raw::mechanism(CKM_SHA256_RSA_PKCS);
    let mut ecdsa = raw::mechanism(CKM_ECDSA);
    let m = &raw mut mechanism;
    let (mut bytes, mut length) = ([0x5a_u8; 256], 256);
    let (b, l) = (bytes.as_mut_ptr(), &raw mut length);
    let (none, no_length, no_bytes) = (null_mut::<c_void>(), null_mut(), null_mut());
    note!(raw, report => "no mechanism", C_MessageSignInit(s, null_mut(), key));
    note!(raw, report => "no object", C_MessageSignInit(s, m, 0x7fff_fff0));
    note!(raw, report => "a public key", C_MessageSignInit(s, m, public));
    note!(raw, report => "a key of another type", C_MessageSignInit(s, &mut ecdsa, key));
    note!(raw, report => "a private key", C_MessageSignInit(s, m, key));
    note!(raw, report => "twice", C_MessageSignInit(s, m, key));
    note!(raw, report => "a parameter", C_SignMessage(s, b.cast(), 1, b, 1, b, l));
    note!(raw, report => "no data of 1 byte", C_SignMessage(s, none, 0, no_bytes, 1, b, l));
    note!(raw, report => "huge data", C_SignMessage(s, none, 0, b, HUGE, b, l));
    note!(raw, report => "no length", C_SignMessage(s, none, 0, b, 1, b, no_length));
    note!(raw, report => "question for the length", C_SignMessage(s, none, 0, b, 1, no_bytes, l));
    let mut too_few = 255;
    note!(raw, report => "a byte too few", C_SignMessage(s, none, 0, b, 1, b, &mut too_few));
    note!(raw, report => "a signature", C_SignMessage(s, none, 0, b, 1, b, l));
    note!(raw, report => "another", C_SignMessage(s, none, 0, b, 1, b, l));
    note!(raw, report => "no message", C_SignMessageNext(s, none, 0, b, 1, no_bytes, no_length));
    note!(raw, report => "a parameter", C_SignMessageBegin(s, b.cast(), 1));
    note!(raw, report => "in a process", C_SignMessageBegin(s, none, 0));
    note!(raw, report => "twice", C_SignMessageBegin(s, none, 0));
    note!(raw, report => "a message in parts is active", C_SignMessage(s, none, 0, b, 1, b, l));
    note!(raw, report => "a part", C_SignMessageNext(s, none, 0, b, 1, no_bytes, no_length));
    note!(raw, report => "question for the length",
        C_SignMessageNext(s, none, 0, b, 1, no_bytes, l));
    note!(raw, report => "the last part", C_SignMessageNext(s, none, 0, b, 1, b, l));
    note!(raw, report => "behind the last", C_SignMessageNext(s, none, 0, b, 1, b, l));
    note!(raw, report => "again", C_SignMessageBegin(s, none, 0));
    note!(raw, report => "no part of 1 byte",
        C_SignMessageNext(s, none, 0, no_bytes, 1, no_bytes, no_length));
    note!(raw, report => "after that", C_SignMessageNext(s, none, 0, b, 1, b, l));
    note!(raw, report => "a process", C_MessageSignFinal(s));
    note!(raw, report => "twice", C_MessageSignFinal(s));
    note!(raw, report => "after the end", C_SignMessage(s, none, 0, b, 1, b, l));
    note!(raw, report => "a new process", C_MessageSignInit(s, m, key));
    note!(raw, report => "no mechanism, in a process", C_MessageSignInit(s, null_mut(), key));
    note!(raw, report => "after being cancelled", C_MessageSignFinal(s));
}

fn verify_messages(raw: &Raw, report: &mut Report) {
    let s = raw::logged_in(raw);
    let public = raw::object(raw, s, CKO_PUBLIC_KEY, RSA);
    let certificate = raw::object(raw, s, CKO_CERTIFICATE, RSA);
    let mut mechanism = raw::mechanism(CKM_SHA256_RSA_PKCS);
    let mut ecdsa = raw::mechanism(CKM_ECDSA);
    let m = &raw mut mechanism;
    let (none, no_bytes) = (null_mut::<c_void>(), null_mut());
    let mut signature = signature(raw, s);
    let (mut data, signature) = (*b"data", signature.as_mut_ptr());
    let d = data.as_mut_ptr();
    note!(raw, report => "no mechanism", C_MessageVerifyInit(s, null_mut(), public));
    note!(raw, report => "no object", C_MessageVerifyInit(s, m, 0x7fff_fff0));
    note!(raw, report => "a certificate", C_MessageVerifyInit(s, m, certificate));
    note!(raw, report => "a key of another type", C_MessageVerifyInit(s, &mut ecdsa, public));
    note!(raw, report => "a public key", C_MessageVerifyInit(s, m, public));
    note!(raw, report => "twice", C_MessageVerifyInit(s, m, public));
    let v = signature;
    note!(raw, report => "a parameter", C_VerifyMessage(s, d.cast(), 0, d, 4, v, 256));
    note!(raw, report => "no data of 4 bytes", C_VerifyMessage(s, none, 0, no_bytes, 4, v, 256));
    note!(raw, report => "huge data", C_VerifyMessage(s, none, 0, d, HUGE, v, 256));
    note!(raw, report => "no signature", C_VerifyMessage(s, none, 0, d, 4, no_bytes, 256));
    note!(raw, report => "a byte too few", C_VerifyMessage(s, none, 0, d, 4, v, 255));
    note!(raw, report => "other data", C_VerifyMessage(s, none, 0, d, 3, v, 256));
    note!(raw, report => "the data", C_VerifyMessage(s, none, 0, d, 4, v, 256));
    note!(raw, report => "no message", C_VerifyMessageNext(s, none, 0, d, 4, no_bytes, 0));
    note!(raw, report => "a parameter", C_VerifyMessageBegin(s, d.cast(), 1));
    note!(raw, report => "in a process", C_VerifyMessageBegin(s, none, 0));
    note!(raw, report => "twice", C_VerifyMessageBegin(s, none, 0));
    note!(raw, report => "a message in parts is active", C_VerifyMessage(s, none, 0, d, 4, v, 256));
    note!(raw, report => "a part", C_VerifyMessageNext(s, none, 0, d, 2, no_bytes, 0));
    let rest = data[2..].as_mut_ptr();
    note!(raw, report => "the last part", C_VerifyMessageNext(s, none, 0, rest, 2, v, 256));
    note!(raw, report => "behind the last", C_VerifyMessageNext(s, none, 0, rest, 2, v, 256));
    note!(raw, report => "again", C_VerifyMessageBegin(s, none, 0));
    note!(raw, report => "no part of 1 byte",
        C_VerifyMessageNext(s, none, 0, no_bytes, 1, no_bytes, 0));
    note!(raw, report => "a process", C_MessageVerifyFinal(s));
    note!(raw, report => "twice", C_MessageVerifyFinal(s));
}

fn verify_signature(raw: &Raw, report: &mut Report) {
    let s = raw::logged_in(raw);
    let public = raw::object(raw, s, CKO_PUBLIC_KEY, RSA);
    let mut mechanism = raw::mechanism(CKM_SHA256_RSA_PKCS);
    let mut ecdsa = raw::mechanism(CKM_ECDSA);
    let m = &raw mut mechanism;
    let mut signature = signature(raw, s);
    let (mut data, v, no_bytes) = (*b"data", signature.as_mut_ptr(), null_mut());
    let d = data.as_mut_ptr();
    note!(raw, report => "no mechanism", C_VerifySignatureInit(s, null_mut(), public, v, 256));
    note!(raw, report => "no signature", C_VerifySignatureInit(s, m, public, no_bytes, 256));
    note!(raw, report => "a huge signature", C_VerifySignatureInit(s, m, public, v, HUGE));
    note!(raw, report => "no object", C_VerifySignatureInit(s, m, 0x7fff_fff0, v, 256));
    note!(raw, report => "a key of another type",
        C_VerifySignatureInit(s, &mut ecdsa, public, v, 256));
    let mut init = |situation: &str, length| {
        note!(raw, report => situation, C_VerifySignatureInit(s, m, public, v, length));
    };
    init("a signature", 256);
    init("twice", 256);
    note!(raw, report => "the data", C_VerifySignature(s, d, 4));
    note!(raw, report => "twice", C_VerifySignature(s, d, 4));
    let begin = |length| {
        let rv = ck!(raw, C_VerifySignatureInit(s, m, public, v, length));
        assert_eq!(rv, CKR_OK);
    };
    begin(256);
    note!(raw, report => "other data", C_VerifySignature(s, d, 3));
    begin(255);
    note!(raw, report => "a signature that is a byte too short", C_VerifySignature(s, d, 4));
    begin(256);
    note!(raw, report => "no data of 4 bytes", C_VerifySignature(s, no_bytes, 4));
    begin(256);
    note!(raw, report => "huge data", C_VerifySignature(s, d, HUGE));
    begin(256);
    note!(raw, report => "a part", C_VerifySignatureUpdate(s, d, 4));
    note!(raw, report => "the data", C_VerifySignatureFinal(s));
    note!(raw, report => "twice", C_VerifySignatureFinal(s));
    begin(256);
    note!(raw, report => "no data", C_VerifySignatureFinal(s));
    begin(256);
    note!(raw, report => "no part of 4 bytes", C_VerifySignatureUpdate(s, no_bytes, 4));
    begin(256);
    note!(raw, report => "a huge part", C_VerifySignatureUpdate(s, d, HUGE));
    begin(256);
    note!(raw, report => "begun by C_VerifySignatureInit", C_Verify(s, d, 4, v, 256));
    note!(raw, report => "begun by C_VerifySignatureInit", C_VerifyUpdate(s, d, 4));
    note!(raw, report => "begun by C_VerifySignatureInit", C_VerifyFinal(s, v, 256));
    ck!(raw, C_SessionCancel(s, CKF_VERIFY));
    assert_eq!(ck!(raw, C_VerifyInit(s, m, public)), CKR_OK);
    note!(raw, report => "begun by C_VerifyInit", C_VerifySignature(s, d, 4));
    note!(raw, report => "begun by C_VerifyInit", C_VerifySignatureUpdate(s, d, 4));
    note!(raw, report => "begun by C_VerifyInit", C_VerifySignatureFinal(s));
}

/// Lengths and counts that no memory has.
fn huge(raw: &Raw, report: &mut Report) {
    initialize(raw);
    let s = open(raw);
    let (mut bytes, mut length, mut handle) = ([0_u8; 256], 256, 0);
    let (b, l, h) = (bytes.as_mut_ptr(), &raw mut length, &raw mut handle);
    note!(raw, report => "a PIN", C_Login(s, CKU_USER, b, HUGE));
    assert_eq!(ck!(raw, C_Login(s, CKU_USER, null_mut(), 0)), CKR_OK);
    let key = raw::object(raw, s, CKO_PRIVATE_KEY, RSA);
    let public = raw::object(raw, s, CKO_PUBLIC_KEY, RSA);
    let object = raw::created(raw, s, &mut public_key());
    for (value, length, template, count) in [
        ("a value", HUGE, "a template", HUGE),
        ("a value of 65537 bytes", 65_537, "1025 attributes", 1025),
    ] {
        let mut attribute = CK_ATTRIBUTE {
            type_: CKA_LABEL,
            pValue: b.cast(),
            ulValueLen: length,
        };
        let t = &raw mut attribute;
        note!(raw, report => value, C_FindObjectsInit(s, t, 1));
        ck!(raw, C_FindObjectsFinal(s));
        note!(raw, report => template, C_FindObjectsInit(s, t, count));
        note!(raw, report => value, C_CreateObject(s, t, 1, h));
        note!(raw, report => template, C_CreateObject(s, t, count, h));
        note!(raw, report => value, C_CopyObject(s, object, t, 1, h));
        note!(raw, report => template, C_CopyObject(s, object, t, count, h));
        note!(raw, report => value, C_SetAttributeValue(s, object, t, 1));
        note!(raw, report => template, C_SetAttributeValue(s, object, t, count));
        note!(raw, report => template, C_GetAttributeValue(s, object, t, count));
    }
    note!(raw, report => "a seed", C_SeedRandom(s, b, HUGE));
    note!(raw, report => "random data", C_GenerateRandom(s, b, HUGE));

    let mut pss = CK_MECHANISM {
        mechanism: CKM_RSA_PKCS_PSS,
        pParameter: b.cast(),
        ulParameterLen: HUGE,
    };
    note!(raw, report => "a parameter", C_SignInit(s, &mut pss, key));
    note!(raw, report => "a parameter", C_VerifyInit(s, &mut pss, public));
    let mut sha256 = raw::mechanism(CKM_SHA256);
    let mut rsa = raw::mechanism(CKM_SHA256_RSA_PKCS);
    let mut digest = || assert_eq!(ck!(raw, C_DigestInit(s, &raw mut sha256)), CKR_OK);
    digest();
    note!(raw, report => "data", C_Digest(s, b, HUGE, b, l));
    digest();
    note!(raw, report => "a part", C_DigestUpdate(s, b, HUGE));
    let mut sign = || assert_eq!(ck!(raw, C_SignInit(s, &raw mut rsa, key)), CKR_OK);
    sign();
    note!(raw, report => "data", C_Sign(s, b, HUGE, b, l));
    sign();
    note!(raw, report => "a part", C_SignUpdate(s, b, HUGE));
    let mut verify = || assert_eq!(ck!(raw, C_VerifyInit(s, &raw mut rsa, public)), CKR_OK);
    verify();
    note!(raw, report => "data", C_Verify(s, b, HUGE, b, 256));
    verify();
    note!(raw, report => "a signature", C_Verify(s, b, 4, b, HUGE));
    verify();
    note!(raw, report => "a part", C_VerifyUpdate(s, b, HUGE));
    verify();
    note!(raw, report => "a signature", C_VerifyFinal(s, b, HUGE));
}

/// The template of an RSA key.
fn public_key() -> [(CK_ATTRIBUTE_TYPE, Vec<u8>); 4] {
    let number = |number: CK_ULONG| number.to_ne_bytes().to_vec();
    [
        (CKA_CLASS, number(CKO_PUBLIC_KEY)),
        (CKA_KEY_TYPE, number(CKK_RSA)),
        (CKA_MODULUS, vec![0xff; 256]),
        (CKA_PUBLIC_EXPONENT, vec![1, 0, 1]),
    ]
}

fn asynchronous(raw: &Raw, report: &mut Report) {
    initialize(raw);
    let (flags, mut session) = (CKF_SERIAL_SESSION | CKF_ASYNC_SESSION, 0);
    note!(raw, report => "CKF_ASYNC_SESSION",
        C_OpenSession(1, flags, null_mut(), None, &mut session));
}

/// A signature of "data".
fn signature(raw: &Raw, session: CK_SESSION_HANDLE) -> [u8; 256] {
    let key = raw::object(raw, session, CKO_PRIVATE_KEY, RSA);
    let (mut data, mut signature, mut length) = (*b"data", [0; 256], 256);
    let (d, v) = (data.as_mut_ptr(), signature.as_mut_ptr());
    let mut mechanism = raw::mechanism(CKM_SHA256_RSA_PKCS);
    assert_eq!(ck!(raw, C_SignInit(session, &mut mechanism, key)), CKR_OK);
    assert_eq!(ck!(raw, C_Sign(session, d, 4, v, &mut length)), CKR_OK);
    signature
}
