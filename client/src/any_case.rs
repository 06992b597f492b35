//! JSON objects whose property names may be spelled in any case: SignPath's documentation is not consistent.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// How many levels of nested lists and objects are read into a [`Value`], each of which takes up to a KiB of stack.
pub const MAX_DEPTH: usize = 10;

/// Whether JSON is nested too deeply to be read into a [`Value`] on a small stack.
pub fn is_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    json.iter().any(|byte| {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = in_string,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

/// Reads JSON in which the `names` may be spelled in any case, unless it [is deep](is_deep). Each of them can be at any depth.
///
/// # Errors
/// Those of [`serde_json::from_slice`], with the place in `body`.
pub(crate) fn from_slice<T: DeserializeOwned>(
    body: &[u8],
    names: &[&str],
) -> serde_json::Result<T> {
    if is_deep(body) {
        return serde_json::from_slice(body);
    }
    let value: Value = serde_json::from_slice(body)?;
    serde_json::from_value(respelled(value, names)).or_else(|_| serde_json::from_slice(body))
}

fn respelled(value: Value, names: &[&str]) -> Value {
    match value {
        Value::Object(object) => {
            let mut spelled = Map::new();
            for (name, value) in object {
                let known = names.iter().find(|known| known.eq_ignore_ascii_case(&name));
                let name = known.map_or(name, |known| (*known).to_owned());
                spelled.insert(name, respelled(value, names));
            }
            Value::Object(spelled)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_levels_outside_of_strings() {
        let levels = |number| "[".repeat(number) + &"]".repeat(number);
        let (most, more) = (levels(MAX_DEPTH), levels(MAX_DEPTH + 1));
        for (json, expected) in [
            (most.clone(), false),
            (more.clone(), true),
            (most.replace('[', r#"{"a":"#).replace(']', "}"), false),
            (more.replace('[', r#"{"a":"#).replace(']', "}"), true),
            (format!(r#""{more}""#), false),
            (format!(r#"["\\\"{more}"]"#), false),
            (format!(r#"["\\", {most}]"#), true),
            (format!("[{}1]", "[1], ".repeat(100)), false),
            ("]".repeat(100) + &most, false),
        ] {
            assert_eq!(is_deep(json.as_bytes()), expected, "{json}");
        }
    }
}
