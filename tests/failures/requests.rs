//! A service that refuses, fails, or answers what nobody can use.

use std::time::Duration;

use pkcs11_test::{Effect, Fault};

use crate::common::{SIGN, SIGN_HASH};
use crate::scene::sign;
use crate::{Situation, situation};

pub const REFUSED: &[Situation] = &[
    situation(
        "the signing policy has an approval process",
        |scene| {
            scene.serve(
                r#"{"policies": [{"project": "demo", "policy": "p-256", "key": "p-256", "approval": true}]}"#,
            );
        },
        sign,
        "CKR_ARGUMENTS_BAD",
        &[
            "C_Sign: ",
            "400",
            "demo/p-256",
            "The selected signing policy has an approval process. Hash signing does not support approvals.",
            "trace id 00-",
        ],
    ),
    situation(
        "several messages in the problem details",
        |scene| scene.fail_sign(Effect::problem(400, &["The first.", "The second."])),
        sign,
        "CKR_ARGUMENTS_BAD",
        &["The first. The second. (trace id 00-"],
    ),
    situation(
        "problem details without end",
        |scene| {
            let message = "x".repeat(2000);
            scene.call(&message, "xxx");
            scene.fail_sign(Effect::problem(400, &[&message, "And more."]));
        },
        sign,
        "CKR_ARGUMENTS_BAD",
        &["xxx...; correct"],
    ),
    situation(
        "the API token is not valid any more",
        |scene| scene.fail_sign(Effect::status(401)),
        sign,
        "CKR_ARGUMENTS_BAD",
        &["401 Unauthorized", "API token"],
    ),
    situation(
        "the user is no Submitter",
        |scene| scene.fail_sign(Effect::problem(403, &["The user is no Submitter."])),
        sign,
        "CKR_ARGUMENTS_BAD",
        &["403 Forbidden", "The user is no Submitter."],
    ),
    situation(
        "the signing policy is gone",
        |scene| {
            scene.fail_sign(Effect::problem(
                404,
                &["There is no such signing policy.", "the signing policy"],
            ))
        },
        sign,
        "CKR_ARGUMENTS_BAD",
        &["There is no such signing policy.", "the signing policy"],
    ),
    situation(
        "neither of the two signing routes exists",
        |scene| {
            for route in [SIGN, SIGN_HASH] {
                scene.service.inject(Fault::gone(route, 404)).unwrap();
            }
        },
        sign,
        "CKR_ARGUMENTS_BAD",
        &["neither signing route exists there", "check ApiUrl"],
    ),
    situation(
        "the configured route for fast signing requests does not exist",
        |scene| {
            scene.service.inject(Fault::gone(SIGN, 410)).unwrap();
            scene.set("SIGNPATH_SIGNING_API", "FastSigningRequest");
        },
        sign,
        "CKR_ARGUMENTS_BAD",
        &["410 Gone", "set SigningApi to Auto"],
    ),
    situation(
        "the configured route SignHash does not exist",
        |scene| {
            scene.service.inject(Fault::gone(SIGN_HASH, 404)).unwrap();
            scene.set("SIGNPATH_SIGNING_API", "SignHash");
        },
        sign,
        "CKR_ARGUMENTS_BAD",
        &["set SigningApi to Auto"],
    ),
    situation(
        "a request time-out that the service declares",
        |scene| scene.fail_sign(Effect::status(408)),
        sign,
        "CKR_FUNCTION_FAILED",
        &["408 Request Timeout"],
    ),
    situation(
        "a refusal without a body",
        |scene| scene.fail_sign(Effect::status(422)),
        sign,
        "CKR_ARGUMENTS_BAD",
        &["422 Unprocessable Entity", "trying again will not help"],
    ),
    situation(
        "a refusal whose body breaks off",
        |scene| scene.fail_sign(Effect::truncated(400, r#"{"errors": {"A": ["x"#, 1000)),
        sign,
        "CKR_ARGUMENTS_BAD",
        &["400"],
    ),
    situation(
        "a refusal that is not UTF-8",
        |scene| {
            scene.fail_sign(Effect::answer(
                400,
                &[],
                b"Stra\xdfe\x00\r\n\x1b[31m\x07\xe2\x80\xa8\xe2\x80\xae".to_vec(),
            ))
        },
        sign,
        "CKR_ARGUMENTS_BAD",
        &[
            "400",
            "Stra\u{fffd}e",
            r"e\u{0}\r\n\u{1b}[31m\u{7}\u{2028}\u{202e}; ",
        ],
    ),
    situation(
        "a refusal of 100 MB",
        |scene| {
            scene.call(&"x".repeat(200), "xxx");
            scene.fail_sign(Effect::Long {
                status: 400,
                length: 100_000_000,
            });
        },
        sign,
        "CKR_ARGUMENTS_BAD",
        &["400", "xxx...; "],
    ),
    situation(
        "a refusal that repeats the API token",
        |scene| {
            let body = format!("no such token: {}", scene.service.token());
            scene.fail_sign(Effect::answer(400, &[], body));
        },
        sign,
        "CKR_ARGUMENTS_BAD",
        &["no such token: ***;"],
    ),
    situation(
        "a web page that refuses",
        |scene| scene.fail_sign(Effect::web_page(413)),
        sign,
        "CKR_ARGUMENTS_BAD",
        &["413", "a web page with the title \"413\"", "a proxy"],
    ),
    situation(
        "a redirect",
        |scene| scene.fail_sign(Effect::redirect(307, "https://other.example/Api")),
        sign,
        "CKR_GENERAL_ERROR",
        &["307", "leads to https://other.example/Api", "is not sent"],
    ),
];

pub const TRANSIENT: &[Situation] = &[
    situation(
        "too many requests, and then none too many",
        |scene| {
            scene.try_again();
            let soon = Effect::retry_after(429, 0);
            scene.service.inject(Fault::on(SIGN, soon)).unwrap();
        },
        sign,
        "CKR_OK",
        &["warning", "429", "attempt 1 of POST", "the next one in 0."],
    ),
    situation(
        "an error of the service, and then none",
        |scene| {
            scene.try_again();
            let soon = Effect::retry_after(500, 0);
            scene.service.inject(Fault::on(SIGN, soon)).unwrap();
        },
        sign,
        "CKR_OK",
        &["warning", "500", "attempt 1", "second signing request"],
    ),
    situation(
        "too many requests, one attempt",
        |scene| scene.fail_sign(Effect::status(429)),
        sign,
        "CKR_FUNCTION_FAILED",
        &["429 Too Many Requests", "try again later"],
    ),
    situation(
        "an error of the service, one attempt",
        |scene| scene.fail_sign(Effect::problem(500, &["An unexpected error."])),
        sign,
        "CKR_DEVICE_ERROR",
        &[
            "500 Internal Server Error",
            "An unexpected error.",
            "support",
        ],
    ),
    situation(
        "a bad gateway, one attempt",
        |scene| scene.fail_sign(Effect::web_page(502)),
        sign,
        "CKR_FUNCTION_FAILED",
        &["502 Bad Gateway", "a web page"],
    ),
    situation(
        "the service is unavailable, one attempt",
        |scene| scene.fail_sign(Effect::answer(503, &[], "busy")),
        sign,
        "CKR_FUNCTION_FAILED",
        &["503 Service Unavailable", "busy; try again later"],
    ),
    situation(
        "a gateway's time-out, one attempt",
        |scene| scene.fail_sign(Effect::status(504)),
        sign,
        "CKR_FUNCTION_FAILED",
        &["504 Gateway Timeout"],
    ),
    situation(
        "the service wants more time than is left",
        |scene| {
            scene.try_again();
            scene.fail_sign(Effect::retry_after(503, 3600));
        },
        sign,
        "CKR_FUNCTION_FAILED",
        &["ServiceUnavailableTimeoutInSeconds is 600, and it wants 3600 s of quiet"],
    ),
    situation(
        "the connection is closed without an answer",
        |scene| scene.fail_sign(Effect::Close),
        sign,
        "CKR_FUNCTION_FAILED",
        &["closed the connection without an answer"],
    ),
    situation(
        "the answer breaks off",
        |scene| scene.fail_sign(Effect::Truncate),
        sign,
        "CKR_FUNCTION_FAILED",
        &["broke off"],
    ),
    situation(
        "no answer comes",
        |scene| {
            scene.hurry();
            scene.fail_sign(Effect::Hang);
        },
        sign,
        "CKR_FUNCTION_FAILED",
        &["no answer", "within 1 s", "HttpRequestTimeoutInSeconds"],
    ),
    situation(
        "the answer comes byte by byte",
        |scene| {
            scene.hurry();
            scene.fail_sign(Effect::Trickle(Duration::from_millis(100)));
        },
        sign,
        "CKR_FUNCTION_FAILED",
        &["no answer", "within 1 s"],
    ),
];

pub const UNUSABLE: &[Situation] = &[
    situation(
        "no HTTP",
        |scene| scene.fail_sign(Effect::Raw(b"220 mail.example ESMTP\r\n".to_vec())),
        sign,
        "CKR_GENERAL_ERROR",
        &["does not answer with HTTP", "check ApiUrl"],
    ),
    situation(
        "an ordinary signing request instead of a fast one",
        |scene| scene.fail_sign(Effect::status(201)),
        sign,
        "CKR_GENERAL_ERROR",
        &["201 Created", "fast signing requests"],
    ),
    situation(
        "a web page",
        |scene| scene.fail_sign(Effect::web_page(200)),
        sign,
        "CKR_GENERAL_ERROR",
        &["not SignPath's signed payload (a web page", "check ApiUrl"],
    ),
    situation(
        "JSON without a signature",
        |scene| scene.fail_sign(Effect::answer(200, &[], "{}")),
        sign,
        "CKR_GENERAL_ERROR",
        &["not SignPath's signed payload", "Signature"],
    ),
    situation(
        "a signature that is not base64",
        |scene| scene.fail_sign(Effect::answer(200, &[], r#"{"Signature": "?"}"#)),
        sign,
        "CKR_GENERAL_ERROR",
        &["Signature is not base64"],
    ),
    situation(
        "SignHash answers for another hash",
        |scene| {
            let body = r#"{"hashSigningData": {"hash": "AAAA"}, "hashSigningResult": {"signature": "AAAA"}}"#;
            let answer = Fault::on(SIGN_HASH, Effect::answer(200, &[], body));
            scene.service.inject(answer).unwrap();
            scene.set("SIGNPATH_SIGNING_API", "SignHash");
        },
        sign,
        "CKR_GENERAL_ERROR",
        &["not SignPath's answer to SignHash", "another hash"],
    ),
    situation(
        "an answer of 100 MB",
        |scene| {
            scene.fail_sign(Effect::Long {
                status: 200,
                length: 100_000_000,
            });
        },
        sign,
        "CKR_GENERAL_ERROR",
        &["longer than 32 MiB"],
    ),
    situation(
        "a signature that does not verify",
        |scene| scene.fail_sign(Effect::WrongSignature),
        sign,
        "CKR_DEVICE_ERROR",
        &["demo/p-256", "does not verify", "thrown away"],
    ),
    situation(
        "a signature in DER that does not verify",
        |scene| {
            // The sequence of 1 and 1.
            let body = r#"{"Signature": "MAYCAQECAQE="}"#;
            scene.fail_sign(Effect::answer(200, &[], body));
        },
        sign,
        "CKR_DEVICE_ERROR",
        &["demo/p-256", "does not verify", "thrown away"],
    ),
    situation(
        "a signature that is too short",
        |scene| scene.fail_sign(Effect::SignatureLength(63)),
        sign,
        "CKR_DEVICE_ERROR",
        &["has 63 bytes instead of 64"],
    ),
    situation(
        "a signature that is too long",
        |scene| scene.fail_sign(Effect::SignatureLength(65)),
        sign,
        "CKR_DEVICE_ERROR",
        &["has 65 bytes instead of 64"],
    ),
    situation(
        "an empty signature",
        |scene| scene.fail_sign(Effect::SignatureLength(0)),
        sign,
        "CKR_DEVICE_ERROR",
        &["has 0 bytes instead of 64"],
    ),
];
