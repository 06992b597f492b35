//! No secret shows at any level, whatever goes wrong: neither on the console, nor in the file, nor in what the service is told
//! beside the request.
//!
//! Each test starts one child, which does the same at each level. Its output, its log and the service's records must not hold a
//! secret as it is, percent-encoded or in base64, nor a piece of those.

use std::os::unix::process::CommandExt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use pkcs11_test::{Options, PolicyFile, call};
use serde_json::json;

use super::*;
use crate::common::{LIST, ONE_ATTEMPT, SIGN, another_machine, options};
use crate::test_name;

/// From the one that shows most, which so meets a fault that happens only once.
const LEVELS: [&str; 7] = [
    "verbose", "debug", "info", "warning", "error", "fatal", "none",
];

/// Where a child finds what it is to do.
const VISITS: &str = "TEST_VISITS";

/// The shortest piece of a secret that must not show.
const PIECE: usize = 8;

/// A token that no service knows, of all characters that base64 has.
const TOKEN: &str = "Zq7/kP+x0wV9sLmT4uYb/Nc3+eRj1aGhD8oFiQ2tKdw=";

/// A login and a signature: perhaps a user name, a PIN, and variables of the environment.
type Visit = (Option<String>, String, Vec<(String, String)>);

fn visit(user: Option<&str>, pin: &str, environment: &[(&str, &str)]) -> Visit {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment = environment.iter().map(owned).collect();
    (user.map(str::to_owned), pin.to_owned(), environment)
}

fn configured(environment: &[(&str, &str)]) -> Visit {
    visit(None, "CONFIG", environment)
}

fn no_faults(_: &Service) -> Vec<Fault> {
    Vec::new()
}

fn percent_encoded(secret: &str) -> String {
    let encoded = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    secret.bytes().map(encoded).collect()
}

fn set(name: &str, value: Option<&str>) {
    // SAFETY: no other thread of this process reads the environment now.
    unsafe {
        match value {
            Some(value) => std::env::set_var(name, value),
            None => std::env::remove_var(name),
        }
    }
}

/// In a child: each visit at each level, whatever comes of it.
fn pay_visits() {
    let visits: Vec<Visit> = serde_json::from_str(&std::env::var(VISITS).unwrap()).unwrap();
    let module = Module::load(module_path());
    for (user, pin, variables) in &visits {
        let before = variables
            .iter()
            .map(|(name, _)| (name, std::env::var(name).ok()));
        let before: Vec<_> = before.collect();
        for (index, level) in LEVELS.into_iter().enumerate() {
            set(CONSOLE_LEVEL, Some(level));
            set(FILE_LEVEL, Some(level));
            let stream = ["stderr", "stdout"][index % 2];
            set("SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM", Some(stream));
            for (name, value) in variables {
                set(name, Some(value));
            }
            pay(&module, user.as_deref(), pin);
        }
        for (name, value) in before {
            set(name, value.as_deref());
        }
    }
}

fn pay(module: &Module, user: Option<&str>, pin: &str) {
    if module.initialize() != CKR_OK {
        return;
    }
    let session = module.session();
    let raw = |text: &str| (text.as_ptr().cast_mut(), text.len() as CK_ULONG);
    let ((pin, length), handle) = (raw(pin), session.handle);
    let logged_in = match user.map(raw) {
        None => call!(module, C_Login(handle, CKU_USER, pin, length)),
        Some((user, size)) => {
            call!(
                module,
                C_LoginUser(handle, CKU_USER, pin, length, user, size)
            )
        }
    };
    if logged_in == CKR_OK {
        sign(session);
    }
    assert_eq!(module.finalize(), CKR_OK);
}

/// What is left of one child and its service.
struct Traces {
    run: Run,
    log: String,
    /// What the service was told beside the requests.
    told: String,
}

/// Has a child pay visits to a service with faults. None of the secrets shows, nor the service's token, and the log has these
/// parts.
fn hidden(
    test: &str,
    start: impl FnOnce() -> Service,
    faults: impl FnOnce(&Service) -> Vec<Fault>,
    visits: impl FnOnce(&Service) -> Vec<Visit>,
    secrets: &[&str],
    parts: &[&str],
) -> Option<(Service, Traces)> {
    let prepare = || {
        let (service, folder) = (start(), LogFolder::new());
        for fault in faults(&service) {
            service.inject(fault).unwrap();
        }
        let visits = serde_json::to_string(&visits(&service)).unwrap();
        let mut environment = environment(&service, &[(VISITS, &visits)]);
        let variables = folder.environment("").into_iter();
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value)));
        ((service, folder), environment)
    };
    let ((service, folder), run) = in_child(test, prepare, pay_visits)?;
    let traces = Traces::of(&service, &folder, run);
    traces.assert_hidden(&[&[service.token()], secrets].concat());
    for part in parts {
        assert!(traces.log.contains(part), "{part}: {}", traces.log);
    }
    Some((service, traces))
}

impl Traces {
    fn of(service: &Service, folder: &LogFolder, run: Run) -> Self {
        let log = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        let beside = |request: pkcs11_test::RequestRecord| {
            let beside = (request.metadata, request.description, request.user_agent);
            format!("{beside:?}")
        };
        let told = service.requests().into_iter().map(beside).collect();
        Self { run, log, told }
    }

    /// There is something to look at, and none of the secrets is in it.
    fn assert_hidden(&self, secrets: &[&str]) {
        assert!(self.log.contains(": C_Initialize("), "{}", self.log);
        let pieces = secrets.iter().flat_map(|secret| pieces(secret));
        self.assert_lacks(pieces);
    }

    fn assert_lacks(&self, pieces: impl Iterator<Item = String>) {
        let texts = [&self.run.stderr, &self.run.stdout, &self.log, &self.told];
        for piece in pieces {
            let shown = texts.iter().find(|text| text.contains(&piece));
            assert_eq!(shown, None, "{piece:?} is shown");
        }
    }
}

/// The pieces of a secret, in the forms that it can have.
fn pieces(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned(), percent_encoded(secret)];
    // In a longer text, a secret can begin at each of three places of base64. The characters that hold bits of its neighbours
    // are none of its own.
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
    let visits = |service: &Service| {
        let organization = &*service.organization_id();
        let good = &*format!("{organization}:{}", service.token());
        let bad = &*format!("{organization}:{TOKEN}");
        let other_token = &[("SIGNPATH_API_TOKEN", TOKEN)][..];
        let sign_hash = &[("SIGNPATH_SIGNING_API", "SignHash")][..];
        [
            (None, "CONFIG", &[][..]),
            (None, "", &[]),
            (None, good, other_token),
            (None, bad, &[]),
            (None, "CONFIG", other_token),
            (None, TOKEN, &[]),
            (None, &format!("{TOKEN}:{organization}"), &[]),
            (None, &format!("{TOKEN}\n:x\u{1}"), &[]),
            (None, &good[..good.len() - 4], other_token),
            (None, &bad[..organization.len() + 20], &[]),
            (Some(organization), service.token(), other_token),
            (Some(organization), good, other_token),
            (Some(TOKEN), organization, &[]),
            (Some("another"), "CONFIG", &[]),
            (None, "CONFIG", sign_hash),
        ]
        .map(|(user, pin, environment)| visit(user, pin, environment))
        .into()
    };
    let parts = ["CKR_PIN_INCORRECT"];
    let hidden = hidden(test_name!(), service, no_faults, visits, &[TOKEN], &parts);
    if let Some((_, Traces { told, .. })) = hidden {
        assert!(told.contains("CommandLine"), "{told}");
        assert!(told.contains("commandLine"), "{told}");
    }
}

/// Responses with the token in them, in all places that a client looks at.
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
    // At each level: each response to a login; a login, and each response to a signing request.
    let faults = |service: &Service| {
        let at_each_level = |route| {
            let echoes = echoes(service.token()).into_iter();
            echoes.map(move |echo| Fault::on(route, echo).times(LEVELS.len()))
        };
        let retried = Effect::answer(503, &[("Retry-After", "0")], service.token());
        let faults = at_each_level(LIST).chain([Fault::on(SIGN, retried)]);
        faults.chain(at_each_level(SIGN)).collect()
    };
    let only_fast = [("SIGNPATH_SIGNING_API", "FastSigningRequest")];
    let visits = |_: &Service| vec![configured(&only_fast); 2 * echoes("").len()];
    let parts = [
        "C_Login: SignPath refused the API token (401",
        "C_Sign: SignPath refused the API token (401",
        "***",
    ];
    let hidden = hidden(test_name!(), service, faults, visits, &[], &parts);
    if let Some((service, _)) = hidden {
        let expected = LEVELS.len() * 3 * echoes("").len() + 1;
        assert_eq!(service.requests().len(), expected, "each response was sent");
    }
}

/// The service as if it were on another machine, with the service itself for a proxy.
fn proxied(service: &Service, user: &str) -> [(&'static str, String); 3] {
    let address = service.api_url().split('/').nth(2).unwrap();
    let [url, permission] = another_machine(service);
    [
        url,
        permission,
        ("http_proxy", format!("http://{user}@{address}")),
    ]
}

#[test]
fn hides_the_password_of_a_proxy() {
    const PASSWORD: &str = "h/unter2+Hunter2=";
    let faults = |_: &Service| {
        let credentials = STANDARD_NO_PAD.encode(format!("user:{PASSWORD}"));
        let answers = [
            Effect::answer(407, &[], format!("not {credentials} or {PASSWORD}")),
            Effect::redirect(302, &format!("http://user:{PASSWORD}@proxy/")),
        ];
        let faults = answers.map(|answer| Fault::on(LIST, answer).times(LEVELS.len()));
        faults.into()
    };
    let visits = |service: &Service| {
        let user = format!("user:{}", percent_encoded(PASSWORD));
        let variables = proxied(service, &user);
        let [url, permission, proxy] = variables.each_ref().map(|(name, value)| (*name, &**value));
        // Nobody listens on that port.
        let nobody = format!("{user}@127.0.0.1:1");
        let strange = proxy.1.replace("http:", "socks5:");
        let through = |proxy| configured(&[("http_proxy", proxy), url, permission, ONE_ATTEMPT]);
        [proxy.1, proxy.1, proxy.1, &nobody, &strange]
            .map(through)
            .into()
    };
    let parts = [
        "(407 Proxy Authentication Required)",
        "127.0.0.1:1",
        "environment variable http_proxy",
    ];
    let hidden = hidden(test_name!(), service, faults, visits, &[PASSWORD], &parts);
    if let Some((_, Traces { told, .. })) = hidden {
        assert!(told.contains("CommandLine"), "it signed through the proxy");
    }
}

#[test]
fn hides_a_token_in_the_place_of_another_setting() {
    const PASSWORD: &str = "Zq7xkPqx0wV9sLmT";
    let url = |rest: &str| format!("https://{rest}");
    let with_password = url(&format!("user:{PASSWORD}@signpath.example/Api"));
    let in_query = url(&format!("signpath.example/Api?token={TOKEN}"));
    let settings = [
        ("SIGNPATH_API_URL", TOKEN),
        ("SIGNPATH_API_URL", &with_password),
        ("SIGNPATH_API_URL", &in_query),
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
    ];
    let visits = |_: &Service| settings.map(|setting| configured(&[setting])).into();
    let (secrets, parts) = ([TOKEN, PASSWORD], ["SIGNPATH_METADATA: expected"]);
    hidden(test_name!(), service, no_faults, visits, &secrets, &parts);
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
    let files = LogFolder::new();
    let visits = |_: &Service| {
        let visit = |(number, content): (usize, &&str)| {
            let path = files.file(&format!("{number}.json"), content.replace("TOKEN", TOKEN));
            configured(&[(CONFIG_FILE, &path)])
        };
        contents.iter().enumerate().map(visit).collect()
    };
    let hidden = hidden(test_name!(), service, no_faults, visits, &[TOKEN], &[]);
    if let Some((_, Traces { log, .. })) = hidden {
        let refused = log.matches("[CKR_GENERAL_ERROR]").count();
        // Two levels show no errors. The misspelt name alone is ignored.
        let expected = (LEVELS.len() - 2) * (contents.len() - 1);
        assert_eq!(refused, expected, "{log}");
    }
}

#[test]
fn hides_a_secret_that_is_also_the_name_of_a_policy() {
    let start = || {
        let policies = r#"{"policies": [
            {"project": "demo", "policy": "unusable", "key": "p-384", "certificate": "Garbage"},
            {"project": "demo", "policy": "p-256", "key": "p-256"}]}"#;
        let policies = PolicyFile::parse(policies).unwrap();
        Service::start(Options {
            policies,
            ..options()
        })
        .unwrap()
    };
    let visits = |service: &Service| {
        let through = |user| {
            let variables = proxied(service, user);
            configured(&variables.each_ref().map(|(name, value)| (*name, &**value)))
        };
        ["user:demo%2Fp-256", "user:demo%2Funusable"]
            .map(through)
            .into()
    };
    let faults = |_: &Service| vec![Fault::on(SIGN, Effect::status(400))];
    let parts = [
        "POST SigningRequests, attempt 1, signing policy ***: 400 Bad Request",
        "C_Sign: SignPath refused the signing request for *** (400 Bad Request)",
        "warning: signing policy ***: ",
    ];
    hidden(test_name!(), start, faults, visits, &[], &parts);
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
    let files = LogFolder::new();
    let visits = |_: &Service| {
        let visit = |(number, content)| {
            let path = files.file(&format!("{number}.pem"), content);
            let client = ("SIGNPATH_TLS_CLIENT_CERTIFICATE", &*format!("file:{path}"));
            let https = ("SIGNPATH_API_URL", "https://127.0.0.1:1/Api");
            let ca = ("SIGNPATH_TLS_CA_FILE", &*path);
            [configured(&[client]), configured(&[https, ca])]
        };
        contents.iter().enumerate().flat_map(visit).collect()
    };
    let parts = ["is not valid PEM"];
    let hidden = hidden(test_name!(), service, no_faults, visits, &[TOKEN], &parts);
    if let Some((_, traces)) = hidden {
        // The bytes of a piece in decimal and in hexadecimal, as `{:?}` and `{:x?}` write them.
        let bytes = &TOKEN.as_bytes()[..PIECE];
        let numbers = [format!("{bytes:?}"), format!("{bytes:x?}")];
        let numbers = numbers.map(|list| list.trim_matches(['[', ']']).to_owned());
        traces.assert_lacks(numbers.into_iter());
    }
}

#[test]
fn hides_the_pin_of_a_command_line() {
    let (service, folder) = (service(), LogFolder::new());
    for level in LEVELS {
        let pin = format!("{}:{}", service.organization_id(), service.token());
        let output = command("pkcs11-tool")
            .args(pkcs11_tool_arguments(&pin, &folder))
            .env("SIGNPATH_API_URL", service.api_url())
            .env(CONSOLE_LEVEL, level)
            .envs(folder.environment(level))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let run = Run {
            status: output.status,
            stderr: text(output.stderr),
            stdout: text(output.stdout),
        };
        let traces = Traces::of(&service, &folder, run);
        traces.assert_hidden(&[service.token()]);
        assert!(traces.told.contains("--pin *** --login"), "{}", traces.told);
    }
}

/// A program may have any text as its name, and with it what other tools are given.
#[test]
fn masks_and_shortens_the_command_line_for_the_service() {
    let uri = "pkcs11:token=SignPath;object=demo%2Frsa-2048;type=private";
    let uri_with_pin = format!("engine:{uri};pin-value=hunter2;x=y");
    let long = format!("java -cp {}:hunter2", "/a.jar:".repeat(3000));
    let (service, folder) = (service(), LogFolder::new());
    for (name, told) in [
        ("http://me:hunter2@host:80/a", "http://me:***@host:80/a "),
        ("Authorization: Bearer hunter2", "\"Authorization: ***\" "),
        ("-uuser:hunter2", "-uuser:*** "),
        ("--api-key=hunter2", "--api-key=*** "),
        ("--token=hunter2", "--token=*** "),
        ("SIGN_KEY=hunter2", "SIGN_KEY=*** "),
        ("A_TOKEN=hunter2", "A_TOKEN=*** "),
        ("--nss-token=SignPath", "--nss-token=SignPath "),
        (uri, &format!("{uri} ")),
        (&uri_with_pin, &format!("engine:{uri};pin-value=***;x=y ")),
        (&long, "\"java -cp /a.jar:/a.jar:"),
    ] {
        let output = command("pkcs11-tool")
            .arg0(name)
            .args(pkcs11_tool_arguments("CONFIG", &folder))
            .args(["--token-label", "SignPath"])
            .envs(environment(&service, &[]))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let metadata = service.requests().pop().unwrap().metadata.unwrap();
        let command_line = metadata["CreatingProcess"]["CommandLine"].as_str().unwrap();
        assert!(command_line.starts_with(told), "{command_line}");
        assert!(!command_line.contains("hunter2"), "{command_line}");
        assert!(command_line.ends_with("--token-label SignPath"));
        if name == long {
            let note = format!("... (truncated, {} bytes in total)", long.len());
            assert!(command_line.contains(&note), "{command_line}");
            assert!(command_line.len() < 4096, "{command_line}");
        }
    }
}
