//! The log of each exchange with the service.

use super::*;
use crate::common::{LIST, SIGN, SIGN_HASH};
use crate::{in_parent, table, test_name};

/// Faults, the signing API, and the lines that a login and a signature add; ` … ` stands for any text.
type Row = (fn() -> Vec<Fault>, &'static str, &'static [&'static str]);

const ROWS: &[Row] = &table! {
    (|| vec![Fault::on(LIST, busy()), Fault::on(SIGN, busy())], "", &[
        "GET Cryptoki/MySigningPolicies, attempt 1: 503 Service Unavailable in ",
        "GET Cryptoki/MySigningPolicies, attempt 2: 200 OK in ",
        "POST SigningRequests, attempt 1, signing policy demo/p-256: 503 Service Unavailable in ",
        "POST SigningRequests, attempt 2, signing policy demo/p-256: 200 OK in ",
    ]),
    (|| vec![Fault::on(SIGN, Effect::problem(400, &["There is no such thing."]))], "", &[
        "GET Cryptoki/MySigningPolicies, attempt 1: 200 OK in ",
        // The trace ID is the one of the local service.
        "POST SigningRequests, attempt 1, signing policy demo/p-256: 400 Bad Request in  … s, \
         trace id 00-f61d2098cc3dbe9d3ab0c206fac36ff2-fa0c0bbc91bf4385-00",
    ]),
    (|| {
        let body = r#"{"signingRequestId": "c7a2b7e0-0000-0000-0000-000000000001",
            "webLink": "https://app.signpath.io/Web/1/SigningRequests/2", "hashSigningResult": {"signature": "AAAA"}}"#;
        vec![Fault::on(SIGN_HASH, Effect::answer(200, &[], body))]
    }, "SignHash", &[
        "GET Cryptoki/MySigningPolicies, attempt 1: 200 OK in ",
        "POST SigningRequests/SignHash, attempt 1, signing policy demo/p-256: 200 OK in  … s, \
         signing request c7a2b7e0-0000-0000-0000-000000000001, web link https://app.signpath.io/Web/1/SigningRequests/2",
    ]),
    (|| vec![Fault::on(LIST, Effect::Close)], "", &[
        "GET Cryptoki/MySigningPolicies, attempt 1: no response after  … s ( … closed the connection without a response",
        "GET Cryptoki/MySigningPolicies, attempt 2: 200 OK in ",
        "POST SigningRequests, attempt 1, signing policy demo/p-256: 200 OK in ",
    ]),
};

#[test]
fn logs_each_exchange_with_attempt_status_and_duration() {
    for (faults, signing_api, expected) in ROWS {
        let more = |_: &LogFolder| vec![("SIGNPATH_SIGNING_API", (*signing_api).to_owned())];
        let child = || _ = sign(load().logged_in().unwrap());
        let (service, folder, _) = in_parent!(logged(test_name!(), "info", more, faults(), child));
        let lines = folder.lines().into_iter().filter(|line| line.level == "info");
        let lines: Vec<_> =
            lines.map(|line| line.message).filter(|line| line.contains(", attempt ")).collect();
        assert_eq!(lines.len(), service.requests().len());
        common::assert_lines(&lines, expected);
        let is_duration = |word: &str| {
            let number = word.trim_end_matches(['n', 'µ', 'm', 's']).parse::<f64>();
            word.ends_with('s') && number.is_ok_and(|number| number > 0.0)
        };
        assert!(lines.iter().all(|line| line.split([' ', ',']).any(is_duration)), "{lines:#?}");
    }
}
