//! The log of each exchange with the service.

use super::*;
use crate::common::{LIST, SIGN, SIGN_HASH};
use crate::{in_parent, table, test_name};

/// Faults, the signing API, and the lines that a login and a signature add. DURATION stands for a duration, `…` for any text.
type Row = (fn() -> Vec<Fault>, &'static str, &'static [&'static str]);

const ROWS: &[Row] = &table! {
    (|| vec![Fault::on(LIST, busy()), Fault::on(SIGN, busy())], "", &[
        "GET Cryptoki/MySigningPolicies, attempt 1: 503 Service Unavailable in DURATION",
        "GET Cryptoki/MySigningPolicies, attempt 2: 200 OK in DURATION",
        "POST SigningRequests, attempt 1, signing policy demo/p-256: 503 Service Unavailable in DURATION",
        "POST SigningRequests, attempt 2, signing policy demo/p-256: 200 OK in DURATION",
    ]),
    (|| vec![Fault::on(SIGN, Effect::problem(400, &["There is no such thing."]))], "", &[
        "GET Cryptoki/MySigningPolicies, attempt 1: 200 OK in DURATION",
        // The trace ID is the one of the local service.
        "POST SigningRequests, attempt 1, signing policy demo/p-256: 400 Bad Request in DURATION, \
         trace id 00-f61d2098cc3dbe9d3ab0c206fac36ff2-fa0c0bbc91bf4385-00",
    ]),
    (|| {
        let body = r#"{"signingRequestId": "c7a2b7e0-0000-0000-0000-000000000001",
            "webLink": "https://app.signpath.io/Web/1/SigningRequests/2", "hashSigningResult": {"signature": "AAAA"}}"#;
        vec![Fault::on(SIGN_HASH, Effect::answer(200, &[], body))]
    }, "SignHash", &[
        "GET Cryptoki/MySigningPolicies, attempt 1: 200 OK in DURATION",
        "POST SigningRequests/SignHash, attempt 1, signing policy demo/p-256: 200 OK in DURATION, \
         signing request c7a2b7e0-0000-0000-0000-000000000001, web link https://app.signpath.io/Web/1/SigningRequests/2",
    ]),
    (|| vec![Fault::on(LIST, Effect::Close)], "", &[
        "GET Cryptoki/MySigningPolicies, attempt 1: no response after DURATION (…closed the connection without a response…",
        "GET Cryptoki/MySigningPolicies, attempt 2: 200 OK in DURATION",
        "POST SigningRequests, attempt 1, signing policy demo/p-256: 200 OK in DURATION",
    ]),
};

#[test]
fn logs_each_exchange_with_attempt_status_and_duration() {
    for (faults, signing_api, expected) in ROWS {
        let more = |_: &LogFolder| vec![("SIGNPATH_SIGNING_API", (*signing_api).to_owned())];
        let child = || _ = sign(load().logged_in().unwrap());
        let (service, folder, _) = in_parent!(logged(test_name!(), "info", more, faults(), child));
        let mut lines = folder.lines();
        lines.retain(|line| line.level == "info" && line.message.contains(", attempt "));
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
        assert_eq!(lines.len(), service.requests().len());
        for (line, expected) in lines.iter().zip(*expected) {
            assert_matches(&line.message, expected);
        }
    }
}

fn assert_matches(line: &str, expected: &str) {
    let (before, after) = expected.split_once("DURATION").unwrap();
    let rest = line.strip_prefix(before);
    let rest = rest.unwrap_or_else(|| panic!("{line:?} does not start with {before:?}"));
    let length = rest.find([' ', ',']).unwrap_or(rest.len());
    let (duration, mut rest) = rest.split_at(length);
    let number = duration.trim_end_matches(['m', 'µ', 'n', 's']);
    let is_number = number.parse::<f64>().is_ok_and(|number| number > 0.0);
    assert!(is_number && duration.ends_with('s'), "{line}");
    if !after.contains('…') {
        assert_eq!(rest, after, "{line}");
    }
    for part in after.split('…').filter(|part| !part.is_empty()) {
        let found = rest.find(part);
        rest = &rest[found.unwrap_or_else(|| panic!("{part:?} is not in {line:?}"))..];
    }
}
