//! What is wrong with the settings shows at C_Initialize; what is wrong with the files of TLS, where they are needed.

use crate::scene::{Scene, initialize, login};
use crate::{Situation, situation};
use pkcs11_test::TlsOptions;

pub const SITUATIONS: &[Situation] = &[
    situation(
        "the configuration file is not JSON",
        |scene| configure(scene, "{\n  \"OrganizationId\": \"x\",\n}"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["C_Initialize", "signpath.json", "not valid JSON", "line 3"],
    ),
    situation(
        "the configuration file is UTF-16",
        |scene| configure(scene, utf_16("{\"OrganizationId\": \"x\"}")),
        initialize,
        "CKR_GENERAL_ERROR",
        &[
            "C_Initialize",
            "signpath.json",
            "UTF-16",
            "save it as UTF-8",
        ],
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
        "a setting stands twice in the configuration file",
        |scene| configure(scene, "{\n  \"ApiToken\": \"a\",\n  \"ApiToken\": \"b\"\n}"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["line 3", "setting ApiToken", "only once"],
    ),
    situation(
        "a setting in the configuration file has another type",
        |scene| {
            configure(
                scene,
                "{\n  \"Log\": {\n    \"File\": { \"Level\": 3 }\n  }\n}",
            )
        },
        initialize,
        "CKR_GENERAL_ERROR",
        &["line 3", "setting Log.File.Level", "expected one of none"],
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
        "the API's URL is http, and not of this machine",
        |scene| scene.set("SIGNPATH_API_URL", "http://signpath.example.com/Api"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["unencrypted", "https", "AllowInsecureHttp"],
    ),
    situation(
        "the API's URL has a user and a password",
        |scene| {
            scene.set(
                "SIGNPATH_API_URL",
                "https://user:password@signpath.example.com/Api",
            )
        },
        initialize,
        "CKR_GENERAL_ERROR",
        &["SIGNPATH_API_URL", "without user, password"],
    ),
    situation(
        "the API token is protected by DPAPI",
        |scene| scene.set("SIGNPATH_API_TOKEN", "encrypted:AQAAANCMnd8B"),
        initialize,
        "CKR_GENERAL_ERROR",
        &[
            "SIGNPATH_API_TOKEN",
            "encrypted:",
            "only Windows has",
            "file:",
        ],
    ),
    situation(
        "the API token is in the registry",
        |scene| scene.set("SIGNPATH_API_TOKEN", "registry:HKCU\\SignPath"),
        initialize,
        "CKR_GENERAL_ERROR",
        &[
            "SIGNPATH_API_TOKEN",
            "registry:",
            "only Windows has",
            "file:",
        ],
    ),
    situation(
        "there is no such file with the API token",
        |scene| scene.set("SIGNPATH_API_TOKEN", "file:/run/secrets/none"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["SIGNPATH_API_TOKEN", "/run/secrets/none", "No such file"],
    ),
    situation(
        "the file with the API token is empty",
        |scene| {
            let path = scene.file("token", "\n");
            scene.set("SIGNPATH_API_TOKEN", &format!("file:{path}"));
        },
        initialize,
        "CKR_GENERAL_ERROR",
        &[
            "SIGNPATH_API_TOKEN",
            "token has to hold the API token in one line",
        ],
    ),
    situation(
        "the file with the API token is UTF-16",
        |scene| {
            let path = scene.file("token", utf_16("t0ken"));
            scene.set("SIGNPATH_API_TOKEN", &format!("file:{path}"));
        },
        initialize,
        "CKR_GENERAL_ERROR",
        &["SIGNPATH_API_TOKEN", "token", "UTF-16", "save it as UTF-8"],
    ),
    situation(
        "the file with the API token is a pipe",
        |scene| {
            let path = scene.pipe("token");
            scene.set("SIGNPATH_API_TOKEN", &format!("file:{path}"));
        },
        initialize,
        "CKR_GENERAL_ERROR",
        &["SIGNPATH_API_TOKEN", "token", "no regular file"],
    ),
    situation(
        "the metadata is no JSON object",
        |scene| scene.set("SIGNPATH_METADATA", "build 7"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["SIGNPATH_METADATA", "a JSON object"],
    ),
    situation(
        "the proxy in the configuration file is not an HTTP proxy",
        |scene| {
            scene.set("SIGNPATH_API_URL", "https://signpath.example/Api");
            configure(scene, "{\n  \"HttpProxy\": \"socks5://proxy.example\"\n}")
        },
        initialize,
        "CKR_GENERAL_ERROR",
        &["line 2", "setting HttpProxy", "host:port"],
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
        "the file of chain certificates does not end",
        |scene| scene.set("SIGNPATH_CHAIN_CERTIFICATES_FILE", "/dev/zero"),
        initialize,
        "CKR_GENERAL_ERROR",
        &["/dev/zero", "no regular file"],
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
        "the file of authorities does not end",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            scene.set("SIGNPATH_TLS_CA_FILE", "/dev/zero");
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsCaFile", "/dev/zero", "no regular file"],
    ),
    situation(
        "the file of authorities is longer than any",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            let path = scene.file("long.pem", "");
            let file = std::fs::File::create(&path).unwrap();
            file.set_len((16 << 20) + 1).unwrap();
            scene.set("SIGNPATH_TLS_CA_FILE", &path);
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsCaFile", "long.pem", "longer than 16 MiB"],
    ),
    situation(
        "the file of authorities is UTF-16",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            let path = scene.file("ca.pem", utf_16("-----BEGIN CERTIFICATE-----"));
            scene.set("SIGNPATH_TLS_CA_FILE", &path);
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsCaFile", "ca.pem", "UTF-16", "save it as UTF-8"],
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

/// A text as PowerShell's `>` writes it.
fn utf_16(text: &str) -> Vec<u8> {
    let units = [0xfeff].into_iter().chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

fn configure(scene: &mut Scene, content: impl AsRef<[u8]>) {
    let path = scene.file("signpath.json", content);
    scene.set("SIGNPATH_CONFIG_FILE", &path);
}
