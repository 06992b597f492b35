//! Finds objects by their attributes without checking every object.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use cryptoki_sys::*;

use super::{Attribute, Object, Value};

/// The indexed attributes.
const INDEXED: [CK_ATTRIBUTE_TYPE; 5] = [CKA_ID, CKA_LABEL, CKA_UNIQUE_ID, CKA_SUBJECT, CKA_CLASS];

/// Immutable objects in a fixed order, with an index.
#[derive(Debug, Default)]
pub struct Index {
    objects: Vec<Arc<Object>>,
    hasher: RandomState,
    /// The hash of each value of an indexed attribute, and the position of the object that has it.
    /// Sorted, which takes less memory than a hash table of lists.
    values: Vec<(u64, u32)>,
    /// The length of the longest indexed value. Longer values are not read from a template.
    longest: usize,
}

impl Index {
    /// Builds the index.
    pub fn new(objects: Vec<Arc<Object>>) -> Self {
        let hasher = RandomState::new();
        let mut values = Vec::with_capacity(objects.len() * INDEXED.len());
        let mut longest = 0;
        for (place, object) in (0..).zip(&objects) {
            for id in INDEXED {
                if let Some(Value::Bytes(value)) = object.attribute(id) {
                    values.push((hasher.hash_one(value), place));
                    longest = longest.max(value.len());
                }
            }
        }
        values.sort_unstable();
        values.dedup();
        values.shrink_to_fit();
        Self { objects, hasher, values, longest }
    }

    /// All objects.
    pub fn objects(&self) -> &[Arc<Object>] {
        &self.objects
    }

    /// The objects that match a template. Only checks the objects that match its most selective
    /// indexed attribute.
    pub fn matching<'a>(
        &'a self,
        template: &'a [Attribute],
    ) -> impl Iterator<Item = &'a Arc<Object>> {
        let indexed = template.iter().filter(|wanted| INDEXED.contains(&wanted.id));
        let rarest = indexed
            .map(|wanted| wanted.up_to(self.longest).map_or(&[][..], |value| self.places(value)))
            .min_by_key(|places| places.len());
        let all = rarest.is_none().then_some(&self.objects);
        let some = rarest.unwrap_or_default().iter();
        let some = some.filter_map(|(_, place)| self.objects.get(*place as usize));
        let objects = all.into_iter().flatten().chain(some);
        objects.filter(|object| object.matches(template))
    }

    /// The entries of objects that have an indexed attribute with the same hash as `value`.
    fn places(&self, value: &[u8]) -> &[(u64, u32)] {
        let hash = self.hasher.hash_one(value);
        let start = self.values.partition_point(|(known, _)| *known < hash);
        let values = self.values.get(start..).unwrap_or_default();
        let end = values.partition_point(|(known, _)| *known == hash);
        values.get(..end).unwrap_or_default()
    }
}
