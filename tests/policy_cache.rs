//! The list of signing policies that is kept on disk: when it spares a request, and when not.

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use common::{
    Run, SIGN, SIGN_HASH, Traffic, environment, in_child, initialized, logged_in, options, traffic,
};
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, ObjectClass};
use pkcs11_test::{Effect, Fault, Options, PolicyFile, Service};
use tempfile::TempDir;

/// What the child signs with.
const KEY: &str = "SIGNPATH_TEST_KEY";

/// Set where the child looks at all keys instead of searching for one.
const LISTS_ALL: &str = "SIGNPATH_TEST_LISTS_ALL";

/// A service and an empty cache folder.
struct Bench {
    service: Service,
    folder: TempDir,
    /// How many requests have been looked at.
    seen: usize,
}

impl Bench {
    fn new() -> Self {
        Self::with(common::service())
    }

    fn with(service: Service) -> Self {
        Self {
            service,
            folder: tempfile::tempdir().unwrap(),
            seen: 0,
        }
    }

    /// A run of a tool that logs in, looks for a key and signs; [`None`] in its child.
    fn sign(&self, test: &str, more: &[(&str, &str)]) -> Option<Run> {
        let prepare = || {
            let folder = self.folder.path().to_str().unwrap();
            let mut all = vec![
                ("XDG_CACHE_HOME", folder),
                ("SIGNPATH_POLICY_CACHE_SECONDS", "3600"),
                // No second attempt.
                ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "2"),
                (KEY, "demo/p-256"),
            ];
            all.extend(more);
            ((), environment(&self.service, &all))
        };
        in_child(test, prepare, sign).map(|((), run)| run)
    }

    /// Lists asked for and signing requests since the last question.
    fn traffic(&mut self) -> (usize, usize) {
        let requests = self.service.requests();
        let Traffic {
            lists, signatures, ..
        } = traffic(&requests[self.seen..]);
        self.seen = requests.len();
        (lists, signatures)
    }

    fn files(&self) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(self.folder.path().join("signpath-pkcs11")) else {
            return Vec::new();
        };
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// In the child: says the return value, or that there is no such key.
fn sign() {
    let module = initialized();
    let session = logged_in(&module);
    let id = Attribute::Id(std::env::var(KEY).unwrap().into_bytes());
    let class = Attribute::Class(ObjectClass::PRIVATE_KEY);
    let found = match std::env::var_os(LISTS_ALL) {
        None => session.find_objects(&[class, id]),
        Some(_) => session.find_objects(&[class]).map(|mut keys| {
            keys.retain(|key| {
                session.get_attributes(*key, &[AttributeType::Id]).unwrap() == [id.clone()]
            });
            keys
        }),
    };
    let signed = found.and_then(|keys| match keys.first() {
        None => Ok("no key".to_owned()),
        Some(key) => session
            .sign(&Mechanism::Ecdsa, *key, &[7; 32])
            .map(|_| "signed".to_owned()),
    });
    let answer = match signed {
        Ok(answer) => answer,
        Err(Error::Pkcs11(code, _)) => format!("{code:?}"),
        Err(other) => other.to_string(),
    };
    println!("\nsaid: {answer}");
}

fn said(run: &Run) -> &str {
    let said = run
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("said: "));
    said.unwrap()
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn with_a_kept_list_a_run_is_one_request() {
    let mut bench = Bench::new();
    for expected in [(1, 1), (0, 1), (0, 1)] {
        let Some(run) = bench.sign(test_name!(), &[]) else {
            return;
        };
        assert_eq!(said(&run), "signed");
        run.assert_silent();
        assert_eq!(bench.traffic(), expected);
    }
    let [file] = &bench.files()[..] else {
        panic!("{:?}", bench.files())
    };
    assert_eq!(mode(file), 0o600);
    assert_eq!(mode(file.parent().unwrap()), 0o700);
    let content = fs::read_to_string(file).unwrap();
    let token = bench.service.token();
    assert!(content.contains("demo") && !content.contains(token));
}

#[test]
fn without_the_setting_nothing_is_kept() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        if bench
            .sign(test_name!(), &[("SIGNPATH_POLICY_CACHE_SECONDS", "0")])
            .is_none()
        {
            return;
        }
        assert_eq!(bench.traffic(), (1, 1));
    }
    assert_eq!(bench.files(), Vec::<PathBuf>::new());
}

#[test]
fn another_token_or_filter_does_not_find_the_list() {
    let mut bench = Bench::new();
    let Some(_) = bench.sign(test_name!(), &[]) else {
        return;
    };
    assert_eq!(bench.traffic(), (1, 1));
    let filter = [
        ("SIGNPATH_PROJECT_SLUG", "demo"),
        ("SIGNPATH_SIGNING_POLICY_SLUG", "p-256"),
    ];
    for expected in [(1, 1), (0, 1)] {
        bench.sign(test_name!(), &filter).unwrap();
        assert_eq!(bench.traffic(), expected);
    }
    assert_eq!(bench.files().len(), 2);
}

/// Changes a kept list. Its first line is the SHA-256 of the rest, as `sha256sum` has it.
fn rewrite(file: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let content = fs::read_to_string(file).unwrap();
    let (_, json) = content.split_once('\n').unwrap();
    let mut list: serde_json::Value = serde_json::from_str(json).unwrap();
    change(&mut list);
    let json = list.to_string();
    fs::write(file, &json).unwrap();
    let digest = Command::new("sha256sum").arg(file).output().unwrap();
    let digest = String::from_utf8(digest.stdout).unwrap();
    let digest = digest.split(' ').next().unwrap();
    fs::write(file, format!("{digest}\n{json}")).unwrap();
}

#[test]
fn a_list_that_cannot_be_relied_on_is_asked_for_again_and_replaced() {
    let damages: [fn(&Path); 9] = [
        |file| {
            let content = fs::read(file).unwrap();
            fs::write(file, &content[..content.len() / 2]).unwrap();
        },
        |file| fs::set_permissions(file, Permissions::from_mode(0o622)).unwrap(),
        |file| {
            let elsewhere = file.with_file_name("elsewhere");
            fs::rename(file, &elsewhere).unwrap();
            symlink(elsewhere, file).unwrap();
        },
        |file| rewrite(file, |list| list["time"] = 1.into()),
        |file| rewrite(file, |list| list["time"] = u64::MAX.into()),
        |file| rewrite(file, |list| list["time"] = (u64::MAX / 1000).into()),
        |file| rewrite(file, |list| list["time"] = 4_102_444_800_u64.into()),
        |file| rewrite(file, |list| list["signingPolicies"][0] = 1.into()),
        |file| fs::write(file, [0xff; 1000]).unwrap(),
    ];
    let mut bench = Bench::new();
    let Some(_) = bench.sign(test_name!(), &[]) else {
        return;
    };
    let file = bench.files()[0].clone();
    bench.traffic();
    for (index, damage) in damages.iter().enumerate() {
        damage(&file);
        for expected in [(1, 1), (0, 1)] {
            bench.sign(test_name!(), &[]).unwrap().assert_silent();
            assert_eq!(bench.traffic(), expected, "damage {index}");
        }
        assert_eq!(mode(&file), 0o600);
    }
}

/// The base64 of a certificate of the key of a signing policy that expired in 2004.
fn expired(policy: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let template = folder.path().join("template");
    let dates =
        "activation_date = \"2003-01-01 00:00:00\"\nexpiration_date = \"2004-01-01 00:00:00\"";
    fs::write(&template, format!("cn = \"old\"\n{dates}\n")).unwrap();
    let keys = concat!(env!("CARGO_TARGET_TMPDIR"), "/service/keys/demo");
    let output = Command::new("certtool")
        .args(["--generate-self-signed", "--outder", "--template"])
        .arg(&template)
        .args(["--load-privkey", &format!("{keys}/{policy}.pem")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    BASE64_STANDARD.encode(output.stdout)
}

/// Gives a signing policy in a list an expired certificate.
fn let_expire(list: &mut serde_json::Value, policy: &str) {
    let policies = list["signingPolicies"].as_array_mut().unwrap();
    let of_policy = |entry: &&mut serde_json::Value| entry["signingPolicySlug"] == policy;
    let entry = policies.iter_mut().find(of_policy).unwrap();
    entry["certificateBytes"] = expired(policy).into();
}

#[test]
fn an_expired_certificate_matters_only_to_who_asks_for_its_policy() {
    let mut bench = Bench::new();
    let Some(_) = bench.sign(test_name!(), &[]) else {
        return;
    };
    let file = bench.files()[0].clone();
    bench.traffic();
    let all = (LISTS_ALL, "1");
    let other = (KEY, "demo/p-384");
    for (environment, lists) in [
        (&[][..], [1, 0]),
        (&[all], [1, 0]),
        (&[other], [0, 0]),
        (&[other, all], [0, 0]),
    ] {
        rewrite(&file, |list| let_expire(list, "p-256"));
        for lists in lists {
            let run = bench.sign(test_name!(), environment).unwrap();
            assert_eq!(said(&run), "signed", "{environment:?}");
            assert_eq!(bench.traffic(), (lists, 1), "{environment:?}");
            // Who lists all has seen the old one before.
            match environment == [all] && lists == 1 {
                true => run.assert_one_line(&["demo/p-256", "expired", "run the tool again"]),
                false => run.assert_silent(),
            }
        }
    }
}

#[test]
fn a_certificate_that_the_service_itself_shows_expired_costs_the_others_nothing() {
    let mut bench = Bench::new();
    let Some(_) = bench.sign(test_name!(), &[]) else {
        return;
    };
    let content = fs::read_to_string(&bench.files()[0]).unwrap();
    let (_, list) = content.split_once('\n').unwrap();
    let mut list = serde_json::from_str(list).unwrap();
    let_expire(&mut list, "p-256");
    let answer = Effect::answer(
        200,
        &[("Content-Type", "application/json")],
        list.to_string(),
    );
    let fault = Fault::on(common::LIST, answer).always();
    bench.service.inject(fault).unwrap();
    bench.traffic();
    let all = (LISTS_ALL, "1");
    for (environment, lists) in [
        (&[(KEY, "demo/p-999")][..], 1),
        (&[(KEY, "demo/p-384")], 0),
        (&[(KEY, "demo/p-384"), all], 0),
        (&[], 1),
        (&[all], 1),
    ] {
        let run = bench.sign(test_name!(), environment).unwrap();
        let signatures = usize::from(said(&run) == "signed");
        assert_eq!(bench.traffic(), (lists, signatures), "{environment:?}");
        assert_eq!(run.lines().len(), 1 - signatures, "{environment:?}");
    }
}

#[test]
fn a_policy_that_is_not_in_the_kept_list_is_looked_for_in_the_services_own() {
    let one = r#"{"project": "demo", "policy": "p-256", "key": "p-256"}"#;
    let two = r#"{"project": "demo", "policy": "p-384", "key": "p-384"}"#;
    let start = |listen, policies: &str| {
        Service::start(Options {
            listen,
            policies: PolicyFile::parse(&format!(r#"{{"policies": [{policies}]}}"#)).unwrap(),
            ..options()
        })
        .unwrap()
    };
    let mut bench = Bench::with(start(([127, 0, 0, 1], 0).into(), one));
    let Some(_) = bench.sign(test_name!(), &[]) else {
        return;
    };
    let url = bench.service.api_url().to_owned();
    let address = url.trim_start_matches("http://").trim_end_matches("/Api");
    bench.service.stop();
    bench.service = start(address.parse().unwrap(), &format!("{one}, {two}"));
    bench.seen = 0;
    for expected in [(1, 1), (0, 1)] {
        let run = bench.sign(test_name!(), &[(KEY, "demo/p-384")]).unwrap();
        assert_eq!(said(&run), "signed");
        run.assert_silent();
        assert_eq!(bench.traffic(), expected);
    }
    // A name that nobody has costs one request in each run, and is said.
    let run = bench.sign(test_name!(), &[(KEY, "demo/p-999")]).unwrap();
    assert_eq!(said(&run), "no key");
    run.assert_one_line(&[
        "no signing policy \"demo/p-999\"",
        "can sign with demo/p-256, demo/p-384",
    ]);
    assert_eq!(bench.traffic(), (1, 0));
}

#[test]
fn a_user_whom_the_service_refuses_has_no_list_any_more() {
    let mut bench = Bench::new();
    let Some(_) = bench.sign(test_name!(), &[]) else {
        return;
    };
    assert_eq!(bench.traffic(), (1, 1));
    assert_eq!(bench.files().len(), 1);
    let refusal = Fault::on(common::LIST, Effect::status(401));
    bench.service.inject(refusal).unwrap();
    // A name that is not in the list leads to the service.
    let run = bench.sign(test_name!(), &[(KEY, "demo/p-999")]).unwrap();
    assert_eq!(said(&run), "ArgumentsBad");
    run.assert_one_line(&["401 Unauthorized", "CKR_ARGUMENTS_BAD"]);
    assert_eq!(bench.files(), Vec::<PathBuf>::new());
}

#[test]
fn a_refusal_or_a_signature_of_another_key_makes_the_next_run_ask_again() {
    let cases = [
        (Effect::problem(400, &["No."]), "ArgumentsBad", false),
        (Effect::status(401), "ArgumentsBad", false),
        (Effect::status(403), "ArgumentsBad", false),
        (Effect::problem(404, &["No."]), "ArgumentsBad", false),
        (Effect::WrongSignature, "DeviceError", false),
        (Effect::status(503), "FunctionFailed", true),
        (Effect::Close, "FunctionFailed", true),
    ];
    let mut bench = Bench::new();
    let Some(_) = bench.sign(test_name!(), &[]) else {
        return;
    };
    bench.traffic();
    for (effect, code, is_kept) in cases {
        bench
            .service
            .inject(Fault::on(common::SIGN, effect.clone()))
            .unwrap();
        let run = bench.sign(test_name!(), &[]).unwrap();
        assert_eq!(said(&run), code, "{effect:?}");
        assert_eq!(bench.traffic(), (0, 1), "{effect:?}");
        assert_eq!(bench.files().len(), usize::from(is_kept), "{effect:?}");
        let run = bench.sign(test_name!(), &[]).unwrap();
        assert_eq!(said(&run), "signed");
        assert_eq!(bench.traffic(), (usize::from(!is_kept), 1), "{effect:?}");
    }
}

/// What happens before a run of a tool.
enum Before {
    Nothing,
    /// The file with the route changes.
    File(fn(&Path)),
    /// The service has the other route only.
    Service(Fault),
}

#[test]
fn the_signing_route_is_kept_as_long_as_the_list() {
    let bench = Bench::new();
    bench.service.inject(Fault::gone(SIGN, 404)).unwrap();
    let Some(_) = bench.sign(test_name!(), &[]) else {
        return;
    };
    let is_route = |file: &PathBuf| file.extension().is_some_and(|name| name == "sign-hash");
    let ended: fn(&Path) = |file| rewrite(file, |route| route["time"] = 1.into());
    let damaged: fn(&Path) = |file| fs::write(file, "damaged").unwrap();
    let writable: fn(&Path) =
        |file| fs::set_permissions(file, Permissions::from_mode(0o622)).unwrap();
    let only_fast = Fault::gone(SIGN_HASH, 404);
    for (before, seconds, asked) in [
        (Before::Nothing, "3600", &[SIGN_HASH][..]),
        (Before::File(ended), "3600", &[SIGN, SIGN_HASH]),
        (Before::Nothing, "3600", &[SIGN_HASH]),
        (Before::Nothing, "0", &[SIGN, SIGN_HASH]),
        (Before::File(damaged), "3600", &[SIGN, SIGN_HASH]),
        (Before::File(writable), "3600", &[SIGN, SIGN_HASH]),
        (Before::Service(only_fast), "3600", &[SIGN_HASH, SIGN]),
        (Before::Nothing, "3600", &[SIGN]),
    ] {
        match before {
            Before::Nothing => {}
            Before::File(change) => {
                change(bench.files().iter().find(|file| is_route(file)).unwrap())
            }
            Before::Service(fault) => {
                bench.service.heal();
                bench.service.inject(fault).unwrap();
            }
        }
        let seen = bench.service.requests().len();
        let seconds = [("SIGNPATH_POLICY_CACHE_SECONDS", seconds)];
        let run = bench.sign(test_name!(), &seconds).unwrap();
        assert_eq!(said(&run), "signed");
        run.assert_silent();
        let requests = bench.service.requests().split_off(seen);
        let mut routes: Vec<_> = requests.iter().map(|request| &*request.route).collect();
        routes.retain(|route| route.starts_with("POST"));
        assert_eq!(routes, asked);
    }
    assert!(!bench.files().iter().any(|file| is_route(file)));
}

#[test]
fn a_folder_that_cannot_be_used_costs_a_warning_and_nothing_else() {
    let mut bench = Bench::new();
    let taken = bench.folder.path().join("signpath-pkcs11");
    fs::write(&taken, "a file").unwrap();
    let Some(run) = bench.sign(test_name!(), &[]) else {
        return;
    };
    assert_eq!(said(&run), "signed");
    run.assert_one_line(&["warning", "cannot write the cached list", "signpath-pkcs11"]);
    assert_eq!(bench.traffic(), (1, 1));

    fs::remove_file(&taken).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path(), &taken).unwrap();
    let run = bench.sign(test_name!(), &[]).unwrap();
    assert_eq!(said(&run), "signed");
    run.assert_one_line(&["warning", "cannot write the cached list", "symbolic link"]);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
