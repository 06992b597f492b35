//! JSON objects whose property names may be spelled in any case: SignPath's documentation is not consistent.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use signpath_platform::json::is_deep;

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
