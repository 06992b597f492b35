//! The name of a signing policy.

use std::fmt;
use std::str::FromStr;

use signpath_platform::escape::is_harmful;

/// How many characters of an invalid name a message shows.
const MAX_SHOWN: usize = 100;

/// The name of a signing policy, `PROJECT/POLICY`, by which users refer to its key. It is a single
/// line that is safe to print, and it is unique within the organization.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PolicyName {
    project_slug: String,
    signing_policy_slug: String,
}

impl PolicyName {
    /// The longest name, in bytes, including the slash. It becomes the CKA_LABEL and CKA_ID of a
    /// key, for which programs have at least 255 bytes. In a URI it can be three times as long.
    pub const MAX_LENGTH: usize = 255;

    /// The name with these slugs. A slug must not be empty or contain a slash (`a/b` and `c` would
    /// have the same name as `a` and `b/c`) or a [harmful](is_harmful) character.
    ///
    /// # Errors
    /// What is wrong with the name, as the rest of a sentence that starts with it.
    pub fn new(
        project_slug: impl Into<String>,
        signing_policy_slug: impl Into<String>,
    ) -> Result<Self, String> {
        let name = Self {
            project_slug: project_slug.into(),
            signing_policy_slug: signing_policy_slug.into(),
        };
        for (slug, what) in [
            (&name.project_slug, "project slug"),
            (&name.signing_policy_slug, "signing policy slug"),
        ] {
            if slug.is_empty() {
                return Err(format!("its {what} is empty"));
            }
            if let Some(c) = slug.chars().find(|&c| c == '/' || is_harmful(c)) {
                return Err(format!(
                    "its {what} contains {}, which is not allowed in a slug",
                    described(c)
                ));
            }
        }
        let length = name.project_slug.len() + 1 + name.signing_policy_slug.len();
        if length > Self::MAX_LENGTH {
            return Err(format!(
                "its name is {length} bytes long, but at most {} are supported",
                Self::MAX_LENGTH
            ));
        }
        Ok(name)
    }

    /// The slug of the project.
    pub fn project_slug(&self) -> &str {
        &self.project_slug
    }

    /// The slug of the signing policy.
    pub fn signing_policy_slug(&self) -> &str {
        &self.signing_policy_slug
    }

    /// The start of an invalid name, for a message.
    pub(crate) fn truncated(project_slug: &str, signing_policy_slug: &str) -> String {
        let all = format!("{project_slug}/{signing_policy_slug}");
        match all.char_indices().nth(MAX_SHOWN) {
            Some((end, _)) => format!("{}...", all.get(..end).unwrap_or_default()),
            None => all,
        }
    }
}

fn described(c: char) -> String {
    match c {
        '/' => "a slash".to_owned(),
        _ => format!("the character U+{:04X}", u32::from(c)),
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.project_slug, self.signing_policy_slug)
    }
}

impl FromStr for PolicyName {
    type Err = String;

    /// Parses `PROJECT/POLICY`.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once('/')
            .ok_or_else(|| "it has no slash".to_owned())
            .and_then(|(project, policy)| Self::new(project, policy))
            .map_err(|reason| format!("expected PROJECT/POLICY, but {reason}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_two_slugs_of_visible_characters() {
        for (project, policy) in [("app", "release"), ("-o 'x'", "$(id) | `#\"\\"), ("ß", "日本")]
        {
            let name = PolicyName::new(project, policy).unwrap();
            assert_eq!(name.to_string(), format!("{project}/{policy}"));
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        for (project, policy, expected) in [
            ("", "b", "project slug is empty"),
            ("a", "", "signing policy slug is empty"),
            ("a/b", "c", "project slug contains a slash"),
            ("a", "b/c", "signing policy slug contains a slash"),
            ("a\n", "b", "U+000A"),
            ("a", "\u{1b}[31m", "U+001B"),
            ("a", "b\u{9b}", "U+009B"),
            ("a", "b\u{2028}", "U+2028"),
            ("a", "b\u{202e}", "U+202E"),
            ("a\u{200b}", "b", "U+200B"),
        ] {
            let reason = PolicyName::new(project, policy).unwrap_err();
            assert!(reason.contains(expected), "{reason}");
        }
    }

    #[test]
    fn refuses_names_longer_than_255_bytes() {
        let slug = |length| "x".repeat(length);
        assert!(PolicyName::new(slug(127), slug(127)).is_ok());
        assert!(PolicyName::new(slug(1), slug(253)).is_ok());
        let reason = PolicyName::new(slug(128), slug(127)).unwrap_err();
        assert_eq!(reason, "its name is 256 bytes long, but at most 255 are supported");
        // Bytes, not characters.
        assert!(PolicyName::new("ß".repeat(127), "x").is_err());
    }

    #[test]
    fn truncates_an_invalid_name_in_messages() {
        let slug = "x".repeat(98);
        assert_eq!(PolicyName::truncated(&slug, "y"), format!("{slug}/y"));
        assert_eq!(PolicyName::truncated(&slug, "yz"), format!("{slug}/y..."));
    }
}
