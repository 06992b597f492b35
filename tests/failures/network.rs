//! The way to the service: addresses, proxies, and TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::process::Command;

use pkcs11_test::{ServerCertificate, TlsOptions, TlsVersions};
use socket2::{Domain, Socket, Type};

use crate::common::programs::{nginx, tinyproxy};
use crate::scene::{PROXY_PASSWORD, Scene, login};
use crate::{Situation, situation};

pub const SITUATIONS: &[Situation] = &[
    situation(
        "nobody listens",
        |scene| {
            let nobody = silent_address(scene);
            scene.lead_to("http", &nobody);
        },
        login,
        "CKR_FUNCTION_FAILED",
        &["cannot be reached (Connection refused", "check ApiUrl"],
    ),
    situation(
        "the host name does not exist",
        |scene| {
            // A label of 64 characters is one too long, so that no name server is asked.
            let nobody = format!("{}.invalid", "x".repeat(64));
            scene.lead_to("http", &nobody);
            scene.set("SIGNPATH_ALLOW_INSECURE_HTTP", "true");
        },
        login,
        "CKR_FUNCTION_FAILED",
        &["cannot be reached (failed to lookup address"],
    ),
    situation(
        "the server does not accept connections",
        |scene| {
            scene.hurry();
            let address = full_listener(scene);
            scene.lead_to("http", &address);
        },
        login,
        "CKR_FUNCTION_FAILED",
        &["cannot be reached (no connection within 1 s"],
    ),
    situation(
        "the server does not accept connections until the total time is over",
        |scene| {
            let address = full_listener(scene);
            scene.lead_to("http", &address);
        },
        login,
        "CKR_FUNCTION_FAILED",
        &["cannot be reached (no connection within 2 s"],
    ),
    situation(
        "the server closes each connection at once",
        |scene| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap().to_string();
            std::thread::spawn(move || listener.incoming().for_each(drop));
            scene.lead_to("https", &address);
            for other in OTHER_ENDS {
                scene.call(other, "tls handshake eof");
            }
        },
        login,
        "CKR_FUNCTION_FAILED",
        &["cannot be reached", "check ApiUrl and the network"],
    ),
    situation(
        "the API's URL says https, and the server speaks http",
        |scene| {
            let url = scene.service.api_url().replace("http:", "https:");
            scene.set("SIGNPATH_API_URL", &url);
            scene.call(&url, "https://signpath.example/Api");
        },
        login,
        "CKR_GENERAL_ERROR",
        &["does not speak TLS", "check the scheme and the port"],
    ),
    situation(
        "the proxy does not listen",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            let nobody = silent_address(scene);
            through(scene, &nobody, "");
        },
        login,
        "CKR_FUNCTION_FAILED",
        &["through the proxy", "Connection refused", "check HttpProxy"],
    ),
    situation(
        "the proxy wants credentials",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            start_proxy(scene, &format!("BasicAuth ci {PROXY_PASSWORD}"), "");
        },
        login,
        "CKR_GENERAL_ERROR",
        &["the proxy", "407", "check user and password in HttpProxy"],
    ),
    situation(
        "the proxy wants other credentials",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            scene.try_again();
            let credentials = format!("ci:{PROXY_PASSWORD}@");
            start_proxy(scene, "BasicAuth ci another-passw0rd", &credentials);
        },
        login,
        // tinyproxy does not answer 407 to that, but 401.
        "CKR_GENERAL_ERROR",
        &["the proxy", "401", "check user and password in HttpProxy"],
    ),
    situation(
        "the proxy wants credentials, for an API without TLS",
        |scene| start_proxy(scene, &format!("BasicAuth ci {PROXY_PASSWORD}"), ""),
        login,
        "CKR_GENERAL_ERROR",
        &["the proxy", "407", "check user and password in HttpProxy"],
    ),
    situation(
        "the proxy does not connect to the service",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            scene.try_again();
            start_proxy(scene, "ConnectPort 1", "");
        },
        login,
        "CKR_GENERAL_ERROR",
        &["the proxy", "403", "ask whoever runs the proxy to allow"],
    ),
    situation(
        "the proxy cannot reach the service",
        |scene| {
            let nobody = silent_address(scene);
            scene.lead_to("https", &nobody);
            start_proxy(scene, "", "");
        },
        login,
        "CKR_FUNCTION_FAILED",
        &["the proxy", "500", "whether the proxy can reach"],
    ),
    situation(
        "the proxy does not speak HTTP",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            scene.try_again();
            let address = answering(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
            through(scene, &address, "");
        },
        login,
        "CKR_GENERAL_ERROR",
        &[
            "the proxy",
            "does not answer CONNECT with HTTP",
            "HttpProxy",
        ],
    ),
    situation(
        "the proxy is a web server",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            scene.try_again();
            let address = answering(b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\n\r\n");
            through(scene, &address, "");
        },
        login,
        "CKR_GENERAL_ERROR",
        &["the proxy", "405", "names an HTTP proxy"],
    ),
];

pub const TLS: &[Situation] = &[
    situation(
        "nobody trusts the server's authority",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            scene.set("SIGNPATH_TLS_CA_FILE", "");
        },
        login,
        "CKR_GENERAL_ERROR",
        &["cannot be trusted", "UnknownIssuer", "SIGNPATH_TLS_CA_FILE"],
    ),
    situation(
        "the system has no root certificates",
        |scene| {
            scene.serve_tls(TlsOptions::default());
            scene.set("SIGNPATH_TLS_CA_FILE", "");
            scene.set("SSL_CERT_FILE", "/none.pem");
            scene.set("SSL_CERT_DIR", "");
        },
        login,
        "CKR_GENERAL_ERROR",
        &["no root certificates", "ca-certificates", "TlsCaFile"],
    ),
    situation(
        "the server's certificate is self-signed",
        |scene| serve_with(scene, ServerCertificate::SelfSigned),
        login,
        "CKR_GENERAL_ERROR",
        &["cannot be trusted", "SIGNPATH_TLS_CA_FILE"],
    ),
    situation(
        "the server's certificate has expired",
        |scene| serve_with(scene, ServerCertificate::Expired),
        login,
        "CKR_GENERAL_ERROR",
        &["has expired", "the clock of this machine"],
    ),
    situation(
        "the server's certificate is not valid yet",
        |scene| serve_with(scene, ServerCertificate::NotYetValid),
        login,
        "CKR_GENERAL_ERROR",
        &["is not valid yet", "check the clock of this machine"],
    ),
    situation(
        "the server's certificate is for another name",
        |scene| serve_with(scene, ServerCertificate::OtherName),
        login,
        "CKR_GENERAL_ERROR",
        &["for another name", "other.example", "ApiUrl"],
    ),
    situation(
        "the server speaks TLS 1.1",
        |scene| {
            let old = "ssl_protocols TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0;";
            start_nginx(scene, old);
        },
        login,
        "CKR_GENERAL_ERROR",
        &["it needs TLS 1.2 or 1.3"],
    ),
    situation(
        "the server wants a client certificate, TLS 1.3",
        |scene| serve_for_clients(scene, TlsVersions::Only13),
        login,
        "CKR_GENERAL_ERROR",
        &[
            "the client certificate, or the lack of one",
            "TlsClientCertificate",
        ],
    ),
    situation(
        "the server wants a client certificate, TLS 1.2",
        |scene| serve_for_clients(scene, TlsVersions::Only12),
        login,
        "CKR_GENERAL_ERROR",
        &[
            "the client certificate, or the lack of one",
            "TlsClientCertificate",
        ],
    ),
    situation(
        "the server wants another client certificate",
        |scene| {
            serve_for_clients(scene, TlsVersions::All);
            let (certificate, key) = other_client(scene);
            show_client(scene, &(certificate + &key));
        },
        login,
        "CKR_GENERAL_ERROR",
        &[
            "the client certificate, or the lack of one",
            "TlsClientCertificate",
        ],
    ),
    situation(
        "an nginx wants a client certificate",
        |scene| start_nginx(scene, &wants_clients()),
        login,
        "CKR_ARGUMENTS_BAD",
        &[
            "400 No required SSL certificate was sent",
            "TlsClientCertificate",
        ],
    ),
    situation(
        "an nginx wants another client certificate",
        |scene| {
            start_nginx(scene, &wants_clients());
            let (certificate, key) = other_client(scene);
            show_client(scene, &(certificate + &key));
        },
        login,
        "CKR_ARGUMENTS_BAD",
        &["400 The SSL certificate error", "TlsClientCertificate"],
    ),
    situation(
        "there is no such file with a client certificate",
        |scene| {
            serve_for_clients(scene, TlsVersions::All);
            scene.set("SIGNPATH_TLS_CLIENT_CERTIFICATE", "file:/none.pem");
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsClientCertificate", "/none.pem", "No such file"],
    ),
    situation(
        "the file of the client certificate holds no key",
        |scene| {
            serve_for_clients(scene, TlsVersions::All);
            let (certificate, _) = other_client(scene);
            show_client(scene, &certificate);
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsClientCertificate", "no unencrypted PEM private key"],
    ),
    situation(
        "the lines of the client certificate's file are joined by blanks",
        |scene| {
            serve_for_clients(scene, TlsVersions::All);
            let (certificate, key) = other_client(scene);
            show_client(scene, &(certificate + &key).replace('\n', " "));
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsClientCertificate", "not valid PEM", "a line of its own"],
    ),
    situation(
        "the lines of the client's key are joined by the characters `\\n`",
        |scene| {
            serve_for_clients(scene, TlsVersions::All);
            let (certificate, key) = other_client(scene);
            show_client(scene, &(certificate + &key.replace('\n', "\\n")));
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsClientCertificate", "not valid PEM", "a line of its own"],
    ),
    situation(
        "the client's key is encrypted",
        |scene| {
            serve_for_clients(scene, TlsVersions::All);
            let (certificate, key) = other_client(scene);
            let key = scene.file("client-key.pem", &key);
            let encrypted = openssl(&["pkcs8", "-topk8", "-in", &key, "-passout", "pass:secret"]);
            show_client(scene, &(certificate + &encrypted));
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsClientCertificate", "no unencrypted PEM private key"],
    ),
    situation(
        "the client's key is that of another certificate",
        |scene| {
            serve_for_clients(scene, TlsVersions::All);
            let (certificate, _) = other_client(scene);
            let (_, key) = other_client(scene);
            show_client(scene, &(certificate + &key));
        },
        login,
        "CKR_GENERAL_ERROR",
        &["TlsClientCertificate", "cannot be used"],
    ),
];

/// How a connection ends that is closed before all has been read or written.
const OTHER_ENDS: [&str; 2] = [
    "Connection reset by peer (os error 104)",
    "Broken pipe (os error 32)",
];

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

/// Where whoever connects gets this answer, whatever is asked.
fn answering(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            // What is not read would have the answer thrown away with the connection.
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(answer);
        }
    });
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

fn start_nginx(scene: &mut Scene, lines: &str) {
    let nginx = nginx(&scene.service, lines);
    let authority = crate::common::options().state.join("tls-ca.pem");
    scene.set("SIGNPATH_TLS_CA_FILE", authority.to_str().unwrap());
    scene.lead_to("https", &nginx.address);
    scene.keep(nginx);
}

/// What makes an nginx ask for a certificate of the local service's authority.
fn wants_clients() -> String {
    let authority = crate::common::options().state.join("tls-ca.pem");
    format!(
        "ssl_client_certificate {}; ssl_verify_client on;",
        authority.display()
    )
}

fn serve_with(scene: &mut Scene, certificate: ServerCertificate) {
    scene.serve_tls(TlsOptions {
        certificate,
        ..TlsOptions::default()
    });
}

/// A service that clients have to show a certificate.
fn serve_for_clients(scene: &mut Scene, versions: TlsVersions) {
    scene.serve_tls(TlsOptions {
        versions,
        client_certificate: true,
        ..TlsOptions::default()
    });
}

fn show_client(scene: &mut Scene, pem: &str) {
    let path = scene.file("client.pem", pem);
    scene.set("SIGNPATH_TLS_CLIENT_CERTIFICATE", &format!("file:{path}"));
}

/// The PEM certificate and key of a client that nobody knows.
fn other_client(scene: &mut Scene) -> (String, String) {
    let key = openssl(&[
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    let file = scene.file("other-key.pem", &key);
    let certificate = openssl(&["req", "-x509", "-new", "-key", &file, "-subj", "/CN=other"]);
    (certificate, key)
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}
