//! What is wrong with the settings shows at C_Initialize; what is wrong with the files of TLS, where they are needed.

use crate::scene::{initialize, login};
use crate::{Situation, situation};
use pkcs11_test::TlsOptions;

pub const SITUATIONS: &[Situation] = &[
    situation(
        "the configuration file is not JSON",
        |scene| {
            let content = "{\n  \"OrganizationId\": \"x\",\n}";
            let path = scene.file("signpath.json", content);
            scene.set("SIGNPATH_CONFIG_FILE", &path);
        },
        initialize,
        "CKR_GENERAL_ERROR",
        &["C_Initialize", "signpath.json", "not valid JSON", "line 3"],
    ),
    situation(
        "there is no such configuration file",
        |scene| {
            let path = scene.file("signpath.json", "{}");
            std::fs::remove_file(&path).unwrap();
            scene.set("SIGNPATH_CONFIG_FILE", &path);
        },
        initialize,
        "CKR_GENERAL_ERROR",
        &["signpath.json", "No such file", "SIGNPATH_CONFIG_FILE"],
    ),
    situation(
        "a setting has a value that it cannot have",
        |scene| scene.set("SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "soon"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "a whole number"],
    ),
    situation(
        "the API's URL is none",
        |scene| scene.set("SIGNPATH_API_URL", "signpath"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["SIGNPATH_API_URL", "expected a URL"],
    ),
    situation(
        "the proxy is none that speaks HTTP",
        |scene| scene.set("http_proxy", "socks5://proxy.example"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["http_proxy", "host:port"],
    ),
    situation(
        "the client certificate is in the store of Windows",
        |scene| scene.set("SIGNPATH_TLS_CLIENT_CERTIFICATE", "thumbprint:0123"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["SIGNPATH_TLS_CLIENT_CERTIFICATE", "Windows", "file:"],
    ),
    situation(
        "there is no such file of chain certificates",
        |scene| scene.set("SIGNPATH_CHAIN_CERTIFICATES_FILE", "/none.pem"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["/none.pem", "No such file"],
    ),
    situation(
        "there is no such file of authorities",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            scene.set("SIGNPATH_TLS_CA_FILE", "/none.pem");
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsCaFile", "/none.pem", "No such file"],
    ),
    situation(
        "the file of authorities holds none",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            let path = scene.file("empty.pem", "");
            scene.set("SIGNPATH_TLS_CA_FILE", &path);
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsCaFile", "empty.pem", "no PEM certificate"],
    ),
];
