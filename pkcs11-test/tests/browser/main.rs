//! The page in a browser, while tools sign through the module. pkcs11-test/browser.sh installs what this needs, and runs it.

mod driver;
#[path = "../common/module.rs"]
mod module;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use pkcs11_test::{Options, PolicyFile, REPOSITORY, Service};
use serde_json::json;

use driver::Browser;
use module::{module, path_from};

const WIDE: (u32, u32) = (1440, 1100);
const NARROW: (u32, u32) = (390, 844);
/// WebDriver, section 17.4.2.
const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';

/// A new folder below that of Cargo for tests.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// A service with a page, and a folder in which tools sign.
struct Stage {
    service: Service,
    folder: PathBuf,
}

impl Stage {
    fn new(name: &str) -> Self {
        let policies = r#"{ "users": [ { "name": "ci" } ], "policies": [
            { "project": "app", "policy": "release", "key": "rsa-3072" },
            { "project": "app", "policy": "test", "key": "p-256" },
            { "project": "app", "policy": "packages", "key": "rsa-2048", "certificate": "None" } ] }"#;
        let folder = folder(name);
        // Command lines on the page do not show where this repository is.
        let link = folder.join("libsignpath_pkcs11.so");
        let _ = std::fs::remove_file(&link);
        std::os::unix::fs::symlink(module(), link).expect("a link");
        std::fs::write(folder.join("file"), "what is signed").expect("write");
        let service = Service::start(Options {
            policies: PolicyFile::parse(policies).expect("policies"),
            page: Some(([127, 0, 0, 1], 0).into()),
            // Keys take long to make.
            ..Options::new(self::folder("browser-state"))
        });
        Self { service: service.expect("the service starts"), folder }
    }

    fn open(&self) -> Browser {
        let browser = Browser::open(self.url(), WIDE);
        browser.wait_for("stream?.readyState === EventSource.OPEN");
        browser
    }

    fn url(&self) -> &str {
        self.service.page_url().expect("a page")
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new("timeout")
            .args(["60", program])
            .args(arguments)
            .current_dir(&self.folder)
            .envs(self.service.environment())
            .env("SIGNPATH_LOG_FILE_DIRECTORY", self.folder.join("logs"))
            .env("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "2")
            .env("PKCS11_MODULE_PATH", "./libsignpath_pkcs11.so")
            .output()
            .expect("the tool is installed")
    }

    /// Signs with pkcs11-tool.
    fn pkcs11_tool(&self, policy: &str, mechanism: &str) -> Output {
        let id: String = policy.bytes().map(|byte| format!("{byte:02x}")).collect();
        let login = "--module ./libsignpath_pkcs11.so --login --pin CONFIG";
        let files = "--input-file file --output-file file.sig";
        let line = format!("{login} --id {id} --sign --mechanism {mechanism} {files}");
        self.run("pkcs11-tool", &line.split(' ').collect::<Vec<_>>())
    }

    fn openssl(&self, policy: &str, digest: &str) -> Output {
        let key = format!("pkcs11:object={policy};type=private;pin-value=CONFIG");
        let sign = format!("dgst -engine pkcs11 -keyform engine -sign {key} {digest}");
        let line = sign + " -out file.sig file";
        self.run("openssl", &line.split(' ').collect::<Vec<_>>())
    }

    fn signs(&self, policy: &str, mechanism: &str) {
        let output = self.pkcs11_tool(policy, mechanism);
        assert!(output.status.success(), "{output:?}");
    }
}

const SIGNED_ROWS: &str = "document.querySelectorAll('#rows tr.signed').length";

fn assert_quiet(browser: &Browser) {
    let console = browser.console();
    assert!(console.is_empty(), "{console:#?}");
}

#[test]
fn a_signature_by_pkcs11_tool_shows_within_a_second_and_opens_by_keyboard() {
    let stage = Stage::new("page-signature");
    let browser = stage.open();
    assert!(browser.text("#request-table").contains("No requests yet"));
    stage.signs("app/test", "ECDSA-SHA256");
    browser.wait_at_most(Duration::from_secs(1), &format!("{SIGNED_ROWS} === 1"));
    let row = browser.text("#rows tr.signed");
    for part in ["pkcs11-tool", "app/test", "CKM_ECDSA_SHA256", "Ecdsa", "SHA-256", "ci", "Signed"]
    {
        assert!(row.contains(part), "{part}: {row}");
    }
    browser.wait_for("document.querySelector('#summary').innerText.startsWith('1 signed')");
    browser
        .wait_for("document.querySelector('#chart figcaption').innerText.startsWith('1 signed')");

    for _ in 0..40 {
        if browser.script("return document.activeElement.matches('.signed a.open')") == true {
            break;
        }
        browser.press(TAB);
    }
    browser.press(ENTER);
    browser.wait_for("document.querySelector('tr.opened pre')");
    let opened = browser.text("tr.opened");
    let signature = std::fs::read(stage.folder.join("file.sig")).expect("the signature");
    let signature: String = signature.iter().map(|byte| format!("{byte:02x}")).collect();
    for part in [
        signature.as_str(),
        "openssl pkeyutl -verify",
        "EcdsaSignatureFormat",
        "\"Signature\"",
        "--mechanism ECDSA-SHA256",
    ] {
        assert!(opened.contains(part), "{part}: {opened}");
    }
    browser.press(ENTER);
    browser.wait_for("!document.querySelector('tr.opened')");
    assert_quiet(&browser);
}

#[test]
fn a_fault_that_is_switched_on_changes_what_the_tool_gets() {
    let stage = Stage::new("page-fault");
    let browser = stage.open();
    browser.click("input[value=wrong-signature]");
    browser.click(".fault-form button");
    browser.wait_for("document.querySelector('.active')");
    let active = browser.text("#active-faults");
    assert!(active.contains("Answer with a wrong signature\nall signing requests"), "{active}");
    assert!(browser.text("#summary").contains("1 fault is on"));

    let refused = stage.pkcs11_tool("app/test", "ECDSA-SHA256");
    assert!(!refused.status.success());
    browser.wait_for("document.querySelector('#rows tr.failed')");
    assert!(browser.text("#rows tr.failed").contains("Wrong signature"));

    browser.click("button.heal");
    browser.wait_for("!document.querySelector('.active')");
    assert!(browser.text("#summary").contains("Healthy"));
    stage.signs("app/test", "ECDSA-SHA256");
    browser.wait_for(&format!("{SIGNED_ROWS} === 1"));

    // The reason is beside the button.
    browser.script("document.querySelector('input[name=times]').type = 'text'");
    browser.type_into("input[name=times]", "many");
    browser.click(".fault-form button");
    browser.wait_for("document.querySelector('.fault-form .form-error').innerText");
    let error = browser.text(".fault-form .form-error");
    assert!(error.contains("`times` is `many`"), "{error}");
    // Browsers report every answer with status 400.
    let console = browser.console();
    assert!(console.len() == 1 && console[0].contains("400"), "{console:#?}");
}

#[test]
fn filters_pauses_and_clears() {
    let stage = Stage::new("page-filter");
    let browser = stage.open();
    stage.signs("app/test", "ECDSA-SHA256");
    stage.signs("app/release", "SHA256-RSA-PKCS");
    browser.wait_for(&format!("{SIGNED_ROWS} === 2"));

    browser.click("select[name=policy] option[value='app/release']");
    browser.wait_for("document.querySelectorAll('#rows tr').length === 1");
    assert!(browser.text("#rows").contains("app/release"));
    stage.signs("app/test", "ECDSA-SHA256");
    stage.signs("app/release", "SHA512-RSA-PKCS");
    browser.wait_for("document.querySelectorAll('#rows tr').length === 2");
    assert!(!browser.text("#rows").contains("app/test"));
    browser.click("select[name=outcome] option[value=failed]");
    browser.wait_for("!document.querySelector('#rows tr')");
    assert!(browser.text("#request-table").contains("No request fits"));
    browser.click("select[name=policy] option[value='']");
    browser.click("select[name=outcome] option[value=signed]");
    browser.wait_for(&format!("{SIGNED_ROWS} === 4"));

    browser.click("#pause");
    stage.signs("app/test", "ECDSA-SHA256");
    browser.wait_for("document.querySelector('#pause').innerText === 'Resume (1 new)'");
    assert_eq!(browser.script(&format!("return {SIGNED_ROWS}")), 4);
    browser.click("#pause");
    browser.wait_for(&format!("{SIGNED_ROWS} === 5"));

    browser.click("#filter button[data-send]");
    browser.wait_for("!document.querySelector('#rows tr')");
    stage.signs("app/test", "ECDSA-SHA256");
    browser.wait_for(&format!("{SIGNED_ROWS} === 1"));
    assert_quiet(&browser);
}

#[test]
fn copies_commands_and_names() {
    let stage = Stage::new("page-copy");
    let browser = stage.open();
    let (origin, _) = stage.url().split_once("/?").expect("a query");
    let permissions = json!({ "origin": origin, "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
    browser.developer_tools("Browser.grantPermissions", permissions);
    let copied = || {
        browser.wait_for("document.querySelector('#said.shown')");
        browser.async_script("navigator.clipboard.readText().then(arguments[0])")
    };
    for (element, text) in
        [("uri-1", "pkcs11:object=app%2Ftest;type=private"), ("id-1", "6170702f74657374")]
    {
        browser.click(&format!("[data-copy={element}]"));
        assert_eq!(copied(), text);
    }
    browser.click("[data-copy=commands-first]");
    let commands = copied().as_str().expect("text").to_owned();
    let token = stage.service.token();
    assert!(commands.contains("SIGNPATH_API_TOKEN='file:") && !commands.contains(token));
    assert_quiet(&browser);
}

#[test]
fn a_policy_that_is_added_is_there_for_the_next_tool() {
    let stage = Stage::new("page-policy");
    let browser = stage.open();
    browser.click(".add summary");
    for (policy, key, kind, mechanism, shown) in [
        ("x509", "p-256", "X509", "ECDSA-SHA256", "Code signing certificate"),
        ("gpg", "rsa-2048", "None", "SHA256-RSA-PKCS", "Type GPG: OpenPGP key"),
    ] {
        browser.type_into(".add input[name=project]", "app");
        browser.type_into(".add input[name=policy]", policy);
        browser.click(&format!(".add select[name=key] option[value={key}]"));
        browser.click(&format!(".add select[name=certificate] option[value={kind}]"));
        browser.click(".add button");
        browser.wait_for("document.querySelectorAll('.policies > li').length === 4");
        let card = browser.text(".policies > li:last-child");
        assert!(card.contains(shown), "{card}");
        stage.signs(&format!("app/{policy}"), mechanism);
        browser.wait_for(&format!(
            "document.querySelector('#rows').innerText.includes('app/{policy}')"
        ));
        browser.click(".policies > li:last-child button.link");
        browser.wait_for("document.querySelectorAll('.policies > li').length === 3");
        let refused = stage.pkcs11_tool(&format!("app/{policy}"), mechanism);
        assert!(!refused.status.success());
    }
    assert_quiet(&browser);
}

/// The commands as they are on the page.
#[test]
fn gpg_signs_with_the_commands_of_the_page() {
    let stage = Stage::new("page-gpg");
    let browser = stage.open();
    let commands = |id: &str| {
        let text = browser.script(&format!("return document.getElementById('{id}').textContent"));
        text.as_str().expect("text").to_owned()
    };
    let script =
        format!("{}{}gpgconf --kill all", commands("commands-first"), commands("commands-6"));
    // gpg's folder must have a short path.
    let data = tempfile::tempdir().expect("a folder");
    let output = Command::new("timeout")
        .args(["60", "sh", "-euc", &script])
        .env("XDG_DATA_HOME", data.path())
        .env("SIGNPATH_LOG_FILE_DIRECTORY", stage.folder.join("logs"))
        .output()
        .expect("sh");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.contains("Good signature"), "{script}\n{said}");
    browser.wait_for(&format!("{SIGNED_ROWS} === 1"));
    let row = browser.text("#rows tr.signed");
    assert!(row.contains("gnupg-pkcs11-scd") && row.contains("app/packages"), "{row}");
}

#[test]
fn ten_thousand_requests_leave_a_hundred_rows() {
    let stage = Stage::new("page-many");
    let browser = stage.open();
    let health = format!("{}/healthz", stage.service.api_url());
    let http = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
    for _ in 0..10_000 {
        http.get(&health).send().expect("an answer");
    }
    browser.wait_for("document.querySelector('#request-10000')");
    assert_eq!(browser.script("return document.querySelectorAll('#rows tr').length"), 100);
    browser.click("a[rel=next]");
    browser.wait_for("document.querySelector('#request-9900')");
    browser.click(".pager a");
    browser.wait_for("document.querySelector('#request-10000')");
    assert_quiet(&browser);
}

/// A page with all that it can show: requests of several tools, one of them open, and a fault.
fn busy_page(stage: &Stage, browser: &Browser) {
    for (policy, mechanism) in [
        ("app/test", "ECDSA-SHA256"),
        ("app/release", "SHA256-RSA-PKCS"),
        ("app/release", "SHA512-RSA-PKCS-PSS"),
        ("app/packages", "SHA512-RSA-PKCS"),
    ] {
        stage.signs(policy, mechanism);
    }
    let output = stage.openssl("app%2Frelease", "-sha256");
    assert!(output.status.success(), "{output:?}");
    browser.click("input[value=wrong-signature]");
    browser.type_into("input[name=times]", "1");
    browser.click(".fault-form button");
    browser.wait_for("document.querySelector('.active')");
    stage.openssl("app%2Frelease", "-sha384");
    browser.wait_for("!document.querySelector('.active') && document.querySelector('tr.failed')");
    stage.signs("app/test", "ECDSA-SHA384");
    browser.wait_for(&format!("{SIGNED_ROWS} === 6"));
    browser.click("input[value=unavailable]");
    browser.type_into("input[name=times]", "3");
    browser.click(".fault-form button");
    browser.wait_for("document.querySelector('.active')");
    // Below a few others.
    browser.click("#rows tr:nth-child(5) a.open");
    browser.wait_for("document.querySelector('tr.opened')");
    browser.script("document.activeElement.blur(); scrollTo(0, 0)");
    // The pointer is above nothing.
    browser.developer_tools(
        "Input.dispatchMouseEvent",
        json!({ "type": "mouseMoved", "x": 0, "y": 0 }),
    );
}

#[test]
fn everyone_can_use_it() {
    let stage = Stage::new("page-accessibility");
    let axe = std::fs::read_to_string(path_from("pkcs11-test/lib/axe.sh")).expect("axe-core");
    let browser = stage.open();
    busy_page(&stage, &browser);
    browser.script("for (const closed of document.querySelectorAll('details')) { closed.removeAttribute('name'); closed.open = true; }");
    browser.script(&axe);
    for (scheme, (width, height)) in
        [("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW)]
    {
        browser.prefer(scheme);
        browser.resize(width, height);
        let found = browser.async_script("axe.run().then(arguments[0])");
        let violations: Vec<_> = found["violations"]
            .as_array()
            .expect("violations")
            .iter()
            .map(|violation| {
                let nodes: Vec<_> = violation["nodes"]
                    .as_array()
                    .expect("nodes")
                    .iter()
                    .map(|node| format!("{} {}", node["target"], node["failureSummary"]))
                    .collect();
                format!("{}: {nodes:#?}", violation["id"])
            })
            .collect();
        assert!(violations.is_empty(), "{scheme} {width}: {violations:#?}");
        // Nothing makes the page wider than the window.
        assert_eq!(
            browser.script("return document.documentElement.scrollWidth"),
            width,
            "{scheme}"
        );
    }
    assert_quiet(&browser);
}

/// The pictures of docs/local-service.md. They differ in times and digests each time, so only their sizes are compared.
#[test]
fn looks_as_the_documentation_shows_it() {
    let stage = Stage::new("page-pictures");
    let browser = stage.open();
    busy_page(&stage, &browser);
    let update = std::env::var("SIGNPATH_TEST_UPDATE").as_deref() == Ok("1");
    let target = if update { Path::new(REPOSITORY).join("docs") } else { folder("page-pictures") };
    for (scheme, (width, height), file) in [
        ("light", WIDE, "local-service.png"),
        ("dark", WIDE, "local-service-dark.png"),
        ("light", NARROW, "local-service-narrow.png"),
    ] {
        browser.prefer(scheme);
        browser.resize(width, height);
        browser.screenshot(&target.join(file));
        let documented = Path::new(REPOSITORY).join("docs").join(file);
        // Width and height (PNG specification, section 11.2.1).
        let size = |file: &Path| std::fs::read(file).map(|png| png[16..24].to_vec()).ok();
        let sizes = [&documented, &target.join(file)].map(|file| size(file));
        assert!(
            sizes[0].is_some() && sizes[0] == sizes[1],
            "{file} is out of date; SIGNPATH_TEST_UPDATE=1 writes it"
        );
    }
}
