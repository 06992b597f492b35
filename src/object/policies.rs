//! The objects of signing policies, which are created when somebody asks for them. There may be 100 000 policies, and a tool uses one.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use cryptoki_sys::{CKA_ID, CKA_LABEL};
use signpath_client::SigningPolicy;
use signpath_platform::lock::Mutex;

use super::{Attribute, Index, Object, Options, SharedAttributes, Shown, chain};

/// The objects of signing policies, and those of their CA certificates.
#[derive(Debug, Default)]
pub struct PolicyObjects {
    policies: Vec<Entry>,
    chain: Vec<Arc<Object>>,
    options: Arc<Options>,
    hasher: RandomState,
    /// The hash of each policy's name, and its position. Sorted.
    names: Vec<(u64, u32)>,
    /// The length of the longest name. Longer ones are not read from a template.
    longest: usize,
    common: Mutex<SharedAttributes>,
    /// All objects, once somebody has searched for something other than a name.
    all: OnceLock<Index>,
}

#[derive(Debug)]
struct Entry {
    shown: Shown,
    objects: OnceLock<Box<[Arc<Object>]>>,
}

impl PolicyObjects {
    /// The objects of these policies.
    pub fn new(policies: Vec<SigningPolicy>, options: &Arc<Options>) -> Self {
        let policies = policies.into_iter();
        let shown: Vec<_> = policies.map(|policy| Shown::new(policy, options)).collect();
        let chain = chain::objects(&shown, &options.chain_certificates);
        let hasher = RandomState::new();
        let (mut names, mut longest) = (Vec::with_capacity(shown.len()), 0);
        for (place, shown) in (0..).zip(&shown) {
            let name = shown.policy.name.to_string();
            longest = longest.max(name.len());
            names.push((hasher.hash_one(name.as_bytes()), place));
        }
        names.sort_unstable();
        let entry = |shown| Entry { shown, objects: OnceLock::new() };
        Self {
            policies: shown.into_iter().map(entry).collect(),
            chain: chain.into_iter().map(Arc::new).collect(),
            options: options.clone(),
            hasher,
            names,
            longest,
            ..Self::default()
        }
    }

    /// The policies that have objects.
    pub fn policies(&self) -> impl Iterator<Item = &Arc<SigningPolicy>> {
        let shown = self.policies.iter().map(|entry| &entry.shown);
        let has_objects = shown.filter(|shown| shown.has_objects());
        has_objects.map(|shown| &shown.policy)
    }

    /// All objects. Those of a policy are adjacent, and CA certificates come last.
    pub fn all(&self) -> &Index {
        self.all.get_or_init(|| {
            let of_policies = self.policies.iter().flat_map(|entry| self.created(entry));
            Index::new(of_policies.chain(&self.chain).cloned().collect())
        })
    }

    /// The objects that match a template, in the order of [`Self::all`]. With CKA_ID or CKA_LABEL, only objects of that name are looked at.
    pub fn matching<'a>(
        &'a self,
        template: &'a [Attribute],
    ) -> impl Iterator<Item = &'a Arc<Object>> {
        let mut names = template.iter();
        let name = names.find(|wanted| matches!(wanted.id, CKA_ID | CKA_LABEL));
        let named = name.map(|name| {
            let of_policies = name.up_to(self.longest).map(|name| self.of_policies(name));
            let objects = of_policies.into_iter().flatten().chain(&self.chain);
            objects.filter(|object| object.matches(template))
        });
        let others = name.is_none().then(|| self.all().matching(template));
        named.into_iter().flatten().chain(others.into_iter().flatten())
    }

    /// The object with that CKA_UNIQUE_ID, which belongs to the signing policy of that name or is a CA certificate.
    pub fn with_unique_id(&self, unique_id: &str, policy: Option<&str>) -> Option<&Arc<Object>> {
        let of_policies = policy.map(|name| self.of_policies(name.as_bytes()));
        let mut objects = of_policies.into_iter().flatten().chain(&self.chain);
        objects.find(|object| **object.unique_id() == *unique_id)
    }

    /// The objects of the policies whose names have the same hash.
    fn of_policies(&self, name: &[u8]) -> impl Iterator<Item = &Arc<Object>> {
        let hash = self.hasher.hash_one(name);
        let start = self.names.partition_point(|(known, _)| *known < hash);
        let names = self.names.iter().skip(start);
        let places = names.take_while(move |(known, _)| *known == hash);
        let entries = places.filter_map(|(_, place)| self.policies.get(*place as usize));
        entries.flat_map(|entry| self.created(entry))
    }

    fn created<'a>(&'a self, entry: &'a Entry) -> &'a [Arc<Object>] {
        entry.objects.get_or_init(|| {
            let mut common = self.common.lock();
            let objects = Object::of_policy(&entry.shown, &self.options, &mut common);
            objects.into_iter().map(Arc::new).collect()
        })
    }
}
