//! The entries of `docs/troubleshooting.md`: a piece of a message, what causes it and what to do about it.

use crate::table;

/// Entries below a heading of the page.
pub struct Section {
    pub title: &'static str,
    /// What is true of all of them.
    pub note: &'static str,
    pub entries: &'static [Entry],
}

pub struct Entry {
    /// A piece of the message that no message of another entry contains.
    pub piece: &'static str,
    pub advice: &'static str,
}

/// Sections with their notes and entries: `"title" "note" { "piece": "advice"; }`.
macro_rules! sections {
    ($($title:literal $note:literal { $($piece:literal: $advice:literal;)* })*) => {
        &[$(Section {
            title: $title,
            note: $note,
            entries: &[$(Entry { piece: $piece, advice: $advice }),*],
        }),*]
    };
}

pub const SECTIONS: &[Section] = sections! {
    "Configuration" "" {
        "not valid JSON": "The configuration file is not valid JSON at this line. A common cause is a comma after the last setting.";
        "is encoded as UTF-16": "Windows PowerShell or an editor wrote the file or the PIN as UTF-16. Save it as UTF-8.";
        ": no such file or directory": "The path is wrong, or relative and the process has another working directory. Use an absolute path.";
        ": not a regular file": "The path is a pipe or a device, such as `<(...)` in a shell. Use a file.";
        "it is larger than 16 MiB": "This is probably not the file that you meant. Check the path.";
        "duplicate setting": "The setting is in the file twice, or once more under its older name. Delete one.";
        "expected one of": "Write one of the values that the line lists.";
        "expected a whole number of seconds": "Write an integer, for a timeout at least 1.";
        "expected a URL such as": "The API URL is invalid, or contains a user name, password, query or fragment.";
        "would send the API token unencrypted": "The API URL is `http`, and its host is another machine. Use `https`.";
        "which would get the API token unencrypted": "The host name in an `http` API URL resolves to another machine. Use `https`.";
        "encrypted: (DPAPI) is only supported on Windows": "Set the API token itself, or `file:` and the path of a file that contains it.";
        "registry: is only supported on Windows": "Set the API token itself, or `file:` and the path of a file that contains it.";
        "thumbprint: is only supported on Windows": "Export the certificate and its key to a PEM file, and set `file:` and its path.";
        "must contain the API token on one line": "The file is empty or has more than one line.";
        "expected a JSON object": "`Metadata` must be an object, such as `{\"build\": \"17\"}`, nested at most 10 levels deep.";
        "setting Tokens.ApiURL: unknown setting": "An entry of `Tokens` has a setting that it cannot have. Correct its name, or move it to the top level.";
        "labels must be unique": "Two entries of `Tokens` have the same `Label`. Tools choose a token by it.";
        "expected a label of 1 to 32 bytes": "An entry of `Tokens` has no `Label`, or one that does not fit into a token's label.";
        "expected a list of 1 to 100 objects": "`Tokens` is a list, such as `[{\"Label\": \"A\"}]`. Without it there is one token.";
        ": no token": "`TokenLabel` (`SIGNPATH_TOKEN_LABEL`) names a token that is not in `Tokens`.";
        "so it does not use the one at the top level": "An entry of `Tokens` that has an `OrganizationId` or `ApiUrl` needs its own `ApiToken`; see [Several tokens](configuration.md#several-tokens).";
        "expected host:port or http://": "`HttpProxy` is not an HTTP proxy. SOCKS is not supported.";
        "contains no PEM certificate": "The file is not a certificate, or it is DER. `openssl x509 -inform DER` converts it.";
        "contains a malformed certificate": "A certificate in `TlsCaFile` is malformed. Remove or replace it.";
        "PEM block": "`ChainCertificatesFile` contains a PEM block that is not a certificate. Remove it.";
    }
    "Login and the list of signing policies" "The line of a search without a login starts with `cannot show objects before login`. \
    Log in, or correct the reason that follows." {
        "configured; set SIGNPATH_": "The PIN is `CONFIG` or empty, but the process has no credentials. Set `SIGNPATH_ORGANIZATION_ID` and `SIGNPATH_API_TOKEN` where the tool runs: agents and services have their own environment, and `sudo` removes it.";
        "the PIN must be CONFIG": "The tool passed another PIN. Use `CONFIG`.";
        "the tool truncated the PIN": "The libp11 engine truncates PINs to 32 bytes. Use `CONFIG`.";
        "the user name must be an organization ID": "C_LoginUser got another user name. Pass the organization ID, and the API token as the PIN.";
        "ignore their environment": "The program has more privileges than its caller. Use the PIN `{OrganizationId}:{ApiToken}`; see [Privileged programs](configuration.md#privileged-programs).";
        "private keys require C_Login": "The tool did not log in. Give it the PIN, or set [`Cryptoki.LoginRequired`](configuration.md#without-a-login) to `false`.";
        "check that the API token is complete": "SignPath refused the API token (401). It is incomplete or expired, or belongs to another organization. If this happens at a signature, it was revoked after the login.";
        "the API token contains a line break": "The token was copied with a line break inside.";
        "is a Submitter of the signing policy": "SignPath denied access (403). Add the user of the API token as a Submitter of the signing policy.";
        "a firewall responds instead of SignPath": "The response is not SignPath's. A proxy or firewall blocks the request.";
        "check OrganizationId and ApiUrl": "SignPath responded with 404: the organization ID or the API URL is wrong.";
        "no usable signing policy": "The user is not a Submitter of any signing policy, or `ProjectSlug` and `SigningPolicySlug` match none.";
        "certificateBytes is not base64": "SignPath sent an invalid certificate for this signing policy. The others work.";
        "its certificate is not a valid X.509 certificate": "SignPath sent an invalid certificate for this signing policy. The others work.";
        "is not a valid list of signing policies": "Another server responded. Check `ApiUrl`, which ends in `/Api`, and the proxy.";
        ", which is not supported; check ApiUrl": "A proxy compressed or converted the response. Switch that off in the proxy.";
        "is larger than 32 MiB": "The response is not SignPath's. Check `ApiUrl`.";
    }
    "Network" "A line with `retrying in` is a warning: the failure in the line is transient, and nothing is to be done unless it \
    repeats. After `may create a second signing request`, SignPath may have signed although no response arrived, so the retry may count \
    as a second signing request. `gave up after attempt` ends the retries, because `ServiceUnavailableTimeoutInSeconds` is over." {
        "connection refused": "Nothing listens at that address and port. Check `ApiUrl`. If the line names a proxy, start it, or check `https_proxy`, `http_proxy` and `HttpProxy`.";
        "cannot resolve the host name": "The host name does not exist, or DNS does not answer. In a container, check its DNS. If only a proxy reaches the internet, set `https_proxy`.";
        "no connection within": "A firewall drops the packets, or a proxy is needed.";
        "closed during the TLS handshake": "The server or a firewall closed the connection. Check the port in `ApiUrl`, and whether a firewall allows it.";
        "does not speak TLS": "The scheme or the port in `ApiUrl` is wrong, or a proxy responds in plain HTTP.";
        "closed the connection without a response": "The connection was lost. If all retries fail like this, a proxy or firewall is the likely cause.";
        "is incomplete": "The connection was lost during the response. If all retries fail like this, a proxy or firewall is the likely cause.";
        "no response from": "SignPath did not respond in time. Raise `HttpRequestTimeoutInSeconds` if it always takes this long.";
        "is not HTTP (": "A server for another protocol listens on this port. Check `ApiUrl`.";
    }
    "Proxies" "" {
        "check the user and password in HttpProxy": "The proxy requires other credentials (407 or 401). Write `:`, `/` and `@` in them as `%3A`, `%2F` and `%40`.";
        "offers only authentication with": "The proxy requires NTLM, Kerberos or Digest. Have it offer Basic too, or use a local HTTP proxy that can, such as px or cntlm.";
        "have the proxy allow it": "The proxy refuses to connect to SignPath. Have the host in the line allowed, or add it to `no_proxy`.";
        "check ApiUrl and the network of the proxy": "The proxy itself has no connection to SignPath.";
        "is the URL of an HTTP proxy": "A server that is not an HTTP proxy listens at this address. Check `https_proxy`, `http_proxy` and `HttpProxy`.";
        "HTTPS proxies are not supported": "Write `http://` in front of the proxy. It still carries https requests.";
        "SOCKS proxies are not supported": "Set an HTTP proxy, or exempt the API with `no_proxy`.";
        "not the URL of an HTTP proxy": "The proxy variable is not the URL of an HTTP proxy and was ignored.";
        "a host name, an address or a network such as": "An entry of `no_proxy` is invalid and was ignored.";
    }
    "TLS" "" {
        "a certificate from an unknown CA": "The server's CA is not trusted. If it is a private CA or a proxy that inspects TLS, set [`TlsCaFile`](recipes/corporate-network.md).";
        "the system has no root certificates": "The container has no CA certificates. Install `ca-certificates`.";
        "which is used instead of the system's": "`SSL_CERT_FILE` or `SSL_CERT_DIR` names no PEM file with certificates. Correct or unset it.";
        "presented a CA certificate as its own": "The server's self-signed certificate says `CA:TRUE`, as `openssl req -x509` makes it. Make one with `-addext basicConstraints=critical,CA:FALSE`, or have your CA issue one.";
        "signed with an unsupported algorithm": "The certificate, or one between it and the CA's, is signed with SHA-1, P-521 or ECDSA with SHA-512. Have it issued with another algorithm.";
        "a certificate that expired": "The server's certificate has expired, or the clock of this machine is wrong.";
        "a certificate that is not valid before": "The clock of this machine is wrong.";
        "a certificate for another host name": "The host name in `ApiUrl` is not in the certificate.";
        "failed the TLS handshake": "The server supports neither TLS 1.3 nor TLS 1.2 with ECDHE and AES-GCM or ChaCha20, or its key is not RSA, P-256, P-384 or Ed25519.";
        "rejected the client certificate, or requires one": "Set `TlsClientCertificate` to a certificate that the server accepts.";
        "contains no unencrypted private key": "The PEM file has no private key, or an encrypted one. `openssl pkey` decrypts it.";
        "is not valid PEM": "The line breaks of the PEM file were lost, as happens in CI variables.";
        "a private key that is not supported": "The client's key is RSA of another length, P-521, or has parameters for PSS. Get a certificate for another key.";
        "a private key that does not belong to its certificate": "The private key belongs to another client certificate. Replace one of them.";
    }
    "Signing requests" "What `retrying in` and `gave up after attempt` mean is said above, under [Network](#network)." {
        "correct the request or the signing policy": "SignPath refused the request and gave the reason that the line contains. If the signing policy `has an approval process`, use another: hash signing does not support approvals.";
        "the server supports neither signing API": "`ApiUrl` is wrong, or this SignPath has no hash signing.";
        "set SigningApi to Auto": "The server does not have the configured `SigningApi`.";
        "could not process": "SignPath is busy (408, 429, 502, 503, 504): try again later. Or it failed (500 and others): if that persists, report the time and the trace id to SignPath's support.";
        "check ApiUrl, TlsClientCertificate": "A proxy or web server refused the request, not SignPath. The title of its web page says why. `No required SSL certificate was sent`, `The SSL certificate error`: set `TlsClientCertificate` to a certificate that it accepts.";
        "the API token must not be sent to": "SignPath's address redirects. Put the new URL in `ApiUrl`.";
        "instead of signing at once": "The service does not support fast signing requests for this signing policy.";
        "is not a valid signed payload": "Another server responded. Check `ApiUrl` and the proxy.";
        "is not a valid SignHash response": "Another server responded, or SignPath has a defect. Check `ApiUrl` and the proxy.";
        "and was discarded": "The signature does not verify with the public key of the signing policy. If the certificate was just renewed, run the tool again. Otherwise tell SignPath's support.";
    }
    "Data that cannot be signed" "" {
        "look like a bare": "The tool passed a digest where CKM_RSA_PKCS needs a DigestInfo. openssl pkeyutl: add `-pkeyopt digest:sha256`. pkcs11-tool: use `--mechanism SHA256-RSA-PKCS`.";
        "are not a DER DigestInfo": "CKM_RSA_PKCS signs a DigestInfo of MD5, SHA-1, SHA-256, SHA-384 or SHA-512 only.";
        "the mechanism takes a digest, not the message": "Use a mechanism that hashes, such as CKM_SHA256_RSA_PKCS.";
        "digest is": "The digest does not have the length of its hash algorithm.";
        "pass a SHA-1, SHA-256, SHA-384 or SHA-512 digest": "CKM_ECDSA signs digests of these hashes only.";
        "are a DigestInfo": "The DigestInfo has a hash that SignPath does not sign, or is malformed.";
        "digests; use SHA-256, SHA-384 or SHA-512": "SignPath does not sign this hash. Choose another in the tool.";
        "is not supported for PSS": "SignPath does not sign this hash with PSS. Choose another in the tool.";
        "needs CK_RSA_PKCS_PSS_PARAMS": "The program passed no PSS parameters.";
        "the key is too small for a salt": "The RSA key is too small for this hash. Choose a shorter hash.";
        "SignPath only supports salts as long as the digest": "openssl: `rsa_pss_saltlen:digest`; for `cms` `-keyopt rsa_pss_saltlen:-1`.";
        "mgf is": "The mask generation function must be MGF1 with the hash algorithm of the digest.";
        "but the mechanism hashes with": "The hash algorithm in the PSS parameters is not that of the mechanism.";
        "SignPath cannot sign with": "`pkcs11-tool --list-mechanisms` lists the supported mechanisms.";
        "can verify, but not sign": "SignPath has not documented how it signs with ML-DSA keys. Sign with an RSA or EC key.";
        "is not one": "A mechanism for one type of key with a key of another, such as an RSA mechanism with an EC key.";
    }
    "Objects that a program creates" "" {
        "but must be CKP_ML_DSA": "The standard has no other parameter set.";
        "can be created": "The token creates X.509 certificates and RSA, EC and ML-DSA public keys, as session objects.";
        "the template lacks": "Add this attribute to the template.";
        "objects of this class and type do not have": "Remove this attribute from the template.";
        "unknown attribute": "The attribute is unknown to PKCS #11 3.2.";
        "twice with different values": "The template has the attribute twice.";
        "is read-only here": "A template cannot set this attribute, or not in this call. Remove it.";
        "the value of": "The attribute cannot have this value. The line says what is expected.";
        "token objects cannot be created": "Nothing can be stored on the token. Create a session object (`CKA_TOKEN` false).";
    }
    "Calls of a program" "These are mistakes in a program or its configuration. The page on its tool may help; \
    `SIGNPATH_LOG_FILE_LEVEL=debug` shows all calls." {
        "the only slot ID is": "The configuration names another slot. Use 1, or the token label `SignPath`: p11-kit's proxy renumbers slots.";
        "read/write sessions are disabled": "Set `Cryptoki.DoNotFailOnReadWriteSessions` to `true`.";
        "the token has no security officer": "Log in as the normal user (CKU_USER).";
        "is active in this session; end it with": "The program did not finish the operation before. Use a session for each thread.";
        "is active in this session; call": "The program did not call the C_...Init function.";
        "invalid session handle": "The session was closed.";
        "invalid object handle": "The object belongs to an earlier login or session. Search again.";
        "invalid key handle": "The handle is not that of a key, or belongs to an earlier login or session. Search again.";
        "a public key cannot sign": "The program chose the public key object. Search with CKA_CLASS.";
        "set CKF_OS_LOCKING_OK": "The program wants the module to use its own mutex functions.";
        "must have all four mutex functions or none": "The arguments of C_Initialize are incomplete.";
        "is reserved and must be NULL": "The program set a reserved parameter.";
        "ulCount is": "The template is longer than 1024 attributes.";
    }
    "Shortages" "The process has run out of something. The line says which limit to raise." {
        "has run out of file descriptors": "Raise the limit of open files (`ulimit -n`).";
        "cannot start a thread": "Raise the limit of threads (`ulimit -u`, `TasksMax=` of systemd).";
        "has run out of memory": "Raise the memory limit of the process or container.";
        "not enough memory to copy": "The program passed more data than memory can hold.";
        "has closed the descriptor of the connection": "The program closes descriptors that it did not open. The module opens a new connection.";
        "the operating system returned no random numbers": "The system's random number generator is not available, for example in a chroot without the system call.";
    }
    "Warnings" "" {
        "ignored; did you mean": "The name of a setting has a typo. The line names the setting that you probably mean.";
        "docs/configuration.md lists all settings": "The setting is unknown. [Configuration](configuration.md) lists all.";
        "removed in version 6, ignored": "This is a setting of SignPath's library 5.x. The line says what to use.";
        "this name is deprecated": "The setting has an older name. It works.";
        "no signing policy": "A program searched for an unknown key. Check the name. Programs on NSS search by key hash, which is harmless.";
        "contains no issuer of any signing policy": "`ChainCertificatesFile` has other CA certificates than those of the signing policy; see [Certificate chain](recipes/certificate-chain.md).";
        "Cryptoki.LoginRequired has no effect": "It is `false`, but there are no credentials. Set organization and API token.";
        "PolicyCacheSeconds has no effect": "Neither `XDG_CACHE_HOME` nor `HOME` is set. Set one.";
        "the cached certificate of signing policy": "A certificate in the policy cache has expired and a newer one exists. The next run uses it.";
        "cannot refresh the list of signing policies": "The service did not respond. The previous list is used.";
        "writing the log file to": "The log directory cannot be used; see [Permissions](logging.md#permissions).";
        "cannot write the log file": "For the reason in the line. Signing works.";
        "cannot write the journal": "For the reason in the line. Signing works, but the journal lacks that signature.";
        "its key is not supported": "The signing policy has a key of a type that the module does not know.";
        "correct it in SignPath": "A slug of the signing policy cannot be the name of a key. Change it in SignPath.";
        "invalid entry in the list of signing policies": "SignPath sent an entry that the module does not understand. The others work.";
        "more unknown settings, ignored": "The configuration file has many unknown settings. Is it the right file?";
        "the cached list of signing policies": "The policy cache cannot be written, for the reason in the line. Signing works.";
    }
};

/// Pieces of messages that no situation shows, and the file that contains the message.
pub const UNSEEN: &[(&str, &str)] = &table! {
    ("which would get the API token unencrypted", "client/src/failed_attempt.rs"),
    ("ignore their environment", "platform/src/environment.rs"),
    ("cannot start a thread", "platform/src/unix/errors.rs"),
    ("has run out of memory", "platform/src/unix/errors.rs"),
    ("not enough memory to copy", "src/error.rs"),
    ("has closed the descriptor of the connection", "client/src/socket.rs"),
    ("the operating system returned no random numbers", "src/ffi/random.rs"),
    ("the cached certificate of signing policy", "src/catalog/mod.rs"),
    ("cannot refresh the list of signing policies", "src/catalog/mod.rs"),
    ("the system has no root certificates", "client/src/roots.rs"),
    ("more unknown settings, ignored", "config/src/file.rs"),
};
