//! The log of each call: its arguments, its result and its duration.

use std::collections::BTreeMap;

use pkcs11_test::call;
use pkcs11_test::harness::{Mechanism, null};

use super::*;
use crate::{in_parent, test_name};

/// A message without the duration that follows a return value.
fn without_duration(message: &str) -> String {
    if !message.contains("): CKR_") {
        return message.to_owned();
    }
    let (call, duration) = message.rsplit_once(" in ").unwrap();
    let unit = duration.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    assert!(["ns", "µs", "ms", "s"].contains(&unit), "{message}");
    call.to_owned()
}

/// The messages of a level.
fn messages(lines: &[Line], level: &str) -> Vec<String> {
    let lines = lines.iter().filter(|line| line.level == level);
    lines.map(|line| without_duration(&line.message)).collect()
}

/// Logs in and signs with CKM_RSA_PKCS_PSS, with calls before and after that.
fn call_functions() {
    let module = load();
    let mut info = CK_INFO::default();
    let too_early = call!(module, C_GetInfo(&mut info));
    assert_eq!(too_early, CKR_CRYPTOKI_NOT_INITIALIZED);
    let mut arguments = CK_C_INITIALIZE_ARGS { flags: CKF_OS_LOCKING_OK, ..Default::default() };
    let initialized = call!(module, C_Initialize((&raw mut arguments).cast()));
    assert_eq!(initialized, CKR_OK);
    let slots = call!(module, C_GetSlotList(CK_TRUE, null(), &mut 0));
    assert_eq!(slots, CKR_OK);
    module.mechanism_info(1, CKM_SHA256_RSA_PKCS_PSS).unwrap();
    let session = module.open(1, CKF_SERIAL_SESSION | CKF_RW_SESSION).unwrap();
    assert_eq!(session.login(), CKR_OK);
    let key = session.private("demo/rsa-2048");
    let pss = Mechanism::pss(CKM_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
    assert_eq!(session.sign_init(pss, key), CKR_OK);
    session.sign_into(&[7; 32], 256).bytes().unwrap();
    let wanted = [(CKA_KEY_TYPE, Some(8)), (CKA_LABEL, None), (CKA_PRIVATE_EXPONENT, None)];
    let (read, _) = session.attributes_into(key, &wanted);
    assert_eq!(read, CKR_ATTRIBUTE_SENSITIVE);
    let key = session.public("demo/rsa-2048");
    assert_eq!(session.verify_signature_init(CKM_SHA256_RSA_PKCS, key, &[7; 100]), CKR_OK);
    assert_eq!(session.verify_signature(b"data"), CKR_SIGNATURE_LEN_RANGE);
    assert_eq!(session.cancel(CKF_SIGN | CKF_FIND_OBJECTS), CKR_OK);
    assert_eq!(module.finalize(), CKR_OK);
    assert_eq!(session.close(), CKR_CRYPTOKI_NOT_INITIALIZED);
}

#[test]
fn logs_calls_in_order_with_the_names_of_the_standard() {
    let (_, folder, run) =
        in_parent!(logged(test_name!(), "debug", |_| vec![], vec![], call_functions));
    run.assert_silent();
    let expected = [
        "C_GetInterface(pInterfaceName=not NULL, pVersion=not NULL, ppInterface=not NULL, flags=0x0): CKR_OK",
        "C_GetInfo: C_Initialize has not been called in this process [CKR_CRYPTOKI_NOT_INITIALIZED]",
        "C_GetInfo(pInfo=not NULL): CKR_CRYPTOKI_NOT_INITIALIZED",
        "pInitArgs: flags=CKF_OS_LOCKING_OK",
        "C_Initialize(pInitArgs=not NULL): CKR_OK",
        "pulCount: 1",
        "C_GetSlotList(tokenPresent=CK_TRUE, pSlotList=NULL, pulCount=not NULL): CKR_OK",
        "C_GetMechanismInfo(slotID=1, type=CKM_SHA256_RSA_PKCS_PSS, pInfo=not NULL): CKR_OK",
        "phSession: 1",
        "C_OpenSession(slotID=1, flags=CKF_RW_SESSION|CKF_SERIAL_SESSION, pApplication=NULL, Notify=NULL, phSession=not NULL): CKR_OK",
        "C_Login(hSession=1, userType=CKU_USER, pPin=not NULL, ulPinLen=6): CKR_OK",
        "pTemplate: CKA_CLASS=CKO_PRIVATE_KEY, CKA_ID (13 bytes)",
        "C_FindObjectsInit(hSession=1, pTemplate=not NULL, ulCount=2): CKR_OK",
        "phObject: [1]",
        "pulObjectCount: 1",
        "C_FindObjects(hSession=1, phObject=not NULL, ulMaxObjectCount=100, pulObjectCount=not NULL): CKR_OK",
        "C_FindObjectsFinal(hSession=1): CKR_OK",
        "pMechanism: CKM_RSA_PKCS_PSS, ulParameterLen=24, hashAlg=CKM_SHA256, mgf=CKG_MGF1_SHA256, sLen=32",
        "C_SignInit(hSession=1, pMechanism=not NULL, hKey=1): CKR_OK",
        "pulSignatureLen: 256",
        "C_Sign(hSession=1, pData=not NULL, ulDataLen=32, pSignature=not NULL, pulSignatureLen=not NULL): CKR_OK",
        "pTemplate: CKA_KEY_TYPE (8 bytes), CKA_LABEL (NULL, 13 bytes), CKA_PRIVATE_EXPONENT (CK_UNAVAILABLE_INFORMATION)",
        "C_GetAttributeValue: CKA_PRIVATE_EXPONENT never leaves SignPath [CKR_ATTRIBUTE_SENSITIVE]",
        "C_GetAttributeValue(hSession=1, hObject=1, pTemplate=not NULL, ulCount=3): CKR_ATTRIBUTE_SENSITIVE",
        "pTemplate: CKA_CLASS=CKO_PUBLIC_KEY, CKA_ID (13 bytes)",
        "C_FindObjectsInit(hSession=1, pTemplate=not NULL, ulCount=2): CKR_OK",
        "phObject: [2]",
        "pulObjectCount: 1",
        "C_FindObjects(hSession=1, phObject=not NULL, ulMaxObjectCount=100, pulObjectCount=not NULL): CKR_OK",
        "C_FindObjectsFinal(hSession=1): CKR_OK",
        "pMechanism: CKM_SHA256_RSA_PKCS, ulParameterLen=0",
        "C_VerifySignatureInit(hSession=1, pMechanism=not NULL, hKey=2, pSignature=not NULL, ulSignatureLen=100): CKR_OK",
        "C_VerifySignature: CKM_SHA256_RSA_PKCS: the signature is 100 bytes long; signatures with this key are 256 [CKR_SIGNATURE_LEN_RANGE]",
        "C_VerifySignature(hSession=1, pData=not NULL, ulDataLen=4): CKR_SIGNATURE_LEN_RANGE",
        "C_SessionCancel(hSession=1, flags=CKF_FIND_OBJECTS|CKF_SIGN): CKR_OK",
        "C_Finalize(pReserved=NULL): CKR_OK",
        "C_CloseSession: C_Initialize has not been called in this process [CKR_CRYPTOKI_NOT_INITIALIZED]",
        "C_CloseSession(hSession=1): CKR_CRYPTOKI_NOT_INITIALIZED",
    ];
    assert_eq!(messages(&folder.lines(), "debug"), expected);
}

#[test]
fn numbers_each_call_across_threads_and_forks() {
    let child = || {
        let module = load();
        let first = module.logged_in().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(sign(module.session()), CKR_OK));
            }
        });
        common::fork::fork(|| _ = log_in_and_sign(&module));
        assert_eq!(sign(first), CKR_OK);
    };
    let (_, folder, _) = in_parent!(logged(test_name!(), "verbose", |_| vec![], vec![], child));
    let mut calls: BTreeMap<_, Vec<Line>> = BTreeMap::new();
    for line in folder.lines() {
        let call = calls.entry((line.process, line.call)).or_default();
        call.push(line);
    }
    let (mut introductions, mut exchanges) = (BTreeMap::new(), 0);
    for ((process, _), mut lines) in calls {
        let count = lines.len();
        lines.retain(|line| !line.message.starts_with("signpath-pkcs11 "));
        *introductions.entry(process).or_insert(0) += count - lines.len();
        let (first, last) = (&lines[0].message, &lines[lines.len() - 1].message);
        let call = first.strip_suffix(" begins").unwrap();
        let end = format!("{call}: CKR_OK in ");
        assert!(last.starts_with(&end), "{lines:#?}");
        for line in lines.iter().filter(|line| line.level == "info") {
            exchanges += 1;
            match line.message.split(' ').next().unwrap() {
                "GET" => assert!(call.starts_with("C_Login("), "{call}"),
                "POST" => assert!(call.starts_with("C_Sign("), "{call}"),
                _ => panic!("{line:?}"),
            }
        }
    }
    assert_eq!(introductions.into_values().collect::<Vec<_>>(), [1, 1]);
    assert_eq!(exchanges, 8, "two logins and six signatures");
}

/// The calls in a trace of pkcs11-spy, and their return values.
fn spied(trace: &str) -> Vec<String> {
    let mut calls = Vec::new();
    let mut function = "";
    for line in trace.lines() {
        if let Some((number, name)) = line.split_once(": C_") {
            if number.parse::<u32>().is_ok() {
                function = name;
            }
        } else if let Some(returned) = line.strip_prefix("Returned: ") {
            let code = returned.split_whitespace().nth(1).unwrap();
            calls.push(format!("C_{function} {code}"));
        }
    }
    calls
}

/// OpenSSL's engine calls C_GetFunctionList only, since a spy does not get between it and another interface.
#[test]
fn logs_the_calls_that_pkcs11_spy_sees() {
    let (service, folder) = (service(), LogFolder::new());
    let trace = folder.0.path().join("trace");
    let key = "pkcs11:object=demo%2Frsa-2048;type=private;pin-value=CONFIG";
    let mut openssl = command("openssl");
    openssl
        .args(["dgst", "-engine", "pkcs11", "-keyform", "engine"])
        .args(["-sha256", "-sign", key, "-out"])
        .arg(folder.0.path().join("signature"))
        .arg(folder.file("data", "data"))
        .env("PKCS11_MODULE_PATH", "pkcs11-spy.so")
        .env("PKCS11SPY", module_path())
        .env("PKCS11SPY_OUTPUT", &trace)
        .envs(environment(&service, &[]));
    common::succeed(openssl.envs(folder.environment("debug")));
    // The spy does not log how it gets the functions.
    let is_call = |call: &String| {
        !call.starts_with("C_GetInterface ") && !call.starts_with("C_GetFunctionList ")
    };
    let mut spied = spied(&std::fs::read_to_string(trace).unwrap());
    spied.retain(is_call);
    let messages = messages(&folder.lines(), "debug").into_iter();
    let logged = messages.filter_map(|message| {
        let (call, code) = message.split_once("): CKR_")?;
        Some(format!("{} CKR_{code}", call.split('(').next()?))
    });
    assert_eq!(logged.filter(is_call).collect::<Vec<_>>(), spied);
    for call in ["C_Initialize CKR_OK", "C_Login CKR_OK", "C_Sign CKR_OK"] {
        assert!(spied.iter().any(|spied| *spied == call), "{spied:#?}");
    }
}
