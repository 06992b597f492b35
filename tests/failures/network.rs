//! The way to the service: addresses, proxies, and TLS.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd;
use std::process::Command;

use pkcs11_test::{ServerCertificate, TlsOptions, TlsVersions};
use socket2::{Domain, Socket, Type};

use crate::Situation;
use crate::common::programs::{ONLY_NTLM, answering, nginx, nginx_with, tinyproxy};
use crate::common::{beyond_loopback, printed};
use crate::scene::{PROXY_PASSWORD, Scene, login, sign};

pub const SITUATIONS: &[Situation] = situations! { scene;
    "nobody listens": [let nobody = silent_address(scene); scene.lead_to("http", &nobody)] login
        => CKR_FUNCTION_FAILED, "none": "cannot connect to", "(connection refused)", "check ApiUrl";
    "the host name does not exist": [
            // A label of 64 characters is one too long, so that no name server is asked.
            let nobody = format!("{}.invalid", "x".repeat(64));
            scene.lead_to("http", &nobody);
            scene.set("SIGNPATH_ALLOW_INSECURE_HTTP", "true");
        ] login
        => CKR_FUNCTION_FAILED, "none": "cannot connect to", "(cannot resolve the host name: ";
    "the server accepts no connection":
        [scene.hurry(); let address = full_listener(scene); scene.lead_to("http", &address)] login
        => CKR_FUNCTION_FAILED, "none": "cannot connect to", "(no connection within 1 s";
    "the server accepts no connection before the total time is up":
        [let address = full_listener(scene); scene.lead_to("http", &address)] login
        => CKR_FUNCTION_FAILED, "none": "cannot connect to", "(no connection within 2 s";
    "the server closes each connection immediately":
        [let listener = TcpListener::bind("127.0.0.1:0").unwrap(); let address = listener.local_addr().unwrap().to_string();
         std::thread::spawn(move || listener.incoming().for_each(drop)); scene.lead_to("https", &address);
         for other in OTHER_ENDS { scene.call(other, "the connection was closed during the TLS handshake"); }] login
        => CKR_FUNCTION_FAILED, "none": "cannot connect to", "check ApiUrl and the network";
    "the API URL is https, but the server speaks HTTP":
        [let url = scene.service.api_url().replace("http:", "https:"); scene.set("SIGNPATH_API_URL", &url);
         scene.call(&url, "https://signpath.example/Api")] login
        => CKR_GENERAL_ERROR, "none": "does not speak TLS", "check the scheme and port";
    "the proxy does not listen":
        [scene.serve_tls(); let nobody = silent_address(scene); through(scene, &nobody, "")] login
        => CKR_FUNCTION_FAILED, "none": "through the proxy", "connection refused", "check HttpProxy";
    "the proxy requires credentials":
        [scene.serve_tls(); start_proxy(scene, &format!("BasicAuth ci {PROXY_PASSWORD}"), "")] login
        => CKR_GENERAL_ERROR, "none": "the proxy", "407", "check the user and password in HttpProxy";
    // tinyproxy does not answer 407 to that, but 401.
    "the proxy requires other credentials":
        [scene.serve_tls(); scene.try_again(); let credentials = format!("ci:{PROXY_PASSWORD}@");
         start_proxy(scene, "BasicAuth ci another-passw0rd", &credentials)] login
        => CKR_GENERAL_ERROR, "none": "the proxy", "401", "check the user and password in HttpProxy";
    "the proxy accepts only Kerberos and NTLM":
        [false_proxy(scene, ONLY_NTLM)] login
        => CKR_GENERAL_ERROR, "none": "the proxy", "407", "offers only authentication with Negotiate, NTLM";
    "the proxy requires credentials, for an http API URL": [start_proxy(scene, &format!("BasicAuth ci {PROXY_PASSWORD}"), "")] login
        => CKR_GENERAL_ERROR, "none": "the proxy", "407", "check the user and password in HttpProxy";
    "the proxy does not allow connections to the service":
        [scene.serve_tls(); scene.try_again(); start_proxy(scene, "ConnectPort 1", "")] login
        => CKR_GENERAL_ERROR, "none": "the proxy", "403", "have the proxy allow it";
    "the proxy cannot reach the service":
        [let nobody = silent_address(scene); scene.lead_to("https", &nobody); start_proxy(scene, "", "")] login
        => CKR_FUNCTION_FAILED, "none": "the proxy", "500", "the network of the proxy";
    "the proxy does not speak HTTP":
        [false_proxy(scene, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")] login
        => CKR_GENERAL_ERROR, "none": "the proxy", "is not HTTP", "HttpProxy";
    "the proxy closes the connection":
        [scene.serve_tls(); let address = answering(b""); through(scene, &address, "")] login
        => CKR_FUNCTION_FAILED, "none": "through the proxy", "(the proxy closed the connection without a response)";
    "the proxy is a web server":
        [false_proxy(scene, b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n\r\n")] login
        => CKR_GENERAL_ERROR, "none": "the proxy", "405", "the URL of an HTTP proxy";
};

pub const PROXIES: &[Situation] = situations! { scene;
    "http_proxy names a proxy, and the API URL is https":
        [scene.serve_tls(); watch_proxy(scene, "", &[("http_proxy", "{}")], "CONNECT", 1..=1)] sign
        => CKR_OK, "1 GET, 1 POST":;
    "the proxy requires credentials, and http_proxy contains them":
        [scene.serve_tls();
         watch_proxy(scene, AUTHENTICATION, &[("http_proxy", WITH_CREDENTIALS)], "CONNECT", 1..=99)] sign
        => CKR_OK, "1 GET, 1 POST":;
    "the proxy requires credentials, http_proxy contains them, and the API URL is http":
        // It closes connections without saying so, and a second request could be under way then.
        [watch_proxy(scene, AUTHENTICATION, &[("http_proxy", WITH_CREDENTIALS)], "GET", 1..=1)] login
        => CKR_OK, "1 GET":;
    "http_proxy and https_proxy name different proxies, and the API URL is https":
        [scene.serve_tls();
         watch_proxy(scene, "", &[("http_proxy", "http://127.0.0.1:1"), ("https_proxy", "{}")], "CONNECT", 1..=99)] sign
        => CKR_OK, "1 GET, 1 POST":;
    "no_proxy names the host of the API":
        [scene.serve_tls(); let exempt = ("no_proxy", "signpath.example 10.0.0.0/99 0.0.0.0");
         watch_proxy(scene, "", &[("http_proxy", "{}"), exempt], "CONNECT", 0..=0)] sign
        => CKR_OK, "1 GET, 1 POST":;
    "http_proxy and https_proxy name a proxy, but the API is on this machine": [forbid_proxy(scene)] sign => CKR_OK, "1 GET, 1 POST":;
    "http_proxy and https_proxy name a proxy, but the API is on this machine, with an https URL": [scene.serve_tls(); forbid_proxy(scene)] sign
        => CKR_OK, "1 GET, 1 POST":;
};

pub const TLS: &[Situation] = situations! { scene;
    // The empty variables leave it at the system's root certificates.
    "the server's CA is not trusted":
        [scene.serve_tls();
         for name in ["SIGNPATH_TLS_CA_FILE", "SSL_CERT_FILE", "SSL_CERT_DIR"] { scene.set(name, ""); }] login
        => CKR_GENERAL_ERROR, "none": "from an unknown CA", "SIGNPATH_TLS_CA_FILE";
    "SSL_CERT_FILE and SSL_CERT_DIR name nothing that exists":
        [scene.serve_tls(); scene.set("SIGNPATH_TLS_CA_FILE", ""); scene.set("SSL_CERT_FILE", "/none.pem");
         scene.set("SSL_CERT_DIR", "/none:")] login
        => CKR_GENERAL_ERROR, "none": "none in SSL_CERT_FILE (/none.pem) or SSL_CERT_DIR (/none:)", "TlsCaFile";
    "the server's certificate is self-signed": [serve_with(scene, ServerCertificate::SelfSigned)] login
        => CKR_GENERAL_ERROR, "none": "from an unknown CA", "SIGNPATH_TLS_CA_FILE";
    "the server's CA has another key than the trusted one of that name": [trust_namesake(scene, &["RSA"])] login
        => CKR_GENERAL_ERROR, "none": "from an unknown CA", "SIGNPATH_TLS_CA_FILE";
    "the server's CA has another kind of key than the trusted one of that name":
        [trust_namesake(scene, &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"])] login
        => CKR_GENERAL_ERROR, "none": "from an unknown CA", "SIGNPATH_TLS_CA_FILE";
    // `openssl req -x509` makes a CA certificate unless told otherwise.
    "the server's certificate is that of a CA": [present(scene, &[])] login
        => CKR_GENERAL_ERROR, "none": "presented a CA certificate as its own", "CA:FALSE";
    "the server's certificate is signed with an unsupported algorithm":
        [present(scene, &["-sha512", "-addext", "basicConstraints=critical,CA:FALSE"])] login
        => CKR_GENERAL_ERROR, "none": "unsupported algorithm; have it signed with RSA, or ECDSA with P-256 or P-384";
    "the server's certificate has expired": [serve_with(scene, ServerCertificate::Expired)] login
        => CKR_GENERAL_ERROR, "none": "expired at 20", "the clock of this machine";
    "the server's certificate is not valid yet": [serve_with(scene, ServerCertificate::NotYetValid)] login
        => CKR_GENERAL_ERROR, "none": "is not valid before 20", "check the clock of this machine";
    "the server's certificate is for another name": [serve_with(scene, ServerCertificate::OtherName)] login
        => CKR_GENERAL_ERROR, "none": "for another host name (other.example)", "ApiUrl";
    "the server speaks TLS 1.1": [let old = "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;"; start_nginx(scene, old)] login
        => CKR_GENERAL_ERROR, "none": "TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM";
    "the server speaks TLS 1.2 with old ciphers alone":
        [start_nginx(scene, "ssl_protocols TLSv1.2; ssl_ciphers ECDHE+AES+SHA256:!AESGCM;")] login
        => CKR_GENERAL_ERROR, "none": "TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM";
    "the server requires a client certificate, TLS 1.3": [serve_for_clients(scene, TlsVersions::Only13)] login
        => CKR_GENERAL_ERROR, "none": "rejected the client certificate, or requires one", "TlsClientCertificate";
    "the server requires a client certificate, TLS 1.2": [serve_for_clients(scene, TlsVersions::Only12)] login
        => CKR_GENERAL_ERROR, "none": "rejected the client certificate, or requires one", "TlsClientCertificate";
    "the server requires another client certificate": [show_other(scene, |certificate, key| certificate + key)] login
        => CKR_GENERAL_ERROR, "none": "rejected the client certificate, or requires one", "TlsClientCertificate";
    "nginx requires a client certificate": [start_nginx(scene, &wants_clients())] login
        => CKR_ARGUMENTS_BAD, "none": "400 No required SSL certificate was sent", "TlsClientCertificate";
    "nginx requires another client certificate":
        [show_other(scene, |certificate, key| certificate + key); start_nginx(scene, &wants_clients())] login
        => CKR_ARGUMENTS_BAD, "none": "400 The SSL certificate error", "TlsClientCertificate";
    "the client certificate file does not exist":
        [serve_for_clients(scene, TlsVersions::All); scene.set("SIGNPATH_TLS_CLIENT_CERTIFICATE", "file:/none.pem")] login
        => CKR_GENERAL_ERROR, "none": "TlsClientCertificate", "/none.pem", "no such file";
    "the client certificate file contains no key": [show_other(scene, |certificate, _| certificate)] login
        => CKR_GENERAL_ERROR, "none": "TlsClientCertificate", "no unencrypted private key";
    "the line breaks of the client certificate file have become spaces":
        [show_other(scene, |certificate, key| (certificate + key).replace('\n', " "))] login
        => CKR_GENERAL_ERROR, "none": "TlsClientCertificate", "not valid PEM", "a line of its own";
    "the line breaks of the client key have become `\\n`":
        [show_other(scene, |certificate, key| certificate + &key.replace('\n', "\\n"))] login
        => CKR_GENERAL_ERROR, "none": "TlsClientCertificate", "not valid PEM", "a line of its own";
    "the client key is encrypted": [show_other(scene, |certificate, _| certificate + &client("-passout pass:secret"))] login
        => CKR_GENERAL_ERROR, "none": "TlsClientCertificate", "no unencrypted private key";
    "the client key is encrypted in the older form":
        [show_other(scene, |certificate, _| {
            certificate + &openssl(&["genrsa", "-traditional", "-aes128", "-passout", "pass:secret"])
        })] login
        => CKR_GENERAL_ERROR, "none": "TlsClientCertificate", "no unencrypted private key";
    "the client key is for a curve that is not supported":
        [show_other(scene, |certificate, _| {
            certificate + &openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"])
        })] login
        => CKR_GENERAL_ERROR, "none": "TlsClientCertificate", "P-256, P-384 or Ed25519";
    "the client key belongs to another certificate":
        [let (_, key) = other_client(); show_other(scene, |certificate, _| certificate + &key)] login
        => CKR_GENERAL_ERROR, "none": "TlsClientCertificate", "does not belong to its certificate";
};

/// What makes a tinyproxy ask for credentials, and the same in a URL, some of it percent-encoded.
const AUTHENTICATION: &str = "BasicAuth ci pr0xy-passw0rd";
const WITH_CREDENTIALS: &str = "http://ci:pr0xy%2Dpassw%30rd@{}";

/// How a connection ends that is closed before all has been read or written.
const OTHER_ENDS: [&str; 2] = ["connection reset by peer", "broken pipe"];

/// Where nobody listens, although the port is taken.
fn silent_address(scene: &mut Scene) -> String {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    scene.keep(socket);
    address.to_string()
}

/// Where somebody listens, but has more connections waiting than it takes.
fn full_listener(scene: &mut Scene) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // SAFETY: the descriptor is open. A second call changes the number of connections that wait.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    scene.keep(TcpStream::connect(address).unwrap());
    scene.keep(listener);
    address.to_string()
}

/// Leads to the service through a proxy at `address`, with `user:password@`.
fn through(scene: &mut Scene, address: &str, credentials: &str) {
    scene.lead_to_another_machine();
    scene.set("http_proxy", &format!("http://{credentials}{address}"));
    scene.call(address, "proxy.example:3128");
}

fn start_proxy(scene: &mut Scene, lines: &str, credentials: &str) {
    let proxy = tinyproxy(lines);
    through(scene, &proxy.address, credentials);
    scene.keep(proxy);
}

/// A server in place of the proxy that answers this to everything.
fn false_proxy(scene: &mut Scene, answer: &'static [u8]) {
    scene.serve_tls();
    scene.try_again();
    through(scene, &answering(answer), "");
}

/// Starts a tinyproxy with these lines in its configuration, sets variables with its address for `{}`, and expects
/// so many requests to the service in its log.
fn watch_proxy(
    scene: &mut Scene,
    lines: &str,
    variables: &[(&str, &str)],
    method: &str,
    times: RangeInclusive<usize>,
) {
    let url = beyond_loopback(scene.service.api_url());
    let logged = match method {
        "CONNECT" => format!("CONNECT {} HTTP", &url["https://".len()..url.len() - "/Api".len()]),
        method => format!("{method} {url}/v1/"),
    };
    scene.lead_to_another_machine();
    let proxy = tinyproxy(lines);
    for (name, value) in variables {
        scene.set(name, &value.replace("{}", &proxy.address));
    }
    scene.expect(move || {
        let log = proxy.log();
        let is_right = times.contains(&log.matches(&logged).count());
        (!is_right).then(|| format!("not {times:?} of {logged} in {log}"))
    });
}

/// Sets proxies, and expects that nobody connects to them.
fn forbid_proxy(scene: &mut Scene) {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let address = proxy.local_addr().unwrap().to_string();
    scene.set("http_proxy", &address);
    scene.set("https_proxy", &address);
    scene.expect(move || proxy.accept().ok().map(|_| "the proxy was used".to_owned()));
}

/// Has the server present a certificate that it has signed itself, which `TlsCaFile` trusts.
fn present(scene: &mut Scene, options: &[&str]) {
    let key = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
    let key = scene.file("server-key.pem", &key);
    let new = ["req", "-x509", "-new", "-key", &key, "-subj", "/CN=server"];
    let names = ["-addext", "subjectAltName=IP:127.0.0.1"];
    let certificate = openssl(&[new.as_slice(), names.as_slice(), options].concat());
    let certificate = scene.file("server.pem", &certificate);
    scene.set("SIGNPATH_TLS_CA_FILE", &certificate);
    let nginx = nginx_with(&scene.service, [certificate.as_ref(), key.as_ref()], "");
    scene.lead_to("https", &nginx.address);
    scene.keep(nginx);
}

/// Replaces the service's CA certificate by one of the same name, as of a CA that has a new key.
fn trust_namesake(scene: &mut Scene, kind: &[&str]) {
    scene.serve_tls();
    let key = openssl(&[&["genpkey", "-algorithm"], kind].concat());
    let key = scene.file("ca-key.pem", &key);
    let name = "/C=AT/O=Local SignPath Service/CN=Local TLS CA";
    let ca = openssl(&["req", "-x509", "-new", "-key", &key, "-subj", name]);
    let ca = scene.file("ca.pem", &ca);
    scene.set("SIGNPATH_TLS_CA_FILE", &ca);
}

fn start_nginx(scene: &mut Scene, lines: &str) {
    let nginx = nginx(&scene.service, lines);
    let authority = crate::common::options().state.join("tls-ca.pem");
    scene.set("SIGNPATH_TLS_CA_FILE", authority.to_str().unwrap());
    scene.lead_to("https", &nginx.address);
    scene.keep(nginx);
}

/// Makes an nginx require a client certificate from the local service's CA.
fn wants_clients() -> String {
    let authority = crate::common::options().state.join("tls-ca.pem");
    format!("ssl_client_certificate {}; ssl_verify_client on;", authority.display())
}

fn serve_with(scene: &mut Scene, certificate: ServerCertificate) {
    scene.serve_tls_with(TlsOptions { certificate, ..TlsOptions::default() });
}

/// A service that clients have to show a certificate.
fn serve_for_clients(scene: &mut Scene, versions: TlsVersions) {
    scene.serve_tls_with(TlsOptions {
        versions,
        client_certificate: true,
        ..TlsOptions::default()
    });
}

/// A service that requires a client certificate, and one that nobody knows in a PEM file made of certificate and key.
fn show_other(scene: &mut Scene, file: impl FnOnce(String, &str) -> String) {
    serve_for_clients(scene, TlsVersions::All);
    let (certificate, key) = other_client();
    let path = scene.file("client.pem", file(certificate, &key));
    scene.set("SIGNPATH_TLS_CLIENT_CERTIFICATE", &format!("file:{path}"));
}

/// The PEM certificate and key of a client that nobody knows.
pub fn other_client() -> (String, String) {
    let both = client("-noenc");
    let (key, certificate) = both.split_at(both.find("-----BEGIN CERTIFICATE").unwrap());
    (certificate.to_owned(), key.to_owned())
}

/// The same, the key first.
fn client(protection: &str) -> String {
    let curve = "-newkey ec -pkeyopt ec_paramgen_curve:P-256";
    let request = format!("req -x509 {curve} -subj /CN=other -keyout /dev/stdout {protection}");
    openssl(&request.split(' ').collect::<Vec<_>>())
}

fn openssl(arguments: &[&str]) -> String {
    printed(Command::new("openssl").args(arguments))
}
