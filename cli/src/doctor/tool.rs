//! The signing tools that the doctor knows.

use Script::{Program, Sh};

/// A tool and how to try it: with the module in `$MODULE`, a directory with the configurations written by `setup` in
/// `$FOLDER`, and the URI of a public key in `$PUBLIC_KEY`. Nothing is signed.
pub struct Tool {
    pub name: &'static str,
    /// Fails if the tool is not installed; otherwise the first line of its output is the version.
    pub version: Script,
    /// Loads the module; [`None`] if another row does this for the same tool.
    pub load: Option<Load>,
}

/// How a program is started.
#[derive(Clone, Copy)]
pub enum Script {
    /// By `sh`.
    Sh(&'static str),
    /// Directly, with these arguments, where there is no `sh`.
    Program(&'static str, &'static [&'static str]),
}

impl Script {
    /// Whether it names a file.
    pub fn contains(self, text: &str) -> bool {
        match self {
            Sh(script) => script.contains(text),
            Program(_, arguments) => arguments.iter().any(|argument| argument.contains(text)),
        }
    }
}

pub struct Load {
    pub script: Script,
    /// What it prints on success.
    pub expected: &'static str,
    /// Whether it needs a key of a signing policy, and so a request to SignPath.
    pub needs_policy: bool,
}

/// The tools on this system.
pub const TOOLS: &[Tool] = match cfg!(windows) {
    true => ON_WINDOWS,
    false => WITH_SH,
};

/// The tools on systems with `sh`.
const WITH_SH: &[Tool] = &[
    Tool { name: "openssl", version: Sh("openssl version"), load: None },
    Tool {
        name: "openssl engine",
        version: Sh("openssl engine pkcs11"),
        load: Some(Load {
            script: Sh("export OPENSSL_CONF=\"$FOLDER/signpath-engine.cnf\"
                openssl pkey -engine pkcs11 -pubin -inform engine -in \"$PUBLIC_KEY\" -pubout"),
            expected: "BEGIN PUBLIC KEY",
            needs_policy: true,
        }),
    },
    Tool {
        name: "openssl provider",
        version: Sh(
            "test -e \"$(openssl version -m | sed 's/.*\"\\(.*\\)\"/\\1/')/pkcs11.so\" && echo pkcs11-provider",
        ),
        load: Some(Load {
            script: Sh("export OPENSSL_CONF=\"$FOLDER/signpath-provider.cnf\"
                openssl pkey -pubin -in \"$PUBLIC_KEY\" -pubout"),
            expected: "BEGIN PUBLIC KEY",
            needs_policy: true,
        }),
    },
    Tool {
        name: "osslsigncode",
        version: Sh(
            "command -v osslsigncode >/dev/null && { osslsigncode --version 2>&1 || true; }",
        ),
        // No key has this name: those of signing policies contain a slash.
        load: Some(Load {
            script: Sh(
                "SIGNPATH_LOG_CONSOLE_LEVEL=debug osslsigncode sign -pkcs11module \"$MODULE\" -pass CONFIG \
                -key 'pkcs11:object=none;type=private' -pkcs11cert 'pkcs11:object=none;type=cert' \
                -in \"$MODULE\" -out \"$FOLDER/signed\" 2>&1 || true",
            ),
            expected: "C_OpenSession(",
            needs_policy: false,
        }),
    },
    Tool {
        name: "keytool, jarsigner",
        version: Sh("command -v keytool >/dev/null && java -version 2>&1"),
        load: Some(Load {
            script: Sh("keytool -list -storetype PKCS11 -keystore NONE -storepass CONFIG \
                -providerClass sun.security.pkcs11.SunPKCS11 -providerArg \"$FOLDER/signpath-sunpkcs11.cfg\""),
            expected: "Keystore type: PKCS11",
            needs_policy: true,
        }),
    },
    Tool {
        name: "pkcs11-tool",
        version: Sh(
            "command -v pkcs11-tool >/dev/null && { opensc-tool --version 2>/dev/null || echo OpenSC; }",
        ),
        load: Some(Load {
            script: Sh("pkcs11-tool --module \"$MODULE\" --list-token-slots"),
            expected: "SignPath",
            needs_policy: false,
        }),
    },
    Tool {
        name: "gnupg-pkcs11-scd",
        version: Sh("command -v gnupg-pkcs11-scd >/dev/null && gnupg-pkcs11-scd --version"),
        load: Some(Load {
            script: Sh(
                "printf 'SERIALNO\\nBYE\\n' | gnupg-pkcs11-scd --server --homedir \"$FOLDER\"",
            ),
            expected: "S SERIALNO",
            needs_policy: false,
        }),
    },
    Tool {
        name: "p11tool",
        version: Sh("command -v p11tool >/dev/null && p11tool --version"),
        load: Some(Load {
            script: Sh("p11tool --provider \"$MODULE\" --list-tokens"),
            expected: "manufacturer=SignPath",
            needs_policy: false,
        }),
    },
    Tool {
        name: "NSS",
        version: Sh(
            "command -v modutil >/dev/null && command -v certutil >/dev/null && echo modutil and certutil",
        ),
        load: Some(Load {
            script: Sh(
                "sh \"$FOLDER/signpath-nss\" \"$FOLDER\" && modutil -dbdir \"sql:$FOLDER\" -list SignPath",
            ),
            expected: "Token Manufacturer: SignPath",
            needs_policy: false,
        }),
    },
    Tool {
        name: "ssh",
        version: Sh("command -v ssh-keygen >/dev/null && ssh -V 2>&1"),
        load: Some(Load {
            script: Sh("ssh-keygen -D \"$MODULE\""),
            expected: "ssh-rsa |ecdsa-sha2-",
            needs_policy: true,
        }),
    },
];

/// The tools on Windows.
const ON_WINDOWS: &[Tool] = &[
    Tool { name: "openssl", version: Program("openssl", &["version"]), load: None },
    Tool { name: "osslsigncode", version: Program("osslsigncode", &["--version"]), load: None },
    Tool {
        name: "keytool, jarsigner",
        version: Program("java", &["-version"]),
        load: Some(Load {
            script: Program(
                "keytool",
                &[
                    "-list",
                    "-storetype",
                    "PKCS11",
                    "-keystore",
                    "NONE",
                    "-storepass",
                    "CONFIG",
                    "-providerClass",
                    "sun.security.pkcs11.SunPKCS11",
                    "-providerArg",
                    "$FOLDER/signpath-sunpkcs11.cfg",
                ],
            ),
            expected: "Keystore type: PKCS11",
            needs_policy: true,
        }),
    },
    Tool {
        name: "pkcs11-tool",
        version: Program("opensc-tool", &["--version"]),
        load: Some(Load {
            script: Program("pkcs11-tool", &["--module", "$MODULE", "--list-token-slots"]),
            expected: "SignPath",
            needs_policy: false,
        }),
    },
];
