//! `list`: the signing policies.

use std::process::ExitCode;

use serde_json::json;

use crate::failure::Failure;
use crate::organization::{NO_POLICIES, Organization};
use crate::output;
use crate::policy::{CertificateSummary, KeySummary, PolicySummary};

const JSON_HELP: &str = "\
Examples:
  signpath-pkcs11 list
  signpath-pkcs11 list --json | jq -r '.signingPolicies[] | select(.certificate.daysLeft < 30) | .name'

JSON (--json): { \"signingPolicies\": [ {
    \"name\": \"app/release\", \"projectSlug\": \"app\", \"signingPolicySlug\": \"release\",
    \"uri\": PKCS #11 URI by label, \"idUri\": PKCS #11 URI by CKA_ID, \"id\": CKA_ID in hexadecimal,
    \"key\": { \"type\": \"RSA\" or \"EC\", \"bits\": 3072, \"curve\": null or \"P-256\" } or null,
    \"certificate\": { \"subject\", \"issuer\", \"serialNumber\", \"notBefore\", \"notAfter\", \"sha256\", \"daysLeft\" } or null
  } ] }
key is null for a key that the module cannot sign with, certificate for a signing policy without one.";

/// List the signing policies that you may sign with
///
/// Shows for each signing policy its name, its key, the expiry (UTC) and subject of its certificate, its CKA_ID in
/// hexadecimal, and the PKCS #11 URI of its private key. Nothing is signed.
#[derive(clap::Args)]
#[command(after_long_help = JSON_HELP)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists the signing policies. Sends one request.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let policies = Organization::configured()?.policies()?;
    let policies: Vec<_> = policies.iter().map(PolicySummary::of).collect();
    if arguments.json {
        output::print_json(&json!({ "signingPolicies": policies }))?;
    } else if policies.is_empty() {
        let (what, remedy) = NO_POLICIES.split_once("; ").unwrap_or((NO_POLICIES, ""));
        output::print(&format!("There are {what}; {remedy}.\n"))?;
    } else {
        let heading = [
            "SIGNING POLICY",
            "KEY",
            "EXPIRES",
            "CERTIFICATE",
            "ID",
            "URI",
        ];
        let rows: Vec<_> = policies.iter().map(row).collect();
        output::print(&output::table(heading, &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(policy: &PolicySummary) -> [String; 6] {
    let certificate = policy.certificate.as_ref();
    [
        policy.name.clone(),
        policy
            .key
            .as_ref()
            .map_or_else(|| "unsupported".to_owned(), KeySummary::text),
        certificate.map_or_else(|| "-".to_owned(), expiry),
        certificate
            .map_or("none", |certificate| &certificate.subject)
            .to_owned(),
        policy.id.clone(),
        policy.uri.clone(),
    ]
}

fn expiry(certificate: &CertificateSummary) -> String {
    let day = certificate.last_day();
    if certificate.days_left < 0 {
        format!("{day} (expired)")
    } else {
        day.to_owned()
    }
}
