//! Programs of others between the module and its service: a proxy, and a web server that ends TLS.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pkcs11_test::{Service, TlsOptions};

/// A running program, which ends with this value.
pub struct Program {
    process: Child,
    /// Where it listens, `host:port`.
    pub address: String,
    folder: tempfile::TempDir,
}

impl Program {
    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Writes the configuration that `configuration` makes of address and folder, and starts the
    /// program with it. The port is free when it is chosen; should another program be faster, then
    /// the next one is tried.
    fn start(
        program: &str,
        arguments: &[&str],
        configuration: impl Fn(&str, &Path) -> String,
    ) -> Self {
        for _ in 0..5 {
            let folder = tempfile::tempdir().unwrap();
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap().to_string();
            drop(free);
            let file = folder.path().join("configuration");
            std::fs::write(&file, configuration(&address, folder.path())).unwrap();
            let process = Command::new(program)
                .args(arguments)
                .arg(&file)
                .stdout(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| panic!("{program}: {error}"));
            let mut program = Self {
                process,
                address,
                folder,
            };
            if program.listens() {
                return program;
            }
        }
        panic!("{program} does not start");
    }

    fn listens(&mut self) -> bool {
        while self.process.try_wait().unwrap().is_none() {
            if TcpStream::connect(&self.address).is_ok() {
                return true;
            }
            std::thread::yield_now();
        }
        false
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
    let upstream = service.api_url().trim_end_matches("/Api");
    Program::start(
        "/usr/sbin/nginx",
        &["-e", "stderr", "-c"],
        |address, folder| {
            let folder = folder.display();
            let (certificate, key) = (state.join("tls.pem"), state.join("tls-key.pem"));
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
        },
    )
}
