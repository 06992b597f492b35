//! Variables, a line each, up to an empty line; then the configuration file.

#![no_main]

use std::cell::RefCell;

use signpath_config::{CONFIG_FILE, Config, Report, SETTINGS};
use signpath_fuzz::{TOKEN, assert_hidden, remove_variable, set_variable, write};

signpath_fuzz::target!(check);

/// Those of other programs.
const OTHERS: [&str; 4] = ["https_proxy", "http_proxy", "no_proxy", "NO_PROXY"];

thread_local! {
    static SET: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn check(data: &[u8]) {
    for name in SET.take() {
        remove_variable(&name);
    }
    let mut rest = data;
    let mut set = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end);
        rest = &after[1..];
        let Ok(line) = str::from_utf8(line) else {
            break;
        };
        let Some((name, value)) = line.split_once('=') else {
            break;
        };
        let is_known = SETTINGS.iter().any(|setting| setting.variable == name)
            || OTHERS.contains(&name)
            || (name.starts_with("SIGNPATH_") && name != CONFIG_FILE);
        if is_known && !name.contains('\0') && !value.contains('\0') {
            set_variable(name, value);
            set.push(name.to_owned());
        }
    }
    SET.set(set);
    set_variable(CONFIG_FILE, write("settings.json", rest));
    // A token that is set, if the input sets none.
    if std::env::var_os("SIGNPATH_API_TOKEN").is_none() {
        set_variable("SIGNPATH_API_TOKEN", TOKEN);
        SET.with_borrow_mut(|set| set.push("SIGNPATH_API_TOKEN".to_owned()));
    }
    let told = match Config::load() {
        Ok(config) => {
            let proxy = &config.client_options.http_proxy;
            assert!(!format!("{:?} {proxy:?}", config.api_token).contains(TOKEN));
            config.notices
        }
        Err(error) => vec![error.reason.into_owned()],
    };
    for line in told {
        assert_hidden(TOKEN, data, &line);
    }
    for setting in Report::new().settings {
        assert_hidden(TOKEN, data, &setting.value.unwrap_or_default());
    }
}
