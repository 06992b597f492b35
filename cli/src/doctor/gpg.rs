//! gpg 2.4 with a gnupg-pkcs11-scd that fails if it sees a certificate for a key that is not RSA.

use signpath_client::SigningPolicy;
use signpath_config::Config;

use super::child::End;
use super::finding::Finding;
use super::tool::Script::Sh;
use super::tools::TestBed;

/// Since this version, gpg-agent asks its daemon for the key before each signature.
const WAITS_SINCE: [u32; 2] = [2, 4];
/// Up to this version, the answer is an error if the first certificate is not for an RSA key.
const FAILS_UP_TO: [u32; 3] = [0, 11, 0];

/// A signing policy with a key that is not RSA, and its token, if there are several.
pub fn not_rsa(tokens: &[(&Config, Vec<SigningPolicy>)]) -> Option<String> {
    tokens.iter().find_map(|(config, policies)| {
        let is_rsa =
            |policy: &SigningPolicy| policy.public_key.as_ref().is_none_or(|key| key.is_rsa());
        let policy = policies.iter().find(|policy| !is_rsa(policy))?;
        Some(match config.has_others {
            true => format!("{} of the token {}", policy.name, config.token.label),
            false => policy.name.to_string(),
        })
    })
}

/// Warns of versions with which each failure makes gpg-agent ask for a card again. They see the keys of all tokens.
pub fn waits_for_a_card(test_bed: &TestBed, not_rsa: &str) -> Option<Finding> {
    const REMEDY: &str = "show it one signing policy only: signpath-pkcs11 setup gpg PROJECT/POLICY --import, with --token LABEL \
         if it is not one of the first token";
    let version = |script| {
        let outcome = test_bed.run(Sh(script)).ok()?;
        let output = Some(outcome.output).filter(|_| outcome.end == End::Status(0))?;
        numbers(output.lines().next()?)
    };
    let gpg = version("gpg --version")?;
    let scdaemon = version("gnupg-pkcs11-scd --version")?;
    (gpg.as_slice() >= &WAITS_SINCE[..] && scdaemon.as_slice() <= &FAILS_UP_TO[..]).then(|| {
        Finding::warning(
            "gpg",
            format!(
                "gpg {} with gnupg-pkcs11-scd {} asks for a card without end, since {not_rsa} has a key that is not RSA",
                dotted(&gpg),
                dotted(&scdaemon)
            ),
            REMEDY,
        )
    })
}

/// The version in a line such as `gpg (GnuPG) 2.4.7`.
fn numbers(line: &str) -> Option<Vec<u32>> {
    let is_version = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    let version = line.split_whitespace().find(is_version)?;
    version
        .split('.')
        .map(|number| {
            let end = number.find(|c: char| !c.is_ascii_digit());
            number.get(..end.unwrap_or(number.len()))?.parse().ok()
        })
        .collect()
}

fn dotted(version: &[u32]) -> String {
    let numbers: Vec<_> = version.iter().map(u32::to_string).collect();
    numbers.join(".")
}
