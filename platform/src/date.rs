//! Formats times in UTC, as people and PKCS #11 write them.

use time::OffsetDateTime;

/// `YYYY-MM-DD`.
pub fn day(time: OffsetDateTime) -> String {
    format!("{:04}-{:02}-{:02}", time.year(), u8::from(time.month()), time.day())
}

/// RFC 3339, with a resolution of one second.
pub fn rfc3339(time: OffsetDateTime) -> String {
    let (hour, minute, second) = time.to_hms();
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", day(time))
}

/// RFC 3339, for seconds since 1970. [`None`] if they are beyond the year 9999.
pub fn rfc3339_of_unix(seconds: u64) -> Option<String> {
    let time = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).ok()?);
    time.ok().map(rfc3339)
}

/// RFC 3339, with a resolution of one millisecond.
pub fn rfc3339_millis(time: OffsetDateTime) -> String {
    let (hour, minute, second, millisecond) = time.to_hms_milli();
    format!("{}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z", day(time))
}

/// The current time: RFC 3339, with a resolution of one millisecond.
pub fn rfc3339_now() -> String {
    rfc3339_millis(OffsetDateTime::now_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The date is the example in RFC 9110, section 5.6.7.
    #[test]
    fn formats_days_seconds_and_milliseconds() {
        let time = OffsetDateTime::from_unix_timestamp_nanos(784_111_777_042_000_000).unwrap();
        assert_eq!(day(time), "1994-11-06");
        assert_eq!(rfc3339(time), "1994-11-06T08:49:37Z");
        assert_eq!(rfc3339_millis(time), "1994-11-06T08:49:37.042Z");
        let of_unix = rfc3339_of_unix(784_111_777);
        assert_eq!(of_unix.as_deref(), Some("1994-11-06T08:49:37Z"));
        assert_eq!(rfc3339_of_unix(u64::MAX), None);
    }
}
