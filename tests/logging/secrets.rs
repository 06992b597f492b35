//! No console, log file or metadata shows a secret at any level: neither as it is, nor percent-encoded or in base64, nor a piece of
//! these.

use std::os::fd::{AsFd, AsRawFd};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use pkcs11_test::Options;
use pkcs11_test::harness::Stage;
use serde_json::json;

use super::*;
use crate::common::{
    LIST, ONE_ATTEMPT, SIGN, another_machine, on_stage, options, pin, with_policies,
};
use crate::{table, test_name};

/// The most verbose one comes first, so that it logs a fault that happens once.
const LEVELS: [&str; 7] = ["verbose", "debug", "info", "warning", "error", "fatal", "none"];

/// The shortest piece of a secret that must be hidden.
const PIECE: usize = 8;

/// A token that no service knows, with all special characters of base64.
const TOKEN: &str = "Zq7/kP+x0wV9sLmT4uYb/Nc3+eRj1aGhD8oFiQ2tKdw=";

/// A service, a module, and their output.
struct Bench<'a> {
    stage: &'a Stage,
    module: &'a Module,
    folder: LogFolder,
    /// Both standard streams.
    output: String,
}

/// Variables of the environment for one visit.
type Environment<'a> = &'a [(&'a str, &'a str)];

/// After `act`, none of the secrets is shown, nor the service's token. The output, the log or the metadata has these parts.
fn hides(
    test: &str,
    options: impl FnOnce() -> Options,
    secrets: &[&str],
    parts: &[&str],
    act: impl FnOnce(&mut Bench),
) {
    on_stage(test, options, &[], |stage, module| {
        let stdout = std::io::stdout().as_fd().try_clone_to_owned().unwrap();
        // SAFETY: both descriptors are open. Standard output goes where stderr goes.
        assert_eq!(unsafe { libc::dup2(2, 1) }, 1);
        let folder = LogFolder::new();
        stage.set(LOG_DIRECTORY, folder.path().to_str().unwrap());
        let mut bench = Bench { stage, module, folder, output: String::new() };
        act(&mut bench);
        let service = &bench.stage.service;
        let secrets = [&[service.token()], secrets].concat();
        assert_hidden(&bench.folder, service, &bench.output, &secrets, parts);
        // SAFETY: both descriptors are open.
        assert_eq!(unsafe { libc::dup2(stdout.as_raw_fd(), 1) }, 1);
    });
}

/// What the service has received besides the hashes.
fn told(service: &Service) -> String {
    let requests = service.requests().into_iter().map(|request| {
        let beside = (request.metadata, request.description, request.user_agent);
        format!("{beside:?}")
    });
    requests.collect()
}

fn assert_hidden(
    folder: &LogFolder,
    service: &Service,
    output: &str,
    secrets: &[&str],
    parts: &[&str],
) {
    let log = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    let all = [output, &log, &told(service)].concat();
    for part in [&[": C_Initialize("], parts].concat() {
        assert!(all.contains(part), "{part:?} is not in {all}");
    }
    assert_lacks(&all, secrets.iter().flat_map(|secret| pieces(secret)));
}

fn assert_lacks(text: &str, pieces: impl IntoIterator<Item = String>) {
    for piece in pieces {
        assert!(!text.contains(&piece), "{piece:?} is in {text}");
    }
}

impl Bench<'_> {
    fn service(&self) -> &Service {
        &self.stage.service
    }

    /// A login and a signature at each level, whatever comes of it.
    fn visit(&mut self, user: Option<&str>, pin: &str, environment: Environment) {
        let stage = self.stage;
        for (index, level) in LEVELS.into_iter().enumerate() {
            stage.set(CONSOLE_LEVEL, level);
            stage.set(FILE_LEVEL, level);
            let stream = ["stderr", "stdout"][index % 2];
            stage.set("SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM", stream);
            environment.iter().for_each(|(name, value)| stage.set(name, value));
            self.output += &stage.see(|| visit(self.module, user, pin)).stderr;
        }
        environment.iter().for_each(|(name, _)| stage.set(name, ""));
        for (name, value) in stage.service.environment() {
            stage.set(name, &value);
        }
    }

    /// A visit of the configured user.
    fn configured(&mut self, environment: Environment) {
        self.visit(None, "CONFIG", environment);
    }

    fn inject(&self, fault: Fault) {
        self.service().inject(fault).unwrap();
    }
}

fn visit(module: &Module, user: Option<&str>, pin: &str) {
    if module.initialize() != CKR_OK {
        return;
    }
    let session = module.session();
    let logged_in = match user {
        None => session.login_as(CKU_USER, pin.as_bytes()),
        Some(user) => session.login_user(user, pin),
    };
    if logged_in == CKR_OK {
        sign(session);
    }
    assert_eq!(module.finalize(), CKR_OK);
}

fn percent_encoded(secret: &str) -> String {
    let encoded = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    secret.bytes().map(encoded).collect()
}

/// The pieces of a secret, in the forms that it can have.
fn pieces(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), percent_encoded(secret)];
    // In a longer text, a secret can start at three offsets of base64. The characters that share bits with other text do not count.
    for (offset, neighbours) in [(0, 0), (1, 2), (2, 3)] {
        let bytes = [&vec![0; offset], secret.as_bytes()].concat();
        for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = alphabet.encode(&bytes);
            let last = encoded.len() - usize::from(bytes.len() % 3 != 0);
            forms.push(encoded[neighbours..last].to_owned());
        }
    }
    let pieces = |form: &String| {
        let length = form.len().min(PIECE);
        let piece = |start| form[start..start + length].to_owned();
        (0..=form.len() - length).map(piece).collect::<Vec<_>>()
    };
    forms.iter().flat_map(pieces).collect()
}

#[test]
fn hides_secrets_at_good_and_bad_logins() {
    let parts = ["CKR_PIN_INCORRECT", "CommandLine", "commandLine"];
    hides(test_name!(), options, &[TOKEN], &parts, |bench| {
        let token = bench.service().token().to_owned();
        let organization = &*bench.service().organization_id();
        let good = &*pin(bench.service(), &token);
        let bad = &*pin(bench.service(), TOKEN);
        let other_token = &[("SIGNPATH_API_TOKEN", TOKEN)][..];
        let visits: [(Option<&str>, &str, Environment); 15] = table! {
            (None, "CONFIG", &[]),
            (None, "", &[]),
            (None, good, other_token),
            (None, bad, &[]),
            (None, "CONFIG", other_token),
            (None, TOKEN, &[]),
            (None, &format!("{TOKEN}:{organization}"), &[]),
            (None, &format!("{TOKEN}\n:x\u{1}"), &[]),
            (None, &good[..good.len() - 4], other_token),
            (None, &bad[..organization.len() + 20], &[]),
            (Some(organization), &token, other_token),
            (Some(organization), good, other_token),
            (Some(TOKEN), organization, &[]),
            (Some("another"), "CONFIG", &[]),
            (None, "CONFIG", &[("SIGNPATH_SIGNING_API", "SignHash")]),
        };
        for (user, pin, environment) in visits {
            bench.visit(user, pin, environment);
        }
    });
}

/// Responses with the token in all places that the module reads.
fn echoes(token: &str) -> Vec<Effect> {
    let encoded = STANDARD_NO_PAD.encode(format!("Bearer {token}"));
    let percent = percent_encoded(token);
    let escaped = token.replace('+', "\\u002B").replace('/', "\\/");
    let problem = json!({
        "title": token, "detail": token, "traceId": token,
        "errors": {token: [format!("no such token: {token}")]},
    })
    .to_string();
    let reference = json!({
        "traceId": token, "signingRequestId": token, "webLink": format!("https://x/?t={percent}"),
    })
    .to_string();
    let policies = json!({"signingPolicies": token, "Signature": [token]});
    let plain = |status, body: String| Effect::answer(status, &[], body);
    let late = [("Retry-After", "3600")];
    vec![
        Effect::answer(401, &[("WWW-Authenticate", token)], token),
        plain(400, format!("Authorization: Basic {encoded}")),
        plain(400, format!("{{\"message\": \"no token {escaped}\"}}")),
        plain(403, format!("{}{token}", "x".repeat(180))),
        plain(400, problem.clone()),
        plain(400, format!("{problem} and more")),
        Effect::answer(500, &late, problem),
        Effect::answer(503, &late, token),
        plain(404, format!("<html>{token}</html>")),
        Effect::redirect(302, &format!("https://other.example/?token={percent}")),
        Effect::redirect(307, &format!("https://{percent}@other.example/{token}")),
        plain(200, token.to_owned()),
        plain(200, json!(token).to_string()),
        plain(200, policies.to_string()),
        plain(200, json!({"Signature": token}).to_string()),
        plain(200, reference.clone()),
        Effect::answer(201, &[("Location", token)], reference),
    ]
}

#[test]
fn hides_a_token_that_the_service_repeats() {
    let parts = [
        "C_Login: SignPath refused the API token (401",
        "C_Sign: SignPath refused the API token (401",
        "***",
    ];
    hides(test_name!(), options, &[], &parts, |bench| {
        // At each level: each response to a login; a login, and each response to a signing request.
        let token = bench.service().token().to_owned();
        let retried = Effect::answer(503, &[("Retry-After", "0")], &*token);
        bench.inject(Fault::on(SIGN, retried));
        for route in [LIST, SIGN] {
            for echo in echoes(&token) {
                bench.inject(Fault::on(route, echo).times(LEVELS.len()));
                bench.configured(&[("SIGNPATH_SIGNING_API", "FastSigningRequest")]);
            }
        }
        let expected = LEVELS.len() * 3 * echoes("").len() + 1;
        let sent = bench.service().requests().len();
        assert_eq!(sent, expected, "each response was sent");
    });
}

/// The service as if it were on another machine, with itself as the proxy.
fn proxied(service: &Service, user: &str) -> [(&'static str, String); 3] {
    let address = service.api_url().split('/').nth(2).unwrap();
    let [url, permission] = another_machine(service);
    [url, permission, ("http_proxy", format!("http://{user}@{address}"))]
}

#[test]
fn hides_the_password_of_a_proxy() {
    const PASSWORD: &str = "h/unter2+Hunter2=";
    let parts = [
        "(407 Proxy Authentication Required)",
        "127.0.0.1:1",
        "environment variable http_proxy",
        // It signed through the proxy.
        "CommandLine",
    ];
    hides(test_name!(), options, &[PASSWORD], &parts, |bench| {
        let credentials = STANDARD_NO_PAD.encode(format!("user:{PASSWORD}"));
        for answer in [
            Effect::answer(407, &[], format!("not {credentials} or {PASSWORD}")),
            Effect::redirect(302, &format!("http://user:{PASSWORD}@proxy/")),
        ] {
            bench.inject(Fault::on(LIST, answer).times(LEVELS.len()));
        }
        let user = format!("user:{}", percent_encoded(PASSWORD));
        let variables = proxied(bench.service(), &user);
        let [url, permission, (_, proxy)] =
            variables.each_ref().map(|(name, value)| (*name, &**value));
        // Nobody listens on that port.
        let nobody = format!("{user}@127.0.0.1:1");
        let strange = proxy.replace("http:", "socks5:");
        for proxy in [proxy, proxy, proxy, &nobody, &strange] {
            bench.configured(&[("http_proxy", proxy), url, permission, ONE_ATTEMPT]);
        }
    });
}

#[test]
fn hides_a_token_in_the_place_of_another_setting() {
    const PASSWORD: &str = "Zq7xkPqx0wV9sLmT";
    let parts = ["SIGNPATH_METADATA: expected"];
    hides(test_name!(), options, &[TOKEN, PASSWORD], &parts, |bench| {
        for (name, value) in table! {
            ("SIGNPATH_API_URL", TOKEN),
            ("SIGNPATH_API_URL", &*format!("https://user:{PASSWORD}@signpath.example/Api")),
            ("SIGNPATH_API_URL", &format!("https://signpath.example/Api?token={TOKEN}")),
            ("SIGNPATH_ORGANIZATION_ID", TOKEN),
            ("SIGNPATH_API_TOKEN", &format!("{TOKEN}\nx")),
            ("SIGNPATH_API_TOKEN", &format!("encrypted:{TOKEN}")),
            ("SIGNPATH_CI_USER_TOKEN", TOKEN),
            ("SIGNPATH_SIGNING_API", TOKEN),
            ("SIGNPATH_METADATA", TOKEN),
            ("SIGNPATH_ALLOW_INSECURE_HTTP", TOKEN),
            ("SIGNPATH_TLS_CLIENT_CERTIFICATE", TOKEN),
            ("http_proxy", TOKEN),
            ("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", TOKEN),
            ("SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", TOKEN),
            ("SIGNPATH_POLICY_CACHE_SECONDS", TOKEN),
            ("SIGNPATH_TOKEN_LABEL", TOKEN),
        } {
            bench.configured(&[(name, value)]);
        }
    });
}

#[test]
fn hides_a_token_in_a_malformed_configuration_file() {
    let contents = [
        r#"{"ApiToken": "TOKEN"#,
        r#"{"ApiToken": TOKEN}"#,
        r#"{"ApiToken": 'TOKEN'}"#,
        r#"{"ApiToken": "TOKEN" "ApiUrl": 1}"#,
        r#"{"ApiToken": "TOKEN", "TOKEN"}"#,
        r#"{"ApiToken": ["TOKEN"]}"#,
        r#"{"ApiToken": {"Value": "TOKEN"}}"#,
        r#"{"ApiToken": "TOKEN", "ApiToken": "TOKEN"}"#,
        r#"{"ApiTokn": "TOKEN"}"#,
        "{\"ApiToken\": \"TOKEN\n\"}",
        r#"{"ApiToken": "TOKEN\x"}"#,
        r#"{"HttpRequestTimeoutInSeconds": "TOKEN"}"#,
        r#"{"Log": "TOKEN"}"#,
        r#"{"Cryptoki": {"LoginRequired": "TOKEN"}}"#,
        r#""TOKEN""#,
        "TOKEN",
    ];
    hides(test_name!(), options, &[TOKEN], &[], |bench| {
        for content in contents {
            let content = content.replace("TOKEN", TOKEN);
            let path = bench.folder.file("signpath.json", content);
            bench.configured(&[(CONFIG_FILE, &path)]);
        }
        let refused = bench.output.matches("[CKR_GENERAL_ERROR]").count();
        // Two levels show no errors. The misspelt name alone is ignored.
        let expected = (LEVELS.len() - 2) * (contents.len() - 1);
        assert_eq!(refused, expected, "{}", bench.output);
    });
}

#[test]
fn hides_a_secret_that_is_also_a_policy_name() {
    let policies = || {
        with_policies(
            r#"{"policies": [
                {"project": "demo", "policy": "unusable", "key": "p-384", "certificate": "Garbage"},
                {"project": "demo", "policy": "p-256", "key": "p-256"}]}"#,
        )
    };
    let parts = [
        "POST SigningRequests, attempt 1, signing policy ***: 400 Bad Request",
        "C_Sign: SignPath refused the signing request for *** (400 Bad Request)",
        "warning: signing policy ***: ",
    ];
    hides(test_name!(), policies, &[], &parts, |bench| {
        bench.inject(Fault::on(SIGN, Effect::status(400)));
        for user in ["user:demo%2Fp-256", "user:demo%2Funusable"] {
            let variables = proxied(bench.service(), user);
            bench.configured(&variables.each_ref().map(|(name, value)| (*name, &**value)));
        }
    });
}

/// The name of a key is a whole URI where a program does not know PKCS #11 URIs.
#[test]
fn hides_a_token_in_the_names_that_a_warning_repeats() {
    let parts = [
        "warning: no signing policy \"pkcs11:object=x?pin-value=",
        "warning: no usable signing policy ***/***; ",
    ];
    hides(test_name!(), options, &[], &parts, |bench| {
        let (stage, module) = (bench.stage, bench.module);
        let token = bench.service().token().to_owned();
        let pin = pin(bench.service(), &token);
        let uri = format!("pkcs11:object=x?pin-value={pin}");
        for level in [CONSOLE_LEVEL, FILE_LEVEL] {
            stage.set(level, "verbose");
        }
        for slug in ["", &token] {
            stage.set("SIGNPATH_PROJECT_SLUG", slug);
            stage.set("SIGNPATH_SIGNING_POLICY_SLUG", slug);
            let visit = || {
                let session = module.opened();
                assert_eq!(session.login_as(CKU_USER, pin.as_bytes()), CKR_OK);
                for name in [CKA_LABEL, CKA_ID] {
                    assert_eq!(session.find(&[(name, uri.as_str().into())]), Ok(vec![]));
                }
                assert_eq!(module.finalize(), CKR_OK);
            };
            bench.output += &stage.see(visit).stderr;
        }
    });
}

#[test]
fn hides_a_client_key_that_lost_its_line_breaks() {
    let key = format!("-----BEGIN PRIVATE KEY-----\n{TOKEN}\n{TOKEN}\n-----END PRIVATE KEY-----\n");
    let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let contents = [
        key.replace('\n', " "),
        key.replace('\n', "\\n"),
        key.replacen('\n', "\\n", 3),
        certificate.to_owned() + &key.replace('\n', " "),
        certificate.to_owned() + &key.replace('\n', "\\n"),
        certificate.to_owned() + &key.replacen('\n', " ", 3),
        certificate.to_owned() + &key.replace("-----END PRIVATE KEY-----", ""),
        key.replace("-----END", TOKEN),
    ];
    let parts = ["is not valid PEM"];
    hides(test_name!(), options, &[TOKEN], &parts, |bench| {
        for content in contents {
            let path = &*bench.folder.file("client.pem", content);
            let client = format!("file:{path}");
            bench.configured(&[("SIGNPATH_TLS_CLIENT_CERTIFICATE", &client)]);
            let https = ("SIGNPATH_API_URL", "https://127.0.0.1:1/Api");
            bench.configured(&[https, ("SIGNPATH_TLS_CA_FILE", path)]);
        }
        // The bytes of a piece in decimal and in hexadecimal, as `{:?}` and `{:x?}` write them.
        let bytes = &TOKEN.as_bytes()[..PIECE];
        let numbers = [format!("{bytes:?}"), format!("{bytes:x?}")];
        let numbers = numbers.map(|list| list.trim_matches(['[', ']']).to_owned());
        let log = std::fs::read_to_string(bench.folder.path().join(FILE)).unwrap();
        assert_lacks(&(log + &bench.output), numbers);
    });
}

#[test]
fn hides_the_pin_of_a_command_line() {
    let (service, folder) = (service(), LogFolder::new());
    let pin = pin(&service, service.token());
    for level in LEVELS {
        let mut tool = command("pkcs11-tool");
        tool.args(pkcs11_tool_arguments(&pin, &folder));
        tool.env("SIGNPATH_API_URL", service.api_url());
        tool.env(CONSOLE_LEVEL, level);
        let output = common::succeed(tool.envs(folder.environment(level)));
        let output = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let parts = ["--pin *** --login"];
        assert_hidden(&folder, &service, &output, &[service.token()], &parts);
    }
}
