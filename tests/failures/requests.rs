//! A service that refuses, fails, or answers what nobody can use.

use std::time::{Duration, SystemTime};

use pkcs11_test::{Effect, Fault};

use crate::Situation;
use crate::common::{self, LIST, SIGN, SIGN_HASH};
use crate::configuration::configure;
use crate::scene::{WRONG_TOKEN, login, sign, sign_again};

pub const REFUSED: &[Situation] = situations! { scene;
    "the signing policy has an approval process":
        [scene.serve(r#"{"policies": [{"project": "demo", "policy": "p-256", "key": "p-256", "approval": true}]}"#)] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "C_Sign: ", "400", "demo/p-256",
            "The selected signing policy has an approval process. Hash signing does not support approvals.", "trace id 00-";
    "the problem details have several messages": [scene.fail_sign(Effect::problem(400, &["The first.", "The second."]))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "The first. The second. (trace id 00-";
    "the problem details are very long":
        [let message = "x".repeat(2000); scene.call(&message, "xxx");
         scene.fail_sign(Effect::problem(400, &[&message, "And more."]))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "xxx...; correct";
    "the API token is no longer valid": [scene.fail_sign(Effect::retry_after(401, 0))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "401 Unauthorized", "API token";
    "the user is not a Submitter": [scene.fail_sign(Effect::problem(403, &["The user is no Submitter."]))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "403 Forbidden", "The user is no Submitter.";
    "the signing policy no longer exists":
        [scene.fail_sign(Effect::problem(404, &["There is no such signing policy.", "the signing policy"]))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "There is no such signing policy.", "the signing policy";
    "a refusal with status 404 that has a title only":
        [let json = [("Content-Type", "application/problem+json")]; let body = r#"{"title": "The signing policy is not active.", "traceId": "00-1"}"#;
         scene.fail_sign(Effect::answer(404, &json, body))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "404", "The signing policy is not active. (trace id 00-1); correct the request";
    "a refusal with status 405": [scene.fail_sign(Effect::problem(405, &["The signing policy is not active."]))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "405", "The signing policy is not active. (trace id 00-", "; correct the request";
    "the server has neither signing API":
        [for route in [SIGN, SIGN_HASH] { scene.service.inject(Fault::gone(route, 404)).unwrap(); }] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 2 POST": "supports neither signing API", "check ApiUrl";
    "the server does not have the configured API for fast signing requests":
        [scene.service.inject(Fault::gone(SIGN, 410)).unwrap(); scene.set("SIGNPATH_SIGNING_API", "FastSigningRequest")] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "410 Gone", "set SigningApi to Auto";
    "the server does not have the configured SignHash API":
        [scene.service.inject(Fault::gone(SIGN_HASH, 404)).unwrap(); scene.set("SIGNPATH_SIGNING_API", "SignHash")] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "set SigningApi to Auto";
    "the service reports a request timeout": [scene.fail_sign(Effect::retry_after(408, 0))] sign
        => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "408 Request Timeout";
    "a refusal without a body": [scene.fail_sign(Effect::retry_after(422, 0))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "422 Unprocessable Entity", "before you try again";
    "a refusal with an incomplete body": [scene.fail_sign(Effect::truncated(400, r#"{"errors": {"A": ["x"#, 1000))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "400";
    "a refusal that is not UTF-8":
        [scene.fail_sign(Effect::answer(400, &[], b"Stra\xdfe\x00\r\n\x1b[31m\x07\xe2\x80\xa8\xe2\x80\xae".to_vec()))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "400", "Stra\u{fffd}e", r"e\u{0}\r\n\u{1b}[31m\u{7}\u{2028}\u{202e}; ";
    "a refusal of 100 MB":
        [scene.call(&"x".repeat(200), "xxx"); scene.fail_sign(Effect::Long { status: 400, length: 100_000_000, })] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "400", "xxx...; ";
    "a refusal that begins with a byte order mark":
        [scene.fail_sign(Effect::answer(400, &[], "\u{feff}{\"errors\": {\"A\": [\"No.\"]}, \"traceId\": \"00-1\"}"))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "(400 Bad Request): No. (trace id 00-1)";
    "a refusal that repeats the API token of another token":
        [let tokens = format!(r#"{{"Tokens": [{{"Label": "SignPath"}}, {{"Label": "B", "ApiToken": "{WRONG_TOKEN}"}}]}}"#);
         configure(scene, tokens); scene.fail_sign(Effect::problem(400, &[&format!("a note with {WRONG_TOKEN} in it")]))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "a note with *** in it";
    "a refusal that repeats the API token":
        [let body = format!("no such token: {}", scene.service.token()); scene.fail_sign(Effect::answer(400, &[], body))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "no such token: ***;";
    "a web page that refuses": [scene.fail_sign(Effect::web_page(413))] sign
        => CKR_ARGUMENTS_BAD, "1 GET, 1 POST": "413", "a web page with the title \"413\"", "a proxy";
    "a redirect": [scene.fail_sign(Effect::redirect(307, "https://other.example/Api"))] sign
        => CKR_GENERAL_ERROR, "1 GET, 1 POST": "307", "must not be sent to https://other.example/Api";
};

pub const TRANSIENT: &[Situation] = situations! { scene;
    "the service is unavailable for the list, and the retry succeeds":
        [scene.try_again(); scene.service.inject(Fault::on(LIST, soon(503))).unwrap()] login
        => CKR_OK, "2 GET": "warning", "503", "attempt 1 of GET", "retrying in 0.", "!signing request";
    "no login is required, the service is unavailable for the list, and the retry succeeds":
        [scene.try_again(); scene.set("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false");
         scene.service.inject(Fault::on(LIST, soon(503))).unwrap()] |module| common::sign(module.opened())
        => CKR_OK, "2 GET, 1 POST": "warning", "503", "attempt 1 of GET", "retrying in 0.";
    "too many requests, then an error in the service, and the second retry succeeds":
        [scene.retry_sign([soon(429), soon(500)])] sign => CKR_OK, "1 GET, 3 POST":
            "warning", "429", "attempt 1 of POST", "retrying in 0.", "!second signing request"
            / "warning", "500", "attempt 2 of POST", "retrying in 0.", "may create a second signing request";
    "a bad gateway, and the retry succeeds": [scene.retry_sign([soon(502)])] sign
        => CKR_OK, "1 GET, 2 POST": "warning", "502", "retrying in 0.", "may create a second signing request";
    "the service is unavailable, and the retry succeeds": [scene.retry_sign([soon(503)])] sign
        => CKR_OK, "1 GET, 2 POST": "warning", "503", "retrying in 0.", "!second signing request";
    "a gateway timeout, and the retry succeeds": [scene.retry_sign([soon(504)])] sign
        => CKR_OK, "1 GET, 2 POST": "warning", "504", "retrying in 0.", "may create a second signing request";
    "the service asks for a retry at a time that has passed":
        [scene.retry_sign([Effect::retry_at(503, SystemTime::now() - Duration::from_secs(60))])] sign
        => CKR_OK, "1 GET, 2 POST": "warning", "503", "retrying in 0.";
    "the service asks for a retry in the year 9999":
        [scene.try_again(); scene.fail_sign(Effect::answer(429, &[("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")], ""))] sign
        => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "error", "429", "gave up after attempt 1";
    "the connection is closed without a response, and the retry succeeds": [scene.retry_sign([Effect::Close])] sign
        => CKR_OK, "1 GET, 2 POST": "warning", "attempt 1 of POST", "may create a second signing request";
    "the response to a signing request is lost, and the retry succeeds": [scene.retry_sign([Effect::ProcessAndClose])] sign
        => CKR_OK, "1 GET, 2 POST": "warning", "attempt 1 of POST", "may create a second signing request";
    "the response is incomplete, and the retry succeeds": [scene.retry_sign([Effect::Truncate])] sign
        => CKR_OK, "1 GET, 2 POST": "warning", "attempt 1 of POST", "may create a second signing request";
    "no response arrives, and the retry succeeds": [scene.hurry(); scene.retry_sign([Effect::Hang])] sign
        => CKR_OK, "1 GET, 2 POST": "warning", "attempt 1 of POST", "may create a second signing request";
    "the network fails after login":
        [scene.accept_one_connection(); scene.set("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "7")] sign
        => CKR_FUNCTION_FAILED, "1 GET": "warning", "cannot connect to", "attempt 1 of POST", "retrying in ", "!second signing request"
            / "error", "cannot connect to", "gave up after attempt 2", "!second signing request";
    "a refused signing request, and the application signs again":
        [scene.retry_sign([soon(400)])] sign_again => CKR_OK, "1 GET, 2 POST": "error", "400";
    "too many requests, one attempt": [scene.fail_sign(Effect::status(429))] sign
        => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "429 Too Many Requests", "try again later";
    "an error in the service, one attempt": [scene.fail_sign(Effect::problem(500, &["An unexpected error."]))] sign
        => CKR_DEVICE_ERROR, "1 GET, 1 POST": "500 Internal Server Error", "An unexpected error.", "support";
    "a bad gateway, one attempt": [scene.fail_sign(Effect::web_page(502))] sign
        => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "502 Bad Gateway", "a web page";
    "the service is unavailable, one attempt": [scene.fail_sign(Effect::answer(503, &[], "busy"))] sign
        => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "503 Service Unavailable", "busy; gave up after attempt 1", "; try again later";
    "a gateway timeout, one attempt": [scene.fail_sign(Effect::status(504))] sign
        => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "504 Gateway Timeout";
    "the service asks for a longer wait than the time that is left": [scene.try_again(); scene.fail_sign(Effect::retry_after(503, 3600))] sign
        => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "ServiceUnavailableTimeoutInSeconds is 600, Retry-After is 3600";
    "both signing APIs ask for a wait, and the total time is too short for a second one":
        [scene.set("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "6"); scene.service.inject(Fault::on(SIGN, Effect::retry_after(503, 3))).unwrap();
         scene.service.inject(Fault::gone(SIGN, 404)).unwrap();
         scene.service.inject(Fault::on(SIGN_HASH, Effect::retry_after(503, 3)).always()).unwrap()] sign
        => CKR_FUNCTION_FAILED, "1 GET, 3 POST": "warning", "503", "attempt 1 of POST SigningRequests,"
            / "error", "gave up after attempt 1 (ServiceUnavailableTimeoutInSeconds is 6";
    "the connection is closed without a response": [scene.fail_sign(Effect::Close)] sign
        => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "closed the connection without a response";
    "the response is incomplete": [scene.fail_sign(Effect::Truncate)] sign => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "is incomplete";
    "no response arrives": [scene.hurry(); scene.fail_sign(Effect::Hang)] sign
        => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "no response", "within 1 s", "HttpRequestTimeoutInSeconds";
    "no list arrives before the total time is up": [scene.fail_list(Effect::Hang)] login
        => CKR_FUNCTION_FAILED, "1 GET": "no response", "within 2 s", "!HttpRequestTimeoutInSeconds";
    "the response arrives byte by byte": [scene.hurry(); scene.fail_sign(Effect::Trickle(Duration::from_millis(100)))] sign
        => CKR_FUNCTION_FAILED, "1 GET, 1 POST": "no response", "within 1 s";
};

/// A response after which the next attempt may follow at once.
fn soon(status: u16) -> Effect {
    Effect::retry_after(status, 0)
}

pub const UNUSABLE: &[Situation] = situations! { scene;
    "a response that is not HTTP": [scene.fail_sign(Effect::Raw(b"220 mail.example ESMTP\r\n".to_vec()))] sign
        => CKR_GENERAL_ERROR, "1 GET, 1 POST": "is not HTTP", "check ApiUrl";
    "an ordinary signing request instead of a fast one": [scene.fail_sign(Effect::status(201))] sign
        => CKR_GENERAL_ERROR, "1 GET, 1 POST": "201 Created", "fast signing requests";
    "a web page": [scene.fail_sign(Effect::web_page(200))] sign
        => CKR_GENERAL_ERROR, "1 GET, 1 POST": "not a valid signed payload (a web page", "check ApiUrl";
    "JSON without a signature": [scene.fail_sign(Effect::answer(200, &[], "{}"))] sign
        => CKR_GENERAL_ERROR, "1 GET, 1 POST": "not a valid signed payload", "Signature";
    "a signature that is not base64": [scene.fail_sign(Effect::answer(200, &[], r#"{"Signature": "?"}"#))] sign
        => CKR_GENERAL_ERROR, "1 GET, 1 POST": "Signature is not base64";
    "a SignHash response for another hash":
        [let body = r#"{"hashSigningData": {"hash": "AAAA"}, "hashSigningResult": {"signature": "AAAA"}}"#;
         let answer = Fault::on(SIGN_HASH, Effect::answer(200, &[], body)); scene.service.inject(answer).unwrap();
         scene.set("SIGNPATH_SIGNING_API", "SignHash")] sign
        => CKR_GENERAL_ERROR, "1 GET, 1 POST": "not a valid SignHash response", "another hash";
    "a response of 100 MB": [scene.fail_sign(Effect::Long { status: 200, length: 100_000_000, })] sign
        => CKR_GENERAL_ERROR, "1 GET, 1 POST": "larger than 32 MiB";
    "a signature that does not verify": [scene.fail_sign(Effect::WrongSignature)] sign
        => CKR_DEVICE_ERROR, "1 GET, 1 POST": "demo/p-256", "does not verify", "discarded";
    "a signature in DER that does not verify": [
            // The sequence of 1 and 1.
            let body = r#"{"Signature": "MAYCAQECAQE="}"#;
            scene.fail_sign(Effect::answer(200, &[], body));
        ] sign
        => CKR_DEVICE_ERROR, "1 GET, 1 POST": "demo/p-256", "does not verify", "discarded";
    "a signature that is too short": [scene.fail_sign(Effect::SignatureLength(63))] sign
        => CKR_DEVICE_ERROR, "1 GET, 1 POST": "has 63 bytes instead of 64";
    "a signature that is too long": [scene.fail_sign(Effect::SignatureLength(65))] sign
        => CKR_DEVICE_ERROR, "1 GET, 1 POST": "has 65 bytes instead of 64";
    "an empty signature": [scene.fail_sign(Effect::SignatureLength(0))] sign
        => CKR_DEVICE_ERROR, "1 GET, 1 POST": "has 0 bytes instead of 64";
};
