//! `include/signpath_pkcs11.h`, from the constants of the crate.

use signpath_client::DEFAULT_API_URL;
use signpath_config::{CONFIG_FILE, PIN_CONFIG, SETTINGS, token_info};

use crate::table;

const BEGIN: &str = "\
/* The names and values of signpath-pkcs11 that no PKCS #11 header has.
 *
 * This header needs no other. Functions, types and the constants of the standard come from a
 * PKCS #11 header, such as <p11-kit/pkcs11.h> of Debian's libp11-kit-dev.
 *
 * Generated from the crate; a test keeps it current. */

#ifndef SIGNPATH_PKCS11_H
#define SIGNPATH_PKCS11_H
";

const END: &str = "\n#endif /* SIGNPATH_PKCS11_H */\n";

/// The content of the header.
pub fn header() -> String {
    let number = |name: &str, value: u32| (name.to_owned(), value.to_string());
    let groups = table! {
        ("The only slot.", vec![number("SLOT_ID", token_info::SLOT_ID)]),
        ("What CK_TOKEN_INFO says of the token; its texts are padded with blanks there.", vec![
            text("TOKEN_LABEL", token_info::LABEL),
            text("TOKEN_MANUFACTURER_ID", token_info::MANUFACTURER),
            text("TOKEN_MODEL", token_info::MODEL),
            text("TOKEN_SERIAL_NUMBER", token_info::SERIAL_NUMBER),
            number("MAX_PIN_LENGTH", token_info::MAX_PIN_LENGTH),
        ]),
        ("The PIN that stands for the credentials of the configuration.", vec![text("PIN_CONFIG", PIN_CONFIG)]),
        ("The API that is used unless another is configured.", vec![text("DEFAULT_API_URL", DEFAULT_API_URL)]),
        ("The environment variable that names the JSON file, and those of the settings.", variables()),
    };
    let groups = groups.map(|(comment, definitions)| {
        let definitions =
            definitions.iter().map(|(name, value)| format!("#define SIGNPATH_{name} {value}\n"));
        format!("\n/* {comment} */\n{}", definitions.collect::<String>())
    });
    format!("{BEGIN}{}{END}", groups.concat())
}

fn variables() -> Vec<(String, String)> {
    let settings = SETTINGS.iter().map(|setting| setting.variable);
    std::iter::once(CONFIG_FILE)
        .chain(settings)
        .map(|variable| {
            let name = variable.to_uppercase();
            let name = name.strip_prefix("SIGNPATH_").unwrap_or(&name);
            text(&format!("VARIABLE_{name}"), variable)
        })
        .collect()
}

/// A string literal. Rust and C write printable ASCII alike.
fn text(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), format!("{value:?}"))
}
