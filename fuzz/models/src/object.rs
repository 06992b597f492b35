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
    pub fn of(policies: Vec<SigningPolicy>, _: &Options) -> Vec<Self> {
        let policies = policies.into_iter().map(Arc::new);
        policies.map(Self).collect()
    }

    pub fn policy(&self) -> Option<&Arc<SigningPolicy>> {
        Some(&self.0)
    }
}

#[derive(Debug, Default)]
pub struct Index(Vec<Arc<Object>>);

impl Index {
    pub fn new(objects: Vec<Arc<Object>>) -> Self {
        Self(objects)
    }

    pub fn objects(&self) -> &[Arc<Object>] {
        &self.0
    }

    pub fn matching<'a>(&'a self, _: &'a [Attribute]) -> impl Iterator<Item = &'a Arc<Object>> {
        self.0.iter()
    }

    pub fn with_unique_id(&self, _: &str) -> Option<&Arc<Object>> {
        self.0.first()
    }
}
