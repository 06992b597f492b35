//! Digest operations.

use super::{Data, Functions, InParts, Operation};
use signpath_crypto::HashAlgorithm;

/// An initialized digest operation.
pub struct Digest {
    /// The data to digest.
    pub data: Data,
    /// The length of the digest in bytes.
    pub length: usize,
}

impl Operation for Digest {
    const WHAT: &'static str = "digest";
    const INIT: &'static str = "C_DigestInit";
    const END: &'static str = "C_Digest or C_DigestFinal";
}

impl InParts for Digest {
    fn functions(&self) -> &'static Functions {
        &Functions { only: "C_Digest", update: "C_DigestUpdate", last: "C_DigestFinal" }
    }

    fn data(&mut self) -> &mut Data {
        &mut self.data
    }
}

impl Digest {
    /// Starts a digest.
    pub fn new(hash: HashAlgorithm) -> Self {
        Self { data: Data::hashed(hash), length: hash.digest_length() }
    }
}
