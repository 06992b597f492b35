//! When the cached list of signing policies saves a request, and when not.

mod common;

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use common::{
    LIST, ONE_ATTEMPT, SIGN, SIGN_HASH, assert_lines, listed_policies, on_stage, options, succeed,
};
use cryptoki_sys::*;
use pkcs11_test::harness::{Module, Rv, Seen, Stage, ulong};
use pkcs11_test::{Effect, Fault};
use serde_json::Value;
use tempfile::TempDir;

/// A service, an empty cache folder, and a module that is initialized for each run.
struct Bench<'a> {
    stage: &'a Stage,
    module: &'a Module,
    folder: TempDir,
}

/// How a run looks for its key.
#[derive(Debug, Clone, Copy)]
enum Search {
    /// By its CKA_ID.
    One,
    /// Among all private keys.
    All,
}
use Search::{All, One};

const SECONDS: &str = "SIGNPATH_POLICY_CACHE_SECONDS";

/// What came of a run. [`None`]: there is no such key.
type Outcome = Option<Rv>;

const SIGNED: Outcome = Some(Rv(CKR_OK));

fn with_cache(test: &str, act: impl FnOnce(&Bench)) {
    let more = [(SECONDS, "3600"), ONE_ATTEMPT];
    on_stage(test, options, &more, |stage, module| {
        let folder = tempfile::tempdir().unwrap();
        let variable = match cfg!(windows) {
            true => "LOCALAPPDATA",
            false => "XDG_CACHE_HOME",
        };
        stage.set(variable, folder.path().to_str().unwrap());
        act(&Bench { stage, module, folder });
    });
}

impl Bench<'_> {
    /// A run of a tool that logs in, looks for a key and signs.
    fn run(&self, key: &str, search: Search) -> Seen<Outcome> {
        self.stage.see(|| {
            let session = self.module.logged_in().unwrap();
            let class = (CKA_CLASS, ulong(CKO_PRIVATE_KEY));
            let id = (CKA_ID, key.into());
            let found = match search {
                One => session.find(&[class, id]),
                All => session.find(&[class]).map(|mut keys| {
                    keys.retain(|found| session.attribute(*found, CKA_ID).unwrap() == id.1);
                    keys
                }),
            };
            let outcome = found.map(|keys| {
                let key = *keys.first()?;
                assert_eq!(session.sign_init(CKM_ECDSA, key), CKR_OK);
                Some(session.sign_into(&[7; 32], 512).rv)
            });
            assert_eq!(self.module.finalize(), CKR_OK);
            outcome.unwrap_or_else(Some)
        })
    }

    /// A run that signs without a warning after `lists` requests for the list.
    fn sign(&self, key: &str, search: Search, lists: usize, what: &str) {
        let run = self.run(key, search);
        assert_eq!(run.value, SIGNED, "{what}");
        assert_lines(&run.lines, &[]);
        self.assert_asked(&run, lists, 1, what);
    }

    /// Two runs with demo/p-256. Only the first one requests the list.
    fn sign_again(&self, what: &str) {
        for lists in [1, 0] {
            self.sign("demo/p-256", One, lists, what);
        }
    }

    fn assert_asked(&self, run: &Seen<Outcome>, lists: usize, signatures: usize, what: &str) {
        let count = |wanted| run.requests.iter().filter(|route| *route == wanted).count();
        assert_eq!((count(LIST), count(SIGN)), (lists, signatures), "{what}");
    }

    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("signpath-pkcs11"));
        let entries = entries.into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    fn fail(&self, route: &str, effect: Effect) {
        self.stage.inject(Fault::on(route, effect));
    }
}

/// On Windows, packaging/windows.sh looks at who has access.
#[cfg_attr(windows, allow(unused_variables))]
fn assert_mode(path: &Path, mode: u32) {
    #[cfg(unix)]
    {
        let permissions = fs::symlink_metadata(path).unwrap().permissions();
        assert_eq!(permissions.mode() & 0o7777, mode);
    }
}

/// Lets others write to a file.
#[cfg(unix)]
fn share(file: &Path) {
    fs::set_permissions(file, fs::Permissions::from_mode(0o622)).unwrap();
}

#[test]
fn with_a_cached_list_a_run_is_one_request() {
    with_cache(test_name!(), |bench| {
        // `tests/failures` has the warning.
        let taken = bench.folder.path().join("signpath-pkcs11");
        fs::write(&taken, "a file").unwrap();
        let run = bench.run("demo/p-256", One);
        assert_eq!((run.value, run.lines.len()), (SIGNED, 1), "{:?}", run.lines);
        fs::remove_file(taken).unwrap();
        bench.stage.set(SECONDS, "0");
        for _ in 0..2 {
            bench.sign("demo/p-256", One, 1, "without the setting");
        }
        assert_eq!(bench.files(), Vec::<PathBuf>::new());
        bench.stage.set(SECONDS, "3600");
        bench.sign_again("");
        let [file] = &bench.files()[..] else { panic!("{:?}", bench.files()) };
        assert_mode(file, 0o600);
        assert_mode(file.parent().unwrap(), 0o700);
        let content = fs::read_to_string(file).unwrap();
        let token = bench.stage.service.token();
        assert!(content.contains("demo") && !content.contains(token));
        // Another filter makes another list.
        bench.stage.set("SIGNPATH_PROJECT_SLUG", "demo");
        bench.stage.set("SIGNPATH_SIGNING_POLICY_SLUG", "p-256");
        bench.sign_again("filter");
        assert_eq!(bench.files().len(), 2);
    });
}

/// Changes a cached list. Its first line is the SHA-256 of the rest, as `sha256sum` has it.
fn rewrite(file: &Path, change: impl FnOnce(&mut Value)) {
    let content = fs::read_to_string(file).unwrap();
    let (_, json) = content.split_once('\n').unwrap();
    let mut list = serde_json::from_str(json).unwrap();
    change(&mut list);
    let json = list.to_string();
    fs::write(file, &json).unwrap();
    let digest = Command::new("sha256sum").arg(file).output().unwrap();
    let digest = String::from_utf8(digest.stdout).unwrap();
    let digest = digest.split(' ').next().unwrap();
    fs::write(file, format!("{digest}\n{json}")).unwrap();
}

#[test]
fn a_damaged_old_or_foreign_list_is_replaced() {
    let damages: &[fn(&Path)] = &[
        |file| {
            let content = fs::read(file).unwrap();
            fs::write(file, &content[..content.len() / 2]).unwrap();
        },
        #[cfg(unix)]
        share,
        #[cfg(unix)]
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
        |file| {
            let content = fs::read_to_string(file).unwrap();
            fs::write(file, content.replace("p-384", "p-385")).unwrap();
        },
    ];
    with_cache(test_name!(), |bench| {
        bench.sign("demo/p-256", One, 1, "new");
        let file = bench.files()[0].clone();
        for (index, damage) in damages.iter().enumerate() {
            damage(&file);
            bench.sign_again(&format!("damage {index}"));
            assert_mode(&file, 0o600);
        }
    });
}

/// Gives a signing policy in a list a certificate that expired in 2004.
fn let_expire(list: &mut Value, policy: &str) {
    let template = tempfile::NamedTempFile::new().unwrap();
    let dates = ["activation_date = \"2003", "expiration_date = \"2004"];
    let dates = dates.map(|date| format!("{date}-01-01 00:00:00\"\n"));
    fs::write(template.path(), dates.concat()).unwrap();
    let key = options().state.join(format!("keys/demo/{policy}.pem"));
    let mut certtool = Command::new("certtool");
    certtool.args(["--generate-self-signed", "--outder", "--template"]);
    certtool.arg(template.path()).arg("--load-privkey").arg(key);
    let policies = list["signingPolicies"].as_array_mut().unwrap();
    let entry = policies.iter_mut().find(|entry| entry["signingPolicySlug"] == policy).unwrap();
    entry["certificateBytes"] = BASE64_STANDARD.encode(succeed(&mut certtool).stdout).into();
}

#[test]
fn an_expired_certificate_matters_only_to_users_of_its_policy() {
    with_cache(test_name!(), |bench| {
        bench.sign("demo/p-256", One, 1, "new");
        let file = bench.files()[0].clone();
        for (key, search, lists) in [
            ("demo/p-256", One, [1, 0]),
            ("demo/p-256", All, [1, 0]),
            ("demo/p-384", One, [0, 0]),
            ("demo/p-384", All, [0, 0]),
        ] {
            rewrite(&file, |list| let_expire(list, "p-256"));
            for lists in lists {
                let (run, what) = (bench.run(key, search), format!("{key}, {search:?}"));
                assert_eq!(run.value, SIGNED, "{what}");
                bench.assert_asked(&run, lists, 1, &what);
                // The application has already seen the old certificate.
                let expected: &[_] = match (search, lists) {
                    (All, 1) => &["demo/p-256 … expired … run the tool again"],
                    _ => &[],
                };
                assert_lines(&run.lines, expected);
            }
        }
        // Where the service has it too, it costs the users of the other policies nothing.
        rewrite(&file, |list| let_expire(list, "p-256"));
        let content = fs::read_to_string(&file).unwrap();
        let json = [("Content-Type", "application/json")];
        let answer = Effect::answer(200, &json, content.split_once('\n').unwrap().1);
        bench.stage.inject(Fault::on(LIST, answer).always());
        let unknown = bench.run("demo/p-999", One);
        assert_eq!((unknown.value, unknown.lines.len()), (None, 1));
        bench.assert_asked(&unknown, 1, 0, "an unknown name");
        for search in [One, All] {
            bench.sign("demo/p-384", search, 0, "another policy");
            bench.sign("demo/p-256", search, 1, "its policy");
        }
    });
}

#[test]
fn asks_the_service_for_a_policy_that_is_not_cached() {
    with_cache(test_name!(), |bench| {
        let certificate = bench.stage.service.certificate_der("demo", "p-256").unwrap();
        let list = listed_policies([("demo", "p-256", certificate)], "Ecdsa");
        bench.fail(LIST, list);
        bench.sign("demo/p-256", One, 1, "new");
        bench.sign("demo/p-384", One, 1, "the first time");
        bench.sign("demo/p-384", One, 0, "the second time");
        // An unknown name costs a request in each run, and a warning.
        let run = bench.run("demo/p-999", One);
        assert_eq!(run.value, None);
        assert_lines(&run.lines, &["no signing policy \"demo/p-999\" … can sign with demo/"]);
        bench.assert_asked(&run, 1, 0, "an unknown name");
        // A refused user has no cached list any more.
        bench.fail(LIST, Effect::status(401));
        let run = bench.run("demo/p-999", One);
        assert_eq!(run.value, Some(Rv(CKR_ARGUMENTS_BAD)));
        assert_lines(&run.lines, &["401 Unauthorized … CKR_ARGUMENTS_BAD"]);
        assert_eq!(bench.files(), Vec::<PathBuf>::new());
    });
}

#[test]
fn asks_again_after_a_refused_or_wrong_signature() {
    with_cache(test_name!(), |bench| {
        bench.sign("demo/p-256", One, 1, "new");
        for (effect, code, is_kept) in [
            (Effect::problem(400, &["No."]), CKR_ARGUMENTS_BAD, false),
            (Effect::status(401), CKR_ARGUMENTS_BAD, false),
            (Effect::status(403), CKR_ARGUMENTS_BAD, false),
            (Effect::problem(404, &["No."]), CKR_ARGUMENTS_BAD, false),
            (Effect::WrongSignature, CKR_DEVICE_ERROR, false),
            (Effect::status(503), CKR_FUNCTION_FAILED, true),
            (Effect::Close, CKR_FUNCTION_FAILED, true),
        ] {
            let what = format!("{effect:?}");
            bench.fail(SIGN, effect);
            let run = bench.run("demo/p-256", One);
            assert_eq!(run.value, Some(Rv(code)), "{what}");
            bench.assert_asked(&run, 0, 1, &what);
            assert_eq!(bench.files().len(), usize::from(is_kept), "{what}");
            bench.sign("demo/p-256", One, usize::from(!is_kept), &what);
        }
    });
}

#[test]
fn the_signing_route_is_cached_as_long_as_the_list() {
    with_cache(test_name!(), |bench| {
        let file = || {
            let mut files = bench.files().into_iter();
            files.find(|file| file.extension().is_some_and(|name| name == "sign-hash"))
        };
        let assert_routes = |expected: &[&str]| {
            let mut run = bench.run("demo/p-256", One);
            assert_eq!(run.value, SIGNED);
            assert_lines(&run.lines, &[]);
            run.requests.retain(|route| route != LIST);
            assert_eq!(run.requests, expected);
        };
        bench.stage.inject(Fault::gone(SIGN, 404));
        assert_routes(&[SIGN, SIGN_HASH]);
        assert_routes(&[SIGN_HASH]);
        let changes: &[fn(&Path)] = &[
            |file| rewrite(file, |route| route["time"] = 1.into()),
            |file| fs::write(file, "damaged").unwrap(),
            #[cfg(unix)]
            share,
        ];
        for damage in changes {
            damage(&file().unwrap());
            assert_routes(&[SIGN, SIGN_HASH]);
        }
        assert_routes(&[SIGN_HASH]);
        bench.stage.set(SECONDS, "0");
        assert_routes(&[SIGN, SIGN_HASH]);
        bench.stage.set(SECONDS, "3600");
        // The service has only the other route.
        bench.stage.service.heal();
        bench.stage.inject(Fault::gone(SIGN_HASH, 404));
        assert_routes(&[SIGN_HASH, SIGN]);
        assert_routes(&[SIGN]);
        assert_eq!(file(), None);
    });
}
