//! An entry of the list of signing policies, and the JSON around it.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::policy_name::PolicyName;

/// A signing policy as the service lists it, with its key and certificate not yet parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: PolicyName,
    /// The key type, as the service names it.
    pub(crate) key_type: String,
    pub(crate) key_size_in_bits: Option<u32>,
    /// An RSAPublicKey, a SubjectPublicKeyInfo or an EC point.
    pub(crate) public_key: Option<Vec<u8>>,
    /// A DER X.509 certificate.
    pub(crate) certificate: Option<Vec<u8>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    project_slug: String,
    signing_policy_slug: String,
    key_type: String,
    key_size_in_bits: Option<u32>,
    public_key_bytes: Option<String>,
    certificate_bytes: Option<String>,
}

/// Property names may be spelled in any case, and unknown ones are ignored.
impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Properties)
    }
}

struct Properties;

impl<'de> Visitor<'de> for Properties {
    type Value = Entry;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("struct Entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let (mut project_slug, mut signing_policy_slug, mut key_type) = (None, None, None);
        let (mut key_size_in_bits, mut public_key_bytes, mut certificate_bytes) =
            (None, None, None);
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match &*name.to_ascii_lowercase() {
                "projectslug" => set(&mut project_slug, &mut map, "projectSlug")?,
                "signingpolicyslug" => {
                    set(&mut signing_policy_slug, &mut map, "signingPolicySlug")?;
                }
                "keytype" => set(&mut key_type, &mut map, "keyType")?,
                "keysizeinbits" => set(&mut key_size_in_bits, &mut map, "keySizeInBits")?,
                "publickeybytes" => set(&mut public_key_bytes, &mut map, "publicKeyBytes")?,
                "certificatebytes" => set(&mut certificate_bytes, &mut map, "certificateBytes")?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let missing = A::Error::missing_field;
        Ok(Entry {
            project_slug: project_slug.ok_or_else(|| missing("projectSlug"))?,
            signing_policy_slug: signing_policy_slug.ok_or_else(|| missing("signingPolicySlug"))?,
            key_type: key_type.unwrap_or_default(),
            key_size_in_bits: key_size_in_bits.flatten(),
            public_key_bytes: public_key_bytes.flatten(),
            certificate_bytes: certificate_bytes.flatten(),
        })
    }
}

/// Reads the value of a property, which can be there once.
fn set<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    property: &mut Option<T>,
    map: &mut A,
    name: &'static str,
) -> Result<(), A::Error> {
    match property.replace(map.next_value()?) {
        None => Ok(()),
        Some(_) => Err(A::Error::duplicate_field(name)),
    }
}

impl Listed {
    /// Parses an entry of the list.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence with its name if it has one.
    fn from_entry(entry: &str) -> Result<Self, String> {
        let entry: Entry = serde_json::from_str(entry).map_err(|error| {
            let reason = without_position(&error);
            format!("invalid entry in the list of signing policies: {reason}")
        })?;
        let (project, policy) = (entry.project_slug, entry.signing_policy_slug);
        let name = PolicyName::new(&project, &policy).map_err(|reason| {
            let shown = PolicyName::truncated(&project, &policy);
            format!("signing policy {shown}: {reason}; correct it in SignPath")
        })?;
        let decoded = |field: &str, text: Option<String>| {
            text.filter(|text| !text.is_empty())
                .map(|text| STANDARD.decode(text))
                .transpose()
                .map_err(|_| format!("signing policy {name}: {field} is not base64"))
        };
        Ok(Self {
            public_key: decoded("publicKeyBytes", entry.public_key_bytes)?,
            certificate: decoded("certificateBytes", entry.certificate_bytes)?,
            key_type: entry.key_type,
            key_size_in_bits: entry.key_size_in_bits,
            name,
        })
    }

    /// Parses the response of `GET /Cryptoki/MySigningPolicies` and passes each entry, or what is
    /// wrong with it, to `take`. Entries are parsed one by one, so that an invalid one does not
    /// hide the others, and the JSON of the whole list need not be kept.
    ///
    /// # Errors
    /// If the list as a whole is invalid.
    pub fn read_all(body: &[u8], take: impl FnMut(Result<Self, String>)) -> serde_json::Result<()> {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        deserializer.deserialize_map(List(take))?;
        deserializer.end()
    }
}

/// The object around the list.
struct List<F>(F);

impl<'de, F: FnMut(Result<Listed, String>)> Visitor<'de> for List<F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        const NAME: &str = "signingPolicies";
        let mut is_present = false;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if !name.eq_ignore_ascii_case(NAME) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut is_present, true) {
                return Err(A::Error::duplicate_field(NAME));
            }
            map.next_value_seed(Entries(&mut self.0))?;
        }
        match is_present {
            true => Ok(()),
            false => Err(A::Error::missing_field(NAME)),
        }
    }
}

/// The list itself.
struct Entries<'a, F>(&'a mut F);

impl<'de, F: FnMut(Result<Listed, String>)> DeserializeSeed<'de> for Entries<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(Result<Listed, String>)> Visitor<'de> for Entries<'_, F> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of signing policies")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element::<&RawValue>()? {
            self.0(Listed::from_entry(entry.get()));
        }
        Ok(())
    }
}

/// Writes an entry of the list, with only the fields that are read.
impl Serialize for Listed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let encoded = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
        Entry {
            project_slug: self.name.project_slug().to_owned(),
            signing_policy_slug: self.name.signing_policy_slug().to_owned(),
            key_type: self.key_type.clone(),
            key_size_in_bits: self.key_size_in_bits,
            public_key_bytes: encoded(&self.public_key),
            certificate_bytes: encoded(&self.certificate),
        }
        .serialize(serializer)
    }
}

/// What is wrong with an entry, without line and column, which are relative to the entry. A message
/// that quotes a long value is truncated.
fn without_position(error: &serde_json::Error) -> String {
    const MAX_CHARACTERS: usize = 200;
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(&*text, |(reason, _)| reason);
    match reason.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}...", reason.get(..end).unwrap_or_default()),
        None => reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn error_about_an_entry_names_the_field() {
        let entry = json!({"projectSlug": "p", "signingPolicySlug": "s", "certificateBytes": "?"});
        assert_eq!(
            Listed::from_entry(&entry.to_string()).unwrap_err(),
            "signing policy p/s: certificateBytes is not base64"
        );
        assert_eq!(
            Listed::from_entry(r#"{"projectSlug": "p"}"#).unwrap_err(),
            "invalid entry in the list of signing policies: missing field `signingPolicySlug`"
        );
        let long = json!({"projectSlug": "p", "keySizeInBits": "x".repeat(1 << 20)});
        let reason = Listed::from_entry(&long.to_string()).unwrap_err();
        assert!(reason.len() < 300, "{}", reason.len());
    }
}
