//! The service: whether it is up, what its clock says, and what the user may do.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use signpath_client::SigningPolicy;
use signpath_client::{Cancellation, Client, Retry, Threads, Transport, health};
use signpath_config::Config;

use super::finding::{Detail, Finding};
use super::report::Report;
use super::{EXPIRES_SOON, NETWORK};
use crate::failure::Failure;
use crate::organization::{NAMED, NO_POLICIES};
use crate::policy::{CertificateSummary, key_text};
use crate::progress::Progress;

/// The time limit for one request.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The clock skew to ignore, in seconds: HTTP dates have whole seconds, and responses take time.
const SKEW: u64 = 30;
/// The clock skew at which time stamps and short-lived certificates fail, in seconds.
const MUCH_SKEW: u64 = 300;

/// The maximum length of CKA_ID supported by the libp11 engine and pkcs11-tool, in bytes.
const MAX_ID: usize = 100;

/// Checks that the service is up, and compares the clocks.
pub fn check_health(config: &Config, report: &mut Report) -> Result<(), Failure> {
    const CHECK: &str = "service";
    let url = format!("{}/healthz", config.client_options.api_url.as_str().trim_end_matches('/'));
    let transport = Transport::new(config.client_options.clone(), Threads::Allowed);
    let asked = {
        let _progress = Progress::start(format!("Requesting {url}"));
        health(&transport, TIME_LIMIT)
    };
    let health = match asked {
        Ok(health) => health,
        Err(error) => return report.add(Finding::error(CHECK, &error.reason, NETWORK)),
    };
    report.add(match health.status {
        200..300 => {
            Finding::ok(CHECK, format!("{url} responds in {} ms", health.duration.as_millis()))
        }
        status @ 500.. => Finding::failed(
            CHECK,
            format!("{url} responds with {status}"),
            "check the status page of the service, or contact its administrator",
        ),
        status => Finding::failed(
            CHECK,
            format!("{url} responds with {status} instead of 200"),
            "check ApiUrl: it must not include /v1; for SignPath.io it ends with /Api",
        ),
    })?;
    match health.date {
        Some(date) => report.add(clock(date)),
        None => Ok(()),
    }
}

fn clock(date: SystemTime) -> Finding {
    const CHECK: &str = "clock";
    const REMEDY: &str =
        "synchronize the clock, for example with NTP; certificates and time stamps depend on it";
    let now = SystemTime::now();
    let (skew, direction) = match now.duration_since(date) {
        Ok(ahead) => (ahead.as_secs(), "ahead of"),
        Err(behind) => (behind.duration().as_secs(), "behind"),
    };
    let message = format!("this machine's clock is {skew} s {direction} SignPath's");
    match skew {
        ..SKEW => Finding::ok(CHECK, "this machine's clock agrees with SignPath's"),
        SKEW..MUCH_SKEW => Finding::warning(CHECK, message, REMEDY),
        MUCH_SKEW.. => Finding::failed(CHECK, message, REMEDY),
    }
}

/// Requests the signing policies and checks each of them. Returns the usable ones.
pub fn check_policies(config: &Config, report: &mut Report) -> Result<Vec<SigningPolicy>, Failure> {
    const CHECK: &str = "API token";
    let credentials = match config.credentials() {
        Ok(Some(credentials)) => credentials,
        _ => {
            report.add(Finding::skipped(CHECK, "skipped, because there are no credentials"))?;
            return Ok(Vec::new());
        }
    };
    let transport = Arc::new(Transport::new(config.client_options.clone(), Threads::Allowed));
    let client =
        Client::new(transport, &credentials, &config.other_secrets().iter().collect::<Vec<_>>());
    let listed = {
        let _progress = Progress::start("Requesting the signing policies");
        client.signing_policies(Retry::Once(TIME_LIMIT), &Cancellation::new())
    };
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => {
            report.add(Finding::error(CHECK, &error.reason, NETWORK))?;
            return Ok(Vec::new());
        }
    };
    report.add(Finding::ok(
        CHECK,
        format!("accepted for organization {}", credentials.organization_id),
    ))?;
    let (mut policies, mut unusable) = (Vec::new(), Vec::new());
    for policy in listed.read() {
        match policy {
            Ok(policy) => policies.push(policy),
            Err(reason) => unusable.push(reason),
        }
    }
    for finding in [version(&client), quota(&client)].into_iter().flatten() {
        report.add(finding)?;
    }
    report.add(permissions(&policies, &unusable))?;
    for finding in [expiry(&policies), long_names(&policies)].into_iter().flatten() {
        report.add(finding)?;
    }
    Ok(policies)
}

/// The version of the service's application. A service that does not tell it is not worth a line.
fn version(client: &Client) -> Option<Finding> {
    let _progress = Progress::start("Asking for the version");
    let version = client.application_version(TIME_LIMIT).ok()??;
    Some(Finding::ok("version", format!("SignPath {version}")))
}

/// How many signatures the organization may make, where the service tells it.
fn quota(client: &Client) -> Option<Finding> {
    let _progress = Progress::start("Asking for the quota");
    let quota = client.quota(TIME_LIMIT).ok()??;
    let end = quota.period_end.map(|end| {
        let day = end.split('T').next().unwrap_or_default();
        format!("; the current year ends on {day}")
    });
    Some(Finding::ok(
        "quota",
        format!("{} signatures a year{}", quota.yearly_signatures, end.unwrap_or_default()),
    ))
}

fn permissions(policies: &[SigningPolicy], unusable: &[String]) -> Finding {
    const CHECK: &str = "signing policies";
    let message = match policies.len() {
        1 => "you may sign with 1 signing policy".to_owned(),
        number => format!("you may sign with {number} signing policies"),
    };
    let without_key = policies.iter().filter_map(|policy| {
        let reason = policy.why_not_signing()?;
        Some(format!("{}: {reason}", policy.name))
    });
    let number = unusable.len() + without_key.clone().count();
    let problems = unusable.iter().cloned().chain(without_key);
    let mut problems: Vec<_> = problems.take(NAMED).collect();
    if let Some(more @ 1..) = number.checked_sub(NAMED) {
        problems.push(format!("{more} more"));
    }
    let finding = match (policies.is_empty(), problems.is_empty()) {
        (true, true) => Finding::error(CHECK, NO_POLICIES, ""),
        (_, true) => Finding::ok(CHECK, message),
        (_, false) => Finding::warning(
            CHECK,
            problems.join("; "),
            "contact the administrator of the organization",
        ),
    };
    finding.with_details(policies.iter().map(row).collect())
}

fn row(policy: &SigningPolicy) -> Detail {
    let certificate = summary(policy);
    Detail(vec![
        ("name", policy.name.to_string()),
        ("key", key_text(policy)),
        (
            "notAfter",
            certificate.map_or_else(
                || "no certificate".to_owned(),
                |certificate| certificate.last_day().to_owned(),
            ),
        ),
    ])
}

fn summary(policy: &SigningPolicy) -> Option<CertificateSummary> {
    CertificateSummary::of(policy.certificate.as_ref()?.der())
}

/// Reports certificates that have expired or will soon.
fn expiry(policies: &[SigningPolicy]) -> Option<Finding> {
    const CHECK: &str = "certificates";
    const REMEDY: &str =
        "renew it in SignPath; signatures without a time stamp become invalid when it expires";
    let named = policies.iter().filter_map(|policy| Some((&policy.name, summary(policy)?)));
    let mut ending: Vec<_> =
        named.filter(|(_, certificate)| certificate.days_left < EXPIRES_SOON).collect();
    ending.sort_by_key(|(_, certificate)| certificate.days_left);
    let sentences = ending.iter().map(|(name, certificate)| {
        let ends = match certificate.days_left {
            ..0 => "has expired",
            _ => "expires",
        };
        format!("the certificate of {name} {ends} on {}", certificate.last_day())
    });
    let message = sentences.collect::<Vec<_>>().join(", ");
    match ending.first() {
        None if policies.is_empty() => None,
        None => Some(Finding::ok(CHECK, format!("none expires within {EXPIRES_SOON} days"))),
        Some((_, first)) if first.days_left < 0 => Some(Finding::failed(CHECK, message, REMEDY)),
        Some(_) => Some(Finding::warning(CHECK, message, REMEDY)),
    }
}

/// Reports names that are too long for some tools to use as an ID.
fn long_names(policies: &[SigningPolicy]) -> Option<Finding> {
    let names = policies.iter().map(|policy| policy.name.to_string());
    let long: Vec<_> = names.filter(|name| name.len() > MAX_ID).collect();
    (!long.is_empty()).then(|| {
        Finding::warning(
            "long names",
            format!("longer than {MAX_ID} bytes: {}", long.join(", ")),
            "with the libp11 engine and osslsigncode, use object= instead of id= in URIs; pkcs11-tool cannot select these \
             keys by --id; or choose shorter slugs",
        )
    })
}
