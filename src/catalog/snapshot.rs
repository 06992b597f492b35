//! The objects of the signing policies at one point in time.

use std::sync::Arc;

use cryptoki_sys::CKA_ID;
use signpath_client::{PolicyList, PolicyName, SigningPolicy};

use crate::object::{Attribute, Object, Options, PolicyObjects};

/// The objects of one user's signing policies.
#[derive(Debug, Default)]
pub struct Snapshot(PolicyObjects);

impl Snapshot {
    /// Parses the keys and certificates. A policy that cannot be used is skipped with a warning.
    pub(super) fn new(policies: PolicyList, options: &Arc<Options>) -> Self {
        Self(PolicyObjects::new(policies.usable(), options))
    }

    /// The policies that have objects.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<SigningPolicy>> {
        self.0.policies()
    }

    /// The objects that match a template. The cost depends on the number of results, not of
    /// objects, if the template has CKA_ID, CKA_LABEL or CKA_CLASS.
    pub fn matching<'a>(
        &'a self,
        template: &'a [Attribute],
    ) -> impl Iterator<Item = &'a Arc<Object>> {
        self.0.matching(template)
    }

    /// The object with that CKA_UNIQUE_ID, of the signing policy of that name if it belongs to one.
    pub fn with_unique_id(&self, unique_id: &str, policy: Option<&str>) -> Option<&Arc<Object>> {
        self.0.with_unique_id(unique_id, policy)
    }

    /// Whether the template finds exactly one policy, whose certificate has expired. A search for
    /// all policies does not count, since it is not about a particular one.
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
