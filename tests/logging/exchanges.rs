//! Each exchange with the service: what was asked, what came of it, and what the service calls it.

use pkcs11_test::{Fault, Service};

use super::*;
use crate::common::{LIST, SIGN, SIGN_HASH, environment, in_child, service};
use crate::test_name;

const SIGN_CALL: &str = "signing policy demo/p-256";

/// Logs in and signs, whatever comes of it, with a log at `info` and these faults; the exchanges
/// in the log.
fn exchanges(test: &str, signing_api: &str, faults: Vec<Fault>) -> Option<(Service, Vec<String>)> {
    let prepare = || {
        let (service, folder) = (service(), LogFolder::new());
        for fault in faults {
            service.inject(fault).unwrap();
        }
        let more = [("SIGNPATH_SIGNING_API", signing_api)];
        let mut environment = environment(&service, &more);
        environment.extend(folder.environment("info"));
        ((service, folder), environment)
    };
    let child = || {
        let raw = Raw::load();
        let session = raw::logged_in(&raw);
        sign(&raw, session);
    };
    let ((service, folder), _) = in_child(test, prepare, child)?;
    let lines = folder.lines().into_iter();
    let exchanges = lines.filter(|line| line.message.contains(", attempt "));
    let exchanges = exchanges.filter(|line| line.level == "info");
    Some((service, exchanges.map(|line| line.message).collect()))
}

/// Each exchange has its line, with a duration in the place of `DURATION`.
fn assert_exchanges(exchanges: &[String], expected: &[String]) {
    assert_eq!(exchanges.len(), expected.len(), "{exchanges:#?}");
    for (exchange, expected) in exchanges.iter().zip(expected) {
        let (before, after) = expected.split_once("DURATION").unwrap();
        let duration = exchange
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .unwrap_or_else(|| panic!("{exchange:?} is not {expected:?}"));
        let number = duration.trim_end_matches(['m', 'µ', 'n', 's']);
        let is_number = number.parse::<f64>().is_ok_and(|number| number > 0.0);
        assert!(is_number && duration.ends_with('s'), "{duration}");
    }
}

#[test]
fn an_exchange_has_its_route_attempt_policy_status_and_duration() {
    let faults = vec![Fault::on(LIST, busy()), Fault::on(SIGN, busy())];
    let Some((_, exchanges)) = exchanges(test_name!(), "", faults) else {
        return;
    };
    let list = "GET Cryptoki/MySigningPolicies, attempt";
    let sign = "POST SigningRequests, attempt";
    let expected = [
        format!("{list} 1: 503 Service Unavailable in DURATION"),
        format!("{list} 2: 200 OK in DURATION"),
        format!("{sign} 1, {SIGN_CALL}: 503 Service Unavailable in DURATION"),
        format!("{sign} 2, {SIGN_CALL}: 200 OK in DURATION"),
    ];
    assert_exchanges(&exchanges, &expected);
}

#[test]
fn a_refusal_has_the_trace_id_of_the_service() {
    let refused = Effect::problem(400, &["There is no such thing."]);
    let faults = vec![Fault::on(SIGN, refused)];
    let Some((_, exchanges)) = exchanges(test_name!(), "", faults) else {
        return;
    };
    // What the local service sends with each problem.
    let trace_id = "00-f61d2098cc3dbe9d3ab0c206fac36ff2-fa0c0bbc91bf4385-00";
    let expected = format!(
        "POST SigningRequests, attempt 1, {SIGN_CALL}: 400 Bad Request in DURATION, trace id {trace_id}"
    );
    assert_exchanges(&exchanges[1..], &[expected]);
}

#[test]
fn a_signature_of_sign_hash_has_its_signing_request_and_web_link() {
    let answer = serde_json::json!({
        "signingRequestId": "c7a2b7e0-0000-0000-0000-000000000001",
        "webLink": "https://app.signpath.io/Web/1/SigningRequests/2",
        "hashSigningResult": {"signature": "AAAA"},
    });
    let answer = Effect::answer(200, &[], answer.to_string());
    let faults = vec![Fault::on(SIGN_HASH, answer)];
    let Some((_, exchanges)) = exchanges(test_name!(), "SignHash", faults) else {
        return;
    };
    let expected = format!(
        "POST SigningRequests/SignHash, attempt 1, {SIGN_CALL}: 200 OK in DURATION, \
         signing request c7a2b7e0-0000-0000-0000-000000000001, \
         web link https://app.signpath.io/Web/1/SigningRequests/2"
    );
    assert_exchanges(&exchanges[1..], &[expected]);
}

#[test]
fn an_exchange_without_an_answer_says_why_there_is_none() {
    let faults = vec![Fault::on(LIST, Effect::Close)];
    let Some((service, exchanges)) = exchanges(test_name!(), "", faults) else {
        return;
    };
    let start = "GET Cryptoki/MySigningPolicies, attempt 1: no response after ";
    assert!(exchanges[0].starts_with(start), "{exchanges:#?}");
    let reason = "closed the connection without a response";
    assert!(exchanges[0].contains(reason), "{exchanges:#?}");
    assert_eq!(exchanges.len(), service.requests().len());
}
