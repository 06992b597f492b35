//! Retries within the total time. What is retried, and what is said of it, is in `tests/failures`.

mod common;

use std::time::{Duration, Instant};

use common::{SIGN, in_child, load, options};
use cryptoki_sys::{CKM_ECDSA, CKR_FUNCTION_FAILED};
use pkcs11_test::harness::Stage;
use pkcs11_test::{Effect, Fault};

#[test]
fn retries_end_when_the_total_time_is_up() {
    let child = || {
        let total = ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "3");
        let stage = Stage::new(options(), &[total]).unwrap();
        let busy = Fault::on(SIGN, Effect::retry_after(503, 0)).always();
        stage.service.inject(busy).unwrap();
        let module = load();
        let key = module.logged_in().unwrap().key("demo/p-256");
        let started = Instant::now();
        let signed = stage.see(|| key.sign(CKM_ECDSA, &[7; 32]));
        let elapsed = started.elapsed();
        assert!(elapsed < Duration::from_secs(6), "{elapsed:?}");
        assert_eq!(signed.value.unwrap_err(), CKR_FUNCTION_FAILED);
        let attempts = signed.requests.len();
        assert!(attempts > 2, "{attempts}");
        let last = signed.lines.last().unwrap();
        let gave_up = format!("gave up after attempt {attempts},");
        assert!(last.contains(&gave_up), "{last}");
    };
    in_child(test_name!(), || ((), Vec::new()), child);
}
