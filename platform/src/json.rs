//! Limits how deep JSON may be nested.

/// How many levels of nested lists and objects are read into a tree, each of which takes up to a KiB
/// of stack. An application's thread may have little.
pub const MAX_DEPTH: usize = 10;

/// Whether JSON is nested too deeply to be read into a tree on a small stack.
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
