//! `journal`: shows and verifies the journal of signatures.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;
use signpath_client::{JournalEntry, Unverified};
use signpath_config::Config;
use signpath_crypto::{Digest, HashAlgorithm};
use signpath_platform::os_error::describe;
use signpath_platform::text::line_of;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::failure::Failure;
use crate::output;
use crate::sign::digests_of_file;

const HELP: &str = "\
Examples:
  signpath-pkcs11 journal --since 2026-03-01
  signpath-pkcs11 journal --verify
  signpath-pkcs11 journal --verify app.bin
  signpath-pkcs11 journal --json | jq -r '.signatures[].webLink'

JSON (--json): { \"signatures\": [ {
    \"time\", \"organizationId\", \"projectSlug\", \"signingPolicySlug\", \"signatureAlgorithm\", \"hashAlgorithm\",
    \"digest\" (hexadecimal), \"signature\", \"certificate\" or \"publicKey\" (base64), \"signingRequestId\", \"webLink\",
    \"attempts\", \"durationInMilliseconds\", \"processId\", \"program\", \"user\",
    \"line\": its line in the journal, \"verified\": true or false with --verify
  } ] }
What is not known is missing.";

/// Show the signatures that were made
///
/// Reads the file named by the setting Log.Journal (SIGNPATH_LOG_JOURNAL), to which the module and `sign` add each
/// signature. Sends no request.
#[derive(clap::Args)]
#[command(after_long_help = HELP)]
pub struct Arguments {
    /// Journal to read, instead of the configured one
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,

    /// Only signatures made at this time (RFC 3339) or day (YYYY-MM-DD, UTC) or later
    #[arg(long, value_name = "TIME", value_parser = time_of)]
    since: Option<OffsetDateTime>,

    /// Check each signature with the digest and the key in its line; with FILE, only the signatures of its digest
    #[arg(long, value_name = "FILE", num_args = 0..=1)]
    verify: Option<Option<PathBuf>>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows the journal. The status is 1 if a line cannot be read or verified, or if no line has the digest of the file.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let path = match &arguments.journal {
        Some(path) => path.clone(),
        None => Config::load()?.log_journal.ok_or(
            "no journal; set Log.Journal (SIGNPATH_LOG_JOURNAL) before signing, or name one with --journal",
        )?,
    };
    let mut lines = read(&path)?;
    let mut failures = report_unreadable(&path, &lines);
    lines.retain(|line| line.entry.is_ok());
    if let Some(since) = arguments.since {
        lines.retain(|line| line.time().is_some_and(|time| time >= since));
    }
    let mut shown: Vec<_> = lines.iter().filter_map(Shown::of).collect();
    let file = arguments.verify.as_ref().and_then(Option::as_deref);
    if let Some(file) = file {
        shown = of_file(shown, file)?;
        if shown.is_empty() {
            return Err(cannot_tell(file, &path));
        }
    }
    if arguments.verify.is_some() {
        for signature in &mut shown {
            failures += signature.verify(&path);
        }
    }
    if arguments.json {
        output::print_json(&json!({ "signatures": shown }))?;
    } else {
        print(&shown)?;
    }
    Ok(match failures {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// A line of the journal.
struct Line {
    /// From 1.
    number: usize,
    /// The entry, or why it cannot be read.
    entry: Result<JournalEntry, String>,
}

impl Line {
    fn time(&self) -> Option<OffsetDateTime> {
        OffsetDateTime::parse(&self.entry.as_ref().ok()?.time, &Rfc3339).ok()
    }
}

fn read(path: &Path) -> Result<Vec<Line>, Failure> {
    let text = std::fs::read(path).map_err(|error| {
        format!("cannot read the journal {}: {}", path.display(), describe(&error))
    })?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    let line =
        |(index, line): (usize, &str)| Line { number: index + 1, entry: entry(line_of(line)) };
    Ok(lines.map(line).collect())
}

/// Reads a line. One without a time could not be chosen by it, and so would not be verified.
fn entry(line: &str) -> Result<JournalEntry, String> {
    let entry: JournalEntry = serde_json::from_str(line).map_err(|error| error.to_string())?;
    match OffsetDateTime::parse(&entry.time, &Rfc3339) {
        Ok(_) => Ok(entry),
        Err(_) => Err("time is invalid".to_owned()),
    }
}

/// Says on stderr which lines cannot be read, and returns their number.
fn report_unreadable(path: &Path, lines: &[Line]) -> usize {
    let unreadable =
        lines.iter().filter_map(|line| Some((line.number, line.entry.as_ref().err()?)));
    let mut count = 0;
    for (number, reason) in unreadable {
        report(path, number, &format!("not an entry of a journal ({reason})"));
        count += 1;
    }
    count
}

fn report(path: &Path, line: usize, problem: &dyn fmt::Display) {
    let place = format!("{}, line {line}: {problem}", path.display());
    Failure::from(place).report();
}

/// A signature to show.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    entry: &'a JournalEntry,
    line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<bool>,
}

impl<'a> Shown<'a> {
    fn of(line: &'a Line) -> Option<Self> {
        Some(Self { entry: line.entry.as_ref().ok()?, line: line.number, verified: None })
    }

    /// Verifies the signature, says on stderr if that fails, and returns the number of failures.
    fn verify(&mut self, path: &Path) -> usize {
        let result = self.entry.verify();
        self.verified = Some(result.is_ok());
        let problem = match result {
            Ok(()) => return 0,
            Err(Unverified::Invalid) => {
                "the signature is not one of this digest by this key".to_owned()
            }
            Err(Unverified::Unreadable(property)) => {
                format!("cannot be verified, since {property} is missing or invalid")
            }
        };
        report(path, self.line, &problem);
        1
    }
}

/// The signatures whose digest is that of the file.
fn of_file<'a>(signatures: Vec<Shown<'a>>, file: &Path) -> Result<Vec<Shown<'a>>, Failure> {
    let is_used = |hash: &HashAlgorithm| {
        signatures.iter().any(|shown| match shown.entry.digest() {
            Some(Digest { algorithm: Some(used), .. }) => used == *hash,
            Some(Digest { value, .. }) => value.len() == hash.digest_length(),
            None => false,
        })
    };
    let used: Vec<_> = HashAlgorithm::SIGNED.into_iter().filter(is_used).collect();
    let digests = digests_of_file(file, &used)?;
    let is_of_file = |shown: &Shown<'_>| {
        let digest = shown.entry.digest();
        digest.is_some_and(|digest| digests.contains(&digest.value))
    };
    Ok(signatures.into_iter().filter(is_of_file).collect())
}

fn cannot_tell(file: &Path, journal: &Path) -> Failure {
    format!(
        "cannot tell whether {} was signed: no line of {} has its digest; tools for CMS, Authenticode, JAR or OpenPGP sign \
         other data than the file",
        file.display(),
        journal.display()
    )
    .into()
}

fn print(signatures: &[Shown<'_>]) -> Result<(), Failure> {
    if signatures.is_empty() {
        return output::print("No signatures found.\n");
    }
    let heading = ["TIME", "SIGNING POLICY", "ALGORITHM", "DIGEST", "PROGRAM", "USER", "VERIFIED"];
    let rows: Vec<_> = signatures.iter().map(row).collect();
    output::print(&output::table(heading, &rows))
}

fn row(shown: &Shown<'_>) -> [String; 7] {
    let entry = shown.entry;
    let algorithm = match &entry.hash_algorithm {
        Some(hash) => format!("{} {hash}", entry.signature_algorithm),
        None => entry.signature_algorithm.clone(),
    };
    let verified = match shown.verified {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "-",
    };
    [
        entry.time.clone(),
        format!("{}/{}", entry.project_slug, entry.signing_policy_slug),
        algorithm,
        entry.digest.clone(),
        format!("{} ({})", entry.program, entry.process_id),
        entry.user.clone(),
        verified.to_owned(),
    ]
}

/// A time (RFC 3339), or the start of a day in UTC.
fn time_of(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339))
        .map(|time| time.to_offset(UtcOffset::UTC))
        .map_err(|_| {
            "expected a time such as 2026-03-01T12:00:00Z, or a day such as 2026-03-01".to_owned()
        })
}
