//! `list`: the signing policies.

use std::process::ExitCode;

use serde_json::json;

use crate::failure::Failure;
use crate::organization::{self, NO_POLICIES, Organization, TokenChoice};
use crate::output;
use crate::policy::{CertificateSummary, PolicySummary};

const JSON_HELP: &str = "\
Examples:
  signpath-pkcs11 list
  signpath-pkcs11 list --json | jq -r '.signingPolicies[] | select(.certificate and .certificate.daysLeft < 30) | .name'

JSON (--json): { \"signingPolicies\": [ {
    \"token\": \"SignPath\", \"name\": \"app/release\", \"projectSlug\": \"app\", \"signingPolicySlug\": \"release\",
    \"uri\": PKCS #11 URI by label, \"idUri\": PKCS #11 URI by CKA_ID, \"id\": CKA_ID in hexadecimal,
    \"key\": { \"type\": \"RSA\" or \"EC\", \"bits\": 3072, \"curve\": null or \"P-256\" } or null,
    \"certificate\": { \"subject\", \"issuer\", \"serialNumber\", \"notBefore\", \"notAfter\", \"sha256\", \"daysLeft\" } or null
  } ] }
key is null for a key that the module cannot sign with, and the URIs are then those of its public key; certificate is null for a
signing policy without one.";

/// List your signing policies
///
/// Shows for each signing policy its name, its key, the expiry (UTC) and subject of its certificate, its CKA_ID in
/// hexadecimal, and the PKCS #11 URI of its private key, or of its public key if it cannot sign. Nothing is signed. If the setting
/// Tokens lists several tokens, those of all are shown; a token whose list cannot be had is reported, and the exit status is then 1.
#[derive(clap::Args)]
#[command(after_long_help = JSON_HELP)]
pub struct Arguments {
    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    choice: TokenChoice,
}

/// Lists the signing policies. Sends one request for each token.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let configs = match arguments.choice.token {
        Some(_) => vec![arguments.choice.config()?],
        None => organization::configured()?,
    };
    let has_several = configs.len() > 1;
    let (mut policies, mut failed) = (Vec::new(), None);
    for config in configs {
        let label = config.token.label.clone();
        let listed = Organization::of(config).and_then(|organization| match has_several {
            true => organization.policies_at_once(),
            false => organization.policies(),
        });
        match listed {
            Ok(listed) => {
                policies.extend(listed.iter().map(|policy| PolicySummary::of(&label, policy)));
            }
            Err(Failure::Reason(reason)) if has_several => {
                failed = Some(Failure::Reason(format!("token {label}: {reason}")).report());
            }
            Err(failure) => return Err(failure),
        }
    }
    if arguments.json {
        output::print_json(&json!({ "signingPolicies": policies }))?;
    } else if let (true, Some(status)) = (policies.is_empty(), failed) {
        return Ok(status);
    } else if policies.is_empty() {
        let (what, remedy) = NO_POLICIES.split_once("; ").unwrap_or((NO_POLICIES, ""));
        output::print(&format!("There are {what}; {remedy}.\n"))?;
    } else {
        let heading = ["SIGNING POLICY", "KEY", "EXPIRES", "CERTIFICATE", "ID", "URI"];
        let rows: Vec<_> = policies.iter().map(row).collect();
        output::print(&output::table(heading, &rows))?;
    }
    Ok(failed.unwrap_or(ExitCode::SUCCESS))
}

fn row(policy: &PolicySummary) -> [String; 6] {
    let certificate = policy.certificate.as_ref();
    [
        policy.name.clone(),
        policy.key_text.clone(),
        certificate.map_or_else(|| "-".to_owned(), expiry),
        certificate.map_or("none", |certificate| &certificate.subject).to_owned(),
        policy.id.clone(),
        policy.uri.clone(),
    ]
}

fn expiry(certificate: &CertificateSummary) -> String {
    let day = certificate.last_day();
    if certificate.days_left < 0 { format!("{day} (expired)") } else { day.to_owned() }
}
