//! The machine that the benchmark runs on.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use time::OffsetDateTime;

use super::children::Figures;

/// Keeps this process and those that it starts on the last core.
pub(super) fn use_one_core() {
    // SAFETY: all zeros are an empty set, and the set is as long as said.
    unsafe {
        let mut cores: libc::cpu_set_t = std::mem::zeroed();
        let size = size_of::<libc::cpu_set_t>();
        libc::sched_getaffinity(0, size, &mut cores);
        let all = 0..libc::CPU_SETSIZE as usize;
        let Some(last) = all.rev().find(|core| libc::CPU_ISSET(*core, &cores)) else {
            return;
        };
        libc::CPU_ZERO(&mut cores);
        libc::CPU_SET(last, &mut cores);
        libc::sched_setaffinity(0, size, &cores);
    }
}

/// One paragraph: when, where, and how quiet it was.
pub(super) fn description(figures: &Figures) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1));
    let count = processors.lines().filter(|line| line.starts_with("processor")).count();
    let release = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let date = OffsetDateTime::from(SystemTime::now()).date();
    let noise = |name: &str| {
        let at = |part| figures.quantile(name, part).unwrap_or(f64::NAN);
        format!("{:.0} %", (at(0.9) / at(0.1) - 1.0) * 100.0)
    };
    format!(
        "Measured on {date}, on {count} cores of {} (Linux {}, glibc), with a library built by {}. Load average at the end: {load}. \
         Between the tenth and the ninetieth percentile, the time of a loop that always does the same grew by {}, and that of a raw POST \
         by {}.",
        model.unwrap_or("an unknown processor"),
        release.trim(),
        compiler(),
        noise("noise loop"),
        noise("warm raw"),
    )
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let version = version.unwrap_or_default();
    let number = version.split(' ').nth(1).unwrap_or("of an unknown version");
    format!("rustc {number}")
}
