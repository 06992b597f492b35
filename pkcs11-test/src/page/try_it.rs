//! "Try it": the commands of the pages in docs/, which the tests run, for a signing policy of this service.

use super::history::hex;
use crate::organization::SigningPolicy;
use crate::policies::CertificateKind;

/// A tool, and the blocks of its page that sign and verify.
struct Tool {
    name: &'static str,
    /// The page's path below docs/.
    page: &'static str,
    text: &'static str,
    /// A file that the tool reads is named as well.
    blocks: &'static [(&'static str, Option<&'static str>)],
}

macro_rules! tool {
    ($name:literal, $page:literal, [$($block:tt)*]) => {
        Tool {
            name: $name,
            page: $page,
            text: include_str!(concat!("../../../docs/", $page)),
            blocks: &[$($block)*],
        }
    };
}

static TOOLS: [Tool; 6] = [
    tool!(
        "signpath-pkcs11",
        "command-line.md",
        [("list", None), ("sign", None), ("verify", None)]
    ),
    tool!(
        "openssl",
        "tools/openssl.md",
        [("before", None), ("sign", None), ("verify", None)]
    ),
    tool!(
        "pkcs11-tool",
        "tools/pkcs11-tool.md",
        [("before", None), ("sign", None), ("verify", None)]
    ),
    tool!(
        "osslsigncode",
        "tools/osslsigncode.md",
        [("before", None), ("sign", None), ("verify", None)]
    ),
    tool!(
        "jarsigner",
        "tools/jarsigner.md",
        [
            ("provider", Some("signpath.cfg")),
            ("sign", None),
            ("verify", None)
        ]
    ),
    tool!(
        "GnuTLS",
        "tools/gnutls.md",
        [("before", None), ("sign", None), ("verify", None)]
    ),
];

/// A tool's commands for a shell.
pub(crate) struct Commands {
    pub tool: &'static str,
    pub page: &'static str,
    pub text: String,
}

/// The module's path on the pages.
const MODULE: &str = "/usr/local/lib/libsignpath_pkcs11.so";

/// The policy that the commands sign with: they are for RSA and need a certificate.
pub(crate) fn policy<P: AsRef<SigningPolicy>>(policies: &[P]) -> Option<&SigningPolicy> {
    let candidates = || {
        policies.iter().map(AsRef::as_ref).filter(|policy| {
            policy.entry.certificate == CertificateKind::X509 && !policy.entry.approval
        })
    };
    candidates().find(|policy| policy.entry.key.is_rsa())
}

/// The commands of all tools. Arguments: the policy's label, the module's path.
pub(crate) fn commands(label: &str, module: &str) -> Vec<Commands> {
    TOOLS
        .iter()
        .map(|tool| {
            let text: Vec<_> = tool
                .blocks
                .iter()
                .map(|(name, file)| {
                    let block = adapted(&block(tool.text, name), label, module);
                    match file {
                        Some(file) => format!("cat >{file} <<'END'\n{block}END\n"),
                        None => block,
                    }
                })
                .collect();
            Commands {
                tool: tool.name,
                page: tool.page,
                text: text.join("\n"),
            }
        })
        .collect()
}

/// The blocks of a page that have this name, one after the other.
fn block(page: &str, name: &str) -> String {
    let mut inside = false;
    let mut found = String::new();
    for line in page.lines() {
        if let Some(info) = line.strip_prefix("```") {
            inside = !inside && info.split_whitespace().nth(1) == Some(name);
        } else if inside {
            found.push_str(line);
            found.push('\n');
        }
    }
    found
}

/// The pages sign with the policy app/release.
fn adapted(block: &str, label: &str, module: &str) -> String {
    block
        .replace("app%2Frelease", &label.replace('/', "%2F"))
        .replace(&hex(b"app/release"), &hex(label.as_bytes()))
        .replace("app/release", label)
        .replace(MODULE, module)
}

/// The module to name: one that was built beside this program, or where it is installed.
pub(crate) fn module() -> String {
    let built = std::env::current_exe().ok().and_then(|program| {
        let folder = program.parent()?;
        [
            folder.join("libsignpath_pkcs11.so"),
            folder
                .parent()?
                .join("module/release/libsignpath_pkcs11.so"),
        ]
        .into_iter()
        .find(|path| path.exists())
    });
    built.map_or_else(|| MODULE.to_owned(), |path| path.display().to_string())
}

/// The folder of the command `signpath-pkcs11`, if it was built beside this program.
pub(crate) fn command_folder() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    let folder = program.parent()?;
    folder
        .join("signpath-pkcs11")
        .exists()
        .then(|| folder.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::{TOOLS, block, commands};

    #[test]
    fn every_block_is_on_its_page() {
        for tool in &TOOLS {
            for (name, _) in tool.blocks {
                assert!(!block(tool.text, name).is_empty(), "{} {name}", tool.page);
            }
        }
    }

    #[test]
    fn commands_are_for_the_policy_and_the_module() {
        let all = commands("demo/rsa-2048", "/somewhere/module.so");
        for commands in &all {
            for other in ["app/release", "app%2Frelease", "6170702f", "/usr/local/lib"] {
                assert!(!commands.text.contains(other), "{}", commands.text);
            }
        }
        assert!(
            all.iter()
                .any(|commands| commands.text.contains("--id 64656d6f2f7273612d32303438 "))
        );
    }
}
