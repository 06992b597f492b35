//! Programs between the module and its service: a proxy, and a web server with TLS.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use pkcs11_test::{REPOSITORY, Service, TlsOptions};

/// A running program, which is killed on drop.
pub struct Program {
    process: Child,
    /// Where it listens, `host:port`.
    pub address: String,
    folder: tempfile::TempDir,
}

impl Program {
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Whether a proxy was asked for a connection to a host. It logs the connections to itself with the same word.
    pub fn has_led_to(&self, host: &str) -> bool {
        self.log().contains(&format!("CONNECT {host}:"))
    }

    /// Starts the program with a configuration for its address and folder.
    fn start(
        program: &str,
        arguments: &[&str],
        configuration: impl Fn(&str, &Path) -> String,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = free_address();
        let file = folder.path().join("configuration");
        std::fs::write(&file, configuration(&address, folder.path())).unwrap();
        let process = Command::new(program)
            .args(arguments)
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program}: {error}"));
        let mut running = Self { process, address, folder };
        while TcpStream::connect(&running.address).is_err() {
            let ended = running.process.try_wait().unwrap();
            assert!(ended.is_none(), "{program} ended with {ended:?}");
            std::thread::yield_now();
        }
        running
    }
}

/// A free address. The system does not assign these ports to programs that ask for any port.
pub fn free_address() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let offset = 7 * std::process::id() + NEXT.fetch_add(1, Ordering::Relaxed);
        let address = format!("127.0.0.1:{}", 20_000 + offset % 10_000);
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A tinyproxy with these lines in its configuration.
pub fn tinyproxy(lines: &str) -> Program {
    Program::start("tinyproxy", &["-d", "-c"], |address, folder| {
        let (host, port) = address.split_once(':').unwrap();
        let log = folder.join("log");
        format!(
            "Listen {host}\nPort {port}\nLogFile \"{}\"\nLogLevel Connect\nTimeout 60\n{lines}\n",
            log.display()
        )
    })
}

/// An nginx with the local service's certificate in front of `service`, with these lines in its
/// `server` block.
pub fn nginx(service: &Service, lines: &str) -> Program {
    let state = super::options().state;
    if !state.join("tls.pem").exists() {
        super::tls_service(TlsOptions::default());
    }
    nginx_with(service, [&state.join("tls.pem"), &state.join("tls-key.pem")], lines)
}

/// The same with another certificate and its private key.
pub fn nginx_with(service: &Service, [certificate, key]: [&Path; 2], lines: &str) -> Program {
    let upstream = service.api_url().trim_end_matches("/Api");
    Program::start("/usr/sbin/nginx", &["-e", "stderr", "-c"], |address, folder| {
        let folder = folder.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("{name}_temp_path {folder}/{name};\n"))
            .collect();
        format!(
            "daemon off; master_process off; pid {folder}/pid; error_log {folder}/log info;\n\
             events {{}}\n\
             http {{ access_log off; {temporary}\n\
             server {{ listen {address} ssl; ssl_certificate {}; ssl_certificate_key {};\n\
             {lines}\n\
             location / {{ proxy_pass {upstream}; }} }} }}\n",
            certificate.display(),
            key.display()
        )
    })
}

/// A proxy that does not accept Basic authentication, and says so after an interim response.
pub const ONLY_NTLM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 407 No\r\n\
    Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: NTLM\r\n\r\n";

/// Where whoever connects gets this answer, whatever is asked.
pub fn answering(answer: &'static [u8]) -> String {
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

/// A program or, with `-shared`, a library that is built from a C file in `tests/`.
pub fn compiled(source: &str, options: &[&str]) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Another run of the tests may use it while this one builds it.
    let unfinished = tempfile::NamedTempFile::new_in(folder).unwrap().into_temp_path();
    let status = Command::new("cc")
        .args(["-Wall", "-Werror", "-fPIC", "-o"])
        .arg(&unfinished)
        .arg(Path::new(REPOSITORY).join("tests").join(source))
        .args(options)
        .status();
    assert!(status.unwrap().success(), "{source}");
    let built = folder.join(source.replace('/', "-")).with_extension("built");
    unfinished.persist(&built).unwrap();
    built
}
