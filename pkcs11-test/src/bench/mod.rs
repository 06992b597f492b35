//! The benchmark: a module beside a client that does nothing but send the same request, in the same run, on one core.
//!
//! The parent runs the local service and, in front of it, one that repeats its answers at almost no cost ([`replay`]). What is measured
//! runs in processes of its own ([`tasks`]), started in turns, so that a disturbance of the machine meets all of them.

mod children;
mod machine;
mod message;
mod page;
mod plot;
mod raw;
mod replay;
mod rows;
mod tasks;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::error::{Context, Error};
use crate::{KeyStoreKind, Options, Service};
use children::{Children, Figures};
use replay::{Origin, Replay};
use tasks::{P256, P384, RSA, Task};

/// The time that a network takes for a request and its answer.
const LATENCY: Duration = Duration::from_millis(50);

/// What to measure, and how thoroughly.
#[derive(Debug)]
pub struct Bench {
    /// The module.
    pub module: PathBuf,
    /// The folder for keys and temporary files, which a later run uses again.
    pub state: PathBuf,
    /// The page that gets the results, beside which the plot is written.
    pub page: Option<PathBuf>,
    /// Whether to measure everything once only, which shows that it runs.
    pub quick: bool,
}

/// How often each thing is measured.
struct Plan {
    rounds: usize,
    warm: usize,
    signatures_per_thread: usize,
    policies: usize,
    /// The numbers of signatures whose difference gives the instructions of one.
    counted: [usize; 2],
    /// The same of verifications.
    counted_verifications: [usize; 2],
}

impl Plan {
    const WHOLE: Self = Self {
        rounds: 15,
        warm: 100,
        signatures_per_thread: 20,
        policies: 10_000,
        counted: [5, 55],
        counted_verifications: [1, 21],
    };
    const QUICK: Self = Self {
        rounds: 1,
        warm: 1,
        signatures_per_thread: 1,
        policies: 100,
        counted: [1, 2],
        counted_verifications: [1, 2],
    };
}

/// Runs a task whose arguments are those of a process that [`run`] started.
pub fn run_task(arguments: &[String]) {
    tasks::run(&Task::from_arguments(arguments));
}

/// Measures, prints the table, and writes it to the page.
///
/// # Errors
/// The service does not start, a process fails, or the page cannot be written.
pub fn run(bench: &Bench) -> Result<(), Error> {
    machine::use_one_core();
    let plan = match bench.quick {
        true => Plan::QUICK,
        false => Plan::WHOLE,
    };
    let figures = Setting::new(bench)?.measure(&plan)?;
    let rows = rows::of(&figures, plan.policies);
    let machine = machine::description(&figures);
    print!("{}", page::table(&rows));
    if let Some(page) = &bench.page {
        page::write(page, &rows, &machine)?;
    }
    Ok(())
}

/// What the processes connect to.
struct Setting {
    children: Children,
    /// The task of a process that uses the module.
    ours: Task,
    softhsm: Option<(Children, Task)>,
    near: Replay,
    far: Replay,
    origin: std::sync::Arc<Origin>,
    list: Vec<u8>,
    cache: PathBuf,
    _service: Service,
}

impl Setting {
    fn new(bench: &Bench) -> Result<Self, Error> {
        fs::create_dir_all(&bench.state).context("cannot create the state folder")?;
        let folder = bench.state.canonicalize().context("the state folder")?;
        let state = folder.join("service");
        let service = Service::start(Options::new(&state))?;
        let origin = Origin::new(&service, &state)?;
        let near = Replay::start(&origin, Duration::ZERO, None)?;
        let far = Replay::start(&origin, LATENCY, None)?;
        let ca_file = state.join("tls-ca.pem");
        let text = |path: &Path| path.display().to_string();
        let cache = folder.join("cache");
        let _ = fs::remove_dir_all(&cache);
        let mut environment: Vec<_> = service
            .environment()
            .into_iter()
            .filter(|(name, _)| *name != "SIGNPATH_API_URL")
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        environment.extend([
            ("SIGNPATH_TLS_CA_FILE".to_owned(), text(&ca_file)),
            ("SIGNPATH_LOG_FILE_DIRECTORY".to_owned(), text(&folder.join("logs"))),
            ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
        ]);
        let ours = Task {
            key: RSA.to_owned(),
            module: bench.module.clone(),
            ca_file,
            request: folder.join("request"),
            ..Task::default()
        };
        let mut setting = Self {
            children: Children::new(environment)?,
            ours,
            softhsm: softhsm(&folder)?,
            near,
            far,
            origin,
            list: Vec::new(),
            cache,
            _service: service,
        };
        setting.learn()?;
        Ok(setting)
    }

    /// Has the services learn all answers, and keeps the request that the raw client sends.
    fn learn(&mut self) -> Result<(), Error> {
        for key in [P256, P384, RSA] {
            self.children_near().run(&self.task("sign", 1).with_key(key))?;
        }
        let request = self.origin.last_post();
        fs::write(&self.ours.request, request).context("cannot write the request")?;
        self.list = self.origin.list();
        Ok(())
    }

    fn task(&self, name: &str, times: usize) -> Task {
        Task { name: name.to_owned(), times, ..self.ours.clone() }
    }

    fn children_near(&self) -> Children {
        self.children.with(&[("SIGNPATH_API_URL", &self.near.api_url())])
    }

    fn measure(&self, plan: &Plan) -> Result<Figures, Error> {
        let mut figures = Figures::default();
        self.measure_fresh(plan, &mut figures)?;
        self.measure_warm(plan, &mut figures)?;
        self.measure_threads(plan, &mut figures)?;
        self.measure_lists(plan, &mut figures)?;
        self.count_instructions(plan, &mut figures);
        let library = fs::metadata(&self.ours.module).context("cannot read the module")?;
        figures.add("library", library.len() as f64 / 1e6);
        Ok(figures)
    }

    /// Processes that do one thing.
    fn measure_fresh(&self, plan: &Plan, figures: &mut Figures) -> Result<(), Error> {
        let near = self.children_near();
        let far = self.children.with(&[("SIGNPATH_API_URL", &self.far.api_url())]);
        let cached = far.with(&[
            ("SIGNPATH_POLICY_CACHE_SECONDS", "3600"),
            ("XDG_CACHE_HOME", &self.cache.display().to_string()),
        ]);
        let raw_near = self.task("raw-first", 1).at(&self.near);
        let raw_far = self.task("raw-first", 1).at(&self.far);
        // Writes the list.
        cached.run(&self.task("first", 1))?;
        for _ in 0..plan.rounds {
            figures.take("noise", near.run(&self.task("loop", 3))?);
            figures.take("nothing", near.run(&self.task("nothing", 1))?);
            figures.take("load", near.run(&self.task("load", 1))?);
            if let Some((children, task)) = &self.softhsm {
                figures.take("softhsm load", children.run(&task.named("load", 1))?);
            }
            figures.take("near", near.run(&self.task("first", 1))?);
            figures.take("raw near", near.run(&raw_near)?);
            self.far.take_seen();
            figures.take("far", far.run(&self.task("first", 1))?);
            self.count_seen("far", &self.far, figures);
            figures.take("raw far", far.run(&raw_far)?);
            self.far.take_seen();
            figures.take("cached", cached.run(&self.task("first", 1))?);
            self.count_seen("cached", &self.far, figures);
        }
        Ok(())
    }

    fn count_seen(&self, prefix: &str, service: &Replay, figures: &mut Figures) {
        let (connections, requests) = service.take_seen();
        figures.add(&format!("{prefix} connections"), connections as f64);
        figures.add(&format!("{prefix} requests"), requests as f64);
    }

    /// Processes that do the same again and again.
    fn measure_warm(&self, plan: &Plan, figures: &mut Figures) -> Result<(), Error> {
        let near = self.children_near();
        for _ in 0..plan.rounds.div_ceil(3) {
            let warm = self.task("warm", plan.warm).at(&self.near);
            figures.take("warm", near.run(&warm)?);
            for key in [RSA, P256, P384] {
                let ours = self.task("verify", plan.warm).with_key(key);
                figures.take(key, near.run(&ours)?);
                if let Some((children, task)) = &self.softhsm {
                    let theirs = task.named("verify", plan.warm).with_key(key);
                    figures.take(&format!("softhsm {key}"), children.run(&theirs)?);
                }
            }
        }
        Ok(())
    }

    fn measure_threads(&self, plan: &Plan, figures: &mut Figures) -> Result<(), Error> {
        let far = self.children.with(&[("SIGNPATH_API_URL", &self.far.api_url())]);
        let times = plan.signatures_per_thread;
        for _ in 0..plan.rounds.div_ceil(4) {
            self.far.take_seen();
            figures.take("threads", far.run(&self.task("threads", times))?);
            self.count_seen("threads", &self.far, figures);
            let raw = self.task("raw-threads", times).at(&self.far);
            figures.take("raw threads", far.run(&raw)?);
        }
        Ok(())
    }

    /// A list of many signing policies, each with a certificate of its own.
    fn measure_lists(&self, plan: &Plan, figures: &mut Figures) -> Result<(), Error> {
        for policies in [plan.policies / 100, plan.policies] {
            let service = Replay::start(
                &self.origin,
                Duration::ZERO,
                Some(long_list(&self.list, policies)?),
            )?;
            let children = self.children.with(&[("SIGNPATH_API_URL", &service.api_url())]);
            let name = match policies == plan.policies {
                true => "long list",
                false => "short list",
            };
            for _ in 0..plan.rounds.div_ceil(3) {
                let key = format!("demo/{:05}", policies / 2);
                let task = self.task("list", policies).with_key(&key);
                figures.take(name, children.run(&task)?);
                self.count_seen(name, &service, figures);
            }
        }
        Ok(())
    }

    /// Counts what does not depend on the load of the machine.
    fn count_instructions(&self, plan: &Plan, figures: &mut Figures) {
        let near = self.children_near();
        let fresh = |children: &Children, task: &Task| {
            let nothing = children.instructions(&task.named("nothing", 1))?;
            Some(children.instructions(task)? - nothing)
        };
        let difference = |children: &Children, task: Task, counted: [usize; 2]| {
            let [few, many] = counted.map(|times| {
                let task = task.named(&task.name, times);
                children.instructions(&task)
            });
            Some((many? - few?) / (counted[1] - counted[0]) as f64)
        };
        let one = |children: &Children, task: Task| difference(children, task, plan.counted);
        let verification = |children: &Children, task: Task| {
            difference(children, task, plan.counted_verifications)
        };
        let raw = |name: &str| self.task(name, 1).at(&self.near);
        let mut counts = vec![
            ("load", fresh(&near, &self.task("load", 1))),
            ("near", fresh(&near, &self.task("first", 1))),
            ("raw near", fresh(&near, &raw("raw-first"))),
            ("warm", one(&near, self.task("sign", 1))),
            ("warm raw", one(&near, raw("raw-sign"))),
        ];
        for key in [RSA, P256, P384] {
            let verify = self.task("verify", 1).with_key(key);
            counts.push((key, verification(&near, verify)));
        }
        let mut theirs = Vec::new();
        if let Some((children, task)) = &self.softhsm {
            theirs.push(("load".to_owned(), fresh(children, &task.named("load", 1))));
            for key in [RSA, P256, P384] {
                let verify = task.named("verify", 1).with_key(key);
                theirs.push((key.to_owned(), verification(children, verify)));
            }
        }
        let theirs = theirs.into_iter();
        let theirs = theirs.map(|(name, count)| (format!("softhsm {name}"), count));
        let ours = counts.into_iter();
        let all = ours.map(|(name, count)| (name.to_owned(), count)).chain(theirs);
        for (name, count) in all {
            if let Some(count) = count {
                figures.add(&format!("{name} instructions"), count);
            }
        }
    }
}

impl Task {
    fn named(&self, name: &str, times: usize) -> Self {
        Self { name: name.to_owned(), times, ..self.clone() }
    }

    fn with_key(self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self }
    }

    fn at(self, service: &Replay) -> Self {
        Self { service: service.address.to_string(), ..self }
    }
}

/// Keys of the same kinds in SoftHSM, if it is there.
fn softhsm(folder: &Path) -> Result<Option<(Children, Task)>, Error> {
    let service = Service::start(Options {
        key_store: KeyStoreKind::SoftHsm,
        ..Options::new(folder.join("softhsm"))
    });
    let service = match service {
        Ok(service) => service,
        Err(error) => {
            eprintln!("pkcs11-test: not measuring SoftHSM: {error}");
            return Ok(None);
        }
    };
    let Some(token) = service.softhsm() else {
        return Ok(None);
    };
    let configuration = token.configuration.display().to_string();
    let children = Children::new(vec![
        ("SOFTHSM2_CONF".to_owned(), configuration),
        ("PATH".to_owned(), std::env::var("PATH").unwrap_or_default()),
    ])?;
    let task = Task {
        key: RSA.to_owned(),
        pin: Some(token.user_pin.clone()),
        module: token.module.clone(),
        ..Task::default()
    };
    Ok(Some((children, task)))
}

/// A list with that many copies of the entry of an RSA key, with a name and a certificate of its own each. The certificates differ
/// in their signatures, which nobody verifies.
fn long_list(list: &[u8], policies: usize) -> Result<Vec<u8>, Error> {
    use base64::prelude::{BASE64_STANDARD, Engine};
    let mut list: Value = serde_json::from_slice(list).context("the list of signing policies")?;
    let entries = &mut list["signingPolicies"];
    let rsa = RSA.trim_start_matches("demo/");
    let mut all = entries.as_array().into_iter().flatten();
    let entry = all.find(|entry| entry["signingPolicySlug"] == rsa).cloned();
    let entry = entry.ok_or_else(|| Error::new(format!("no signing policy {RSA}")))?;
    let certificate = entry["certificateBytes"].as_str().unwrap_or_default();
    let certificate = BASE64_STANDARD.decode(certificate).context("the certificate")?;
    let copies = (0..policies).map(|number| {
        let (mut copy, mut certificate) = (entry.clone(), certificate.clone());
        let end = certificate.len() - 4;
        certificate[end..].copy_from_slice(&(number as u32).to_be_bytes());
        copy["signingPolicySlug"] = format!("{number:05}").into();
        copy["certificateBytes"] = BASE64_STANDARD.encode(certificate).into();
        copy
    });
    *entries = copies.collect();
    Ok(list.to_string().into_bytes())
}
