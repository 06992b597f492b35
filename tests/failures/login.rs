//! The PIN, the credentials, and what they give access to.

use pkcs11_test::Effect;

use crate::Situation;
use crate::scene::{WRONG_TOKEN, login, login_with, search};

pub const SITUATIONS: &[Situation] = situations! { scene;
    "the PIN is `CONFIG`, but no credentials are configured":
        [scene.set("SIGNPATH_ORGANIZATION_ID", ""); scene.set("SIGNPATH_API_TOKEN", "")] login
        => CKR_PIN_INCORRECT, "none": "C_Login", "SIGNPATH_ORGANIZATION_ID", "SIGNPATH_API_TOKEN";
    "the PIN has another form": [] |module| login_with(module, "1234")
        => CKR_PIN_INCORRECT, "none": "the PIN must be CONFIG", "{OrganizationId}:{ApiToken}";
    "the PIN is UTF-16": [] |module| login_with(module, "C\0O\0N\0F\0I\0G\0")
        => CKR_PIN_INCORRECT, "none": "the PIN is encoded as UTF-16", "as UTF-8";
    "the libp11 engine truncated the PIN": [] |module| login_with(module, "c3e1b8f0-5d2a-4a3c-9a51-0000000")
        => CKR_PIN_INCORRECT, "none": "truncated the PIN", "to 31 bytes", "use the PIN CONFIG";
    "the PIN is empty, and no credentials are configured":
        [scene.set("SIGNPATH_ORGANIZATION_ID", ""); scene.set("SIGNPATH_API_TOKEN", "")] |module| login_with(module, "")
        => CKR_PIN_INCORRECT, "none": "the PIN is empty", "libp11", "SIGNPATH_API_TOKEN";
    "the service refuses the API token": [scene.set("SIGNPATH_API_TOKEN", WRONG_TOKEN)] login
        => CKR_PIN_INCORRECT, "1 GET": "401 Unauthorized", "check that the API token is complete";
    "the API token contains a line break": [scene.set("SIGNPATH_API_TOKEN", &format!("{WRONG_TOKEN}\nx"))] login
        => CKR_PIN_INCORRECT, "none": "a line break or another control character";
    "the service denies the list": [scene.fail_list(Effect::status(403))] login
        => CKR_PIN_INCORRECT, "1 GET": "403 Forbidden", "Submitter";
    "a firewall denies the list": [scene.fail_list(Effect::web_page(403))] login
        => CKR_PIN_INCORRECT, "1 GET": "403 Forbidden", "a web page", "a firewall";
    "the organization does not exist":
        [let unknown = "00000000-0000-0000-0000-000000000000"; scene.set("SIGNPATH_ORGANIZATION_ID", unknown)] login
        => CKR_ARGUMENTS_BAD, "1 GET": "404", "check OrganizationId and ApiUrl";
    "the user has no such signing policy": [scene.set("SIGNPATH_PROJECT_SLUG", "nope")] login
        => CKR_OK, "1 GET": "warning", "no usable signing policy nope/*", "Submitter";
    "one of several signing policies has an invalid certificate": [
            scene.serve(
                r#"{"policies": [
                    {"project": "demo", "policy": "p-384", "key": "p-384", "certificate": "Garbage"},
                    {"project": "demo", "policy": "p-256", "key": "p-256"}]}"#,
            );
        ] login
        => CKR_OK, "1 GET": "warning", "signing policy demo/p-384", "skipped";
    "a search before login cannot get the list": [scene.set("SIGNPATH_API_TOKEN", WRONG_TOKEN)] search
        => CKR_OK, "1 GET": "warning", "before login", "401", "check that the API token";
    "another server responds with a web page": [scene.fail_list(Effect::web_page(200))] login
        => CKR_GENERAL_ERROR, "1 GET": "not a valid list of signing policies", "check ApiUrl";
    "another server responds with other JSON": [scene.fail_list(json(r#"{"status": "UP"}"#))] login
        => CKR_GENERAL_ERROR, "1 GET": "not a valid list of signing policies", "signingPolicies";
    "the list is compressed": [scene.fail_list(gzip(200))] login
        => CKR_GENERAL_ERROR, "1 GET": "the request for the signing policies is compressed with gzip, which is not supported";
    "the refusal of the list is compressed": [scene.fail_list(gzip(403))] login
        => CKR_PIN_INCORRECT, "1 GET": "403 Forbidden", "a response that is compressed with gzip";
    "the list has an encoding that was not requested":
        [let headers = [("Content-Encoding", "br")]; scene.fail_list(Effect::answer(200, &headers, b"\x0b\x00\x80".to_vec()))] login
        => CKR_GENERAL_ERROR, "1 GET": "encoded as br, which is not supported", "a proxy or server";
    "the list is in UTF-16":
        [let text = "\u{feff}{\"signingPolicies\": []}";
         let bytes: Vec<_> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
         scene.fail_list(Effect::answer(200, &[], bytes))] login
        => CKR_GENERAL_ERROR, "1 GET": "is UTF-16 text, which is not supported";
    "the list begins with a byte order mark, and contains no signing policy": [scene.fail_list(json("\u{feff}{\"signingPolicies\": []}"))] login
        => CKR_OK, "1 GET": "warning", "no usable signing policy */*";
    "the response is empty": [scene.fail_list(json(""))] login
        => CKR_GENERAL_ERROR, "1 GET": "not a valid list of signing policies";
    "the list is too large": [scene.fail_list(Effect::Long { status: 200, length: 100 << 20, })] login
        => CKR_GENERAL_ERROR, "1 GET": "larger than 32 MiB", "check ApiUrl";
};

/// The beginning of what a proxy makes of JSON.
fn gzip(status: u16) -> Effect {
    let headers = [("Content-Encoding", "gzip")];
    Effect::answer(status, &headers, b"\x1f\x8b\x08\x00\x00\x00".to_vec())
}

fn json(body: &str) -> Effect {
    Effect::answer(200, &[("Content-Type", "application/json")], body)
}
