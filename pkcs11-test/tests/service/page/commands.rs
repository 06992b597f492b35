//! The commands of "Try it", and how the page is opened.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::{POLICIES, Stage, element};
use crate::client::{mode, state};

#[test]
fn the_first_commands_lead_to_this_service() {
    let stage = Stage::new();
    let first = element(&stage.text("/"), "commands-first");
    let script = format!(
        "{first}\nprintf '%s\\n' \"$SIGNPATH_API_URL\" \"$SIGNPATH_ORGANIZATION_ID\" \"$SIGNPATH_API_TOKEN\"; cat ca.pem file"
    );
    let output = Command::new("sh").args(["-ec", &script]).output().expect("sh");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    let mut lines = said.lines();
    assert_eq!(lines.next(), Some(stage.service.api_url()));
    assert_eq!(lines.next(), Some(stage.service.organization_id().as_str()));
    let token_file = lines.next().and_then(|line| line.strip_prefix("file:")).expect("a file");
    let token = std::fs::read_to_string(token_file).expect("the token");
    assert_eq!(token, format!("{}\n", stage.service.token()));
    assert_eq!(mode(token_file), 0o600);
    assert!(said.contains("BEGIN CERTIFICATE") && said.ends_with("Hello, SignPath\n"));
}

#[test]
fn the_address_is_printed_first_and_open_hides_its_key_from_other_users() {
    let folder = state("page-open");
    std::fs::create_dir_all(&folder).expect("a folder");
    let opener = folder.join("xdg-open");
    // The writer of a named pipe waits for its reader.
    std::fs::write(&opener, "#!/bin/sh\nprintf '%s\\n' \"$1\" >\"$OPENED\"\n").expect("write");
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o755)).expect("mode");
    let pipe = folder.join(format!("opened-{}", std::process::id()));
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    let policies = folder.join("policies.json");
    std::fs::write(&policies, POLICIES).expect("write");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_pkcs11-test"))
        .args(["serve", "--open", "--log", "/dev/null", "--state"])
        .arg(folder.join("state"))
        .arg("--policies")
        .arg(&policies)
        .env("PATH", &folder)
        .env("OPENED", &pipe)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut first = String::new();
    BufReader::new(serve.stdout.as_mut().expect("stdout")).read_line(&mut first).expect("a line");
    let url = first.strip_prefix("# ").expect("a comment").trim_end();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    let opened = std::fs::read_to_string(&pipe).expect("what was opened");
    let _ = std::fs::remove_file(&pipe);
    let file = opened.trim_end();
    assert!(!file.contains("key="), "{file}");
    assert_eq!(mode(file), 0o600);
    let text = std::fs::read_to_string(file).expect("text");
    assert!(text.contains(&format!("url={url}")), "{text}");
    serve.kill().expect("kill");
    serve.wait().expect("the command ends");
}
