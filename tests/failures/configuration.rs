//! What is wrong with the settings shows at C_Initialize; what is wrong with the files of TLS, where they are needed.

use crate::Situation;
use crate::scene::{Scene, initialize, login};

pub const SITUATIONS: &[Situation] = situations! { scene;
    "the configuration file is not JSON": [configure(scene, "{\n  \"OrganizationId\": \"x\",\n}")] initialize
        => CKR_GENERAL_ERROR, "none": "C_Initialize", "signpath.json", "not valid JSON", "line 3";
    "the configuration file is UTF-16": [configure(scene, utf_16("{\"OrganizationId\": \"x\"}"))] initialize
        => CKR_GENERAL_ERROR, "none": "C_Initialize", "signpath.json", "UTF-16", "save it as UTF-8";
    "the configuration file does not exist":
        [let path = scene.file("signpath.json", "{}"); std::fs::remove_file(&path).unwrap();
         scene.set("SIGNPATH_CONFIG_FILE", &path)] initialize
        => CKR_GENERAL_ERROR, "none": "signpath.json", "no such file", "SIGNPATH_CONFIG_FILE";
    "a setting is twice in the configuration file":
        [configure(scene, "{\n  \"ApiToken\": \"a\",\n  \"ApiToken\": \"b\"\n}")] initialize
        => CKR_GENERAL_ERROR, "none": "line 3", "setting ApiToken", "duplicate";
    "a setting in the configuration file has the wrong type":
        [configure(scene, "{\n  \"Log\": {\n    \"File\": { \"Level\": 3 }\n  }\n}")] initialize
        => CKR_GENERAL_ERROR, "none": "line 3", "setting Log.File.Level", "expected one of none";
    "a setting has an invalid value": [scene.set("SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "soon")] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "a whole number";
    "the API URL is invalid": [scene.set("SIGNPATH_API_URL", "signpath")] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_API_URL", "expected a URL";
    "the API URL is http, and the host is not this machine": [scene.set("SIGNPATH_API_URL", "http://signpath.example.com/Api")] initialize
        => CKR_GENERAL_ERROR, "none": "unencrypted", "https", "AllowInsecureHttp";
    "the API URL has a user and a password":
        [scene.set("SIGNPATH_API_URL", "https://user:password@signpath.example.com/Api")] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_API_URL", "without user, password";
    "the API token is protected by DPAPI": [scene.set("SIGNPATH_API_TOKEN", "encrypted:AQAAANCMnd8B")] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_API_TOKEN", "encrypted:", "only supported on Windows", "file:";
    "the API token is in the registry": [scene.set("SIGNPATH_API_TOKEN", "registry:HKCU\\SignPath")] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_API_TOKEN", "registry:", "only supported on Windows", "file:";
    "the API token file does not exist": [scene.set("SIGNPATH_API_TOKEN", "file:/run/secrets/none")] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_API_TOKEN", "/run/secrets/none", "no such file";
    "the API token file is empty": [token_file(scene, "\n")] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_API_TOKEN", "token must contain the API token on one line";
    "the API token file is UTF-16": [token_file(scene, utf_16("t0ken"))] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_API_TOKEN", "token", "UTF-16", "save it as UTF-8";
    "the API token file is a pipe":
        [let path = scene.pipe("token"); scene.set("SIGNPATH_API_TOKEN", &format!("file:{path}"))] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_API_TOKEN", "token", "not a regular file";
    "two tokens have the same label":
        [configure(scene, "{\n  \"Tokens\": [\n    { \"Label\": \"A\" },\n    { \"Label\": \"A\" }\n  ]\n}")] initialize
        => CKR_GENERAL_ERROR, "none": "line 4", "setting Tokens.Label", "labels must be unique";
    "a token has no label": [configure(scene, "{\n  \"Tokens\": [{ \"ProjectSlug\": \"app\" }]\n}")] initialize
        => CKR_GENERAL_ERROR, "none": "line 2", "setting Tokens.Label", "expected a label of 1 to 32 bytes";
    "the name of a token's setting is misspelt":
        [configure(scene, "{\n  \"Tokens\": [\n    { \"Label\": \"A\", \"ApiURL\": \"https://signpath.example/Api\" }\n  ]\n}")] initialize
        => CKR_GENERAL_ERROR, "none": "line 3", "setting Tokens.ApiURL", "did you mean ApiUrl?";
    "the list of tokens is empty": [configure(scene, "{\n  \"Tokens\": []\n}")] initialize
        => CKR_GENERAL_ERROR, "none": "line 2", "setting Tokens", "a list of 1 to 100 objects";
    "the label is of no token": [scene.set("SIGNPATH_TOKEN_LABEL", "Partner")] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_TOKEN_LABEL", "no token has this label; choose one of SignPath";
    "a token has a URL of its own and no API token":
        [configure(scene, "{\"Tokens\": [{ \"Label\": \"SignPath\", \"ApiUrl\": \"https://signpath.example/Api\" }]}")] login
        => CKR_PIN_INCORRECT, "none": "the token SignPath has no API token", "set ApiToken in its entry of Tokens";
    "the metadata is not a JSON object": [scene.set("SIGNPATH_METADATA", "build 7")] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_METADATA", "a JSON object";
    "the proxy in the configuration file is not an HTTP proxy": [
            scene.set("SIGNPATH_API_URL", "https://signpath.example/Api");
            configure(scene, "{\n  \"HttpProxy\": \"socks5://proxy.example\"\n}");
        ] initialize
        => CKR_GENERAL_ERROR, "none": "line 2", "setting HttpProxy", "host:port";
    "the client certificate is in the Windows certificate store":
        [scene.set("SIGNPATH_TLS_CLIENT_CERTIFICATE", "thumbprint:0123")] initialize
        => CKR_GENERAL_ERROR, "none": "SIGNPATH_TLS_CLIENT_CERTIFICATE", "Windows", "file:";
    "the chain certificates file does not exist": [scene.set("SIGNPATH_CHAIN_CERTIFICATES_FILE", "/none.pem")] initialize
        => CKR_GENERAL_ERROR, "none": "/none.pem", "no such file";
    "the chain certificates file is a device": [scene.set("SIGNPATH_CHAIN_CERTIFICATES_FILE", "/dev/zero")] initialize
        => CKR_GENERAL_ERROR, "none": "/dev/zero", "not a regular file";
    "the chain certificates file is DER":
        [let path = scene.file("chain.der", "\x30\x03\x02\x01\x01"); scene.set("SIGNPATH_CHAIN_CERTIFICATES_FILE", &path)] initialize
        => CKR_GENERAL_ERROR, "none": "ChainCertificatesFile", "chain.der", "contains no PEM certificate";
    "the chain certificates file contains DH parameters":
        [let path = scene.file("chain.pem", PARAMETERS); scene.set("SIGNPATH_CHAIN_CERTIFICATES_FILE", &path)] initialize
        => CKR_GENERAL_ERROR, "none": "ChainCertificatesFile", "chain.pem", "PEM block 1 is not a valid X.509 certificate";
    "the chain certificates file contains a malformed certificate":
        [scene.set_file("SIGNPATH_CHAIN_CERTIFICATES_FILE", "chain.pem", MALFORMED)] initialize
        => CKR_GENERAL_ERROR, "none": "chain.pem", "PEM block 1 is not a valid X.509 certificate";
    "the CA file does not exist": [trust(scene, "/none.pem")] login
        => CKR_GENERAL_ERROR, "none": "TlsCaFile", "/none.pem", "no such file";
    "the CA file is a device": [trust(scene, "/dev/zero")] login
        => CKR_GENERAL_ERROR, "none": "TlsCaFile", "/dev/zero", "not a regular file";
    "the CA file is too large": [trust_file(scene, "long.pem", vec![b'x'; (16 << 20) + 1])] login
        => CKR_GENERAL_ERROR, "none": "TlsCaFile", "long.pem", "larger than 16 MiB";
    "the CA file is UTF-16": [trust_file(scene, "ca.pem", utf_16("-----BEGIN CERTIFICATE-----"))] login
        => CKR_GENERAL_ERROR, "none": "TlsCaFile", "ca.pem", "UTF-16", "save it as UTF-8";
    "the CA file contains no certificate": [trust_file(scene, "empty.pem", "")] login
        => CKR_GENERAL_ERROR, "none": "TlsCaFile", "empty.pem", "no PEM certificate";
    "the CA file contains a malformed certificate": [trust_file(scene, "ca.pem", MALFORMED)] login
        => CKR_GENERAL_ERROR, "none": "TlsCaFile", "ca.pem", "contains a malformed certificate";
};

const PARAMETERS: &str = "-----BEGIN DH PARAMETERS-----\nMAA=\n-----END DH PARAMETERS-----\n";
const MALFORMED: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

/// A text as PowerShell's `>` writes it.
fn utf_16(text: &str) -> Vec<u8> {
    let units = [0xfeff].into_iter().chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

pub fn configure(scene: &mut Scene, content: impl AsRef<[u8]>) {
    scene.set_file("SIGNPATH_CONFIG_FILE", "signpath.json", content);
}

fn token_file(scene: &mut Scene, content: impl AsRef<[u8]>) {
    let path = scene.file("token", content);
    scene.set("SIGNPATH_API_TOKEN", &format!("file:{path}"));
}

/// A server with TLS, and a file of CA certificates.
fn trust(scene: &mut Scene, path: &str) {
    scene.serve_tls();
    scene.set("SIGNPATH_TLS_CA_FILE", path);
}

fn trust_file(scene: &mut Scene, name: &str, content: impl AsRef<[u8]>) {
    let path = scene.file(name, content);
    trust(scene, &path);
}
