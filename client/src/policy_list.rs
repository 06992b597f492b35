//! The list of signing policies, as `GET /Cryptoki/MySigningPolicies` answers it and as it is kept on disk.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use signpath_platform::few::FirstFew;

use crate::policy_name::PolicyName;
use crate::secret::Masker;
use crate::signing_policy::SigningPolicy;

/// The signing policies that the service lists for a user. Keys and certificates are read by
/// [`usable`](Self::usable) and [`read`](Self::read).
#[derive(Clone)]
pub struct PolicyList {
    pub(crate) listed: Vec<Listed>,
    masker: Arc<Masker>,
}

/// A signing policy as the service lists it. Its key and certificate have not been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) name: PolicyName,
    /// The type of its key in the service's words.
    pub(crate) key_type: String,
    pub(crate) key_size_in_bits: Option<u32>,
    /// An RSAPublicKey, a SubjectPublicKeyInfo or a point.
    pub(crate) public_key: Option<Vec<u8>>,
    /// A DER X.509 certificate.
    pub(crate) certificate: Option<Vec<u8>>,
}

impl fmt::Debug for PolicyList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.listed.iter().map(|listed| &listed.name);
        formatter.debug_list().entries(names).finish()
    }
}

impl PolicyList {
    /// A list whose text `masker` takes secrets out of before it is said.
    pub(crate) fn new(listed: Vec<Listed>, masker: &Arc<Masker>) -> Self {
        Self {
            listed,
            masker: masker.clone(),
        }
    }

    /// Reads the answer of the service. An entry that cannot be read is left out with a warning, so that
    /// it hides no other; of many the first few have one.
    ///
    /// # Errors
    /// What is wrong with the list as a whole.
    pub(crate) fn from_json(body: &[u8], masker: &Arc<Masker>) -> serde_json::Result<Self> {
        let mut listed = Vec::new();
        let mut left_out = FirstFew::new("more entries of the list that are left out");
        Listed::read_all(body, |entry| match entry {
            Ok(policy) => listed.push(policy),
            Err(reason) => {
                left_out.warn(|| format!("{}; it is left out", masker.mask(&reason)));
            }
        })?;
        Ok(Self::new(listed, masker))
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Reads keys and certificates. Each entry that cannot be used is the reason instead, a sentence
    /// without secrets.
    pub fn read(self) -> impl Iterator<Item = Result<SigningPolicy, String>> {
        let masker = self.masker;
        let policies = self.listed.into_iter().map(SigningPolicy::read);
        policies.map(move |policy| policy.map_err(|reason| masker.mask(&reason)))
    }

    /// The signing policies that can be used. Others are left out with a warning, as are the first few
    /// of those whose key this version cannot sign with.
    pub fn usable(self) -> Vec<SigningPolicy> {
        let masker = self.masker.clone();
        let mut left_out = FirstFew::new("more signing policies that are left out");
        let mut without_key =
            FirstFew::new("more signing policies whose key this version cannot sign with");
        let usable = |policy: Result<SigningPolicy, String>| {
            let policy = policy
                .inspect_err(|reason| left_out.warn(|| format!("{reason}; it is left out")))
                .ok()?;
            if let Some(reason) = &policy.key_problem {
                without_key.warn(|| {
                    masker.mask(&format!(
                        "signing policy {}: this version cannot sign with its key ({reason})",
                        policy.name
                    ))
                });
            }
            Some(policy)
        };
        self.read().filter_map(usable).collect()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    project_slug: String,
    signing_policy_slug: String,
    #[serde(default)]
    key_type: String,
    key_size_in_bits: Option<u32>,
    public_key_bytes: Option<String>,
    certificate_bytes: Option<String>,
}

impl Listed {
    /// Reads an entry of the list.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence that names it if it can be named.
    fn from_entry(entry: &str) -> Result<Self, String> {
        let entry: Entry = serde_json::from_str(entry).map_err(|error| {
            let reason = without_place(&error);
            format!("an entry in the list of signing policies is unusable: {reason}")
        })?;
        let (project, policy) = (entry.project_slug, entry.signing_policy_slug);
        let name = PolicyName::new(&project, &policy).map_err(|reason| {
            let shown = PolicyName::beginning(&project, &policy);
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

    /// Reads a list of signing policies, which is the answer of `GET /Cryptoki/MySigningPolicies`,
    /// and hands each entry to `take`, or what is wrong with it. They are read one by one, so that one
    /// which this version does not understand hides no other, and none is kept as JSON.
    ///
    /// # Errors
    /// What is wrong with the list as a whole.
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
        let mut is_there = false;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name != NAME {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut is_there, true) {
                return Err(A::Error::duplicate_field(NAME));
            }
            map.next_value_seed(Entries(&mut self.0))?;
        }
        match is_there {
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

/// The entry of the list that it was read from, without what was not.
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

/// What is wrong with an entry. The line and column in it alone would help nobody, nor would a whole
/// value that is as long as the entry.
fn without_place(error: &serde_json::Error) -> String {
    const MAX_CHARACTERS: usize = 200;
    let text = error.to_string();
    let reason = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(reason, _)| reason);
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
    fn an_entry_says_which_field_is_unusable() {
        let entry = json!({"projectSlug": "p", "signingPolicySlug": "s", "certificateBytes": "?"});
        assert_eq!(
            Listed::from_entry(&entry.to_string()).unwrap_err(),
            "signing policy p/s: certificateBytes is not base64"
        );
        assert_eq!(
            Listed::from_entry(r#"{"projectSlug": "p"}"#).unwrap_err(),
            "an entry in the list of signing policies is unusable: missing field `signingPolicySlug`"
        );
        let long = json!({"projectSlug": "p", "keySizeInBits": "x".repeat(1 << 20)});
        let reason = Listed::from_entry(&long.to_string()).unwrap_err();
        assert!(reason.len() < 300, "{}", reason.len());
    }
}
