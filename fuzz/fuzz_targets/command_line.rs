//! The command line in the metadata of a signing request: arguments that end in a zero byte each. Between them the target puts
//! options with a secret.

#![no_main]

use signpath_client::{Secret, fuzzing};
use signpath_fuzz::{TOKEN, assert_hidden};

signpath_fuzz::target!(check);

/// A PIN that the module does not know, so that only its option tells that it is one.
const PIN: &str = "Pin-of-0thers";

/// The longest command line that is sent, in bytes, and what is said about a longer one.
const LONGEST: usize = 4096 + 60;

fn check(arguments: &[u8]) {
    let secret = Secret::new(TOKEN.to_owned());
    let shown = fuzzing::command_line(arguments, &secret);
    assert!(shown.len() <= LONGEST, "{}", shown.len());
    if arguments.len() > 1000 {
        return;
    }
    // An option before would take what follows as its value.
    let with = |rest: &str| {
        let all = [arguments, b"\0--\0", rest.as_bytes(), b"\0end\0"].concat();
        fuzzing::command_line(&all, &secret)
    };
    for (rest, hidden) in [
        (format!("--header\0Authorization: Bearer {TOKEN}"), TOKEN),
        (format!("--pin\0{PIN}"), PIN),
        (format!("--password={PIN}"), PIN),
        (format!("pkcs11:object=a;pin-value={PIN}"), PIN),
        (format!("https://user:{PIN}@host/path"), PIN),
    ] {
        let shown = with(&rest);
        assert_hidden(hidden, arguments, &shown);
    }
}
