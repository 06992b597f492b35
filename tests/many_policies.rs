//! Lists of signing policies of the maximum length: all signing policies are found, and memory is used only for what is
//! kept of them.

mod common;

use common::{
    LIST, environment, in_child, initialized, logged_in, objects, private_key, said, say, service,
};
use cryptoki::object::{Attribute, AttributeType};
use pkcs11_test::{Effect, Fault, Service};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// The longest list that the module reads, in bytes.
const MAX_LIST: usize = 32 * MIB;

/// The public key of P-256 that is its generator (SEC 2, section 2.4.2).
const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/\
    hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==";

/// A line of /proc/self/status, in bytes.
fn memory(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.unwrap().trim_start_matches(':').trim();
    kib.trim_end_matches(" kB").parse::<usize>().unwrap() * KIB
}

/// In a child: how much more memory is in use after `act` than before, and how much more was at most during it.
fn memory_of<T>(act: impl FnOnce() -> T) -> (T, [usize; 2]) {
    // Resets the peak to what is in use now (proc(5), clear_refs).
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS");
    let result = act();
    let after = ["VmRSS", "VmHWM"].map(|name| memory(name).saturating_sub(before));
    (result, after)
}

/// A service whose list is this text.
fn service_with(list: String) -> (Service, Vec<(String, String)>) {
    let service = service();
    let list = Effect::answer(200, &[("Content-Type", "application/json")], list);
    service.inject(Fault::on(LIST, list)).unwrap();
    let environment = environment(&service, &[]);
    (service, environment)
}

fn entry(number: usize) -> String {
    format!(
        r#"{{"projectSlug":"demo","signingPolicySlug":"{number}","keyType":"Ecdsa","publicKeyBytes":"{KEY}"}}"#
    )
}

#[test]
fn each_policy_of_a_long_list_takes_less_than_4_kib() {
    const POLICIES: usize = 10_000;
    let prepare = || {
        let entries: Vec<_> = (0..POLICIES).map(entry).collect();
        service_with(format!(r#"{{"signingPolicies":[{}]}}"#, entries.join(",")))
    };
    let child = || {
        let module = initialized();
        let (session, [kept, peak]) = memory_of(|| logged_in(&module));
        let all = objects(&session);
        assert_eq!(all.len(), 2 * POLICIES);
        let name = format!("demo/{}", POLICIES - 1);
        let key = private_key(&session, &name);
        assert!(all.contains(&key));
        let id = session.get_attributes(key, &[AttributeType::Id]).unwrap();
        assert_eq!(id, [Attribute::Id(name.into_bytes())]);
        say(&format!("{kept} {peak}"));
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_silent();
    let memory = said(&run.stdout)[0];
    let mut bytes = memory
        .split(' ')
        .map(|bytes| bytes.parse::<usize>().unwrap());
    assert!(bytes.all(|bytes| bytes < 4 * KIB * POLICIES), "{memory}");
}

#[test]
fn unknown_properties_in_a_list_take_no_memory() {
    let prepare = || {
        let entry = entry(0);
        let filler = "0,".repeat((MAX_LIST - entry.len()) / 2 - 100);
        let entry = entry.replace('{', &format!(r#"{{"new":[{filler}0],"#));
        service_with(format!(r#"{{"signingPolicies":[{entry}]}}"#))
    };
    let child = || {
        let module = initialized();
        let (session, [_, peak]) = memory_of(|| logged_in(&module));
        private_key(&session, "demo/0");
        say(&peak.to_string());
    };
    let Some((_, run)) = in_child(test_name!(), prepare, child) else {
        return;
    };
    run.assert_silent();
    // The answer itself, in a buffer that grew.
    let memory = said(&run.stdout)[0];
    assert!(memory.parse::<usize>().unwrap() < 4 * MAX_LIST, "{memory}");
}
