//! What the module warns of, and goes on.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cryptoki_sys::CKA_ID;
use pkcs11_test::Effect;
use pkcs11_test::harness::{Module, Rv};
use serde_json::json;

use crate::Situation;
use crate::configuration::configure;
use crate::network::other_client;
use crate::scene::{Scene, initialize, login, sign};

pub const SITUATIONS: &[Situation] = situations! { scene;
    "an environment variable has a typo": [scene.set("SIGNPATH_API_TOKN", "x")] initialize
        => CKR_OK, "none": "warning", "SIGNPATH_API_TOKN: unknown setting, ignored; did you mean SIGNPATH_API_TOKEN?";
    "a setting in the configuration file has a typo": [configure(scene, r#"{"ApiTokn": "x"}"#)] initialize
        => CKR_OK, "none": "warning", "setting ApiTokn: unknown setting, ignored; did you mean ApiToken?";
    "a setting in the configuration file is unknown": [configure(scene, r#"{"Colour": "x"}"#)] initialize
        => CKR_OK, "none": "warning", "setting Colour: unknown setting, ignored; docs/configuration.md";
    "a setting was removed": [scene.set("SIGNPATH_TIMEOUTS_HTTP_REQUEST", "30")] initialize
        => CKR_OK, "none": "warning", "removed in version 6, ignored; use HttpRequestTimeoutInSeconds";
    "a setting has an older name":
        [let token = scene.service.token().to_owned(); scene.set("SIGNPATH_CI_USER_TOKEN", &token);
         scene.set("SIGNPATH_API_TOKEN", "")] initialize
        => CKR_OK, "none": "warning", "SIGNPATH_CI_USER_TOKEN: this name is deprecated; use SIGNPATH_API_TOKEN instead";
    "the proxy is a SOCKS proxy": [beyond(scene, "socks5://proxy.example:1080")] initialize
        => CKR_OK, "none": "warning", "http_proxy: SOCKS proxies are not supported";
    "the proxy is an HTTPS proxy": [beyond(scene, "https://proxy.example:3128")] initialize
        => CKR_OK, "none": "warning", "http_proxy: HTTPS proxies are not supported";
    "the proxy is not a URL": [beyond(scene, "proxy example")] initialize
        => CKR_OK, "none": "warning", "http_proxy: not the URL of an HTTP proxy", "using no proxy";
    "an entry of no_proxy is invalid": [beyond(scene, "http://proxy.example:3128"); scene.set("no_proxy", "10.0.0.0/99")] initialize
        => CKR_OK, "none": "warning", "no_proxy: invalid entries 10.0.0.0/99, ignored; expected a host name";
    "no login is required, but no credentials are configured":
        [scene.set("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", "false"); scene.set("SIGNPATH_API_TOKEN", "")] initialize
        => CKR_OK, "none": "warning", "Cryptoki.LoginRequired has no effect without OrganizationId and ApiToken";
    "the policy cache has no directory":
        [scene.set("SIGNPATH_POLICY_CACHE_SECONDS", "60"); scene.set("XDG_CACHE_HOME", ""); scene.set("HOME", "")] login
        => CKR_OK, "1 GET": "warning", "PolicyCacheSeconds has no effect: neither XDG_CACHE_HOME nor HOME";
    "the policy cache is not a directory": [cache(scene); scene.file("signpath-pkcs11", "");] sign
        => CKR_OK, "1 GET, 1 POST": "warning", "cannot write the cached list of signing policies", "signpath-pkcs11";
    "the policy cache is a symbolic link":
        [let folder = cache(scene); let elsewhere = format!("{folder}/elsewhere"); std::fs::create_dir(&elsewhere).unwrap();
         symlink(&elsewhere, format!("{folder}/signpath-pkcs11")).unwrap();
         scene.expect(move || std::fs::remove_dir(&elsewhere).err().map(|error| error.to_string()))] sign
        => CKR_OK, "1 GET, 1 POST": "warning", "cannot write the cached list of signing policies", "symbolic link";
    "the log directory cannot be used":
        [let file = scene.file("file", ""); scene.set("SIGNPATH_LOG_FILE_DIRECTORY", &format!("{file}/logs"));
         scene.set("XDG_STATE_HOME", file.trim_end_matches("/file"))] login
        => CKR_OK, "1 GET": "warning", "writing the log file to ", " instead of ", "not a directory", "Log.File.Directory";
    "the log file cannot be written":
        [let file = scene.file("file", "");
         for name in ["SIGNPATH_LOG_FILE_DIRECTORY", "XDG_STATE_HOME", "TMPDIR"] { scene.set(name, &format!("{file}/logs")); }] login
        => CKR_OK, "1 GET": "warning", "cannot write the log file /", "not a directory", "Log.File.Directory";
    "the directory of the journal is writable by other users":
        [let folder = journal(scene, "shared/journal"); std::fs::create_dir(format!("{folder}/shared")).unwrap();
         std::fs::set_permissions(format!("{folder}/shared"), Permissions::from_mode(0o777)).unwrap()] sign
        => CKR_OK, "1 GET, 1 POST": "warning: cannot write the journal ", "shared/journal: the directory is writable by other users; ", "Log.Journal";
    "the directory of the journal is a symbolic link":
        [let folder = journal(scene, "link/journal"); symlink(&folder, format!("{folder}/link")).unwrap()] sign
        => CKR_OK, "1 GET, 1 POST": "warning: cannot write the journal ", "link/journal: the directory is a symbolic link; ", "Log.Journal";
    "the journal is a symbolic link":
        [let folder = journal(scene, "journal"); let file = scene.file("elsewhere", ""); symlink(&file, format!("{folder}/journal")).unwrap();
         scene.expect(move || (std::fs::read(&file).unwrap() != b"").then(|| "it was followed".to_owned()))] sign
        => CKR_OK, "1 GET, 1 POST": "warning: cannot write the journal ", "/journal: it is not a regular file; ", "Log.Journal";
    "the journal is a directory":
        [let folder = journal(scene, "journal"); std::fs::create_dir(format!("{folder}/journal")).unwrap()] sign
        => CKR_OK, "1 GET, 1 POST": "warning: cannot write the journal ", "/journal: it is not a regular file; ", "Log.Journal";
    "a search for an unknown key": [] search_unknown
        => CKR_OK, "1 GET": "warning", "no signing policy \"demo/p-265\" (keys are named ProjectSlug/SigningPolicySlug)";
    "the chain certificates are those of another CA": [scene.set_file("SIGNPATH_CHAIN_CERTIFICATES_FILE", "ca.pem", other_client().0)] login
        => CKR_OK, "1 GET": "warning", "ChainCertificatesFile contains no issuer of any signing policy's certificate";
    "the certificate of one of several signing policies is not X.509": [list(scene, json!({"certificateBytes": "AAAA"}))] login
        => CKR_OK, "1 GET": "warning", "signing policy demo/x: its certificate is not a valid X.509 certificate", "skipped";
    "the key of one of several signing policies is of an unknown type": [list(scene, json!({"keyType": "Quantum", "certificateBytes": null}))] login
        => CKR_OK, "1 GET": "warning", "signing policy demo/x: its key is not supported";
    "the key of one of several signing policies is an ML-DSA key":
        [list(scene, json!({"keyType": "Mldsa", "publicKeyBytes": STANDARD.encode([7; 1312]), "certificateBytes": null}))] login
        => CKR_OK, "1 GET": "warning", "signing policy demo/x: its ML-DSA-44 key can verify, but not sign: SignPath does not document yet";
    "the slug of one of several signing policies is unusable": [list(scene, json!({"projectSlug": "a/b"}))] login
        => CKR_OK, "1 GET": "warning", "signing policy a/b/x: ", "correct it in SignPath; skipped";
    "one of several entries of the list is unusable": [list(scene, json!({"keySizeInBits": "many"}))] login
        => CKR_OK, "1 GET": "warning", "invalid entry in the list of signing policies: invalid type", "skipped";
};

/// Has the list cached in the folder of the scene, which it returns.
fn cache(scene: &mut Scene) -> String {
    scene.set("SIGNPATH_POLICY_CACHE_SECONDS", "60");
    let folder = scene.folder();
    scene.set("XDG_CACHE_HOME", &folder);
    folder
}

/// Has a journal written in the folder of the scene, which it returns.
fn journal(scene: &mut Scene, name: &str) -> String {
    let folder = scene.folder();
    scene.set("SIGNPATH_LOG_JOURNAL", &format!("{folder}/{name}"));
    folder
}

/// Leads to a host on another machine through this proxy.
fn beyond(scene: &mut Scene, proxy: &str) {
    scene.set("SIGNPATH_API_URL", "https://signpath.example/Api");
    scene.set("http_proxy", proxy);
}

/// Makes the service list two signing policies, the second with these properties.
fn list(scene: &mut Scene, properties: serde_json::Value) {
    let (pem, _) = other_client();
    let base64: String = pem.lines().filter(|line| !line.contains('-')).collect();
    let entry = |policy| {
        json!({
            "projectSlug": "demo",
            "signingPolicySlug": policy,
            "keyType": "Ecdsa",
            "certificateBytes": base64,
        })
    };
    let mut second = entry("x");
    for (name, value) in properties.as_object().unwrap() {
        second[name] = value.clone();
    }
    let body = json!({"signingPolicies": [entry("p-256"), second]}).to_string();
    scene.fail_list(Effect::answer(200, &[], body));
}

fn search_unknown(module: &Module) -> Rv {
    let found = module.logged_in().unwrap().find(&[(CKA_ID, "demo/p-265".into())]);
    assert_eq!(found, Ok(vec![]));
    found.into()
}
