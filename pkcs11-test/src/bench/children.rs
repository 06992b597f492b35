//! Starts the processes that measure, and collects their figures.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::tasks::Task;
use crate::error::{Context, Error};

/// What processes printed: the values of each name.
#[derive(Default)]
pub(super) struct Figures(HashMap<String, Vec<f64>>);

impl Figures {
    pub fn add(&mut self, name: &str, value: f64) {
        self.0.entry(name.to_owned()).or_default().push(value);
    }

    /// Adds all of another's, each name with a prefix.
    pub fn take(&mut self, prefix: &str, other: Self) {
        for (name, mut values) in other.0 {
            let known = self.0.entry(format!("{prefix} {name}")).or_default();
            known.append(&mut values);
        }
    }

    /// The value that a part of all values is below: 0.5 is the median.
    pub fn quantile(&self, name: &str, part: f64) -> Option<f64> {
        let mut values = self.0.get(name)?.clone();
        values.sort_unstable_by(f64::total_cmp);
        let index = (values.len() - 1) as f64 * part;
        values.get(index.round() as usize).copied()
    }

    /// The lowest value, or the highest if more is better.
    pub fn best(&self, name: &str) -> Option<f64> {
        let part = if name.ends_with(" rate") { 1.0 } else { 0.0 };
        self.quantile(name, part)
    }

    pub fn median(&self, name: &str) -> Option<f64> {
        self.quantile(name, 0.5)
    }
}

/// How the processes are started.
pub(super) struct Children {
    program: PathBuf,
    environment: Vec<(String, String)>,
}

impl Children {
    /// Processes with nothing in their environment but this.
    pub fn new(environment: Vec<(String, String)>) -> Result<Self, Error> {
        let program = std::env::current_exe().context("cannot find the program")?;
        Ok(Self { program, environment })
    }

    /// The same with more in their environment.
    pub fn with(&self, more: &[(&str, &str)]) -> Self {
        let more = more.iter();
        let mut environment = self.environment.clone();
        environment.extend(more.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { program: self.program.clone(), environment }
    }

    /// Runs a task: its figures, and the processor time of the whole process in milliseconds.
    pub fn run(&self, task: &Task) -> Result<Figures, Error> {
        let failure = format!("cannot measure {}", task.name);
        let mut child = self
            .command(&self.program)
            .arg("bench-task")
            .args(task.arguments())
            .stdout(Stdio::piped())
            .spawn()
            .context(&failure)?;
        let mut text = String::new();
        let output = child.stdout.take();
        output.map_or(Ok(0), |mut output| output.read_to_string(&mut text)).context(&failure)?;
        let (succeeded, processor) = wait(&child);
        if !succeeded {
            return Err(Error::new(format!("{failure}: {text}")));
        }
        let mut figures = Figures::default();
        for line in text.lines() {
            if let Some((name, value)) = line.rsplit_once(' ') {
                figures.add(name, value.parse().context(&failure)?);
            }
        }
        figures.add("process", processor);
        Ok(figures)
    }

    /// How many instructions a task takes in its own process. `None` without valgrind.
    pub fn instructions(&self, task: &Task) -> Option<f64> {
        let output = self
            .command(Path::new("valgrind"))
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(&self.program)
            .arg("bench-task")
            .args(task.arguments())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr);
        let line = text.lines().find(|line| line.contains("Collected : "))?;
        line.rsplit(' ').next()?.parse().ok()
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Waits for a process: whether it succeeded, and its processor time in milliseconds.
fn wait(child: &Child) -> (bool, f64) {
    let mut status = 0;
    // SAFETY: all zeros are a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the process is a child that nobody else waits for, and both arguments can be written.
    let waited = unsafe { libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut usage) };
    let milliseconds =
        |time: libc::timeval| time.tv_sec as f64 * 1000.0 + time.tv_usec as f64 / 1000.0;
    let succeeded = waited > 0 && libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
    (succeeded, milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime))
}
