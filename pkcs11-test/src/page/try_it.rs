//! "Try it": the commands of the pages in docs/, which the tests run, for a signing policy of this service.

use super::history::hex;
use crate::built::{BUILT_MODULE, built_file};
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
    kind: Kind,
}

/// What a tool needs besides an RSA key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    X509,
    Gpg,
}

impl Kind {
    const fn certificate(self) -> CertificateKind {
        match self {
            Self::X509 => CertificateKind::X509,
            Self::Gpg => CertificateKind::None,
        }
    }

    const fn missing(self) -> &'static str {
        match self {
            Self::X509 => {
                "The commands need a signing policy with an RSA key and a certificate for code signing."
            }
            Self::Gpg => {
                "The commands need a signing policy of type GPG with an RSA key. Add one above."
            }
        }
    }
}

macro_rules! tool {
    ($name:literal, $page:literal, [$($block:tt)*]) => {
        tool!($name, $page, [$($block)*], X509)
    };
    ($name:literal, $page:literal, [$($block:tt)*], $kind:ident) => {
        Tool {
            name: $name,
            page: $page,
            text: include_str!(concat!("../../../docs/", $page)),
            blocks: &[$($block)*],
            kind: Kind::$kind,
        }
    };
}

static TOOLS: [Tool; 7] = [
    tool!("signpath-pkcs11", "command-line.md", [("list", None), ("sign", None), ("verify", None)]),
    tool!("openssl", "tools/openssl.md", [("before", None), ("sign", None), ("verify", None)]),
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
        [("provider", Some("signpath.cfg")), ("sign", None), ("verify", None)]
    ),
    tool!("GnuTLS", "tools/gnutls.md", [("before", None), ("sign", None), ("verify", None)]),
    tool!("gpg", "tools/gpg.md", [("imported", None)], Gpg),
];

/// A tool's commands for a shell.
pub(super) struct Commands {
    pub tool: &'static str,
    pub page: &'static str,
    /// Or what they need.
    pub text: Result<String, &'static str>,
}

/// The module's path on the pages.
const MODULE: &str = "/usr/local/lib/libsignpath_pkcs11.so";

/// The policy that the commands of a tool sign with.
pub(super) fn policy<P: AsRef<SigningPolicy>>(
    policies: &[P],
    kind: Kind,
) -> Option<&SigningPolicy> {
    policies.iter().map(AsRef::as_ref).find(|policy| {
        let entry = &policy.entry;
        entry.certificate == kind.certificate() && entry.key.is_rsa() && !entry.approval
    })
}

/// The commands of all tools. Arguments: the policies of the service, the module's path.
pub(super) fn commands<P: AsRef<SigningPolicy>>(policies: &[P], module: &str) -> Vec<Commands> {
    let text = |tool: &Tool| match policy(policies, tool.kind) {
        Some(policy) => Ok(tool.commands(&policy.entry.label(), module)),
        None => Err(tool.kind.missing()),
    };
    TOOLS
        .iter()
        .map(|tool| Commands { tool: tool.name, page: tool.page, text: text(tool) })
        .collect()
}

impl Tool {
    fn commands(&self, label: &str, module: &str) -> String {
        let blocks = self.blocks.iter().map(|(name, file)| {
            let block = adapted(&block(self.text, name), label, module);
            match file {
                Some(file) => format!("cat >{file} <<'END'\n{block}END\n"),
                None => block,
            }
        });
        blocks.collect::<Vec<_>>().join("\n")
    }
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

/// The pages sign with the policy app/release and with the installed module.
fn adapted(block: &str, label: &str, module: &str) -> String {
    let block = block
        .replace("app%2Frelease", &label.replace('/', "%2F"))
        .replace(&hex(b"app/release"), &hex(label.as_bytes()))
        .replace("app/release", label)
        .replace(MODULE, module);
    match module {
        MODULE => block,
        _ => {
            let setup = format!("setup gpg {label}");
            block.replace(&setup, &format!("{setup} --module {module}"))
        }
    }
}

/// The module to name: one that was built beside this program, or where it is installed.
pub(super) fn module() -> String {
    built_file(BUILT_MODULE).map_or_else(|| MODULE.to_owned(), |path| path.display().to_string())
}

/// The folder of the command `signpath-pkcs11`, if it was built beside this program.
pub(super) fn command_folder() -> Option<String> {
    let command = built_file("signpath-pkcs11")?;
    Some(command.parent()?.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::{TOOLS, block};

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
        for tool in &TOOLS {
            let commands = tool.commands("demo/rsa-2048", "/somewhere/module.so");
            for other in ["app/release", "app%2Frelease", "6170702f", "/usr/local/lib"] {
                assert!(!commands.contains(other), "{commands}");
            }
            let expected = match tool.name {
                "pkcs11-tool" => "--id 64656d6f2f7273612d32303438 ",
                "gpg" => "setup gpg demo/rsa-2048 --module /somewhere/module.so --import",
                _ => "demo",
            };
            assert!(commands.contains(expected), "{commands}");
        }
    }
}
