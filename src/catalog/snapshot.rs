//! The objects of the signing policies as they were at one time.

use std::sync::Arc;

use cryptoki_sys::CKA_ID;
use signpath_client::{PolicyList, PolicyName, SigningPolicy};

use crate::object::{Attribute, Index, Object, Options};

/// The objects of one user's signing policies.
#[derive(Debug, Default)]
pub struct Snapshot(Index);

impl Snapshot {
    /// Reads keys and certificates. A policy that cannot be used is left out with a warning, so
    /// that it hides no other.
    pub(super) fn new(policies: PolicyList, options: &Options) -> Self {
        let objects = Object::of(policies.usable(), options);
        Self(Index::new(objects.into_iter().map(Arc::new).collect()))
    }

    /// All objects, those of a policy side by side.
    pub fn objects(&self) -> &[Arc<Object>] {
        self.0.objects()
    }

    /// The objects that match a template. Finding them costs what they are, if the template has
    /// CKA_ID, CKA_LABEL or CKA_CLASS.
    pub fn matching<'a>(
        &'a self,
        template: &'a [Attribute],
    ) -> impl Iterator<Item = &'a Arc<Object>> {
        self.0.matching(template)
    }

    /// The object with that CKA_UNIQUE_ID.
    pub fn with_unique_id(&self, unique_id: &str) -> Option<&Arc<Object>> {
        self.0.with_unique_id(unique_id)
    }

    /// Whether a template finds a single policy, and its certificate has expired. A search for all of them
    /// asks for none in particular.
    pub fn finds_expired(&self, template: &[Attribute]) -> bool {
        let mut policies = self.matching(template).filter_map(|object| object.policy());
        let Some(policy) = policies.next() else {
            return false;
        };
        policies.all(|other| Arc::ptr_eq(policy, other)) && policy.has_expired()
    }

    pub(super) fn policy(&self, name: &PolicyName) -> Option<Arc<SigningPolicy>> {
        let name = name.to_string();
        let template = [Attribute::new(CKA_ID, name.len(), || name.as_bytes())];
        let found = self.matching(&template).find_map(|object| object.policy());
        found.cloned()
    }
}
