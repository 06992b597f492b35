//! Each call of a function: its arguments, its result and its duration, and what happened in it.

use std::collections::BTreeMap;

use super::*;
use crate::common::{environment, in_child, module_path, service};
use crate::test_name;

/// A message without the duration at its end, which has to be there behind a return value.
fn without_duration(message: &str) -> String {
    if !message.contains("): CKR_") {
        return message.to_owned();
    }
    let (call, duration) = message.rsplit_once(" in ").unwrap();
    let unit = duration.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    assert!(["ns", "µs", "ms", "s"].contains(&unit), "{message}");
    call.to_owned()
}

/// Logs in and signs with CKM_RSA_PKCS_PSS, and calls before and after that.
fn call_functions() {
    let raw = Raw::load();
    let mut info = CK_INFO::default();
    let too_early = ck!(raw, C_GetInfo(&mut info));
    assert_eq!(too_early, CKR_CRYPTOKI_NOT_INITIALIZED);

    let mut arguments = CK_C_INITIALIZE_ARGS {
        flags: CKF_OS_LOCKING_OK,
        ..Default::default()
    };
    let initialized = ck!(raw, C_Initialize((&raw mut arguments).cast()));
    assert_eq!(initialized, CKR_OK);
    let (mut count, mut session) = (0, 0);
    let slots = ck!(raw, C_GetSlotList(CK_TRUE, ptr::null_mut(), &mut count));
    assert_eq!(slots, CKR_OK);
    let mut info = CK_MECHANISM_INFO::default();
    let mechanism = ck!(
        raw,
        C_GetMechanismInfo(1, CKM_SHA256_RSA_PKCS_PSS, &mut info)
    );
    assert_eq!(mechanism, CKR_OK);
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    let opened = ck!(
        raw,
        C_OpenSession(1, flags, ptr::null_mut(), None, &mut session)
    );
    assert_eq!(opened, CKR_OK);
    let pin = "CONFIG".as_ptr().cast_mut();
    assert_eq!(ck!(raw, C_Login(session, CKU_USER, pin, 6)), CKR_OK);

    let key = raw::object(&raw, session, CKO_PRIVATE_KEY, "demo/rsa-2048");
    let mut parameters = CK_RSA_PKCS_PSS_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        sLen: 32,
    };
    let mut mechanism = CK_MECHANISM {
        pParameter: (&raw mut parameters).cast(),
        ulParameterLen: size_of::<CK_RSA_PKCS_PSS_PARAMS>() as CK_ULONG,
        ..raw::mechanism(CKM_RSA_PKCS_PSS)
    };
    assert_eq!(ck!(raw, C_SignInit(session, &mut mechanism, key)), CKR_OK);
    let (mut hash, mut signature, mut length) = ([7; 32], [0; 256], 256);
    let (hash, signature) = (hash.as_mut_ptr(), signature.as_mut_ptr());
    let signed = ck!(raw, C_Sign(session, hash, 32, signature, &mut length));
    assert_eq!(signed, CKR_OK);

    let mut key_type: CK_KEY_TYPE = 0;
    let attribute = |type_, value, length| CK_ATTRIBUTE {
        type_,
        pValue: value,
        ulValueLen: length,
    };
    let mut template = [
        attribute(CKA_KEY_TYPE, (&raw mut key_type).cast(), 8),
        attribute(CKA_LABEL, ptr::null_mut(), 0),
        attribute(CKA_PRIVATE_EXPONENT, ptr::null_mut(), 0),
    ];
    let read = ck!(
        raw,
        C_GetAttributeValue(session, key, template.as_mut_ptr(), 3)
    );
    assert_eq!(read, CKR_ATTRIBUTE_SENSITIVE);
    let cancelled = ck!(raw, C_SessionCancel(session, CKF_SIGN | CKF_FIND_OBJECTS));
    assert_eq!(cancelled, CKR_OK);
    finalize(&raw);
    let too_late = ck!(raw, C_CloseSession(session));
    assert_eq!(too_late, CKR_CRYPTOKI_NOT_INITIALIZED);
}

#[test]
fn calls_are_logged_under_the_names_of_the_standard_and_in_their_order() {
    let prepare = || {
        let (service, folder) = (service(), LogFolder::new());
        let mut environment = environment(&service, &[]);
        environment.extend(folder.environment("debug"));
        ((service, folder), environment)
    };
    let Some(((_, folder), run)) = in_child(test_name!(), prepare, call_functions) else {
        return;
    };
    run.assert_silent();
    let lines = folder.lines();
    let messages: Vec<_> = lines
        .iter()
        .filter(|line| line.level == "debug")
        .map(|line| without_duration(&line.message))
        .collect();
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
        "C_SessionCancel(hSession=1, flags=CKF_FIND_OBJECTS|CKF_SIGN): CKR_OK",
        "C_Finalize(pReserved=NULL): CKR_OK",
        "C_CloseSession: C_Initialize has not been called in this process [CKR_CRYPTOKI_NOT_INITIALIZED]",
        "C_CloseSession(hSession=1): CKR_CRYPTOKI_NOT_INITIALIZED",
    ];
    for (message, expected) in messages.iter().zip(expected) {
        assert_eq!(message, expected);
    }
    assert_eq!(messages.len(), expected.len(), "{messages:#?}");
}

#[test]
fn the_lines_of_a_call_have_its_number_whatever_other_threads_and_processes_do() {
    let prepare = || {
        let (service, folder) = (service(), LogFolder::new());
        let mut environment = environment(&service, &[]);
        environment.extend(folder.environment("verbose"));
        ((service, folder), environment)
    };
    let child = || {
        let raw = Raw::load();
        let first = raw::logged_in(&raw);
        let second = ck!(
            raw,
            C_GetSessionInfo(first, &mut CK_SESSION_INFO::default())
        );
        assert_eq!(second, CKR_OK);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut session = 0;
                    let flags = CKF_SERIAL_SESSION;
                    let opened = ck!(
                        raw,
                        C_OpenSession(1, flags, ptr::null_mut(), None, &mut session)
                    );
                    assert_eq!(opened, CKR_OK);
                    assert_eq!(sign(&raw, session), CKR_OK);
                });
            }
        });
        common::fork::fork(|| {
            let session = raw::logged_in(&raw);
            assert_eq!(sign(&raw, session), CKR_OK);
        });
        assert_eq!(sign(&raw, first), CKR_OK);
    };
    let Some(((_, folder), _)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    let mut calls: BTreeMap<_, Vec<Line>> = BTreeMap::new();
    for line in folder.lines() {
        calls
            .entry((line.process, line.call))
            .or_default()
            .push(line);
    }
    let (mut processes, mut exchanges) = (BTreeMap::new(), 0);
    for ((process, _), lines) in &calls {
        let is_introduction = |line: &&Line| line.message.starts_with("signpath-pkcs11 ");
        let introductions = lines.iter().filter(is_introduction).count();
        *processes.entry(process).or_insert(0) += introductions;
        let of_call = &lines[introductions..];
        let (begin, end) = (&of_call[0].message, &of_call[of_call.len() - 1].message);
        let call = begin.strip_suffix(" begins").unwrap();
        assert!(
            end.starts_with(&format!("{call}: CKR_OK in ")),
            "{lines:#?}"
        );
        for line in of_call.iter().filter(|line| line.level == "info") {
            exchanges += 1;
            let function = call.split('(').next().unwrap();
            match line.message.split(' ').next().unwrap() {
                "GET" => assert_eq!(function, "C_Login"),
                "POST" => assert_eq!(function, "C_Sign"),
                _ => panic!("{line:?}"),
            }
        }
    }
    assert_eq!(processes.into_values().collect::<Vec<_>>(), [1, 1]);
    assert_eq!(exchanges, 8, "two logins and six signatures");
}

/// The functions that pkcs11-spy saw, and their return values.
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

/// The functions that a log saw, and their return values.
fn logged(lines: &[Line]) -> Vec<String> {
    lines
        .iter()
        .filter(|line| line.level == "debug" && line.message.contains("): CKR_"))
        .map(|line| {
            let message = without_duration(&line.message);
            let (call, code) = message.rsplit_once(": ").unwrap();
            format!("{} {code}", call.split('(').next().unwrap())
        })
        .collect()
}

/// The tool asks for C_GetFunctionList only, since a spy does not get between it and another
/// interface.
#[test]
fn the_log_has_the_calls_that_a_spy_between_tool_and_module_sees() {
    let (service, folder) = (service(), LogFolder::new());
    let trace = folder.0.path().join("trace");
    let data = folder.0.path().join("data");
    std::fs::write(&data, "data").unwrap();
    let key = "pkcs11:object=demo%2Frsa-2048;type=private;pin-value=CONFIG";
    let output = command("openssl")
        .args(["dgst", "-engine", "pkcs11", "-keyform", "engine"])
        .args(["-sha256", "-sign", key, "-out"])
        .arg(folder.0.path().join("signature"))
        .arg(&data)
        .env("PKCS11_MODULE_PATH", "pkcs11-spy.so")
        .env("PKCS11SPY", module_path())
        .env("PKCS11SPY_OUTPUT", &trace)
        .envs(environment(&service, &[]))
        .envs(folder.environment("debug"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let spied = spied(&std::fs::read_to_string(trace).unwrap());
    let logged = logged(&folder.lines());
    // How the spy itself gets at the functions is its own affair.
    let is_call = |call: &&String| {
        !call.starts_with("C_GetInterface ") && !call.starts_with("C_GetFunctionList ")
    };
    let spied: Vec<_> = spied.iter().filter(is_call).collect();
    let logged: Vec<_> = logged.iter().filter(is_call).collect();
    assert_eq!(logged, spied);
    for call in ["C_Initialize CKR_OK", "C_Login CKR_OK", "C_Sign CKR_OK"] {
        assert!(spied.iter().any(|spied| *spied == call), "{spied:#?}");
    }
}
