//! Loads, uses, finalizes and unloads the module over and over.

use std::path::PathBuf;

use cryptoki_sys::*;
use pkcs11_test::harness::Module;

use crate::certificates::Certificate;
use crate::process::{resources, result};

/// How much more memory than after a tenth of the rounds there may be after the last, in KiB.
const GROWTH: usize = 4 << 10;

pub fn run(path: PathBuf, rounds: usize, certificates: &[Certificate]) -> bool {
    let mut looks = Vec::new();
    for round in 0..rounds {
        let module = Module::load(&path);
        let certificate = &certificates[round % 2];
        let session = module.logged_in().unwrap();
        let key = session.key(certificate.id);
        let data = round.to_ne_bytes();
        let signature = key.sign(certificate.mechanism, &data).unwrap();
        assert!(certificate.verifies(&data, &signature), "round {round}");
        assert_eq!(module.finalize(), CKR_OK);
        if [rounds / 10, rounds / 2, rounds - 1].contains(&round) {
            looks.push(resources());
        }
    }
    for ((memory, descriptors), when) in looks.iter().zip(["start", "middle", "end"]) {
        println!("memory, descriptors:     {memory} KiB, {descriptors} at the {when}");
    }
    let (start, end) = (looks.first().unwrap(), looks.last().unwrap());
    let is_flat = end.0 <= start.0 + GROWTH && end.1 <= start.1;
    let result = result(is_flat);
    println!("{result} memory and descriptors stay flat in {rounds} rounds");
    is_flat
}
