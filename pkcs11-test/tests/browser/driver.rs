//! Chromium, through the WebDriver protocol (W3C) of its driver.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, Once, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

/// How long to wait for what should happen at once.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Options of Chromium.
const ARGUMENTS: [&str; 10] = [
    "--headless=new",
    // The sandbox needs rights that a container may lack.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    // The same colors and sizes everywhere.
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    // No connections but those to the page: without the internet each of them would have to fail first.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
];
/// The name of an element's reference: WebDriver, section 12.1.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window.
pub struct Browser {
    driver: Child,
    http: reqwest::blocking::Client,
    session: String,
    /// One browser at a time.
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Opens a page in a window of that size.
    pub fn open(url: &str, (width, height): (u32, u32)) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            let provider = rustls::crypto::ring::default_provider();
            provider.install_default().expect("the first provider");
        });
        static TURN: Mutex<()> = Mutex::new(());
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);

        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed");
        let said = BufReader::new(driver.stdout.take().expect("stdout"));
        let (found, port) = mpsc::channel();
        thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    let _ = found.send(port.trim_end_matches('.').to_owned());
                }
            }
        });
        let port = port.recv_timeout(TIMEOUT).expect("chromedriver starts");
        let http = reqwest::blocking::Client::builder()
            .no_proxy()
            .timeout(2 * TIMEOUT)
            .build()
            .expect("a client");
        let mut browser =
            Self { driver, http, session: format!("http://127.0.0.1:{port}/session"), _turn: turn };
        let mut arguments = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--window-size={width},{height}"));
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments } } } });
        let session = browser.call("", capabilities);
        let id = session["sessionId"].as_str().expect("a session");
        browser.session = format!("{}/{id}", browser.session);
        // The window's size counts its frame, which differs.
        browser.resize(width, height);
        browser.call("/url", json!({ "url": url }));
        browser
    }

    pub fn resize(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.developer_tools("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Shows pages as someone sees them who prefers light or dark ones.
    pub fn prefer(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.developer_tools("Emulation.setEmulatedMedia", features);
    }

    pub fn developer_tools(&self, command: &str, parameters: Value) -> Value {
        self.call("/goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
    }

    fn call(&self, path: &str, body: Value) -> Value {
        let url = format!("{}{path}", self.session);
        let value = answered(self.http.post(url).json(&body));
        let message = &value["message"];
        assert!(value["error"].is_null(), "{path} {body}: {message}");
        value
    }

    fn get(&self, path: &str) -> Value {
        answered(self.http.get(format!("{}{path}", self.session)))
    }

    /// Runs the body of a function.
    pub fn script(&self, script: &str) -> Value {
        self.call("/execute/sync", json!({ "script": script, "args": [] }))
    }

    /// Runs the body of a function whose last argument is called with the result.
    pub fn async_script(&self, script: &str) -> Value {
        self.call("/execute/async", json!({ "script": script, "args": [] }))
    }

    fn element(&self, selector: &str) -> String {
        let found = self.call("/element", json!({ "using": "css selector", "value": selector }));
        found[ELEMENT].as_str().expect("an element").to_owned()
    }

    pub fn click(&self, selector: &str) {
        let element = self.element(selector);
        // What is fixed or sticky may be above an element that has just been scrolled into view.
        self.script(&format!(
            "document.querySelector({}).scrollIntoView({{ block: 'center' }})",
            json!(selector)
        ));
        self.call(&format!("/element/{element}/click"), json!({}));
    }

    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector);
        self.call(&format!("/element/{element}/clear"), json!({}));
        self.call(&format!("/element/{element}/value"), json!({ "text": text }));
    }

    /// Presses a key: WebDriver, section 17.4.2.
    pub fn press(&self, key: char) {
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": [
            { "type": "keyDown", "value": key }, { "type": "keyUp", "value": key } ] }] });
        self.call("/actions", actions);
    }

    pub fn text(&self, selector: &str) -> String {
        let element = self.element(selector);
        let text = self.get(&format!("/element/{element}/text"));
        text.as_str().expect("text").to_owned()
    }

    /// Waits until an expression is true.
    pub fn wait_for(&self, expression: &str) {
        self.wait_at_most(TIMEOUT, expression);
    }

    pub fn wait_at_most(&self, limit: Duration, expression: &str) {
        let begin = Instant::now();
        while self.script(&format!("return Boolean({expression})")) != true {
            assert!(
                begin.elapsed() < limit,
                "within {limit:?} not true: {expression}: {}",
                self.script("return document.body.innerText")
            );
        }
    }

    pub fn screenshot(&self, file: &Path) {
        let picture = self.get("/screenshot");
        let picture = picture.as_str().expect("a picture");
        let picture = BASE64_STANDARD.decode(picture).expect("base64");
        std::fs::write(file, picture).expect("write");
    }

    /// What is in the console.
    pub fn console(&self) -> Vec<String> {
        self.call("/se/log", json!({ "type": "browser" }))
            .as_array()
            .expect("a log")
            .iter()
            .map(|entry| format!("{}: {}", entry["level"], entry["message"]))
            .collect()
    }
}

fn answered(request: reqwest::blocking::RequestBuilder) -> Value {
    let answer = request.send().and_then(|answer| answer.json::<Value>());
    answer.expect("chromedriver answers")["value"].take()
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ends the browser too.
        let _ = self.http.delete(&self.session).send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
