//! What a situation is made of, and the calls of a program in it.

use std::any::Any;
use std::net::{Shutdown, TcpListener, TcpStream};

use cryptoki_sys::*;
use pkcs11_test::harness::{Mechanism, Module, Rv};
use pkcs11_test::{Effect, Fault, Service, TlsOptions};

use crate::common::programs::free_address;
use crate::common::{
    self, LIST, NOTHING, ONE_ATTEMPT, Run, SIGN, Traffic, beyond_loopback, environment, service,
    tls_service, traffic, visible, with_policies,
};

/// The password of a proxy's user.
pub const PROXY_PASSWORD: &str = "pr0xy-passw0rd";

/// A token that the service does not know.
pub const WRONG_TOKEN: &str = "wr0ng-t0ken";

/// A local service, which the configuration leads to with one attempt for each request, until a
/// situation makes it otherwise.
pub struct Scene {
    /// The service.
    pub service: Service,
    /// The variables of the module's process.
    pub environment: Vec<(String, String)>,
    folder: tempfile::TempDir,
    /// Texts that differ from run to run, and how the page calls them.
    names: Vec<(String, String)>,
    /// What has to be there until the module has ended.
    others: Vec<Box<dyn Any>>,
    /// What else has to hold when the module has ended.
    checks: Vec<Box<dyn Fn() -> Option<String>>>,
}

impl Scene {
    /// Nothing is wrong yet.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut scene = Self {
            service: service(),
            environment: Vec::new(),
            names: Vec::new(),
            others: Vec::new(),
            checks: Vec::new(),
            folder,
        };
        scene.call(&scene.folder(), "/path");
        scene.use_service();
        scene
    }

    fn use_service(&mut self) {
        self.environment = environment(&self.service, &[ONE_ATTEMPT]);
        let url = self.service.api_url().to_owned();
        let scheme = url.split(':').next().unwrap_or_default();
        self.call(&url, &format!("{scheme}://signpath.example/Api"));
    }

    /// Another service than the usual one, with these policies.
    pub fn serve(&mut self, policies: &str) {
        self.service = Service::start(with_policies(policies)).unwrap();
        self.use_service();
    }

    /// A service with TLS.
    pub fn serve_tls(&mut self) {
        self.serve_tls_with(TlsOptions::default());
    }

    /// The same with options.
    pub fn serve_tls_with(&mut self, tls_options: TlsOptions) {
        self.service = tls_service(tls_options);
        self.use_service();
    }

    /// Sets a variable; an empty one counts as unset.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(known, _)| known != name);
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// What the page says instead of `text`.
    pub fn call(&mut self, text: &str, name: &str) {
        self.names.push((text.to_owned(), name.to_owned()));
    }

    /// Sets the URL of the API, which the page calls by the usual name with the scheme `scheme`.
    pub fn lead_to(&mut self, scheme: &str, address: &str) {
        let url = format!("{scheme}://{address}/Api");
        self.set("SIGNPATH_API_URL", &url);
        self.call(&url, &format!("{scheme}://signpath.example/Api"));
    }

    /// Leads to the same API as if it were on another machine, to which proxies may lead.
    pub fn lead_to_another_machine(&mut self) {
        let mut environment = self.environment.iter();
        let url = environment.find(|(name, _)| name == "SIGNPATH_API_URL");
        let url = beyond_loopback(&url.unwrap().1);
        let (scheme, rest) = url.split_once("://").unwrap();
        let address = rest.trim_end_matches("/Api").to_owned();
        self.lead_to(scheme, &address);
        self.call(&address, "signpath.example:443");
        self.set("SIGNPATH_ALLOW_INSECURE_HTTP", "true");
    }

    /// Leads to the service by an address that accepts only one connection, which ends with the first response.
    pub fn accept_one_connection(&mut self) {
        self.service.inject(Fault::on(LIST, Effect::Last)).unwrap();
        let url = self.service.api_url();
        let service = url.trim_start_matches("http://").trim_end_matches("/Api");
        let service = TcpStream::connect(service).unwrap();
        let listener = TcpListener::bind(free_address()).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            drop(listener);
            std::thread::scope(|scope| {
                scope.spawn(|| std::io::copy(&mut &client, &mut &service));
                let _ = std::io::copy(&mut &service, &mut &client);
                let _ = client.shutdown(Shutdown::Both);
            });
        });
        self.lead_to("http", &address);
    }

    /// Keeps something running, or open, until the module has ended.
    pub fn keep(&mut self, other: impl Any) {
        self.others.push(Box::new(other));
    }

    /// Adds a check, which says what is wrong.
    pub fn expect(&mut self, check: impl Fn() -> Option<String> + 'static) {
        self.checks.push(Box::new(check));
    }

    /// What is wrong, as the checks say; or a secret is shown.
    pub fn wrong(&self, run: &Run) -> Option<String> {
        let output = [&*run.stdout, &run.stderr].concat();
        let secrets = [self.service.token(), PROXY_PASSWORD, WRONG_TOKEN];
        if secrets.iter().any(|secret| output.contains(secret)) {
            return Some("a secret is shown".to_owned());
        }
        self.checks.iter().find_map(|check| check())
    }

    /// The path of the folder for files.
    pub fn folder(&self) -> String {
        self.folder.path().to_str().unwrap().to_owned()
    }

    /// A file with this content; its path.
    pub fn file(&mut self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Sets a variable to the path of a file with this content.
    pub fn set_file(&mut self, variable: &str, name: &str, content: impl AsRef<[u8]>) {
        let path = self.file(name, content);
        self.set(variable, &path);
    }

    /// A pipe that nobody writes into; its path.
    pub fn pipe(&mut self, name: &str) -> String {
        let path = self.folder.path().join(name);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Happens to every request for the list.
    pub fn fail_list(&mut self, effect: Effect) {
        self.service.inject(Fault::on(LIST, effect).always()).unwrap();
    }

    /// Happens to the first fast signing requests, for which there is time enough.
    pub fn retry_sign<const N: usize>(&mut self, effects: [Effect; N]) {
        self.try_again();
        for effect in effects {
            self.service.inject(Fault::on(SIGN, effect)).unwrap();
        }
    }

    /// Happens to every fast signing request.
    pub fn fail_sign(&mut self, effect: Effect) {
        self.service.inject(Fault::on(SIGN, effect).always()).unwrap();
    }

    /// Leaves time for as many attempts as the configuration's default does.
    pub fn try_again(&mut self) {
        self.set(ONE_ATTEMPT.0, "");
    }

    /// One attempt ends after a second.
    pub fn hurry(&mut self) {
        self.set("SIGNPATH_HTTP_REQUEST_TIMEOUT_IN_SECONDS", "1");
    }

    /// `line` as it is in every run: names instead of ports and folders, and numbers of five and
    /// more digits, digests, trace ids and times left out.
    pub fn without_chance(&self, line: &str) -> String {
        let line = line.strip_prefix("signpath-pkcs11: ").unwrap_or(line);
        let mut line = line.to_owned();
        for (text, name) in &self.names {
            line = line.replace(text, name);
        }
        let words: Vec<_> = line.split(' ').collect();
        let words = words.iter().enumerate().map(|(index, word)| {
            let word_or_path = word.trim_matches(|c: char| c.is_ascii_punctuation());
            let bare = word_or_path.rsplit('/').next().unwrap_or_default();
            let is_number = bare.bytes().all(|byte| byte.is_ascii_digit());
            let is_seconds =
                words.get(index + 1).is_some_and(|next| next.trim_end_matches([';', ',']) == "s")
                    && bare.contains('.')
                    && bare.parse::<f64>().is_ok();
            let is_trace_id = bare.starts_with("00-");
            let is_sha256 = bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
            let is_time = bare.len() == 20 && bare.contains('T') && bare.ends_with('Z');
            if (bare.len() >= 5 && is_number) || is_seconds || is_trace_id || is_sha256 || is_time {
                word.replace(bare, "…")
            } else {
                (*word).to_owned()
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// How many requests came to the service.
    pub fn requests(&self) -> String {
        let Traffic { lists, signatures, .. } = traffic(&self.service.requests());
        match (lists, signatures) {
            (0, 0) => "none".to_owned(),
            (_, 0) => format!("{lists} GET"),
            _ => format!("{lists} GET, {signatures} POST"),
        }
    }
}

/// C_Initialize.
pub fn initialize(module: &Module) -> Rv {
    module.initialize()
}

/// C_Login with the PIN `CONFIG`.
pub fn login(module: &Module) -> Rv {
    module.opened().login()
}

/// C_Login with another PIN.
pub fn login_with(module: &Module, pin: &str) -> Rv {
    module.opened().login_as(CKU_USER, pin.as_bytes())
}

/// C_FindObjectsInit before C_Login.
pub fn search(module: &Module) -> Rv {
    assert_eq!(visible(module.opened()), NOTHING);
    Rv(CKR_OK)
}

/// C_Sign with a key of P-256.
pub fn sign(module: &Module) -> Rv {
    common::sign(module.logged_in().unwrap())
}

/// C_Sign after a signature that the service refuses.
pub fn sign_again(module: &Module) -> Rv {
    // A search would request the list again.
    let key = module.logged_in().unwrap().key("demo/p-256");
    let sign = || Rv::from(key.sign(CKM_ECDSA, &[7; 32]));
    assert_ne!(sign(), CKR_OK);
    sign()
}

/// C_Sign, or C_SignInit if that fails, with so many bytes of data.
pub fn sign_with(module: &Module, mechanism: impl Into<Mechanism>, key: &str, length: usize) -> Rv {
    let key = module.logged_in().unwrap().key(key);
    key.sign(mechanism, &vec![7; length]).into()
}
