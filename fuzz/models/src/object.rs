//! Objects that are nothing but their signing policy.

use std::sync::Arc;

use cryptoki_sys::CK_ATTRIBUTE_TYPE;

use crate::SigningPolicy;

#[derive(Debug, Default)]
pub struct Options;

pub struct Attribute;

impl Attribute {
    pub fn new<'a>(_: CK_ATTRIBUTE_TYPE, _: usize, _: impl FnOnce() -> &'a [u8]) -> Self {
        Self
    }
}

#[derive(Debug)]
pub struct Object(Arc<SigningPolicy>);

impl Object {
    pub fn policy(&self) -> Option<&Arc<SigningPolicy>> {
        Some(&self.0)
    }
}

#[derive(Debug, Default)]
pub struct PolicyObjects(Vec<Arc<Object>>);

impl PolicyObjects {
    pub fn new(policies: Vec<SigningPolicy>, _: &Arc<Options>) -> Self {
        let policies = policies.into_iter().map(Arc::new);
        Self(policies.map(|policy| Arc::new(Object(policy))).collect())
    }

    pub fn policies(&self) -> impl Iterator<Item = &Arc<SigningPolicy>> {
        self.0.iter().map(|object| &object.0)
    }

    pub fn matching<'a>(&'a self, _: &'a [Attribute]) -> impl Iterator<Item = &'a Arc<Object>> {
        self.0.iter()
    }

    pub fn with_unique_id(&self, _: &str, _: Option<&str>) -> Option<&Arc<Object>> {
        self.0.first()
    }
}
