//! No secret shows at any level, whatever goes wrong: neither on the console, nor in the file, nor
//! in what the service is told beside the request.
//!
//! Each test starts one child, which does the same at each level. What its output, its log and the
//! service's records must not hold is looked for as it is, percent-encoded and in base64, each
//! also in pieces.

use std::os::unix::process::CommandExt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use pkcs11_test::{Fault, Options, PolicyFile, Service};
use serde_json::{Value, json};

use super::*;
use crate::common::{LIST, Run, SIGN, another_machine, environment, in_child, service};
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

/// A login and a signature with a PIN, a user if there is one, and more in the environment.
fn visit(user: Option<&str>, pin: &str, environment: &[(&str, &str)]) -> Value {
    json!({"user": user, "pin": pin, "environment": environment})
}

/// The visits with a PIN that differ in one variable of the environment.
fn visits(pin: &str, variables: &[(&str, &str)]) -> Vec<Value> {
    variables
        .iter()
        .map(|variable| visit(None, pin, &[*variable]))
        .collect()
}

/// In a child: each visit at each level, whatever comes of it.
fn pay_visits() {
    let visits: Vec<Value> = serde_json::from_str(&std::env::var(VISITS).unwrap()).unwrap();
    let raw = Raw::load();
    for visit in &visits {
        let variables: Vec<(String, String)> =
            serde_json::from_value(visit["environment"].clone()).unwrap();
        let before: Vec<_> = variables
            .iter()
            .map(|(name, _)| (name, std::env::var_os(name)))
            .collect();
        for (index, level) in LEVELS.into_iter().enumerate() {
            // SAFETY: no other thread of this process reads the environment now.
            unsafe {
                std::env::set_var(CONSOLE_LEVEL, level);
                std::env::set_var(FILE_LEVEL, level);
                let stream = ["stderr", "stdout"][index % 2];
                std::env::set_var("SIGNPATH_LOG_CONSOLE_OUTPUT_STREAM", stream);
                for (name, value) in &variables {
                    std::env::set_var(name, value);
                }
            }
            pay(&raw, visit);
        }
        for (name, value) in before {
            // SAFETY: the same.
            unsafe {
                match value {
                    Some(value) => std::env::set_var(name, value),
                    None => std::env::remove_var(name),
                }
            }
        }
    }
}

fn pay(raw: &Raw, visit: &Value) {
    if ck!(raw, C_Initialize(ptr::null_mut())) != CKR_OK {
        return;
    }
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION;
    let opened = ck!(
        raw,
        C_OpenSession(1, flags, ptr::null_mut(), None, &mut session)
    );
    assert_eq!(opened, CKR_OK);
    let text = |text: &str| (text.as_ptr().cast_mut(), text.len() as CK_ULONG);
    let (pin, pin_length) = text(visit["pin"].as_str().unwrap());
    let logged_in = match visit["user"].as_str().map(text) {
        None => ck!(raw, C_Login(session, CKU_USER, pin, pin_length)),
        Some((user, length)) => ck!(
            raw,
            C_LoginUser(session, CKU_USER, pin, pin_length, user, length)
        ),
    };
    if logged_in == CKR_OK {
        sign(raw, session);
    }
    finalize(raw);
}

/// What is left of one child and its service.
struct Traces {
    run: Run,
    log: String,
    /// What the service was told beside the requests.
    told: String,
}

/// Has a child pay the visits that `prepare` makes for a service with faults.
fn traces(
    test: &str,
    faults: impl FnOnce(&Service) -> Vec<Fault>,
    visits: impl FnOnce(&Service) -> Vec<Value>,
) -> Option<(Service, Traces)> {
    traces_with(service, test, faults, visits)
}

/// The same with another service than the usual one.
fn traces_with(
    service: impl FnOnce() -> Service,
    test: &str,
    faults: impl FnOnce(&Service) -> Vec<Fault>,
    visits: impl FnOnce(&Service) -> Vec<Value>,
) -> Option<(Service, Traces)> {
    let prepare = || {
        let (service, folder) = (service(), LogFolder::new());
        for fault in faults(&service) {
            service.inject(fault).unwrap();
        }
        let mut environment = environment(&service, &[]);
        environment.extend(folder.environment(""));
        let visits = serde_json::to_string(&visits(&service)).unwrap();
        environment.push((VISITS.to_owned(), visits));
        ((service, folder), environment)
    };
    let ((service, folder), run) = in_child(test, prepare, pay_visits)?;
    let log = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    let told = service.requests().into_iter().map(|request| {
        let beside = (request.metadata, request.description, request.user_agent);
        format!("{beside:?}")
    });
    let told = told.collect();
    Some((service, Traces { run, log, told }))
}

impl Traces {
    /// There is something to look at, and none of the secrets is in it.
    fn assert_hidden(&self, secrets: &[&str]) {
        assert!(self.log.contains(": C_Initialize("), "{}", self.log);
        for text in [&self.run.stderr, &self.run.stdout, &self.log, &self.told] {
            for piece in secrets.iter().flat_map(|secret| pieces(secret)) {
                assert!(!text.contains(&piece), "{piece:?} is in {text}");
            }
        }
    }
}

/// The pieces of a secret, in the forms that it can have.
fn pieces(secret: &str) -> Vec<String> {
    let percent_encoded: String = secret
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let mut forms = vec![secret.to_owned(), percent_encoded];
    // In a longer text, a secret can begin at each of three places of base64. The characters that
    // hold bits of its neighbours are none of its own.
    for (offset, neighbours) in [(0, 0), (1, 2), (2, 3)] {
        let bytes = [&vec![0; offset], secret.as_bytes()].concat();
        for alphabet in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let encoded = alphabet.encode(&bytes);
            let last = encoded.len() - usize::from(bytes.len() % 3 != 0);
            forms.push(encoded[neighbours..last].to_owned());
        }
    }
    forms
        .iter()
        .flat_map(|form| {
            let length = form.len().min(PIECE);
            (0..=form.len() - length).map(move |start| form[start..start + length].to_owned())
        })
        .collect()
}

#[test]
fn not_when_a_user_logs_in_well_or_badly() {
    let visits = |service: &Service| {
        let organization = service.organization_id().to_owned();
        let good = format!("{organization}:{}", service.token());
        let bad = format!("{organization}:{TOKEN}");
        let other_token = [("SIGNPATH_API_TOKEN", TOKEN)];
        vec![
            visit(None, "CONFIG", &[]),
            visit(None, "", &[]),
            visit(None, &good, &other_token),
            visit(None, &bad, &[]),
            visit(None, "CONFIG", &other_token),
            visit(None, TOKEN, &[]),
            visit(None, &format!("{TOKEN}:{organization}"), &[]),
            visit(None, &format!("{TOKEN}\n:x\u{1}"), &[]),
            visit(None, &good[..good.len() - 4], &other_token),
            visit(None, &bad[..organization.len() + 20], &[]),
            visit(Some(&organization), service.token(), &other_token),
            visit(Some(&organization), &good, &other_token),
            visit(Some(TOKEN), &organization, &[]),
            visit(Some("another"), "CONFIG", &[]),
            visit(None, "CONFIG", &[("SIGNPATH_SIGNING_API", "SignHash")]),
        ]
    };
    let Some((service, traces)) = traces(test_name!(), |_| Vec::new(), visits) else {
        return;
    };
    traces.assert_hidden(&[service.token(), TOKEN]);
    assert!(traces.log.contains("CKR_PIN_INCORRECT"), "{}", traces.log);
    assert!(traces.told.contains("CommandLine"), "{}", traces.told);
    assert!(traces.told.contains("commandLine"), "{}", traces.told);
}

/// Answers with the token in them, in all places that a client looks at.
fn echoes(token: &str) -> Vec<Effect> {
    let encoded = STANDARD_NO_PAD.encode(format!("Bearer {token}"));
    let percent = token
        .replace('/', "%2F")
        .replace('+', "%2B")
        .replace('=', "%3D");
    let escaped = token.replace('+', "\\u002B").replace('/', "\\/");
    let cut = format!("{}{token}", "x".repeat(180));
    let problem = json!({
        "title": token, "detail": token, "traceId": token,
        "errors": {token: [format!("no such token: {token}")]},
    });
    let reference = json!({
        "traceId": token, "signingRequestId": token, "webLink": format!("https://x/?t={percent}"),
    });
    vec![
        Effect::answer(401, &[("WWW-Authenticate", token)], token),
        Effect::answer(400, &[], format!("Authorization: Basic {encoded}")),
        Effect::answer(400, &[], format!("{{\"message\": \"no token {escaped}\"}}")),
        Effect::answer(403, &[], cut),
        Effect::answer(400, &[], problem.to_string()),
        Effect::answer(400, &[], format!("{problem} and more")),
        Effect::answer(500, &[("Retry-After", "3600")], problem.to_string()),
        Effect::answer(503, &[("Retry-After", "3600")], token),
        Effect::answer(404, &[], format!("<html>{token}</html>")),
        Effect::redirect(302, &format!("https://other.example/?token={percent}")),
        Effect::redirect(307, &format!("https://{percent}@other.example/{token}")),
        Effect::answer(200, &[], token),
        Effect::answer(200, &[], json!(token).to_string()),
        Effect::answer(
            200,
            &[],
            json!({"signingPolicies": token, "Signature": [token]}).to_string(),
        ),
        Effect::answer(200, &[], json!({"Signature": token}).to_string()),
        Effect::answer(200, &[], reference.to_string()),
        Effect::answer(201, &[("Location", token)], reference.to_string()),
    ]
}

#[test]
fn not_when_the_service_repeats_the_token_in_an_answer() {
    let faults = |service: &Service| {
        let echoes = echoes(service.token());
        // At each level: each answer to a login; a login, and each answer to a signing request.
        let at_login = echoes.iter().map(|echo| Fault::on(LIST, echo.clone()));
        let at_signing = echoes.iter().map(|echo| Fault::on(SIGN, echo.clone()));
        let retried = Fault::on(
            SIGN,
            Effect::answer(503, &[("Retry-After", "0")], service.token()),
        );
        let at_each_level = |faults: Vec<Fault>| {
            faults
                .into_iter()
                .map(|fault| fault.times(LEVELS.len()))
                .collect::<Vec<_>>()
        };
        [
            at_each_level(at_login.collect()),
            vec![retried],
            at_each_level(at_signing.collect()),
        ]
        .concat()
    };
    let visits = |service: &Service| {
        let echoes = echoes(service.token()).len();
        let only_fast = [("SIGNPATH_SIGNING_API", "FastSigningRequest")];
        vec![visit(None, "CONFIG", &only_fast); 2 * echoes]
    };
    let Some((service, traces)) = traces(test_name!(), faults, visits) else {
        return;
    };
    traces.assert_hidden(&[service.token()]);
    for part in [
        "C_Login: SignPath refused the API token (401",
        "C_Sign: SignPath refused the API token (401",
        "***",
    ] {
        assert!(traces.log.contains(part), "{part}");
    }
    let attempts = service.requests().len();
    let expected = LEVELS.len() * 3 * echoes("").len() + 1;
    assert_eq!(attempts, expected, "each answer was given");
}

#[test]
fn not_when_a_proxy_wants_a_password_or_repeats_it() {
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
        let encoded = PASSWORD
            .replace('/', "%2F")
            .replace('+', "%2B")
            .replace('=', "%3D");
        let address = service.api_url();
        let address = address.split('/').nth(2).unwrap();
        // The service is its own proxy; nobody listens on the other port.
        let proxy = format!("http://user:{encoded}@{address}");
        let nobody = format!("user:{encoded}@127.0.0.1:1");
        let at_once = ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "1");
        let strange = format!("socks5://user:{encoded}@{address}");
        let another_machine = another_machine(service);
        let [url, permission] = another_machine
            .each_ref()
            .map(|(name, value)| (*name, &**value));
        let through = |proxy| {
            visit(
                None,
                "CONFIG",
                &[("http_proxy", proxy), url, permission, at_once],
            )
        };
        [&*proxy, &proxy, &proxy, &nobody, &strange]
            .map(through)
            .into()
    };
    let Some((service, traces)) = traces(test_name!(), faults, visits) else {
        return;
    };
    traces.assert_hidden(&[service.token(), PASSWORD]);
    for part in [
        "(407 Proxy Authentication Required)",
        "127.0.0.1:1",
        "environment variable http_proxy",
    ] {
        assert!(traces.log.contains(part), "{part}");
    }
    assert!(
        traces.told.contains("CommandLine"),
        "it signed through the proxy"
    );
}

#[test]
fn not_when_it_stands_in_the_place_of_another_setting() {
    let with_password = "https://user:Zq7xkPqx0wV9sLmT@signpath.example/Api";
    let in_query = format!("https://signpath.example/Api?token={TOKEN}");
    let with_line_break = format!("{TOKEN}\nx");
    let encrypted = format!("encrypted:{TOKEN}");
    let visits = |_: &Service| {
        visits(
            "CONFIG",
            &[
                ("SIGNPATH_API_URL", TOKEN),
                ("SIGNPATH_API_URL", with_password),
                ("SIGNPATH_API_URL", &in_query),
                ("SIGNPATH_ORGANIZATION_ID", TOKEN),
                ("SIGNPATH_API_TOKEN", &with_line_break),
                ("SIGNPATH_API_TOKEN", &encrypted),
                ("SIGNPATH_CI_USER_TOKEN", TOKEN),
                ("SIGNPATH_SIGNING_API", TOKEN),
                ("SIGNPATH_METADATA", TOKEN),
                ("SIGNPATH_ALLOW_INSECURE_HTTP", TOKEN),
                ("SIGNPATH_TLS_CLIENT_CERTIFICATE", TOKEN),
                ("http_proxy", TOKEN),
                ("SIGNPATH_CRYPTOKI_LOGIN_REQUIRED", TOKEN),
                ("SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", TOKEN),
                ("SIGNPATH_POLICY_CACHE_SECONDS", TOKEN),
            ],
        )
    };
    let Some((service, traces)) = traces(test_name!(), |_| Vec::new(), visits) else {
        return;
    };
    traces.assert_hidden(&[service.token(), TOKEN, "Zq7xkPqx0wV9sLmT"]);
    assert!(
        traces.log.contains("SIGNPATH_METADATA: expected"),
        "{}",
        traces.log
    );
}

#[test]
fn not_when_the_configuration_file_is_malformed_at_the_token() {
    let quoted = format!("\"{TOKEN}\"");
    let contents = [
        format!("{{\"ApiToken\": \"{TOKEN}"),
        format!("{{\"ApiToken\": {TOKEN}}}"),
        format!("{{\"ApiToken\": '{TOKEN}'}}"),
        format!("{{\"ApiToken\": {quoted} \"ApiUrl\": 1}}"),
        format!("{{\"ApiToken\": {quoted}, {quoted}}}"),
        format!("{{\"ApiToken\": [{quoted}]}}"),
        format!("{{\"ApiToken\": {{\"Value\": {quoted}}}}}"),
        format!("{{\"ApiToken\": {quoted}, \"ApiToken\": {quoted}}}"),
        format!("{{\"ApiTokn\": {quoted}}}"),
        format!("{{\"ApiToken\": \"{TOKEN}\n\"}}"),
        format!("{{\"ApiToken\": \"{TOKEN}\\x\"}}"),
        format!("{{\"HttpRequestTimeoutInSeconds\": {quoted}}}"),
        format!("{{\"Log\": {quoted}}}"),
        format!("{{\"Cryptoki\": {{\"LoginRequired\": {quoted}}}}}"),
        quoted.clone(),
        TOKEN.to_owned(),
    ];
    let files = tempfile::tempdir().unwrap();
    let visits = |_: &Service| {
        let paths = contents.iter().enumerate().map(|(number, content)| {
            let path = files.path().join(format!("{number}.json"));
            std::fs::write(&path, content).unwrap();
            let variable = ("SIGNPATH_CONFIG_FILE", path.to_str().unwrap());
            visit(None, "CONFIG", &[variable])
        });
        paths.collect()
    };
    let Some((service, traces)) = traces(test_name!(), |_| Vec::new(), visits) else {
        return;
    };
    traces.assert_hidden(&[service.token(), TOKEN]);
    let refused = traces.log.matches("[CKR_GENERAL_ERROR]").count();
    let levels = LEVELS
        .iter()
        .filter(|level| !["fatal", "none"].contains(level));
    // The misspelt name alone is ignored.
    let expected = levels.count() * (contents.len() - 1);
    assert_eq!(refused, expected, "{}", traces.log);
}

#[test]
fn not_when_the_service_repeats_it_as_the_name_of_a_signing_policy() {
    let visits = |service: &Service| {
        let address = service.api_url().split('/').nth(2).unwrap();
        // The service is its own proxy, with the names of a key and of none as passwords.
        let proxy = |password: &str| format!("http://user:{password}@{address}");
        let proxies = [proxy("demo%2Fp-256"), proxy("demo%2Funusable")];
        let another_machine = another_machine(service);
        let [url, permission] = another_machine
            .each_ref()
            .map(|(name, value)| (*name, &**value));
        proxies
            .map(|proxy| visit(None, "CONFIG", &[("http_proxy", &proxy), url, permission]))
            .into()
    };
    let faults = |_: &Service| vec![Fault::on(SIGN, Effect::status(400))];
    let with_unusable = || {
        let policies = r#"{"policies": [
            {"project": "demo", "policy": "unusable", "key": "p-384", "certificate": "Garbage"},
            {"project": "demo", "policy": "p-256", "key": "p-256"}]}"#;
        let policies = PolicyFile::parse(policies).unwrap();
        let options = crate::common::options();
        Service::start(Options {
            policies,
            ..options
        })
        .unwrap()
    };
    let Some((_, traces)) = traces_with(with_unusable, test_name!(), faults, visits) else {
        return;
    };
    for part in [
        "POST SigningRequests, attempt 1, signing policy ***: 400 Bad Request",
        "C_Sign: SignPath refused the signing request for *** (400 Bad Request)",
        "warning: signing policy ***: ",
    ] {
        assert!(traces.log.contains(part), "{part}: {}", traces.log);
    }
}

#[test]
fn not_when_a_client_certificate_lost_its_line_breaks() {
    let files = tempfile::tempdir().unwrap();
    let key = format!("-----BEGIN PRIVATE KEY-----\n{TOKEN}\n{TOKEN}\n-----END PRIVATE KEY-----\n");
    let certificate = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
    let contents = [
        key.replace('\n', " "),
        key.replace('\n', "\\n"),
        key.replacen('\n', "\\n", 3),
        format!("{certificate}{}", key.replace('\n', " ")),
        format!("{certificate}{}", key.replace('\n', "\\n")),
        format!("{certificate}{}", key.replacen('\n', " ", 3)),
        format!(
            "{certificate}{}",
            key.replace("-----END PRIVATE KEY-----", "")
        ),
        key.replace("-----END", TOKEN),
    ];
    let visits = |_: &Service| {
        let mut visits = Vec::new();
        for (number, content) in contents.iter().enumerate() {
            let path = files.path().join(format!("{number}.pem"));
            std::fs::write(&path, content).unwrap();
            let path = path.to_str().unwrap();
            let client = format!("file:{path}");
            visits.push(visit(
                None,
                "CONFIG",
                &[("SIGNPATH_TLS_CLIENT_CERTIFICATE", &client)],
            ));
            let https = ("SIGNPATH_API_URL", "https://127.0.0.1:1/Api");
            let authority = ("SIGNPATH_TLS_CA_FILE", path);
            visits.push(visit(None, "CONFIG", &[https, authority]));
        }
        visits
    };
    let Some((service, traces)) = traces(test_name!(), |_| Vec::new(), visits) else {
        return;
    };
    // The bytes of a piece in decimal and in hexadecimal, as `{:?}` and `{:x?}` write them.
    let bytes = &TOKEN.as_bytes()[..PIECE];
    let numbers = [format!("{bytes:?}"), format!("{bytes:x?}")];
    let numbers = numbers.map(|list| list.trim_matches(['[', ']']).to_owned());
    let [decimal, hexadecimal] = &numbers;
    traces.assert_hidden(&[service.token(), TOKEN]);
    for text in [&traces.run.stderr, &traces.run.stdout, &traces.log] {
        assert!(!text.contains(decimal), "{decimal} is in {text}");
        assert!(!text.contains(hexadecimal), "{hexadecimal} is in {text}");
    }
    assert!(traces.log.contains("is not valid PEM"), "{}", traces.log);
}

#[test]
fn not_when_a_tool_has_it_in_its_command_line() {
    let (service, folder) = (service(), LogFolder::new());
    for level in LEVELS {
        let pin = format!("{}:{}", service.organization_id(), service.token());
        let output = command("pkcs11-tool")
            .args(pkcs11_tool_arguments(&pin, folder.0.path()))
            .env("SIGNPATH_API_URL", service.api_url())
            .env(CONSOLE_LEVEL, level)
            .envs(folder.environment(level))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let traces = Traces {
            log: std::fs::read_to_string(folder.path().join(FILE)).unwrap(),
            told: format!("{:?}", service.requests()),
            run: Run {
                status: output.status,
                stderr: text(output.stderr),
                stdout: text(output.stdout),
            },
        };
        traces.assert_hidden(&[service.token()]);
        assert!(traces.told.contains("--pin *** --login"), "{}", traces.told);
    }
}

/// A program may have any text as its name, and with it what other tools are given.
#[test]
fn the_service_is_told_a_short_command_line_without_the_secrets_of_others() {
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
        let mut arguments = pkcs11_tool_arguments("CONFIG", folder.0.path());
        arguments.extend(["--token-label".to_owned(), "SignPath".to_owned()]);
        let output = command("pkcs11-tool")
            .arg0(name)
            .args(arguments)
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
