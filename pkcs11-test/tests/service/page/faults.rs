//! Faults that are switched on.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::Stage;
use crate::client::{self};

#[test]
fn faults_by_name_do_what_they_say() {
    let stage = Stage::new();
    // Name, the status, whether a signature was made, the outcome on the page.
    let rows = rows! {
        "refuse-token", Some(401), false, "401 Unauthorized";
        "unavailable", Some(503), false, "503 Service Unavailable";
        "too-many-requests", Some(429), false, "429 Too Many Requests";
        "late", Some(200), true, "Signed";
        "drop-before-signing", None, false, "Dropped";
        "drop-after-signing", None, true, "Signed, then dropped";
        "wrong-signature", Some(200), true, "Wrong signature";
        "truncated-answer", None, true, "Cut short";
    };
    for (name, status, is_signed, outcome) in rows {
        let answer = stage.fault(&json!({ "fault": name, "times": 1, "seconds": 1 }));
        assert_eq!(answer.status(), StatusCode::OK, "{name}");
        let active: Value = answer.json().expect("JSON");
        assert_eq!(active["active"][0]["times"], 1, "{name}");
        let shown = stage.text("/");
        let effect = active["active"][0]["effect"].as_str().expect("words");
        assert!(shown.contains(effect), "{name}: {effect}");

        let answer = stage.client.try_sign("rsa-2048", &client::payload());
        if name == "too-many-requests" {
            assert_eq!(answer.expect("an answer").headers["retry-after"], "1");
        }
        let requests = stage.service.requests();
        let last = requests.last().expect("a request");
        assert_eq!((last.status, last.is_signed), (status, is_signed), "{name}");
        if name == "late" {
            assert!(last.duration_ms >= 1000.0, "{}", last.duration_ms);
        }
        let exported = stage.exported("").pop().expect("a line");
        assert_eq!(exported["outcome_text"], outcome, "{name}");
        assert_eq!(stage.sign(), StatusCode::OK, "{name}");
    }
}

#[test]
fn faults_last_until_healed_and_spare_other_requests() {
    let stage = Stage::new();
    stage.fault(&json!({ "fault": "unavailable" }));
    for _ in 0..3 {
        assert_eq!(stage.sign(), StatusCode::SERVICE_UNAVAILABLE);
        let list = stage.client.get("/Cryptoki/MySigningPolicies");
        assert_eq!(list.status, StatusCode::OK);
    }
    // The page is not affected by faults for all requests.
    stage.fault(&json!({ "fault": "drop-before-signing", "requests": "all" }));
    let active: Value = stage.get("/faults").json().expect("JSON");
    assert_eq!(active["active"].as_array().expect("faults").len(), 2);
    let healed = stage.http.delete(stage.url("/faults")).send();
    let healed: Value = healed.expect("an answer").json().expect("JSON");
    assert_eq!(healed, json!({ "active": [] }));
    assert_eq!(stage.sign(), StatusCode::OK);

    stage.fault(&json!({ "fault": "refuse-token" }));
    let list = stage.client.get("/Cryptoki/MySigningPolicies");
    assert_eq!(list.status, StatusCode::UNAUTHORIZED);
    stage.fault(&json!({ "fault": "heal" }));
    assert_eq!(stage.sign(), StatusCode::OK);
}

#[test]
fn a_fault_that_cannot_be_switched_on_is_explained() {
    let stage = Stage::new();
    for (body, reason) in rows! {
        json!({}), "`fault` is missing: expected refuse-token, unavailable";
        json!({ "fault": "fire" }), "there is no fault `fire`";
        json!({ "fault": "late", "seconds": "soon" }), "`seconds` is `soon`: expected a number from 0 to 86400";
        json!({ "fault": "late", "times": 0 }), "`times` is `0`: expected a number from 1 to 1000000";
        json!({ "fault": "late", "requests": "some" }), "there are no requests `some`: expected signing or all";
    } {
        let answer = stage.fault(&body);
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
        let error = answer.json::<Value>().expect("JSON")["error"].to_string();
        assert!(error.contains(reason), "{error}");
    }
    assert_eq!(stage.sign(), StatusCode::OK);
}
