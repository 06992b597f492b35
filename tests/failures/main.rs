//! Everything outside of the module that can go wrong: the return value, the line on stderr, and `docs/failures.md`, which tells
//! both to its users.

#[path = "../common/mod.rs"]
mod common;

/// Rows of situations, each with what brings it about, what a program then calls, and what comes of it:
/// `"what is wrong": [preparation of the scene] call => return value, "requests": "parts", "of a line" / "and of the next";`.
macro_rules! situations {
    ($scene:ident; $(
        $what:literal: [$($prepare:tt)*] $act:expr => $code:ident, $requests:literal: $($($part:literal),+)/ *;
    )*) => {
        &[$(Situation {
            what: $what,
            prepare: |$scene: &mut crate::scene::Scene| {
                let _ = &$scene;
                $($prepare)*
            },
            act: $act,
            code: stringify!($code),
            lines: &[$(&[$($part),+]),*],
            requests: $requests,
        }),*]
    };
}

mod calls;
mod configuration;
mod creating;
mod login;
mod network;
mod page;
mod requests;
mod scene;
mod shortages;
mod signing;
mod troubleshooting;
mod warnings;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{in_child, load, said, say};
use pkcs11_test::harness::{Module, Rv};
use scene::Scene;

/// Names the situation that a child is to be in.
const SITUATION: &str = "SIGNPATH_TEST_SITUATION";

/// Situations that are tried at the same time; most of them wait.
const WORKERS: usize = 4;

/// Something that goes wrong, and what comes of it.
struct Situation {
    /// What is wrong, for the page.
    what: &'static str,
    /// Brings it about.
    prepare: fn(&mut Scene),
    /// What a program then calls, and what is given back to it.
    act: fn(&Module) -> Rv,
    /// The return value, as the standard or the documentation of the official library has it.
    code: &'static str,
    /// The parts of each line on stderr. The line must not contain a part that starts with `!`.
    lines: &'static [&'static [&'static str]],
    /// The requests that come to the service.
    requests: &'static str,
}

/// The parts of the page.
const PARTS: &[(&str, &[Situation])] = &[
    ("Configuration", configuration::SITUATIONS),
    ("Login and the list of signing policies", login::SITUATIONS),
    ("Network and proxies", network::SITUATIONS),
    ("What goes through a proxy", network::PROXIES),
    ("TLS", network::TLS),
    ("What the service refuses", requests::REFUSED),
    ("What is retried", requests::TRANSIENT),
    ("Unusable responses", requests::UNUSABLE),
    ("What cannot be signed", signing::SITUATIONS),
    ("What C_CreateObject refuses", creating::SITUATIONS),
    ("Calls of a program", calls::SITUATIONS),
    ("Shortages", shortages::SITUATIONS),
    ("Warnings", warnings::SITUATIONS),
];

#[test]
fn failures_have_their_return_value_lines_and_requests() {
    let test = test_name!();
    let situations: Vec<_> = PARTS.iter().flat_map(|(_, part)| *part).collect();
    if let Ok(index) = std::env::var(SITUATION) {
        let situation = situations[index.parse::<usize>().unwrap()];
        let child = || say(&(situation.act)(&load()).to_string());
        in_child(test, || ((), Vec::new()), child);
        return;
    }
    let next = AtomicUsize::new(0);
    let try_some = || {
        let indexes = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let tried =
            indexes.map_while(|index| Some((index, try_out(test, situations.get(index)?, index))));
        tried.collect::<Vec<_>>()
    };
    let mut tried: Vec<_> = std::thread::scope(|scope| {
        let workers = [(); WORKERS].map(|()| scope.spawn(try_some));
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    tried.sort_by_key(|(index, _)| *index);
    let (seen, wrong): (Vec<_>, Vec<_>) =
        tried.into_iter().map(|(_, lines)| lines).partition(Result::is_ok);
    let wrong: Vec<_> = wrong.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let seen: Vec<_> = seen.into_iter().flatten().collect();
    page::assert_current(&seen);
    troubleshooting::assert_complete(&seen.concat());
}

/// Brings the situation about in a process of its own and looks at what a user would see: the lines, with what differs from run
/// to run left out. An error is what is not as it should be.
fn try_out(test: &str, situation: &Situation, index: usize) -> Result<Vec<String>, String> {
    let mut scene = Scene::new();
    (situation.prepare)(&mut scene);
    let prepare = || {
        let mut environment = scene.environment.clone();
        environment.push((SITUATION.to_owned(), index.to_string()));
        ((), environment)
    };
    let Some(((), run)) = in_child(test, prepare, || {}) else {
        unreachable!("this is no child");
    };
    let what = situation.what;
    let lines = run.lines();
    let seen = (said(&run.stdout), &*scene.requests(), lines.len());
    let expected = (vec![situation.code], situation.requests, situation.lines.len());
    if seen != expected {
        return Err(format!("{what}: {seen:?}, not {expected:?}: {lines:#?}"));
    }
    for (line, parts) in lines.iter().zip(situation.lines) {
        let is_wrong = |part: &&&str| match part.strip_prefix('!') {
            Some(absent) => line.contains(absent),
            None => !line.contains(**part),
        };
        if let Some(part) = parts.iter().find(is_wrong) {
            return Err(format!("{what}: {part:?} does not hold for {line:?}"));
        }
    }
    if let Some(wrong) = scene.wrong(&run) {
        return Err(format!("{what}: {wrong}: {lines:#?}"));
    }
    Ok(lines.into_iter().map(|line| scene.without_chance(line)).collect())
}
