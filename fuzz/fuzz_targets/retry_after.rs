//! Eight bytes of time, the number of an attempt, and the value of Retry-After.

#![no_main]

use std::time::{Duration, SystemTime};

use signpath_client::fuzzing::{retry_after, wait};

signpath_fuzz::target!(check);

fn check(data: &[u8]) {
    let Some((time, rest)) = data.split_first_chunk() else {
        return;
    };
    let (attempt, value) = signpath_fuzz::first_byte(rest);
    let Ok(value) = str::from_utf8(value) else {
        return;
    };
    // The clock may be wrong, but has the range of the system's.
    let seconds = u64::from_le_bytes(*time) >> 4;
    let Some(now) = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) else {
        return;
    };
    let asked = retry_after(value, now);
    for jitter in [0.0, 1.0] {
        let wait = wait(attempt.into(), asked, jitter);
        assert!(wait >= asked.unwrap_or_default(), "{wait:?} for {asked:?}");
        assert!(wait >= Duration::from_millis(100));
    }
}
