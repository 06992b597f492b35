//! A search for objects.

use cryptoki_sys::CK_OBJECT_HANDLE;

use super::Operation;

/// The handles found by a search that have not been returned yet.
#[derive(Debug)]
pub struct Find {
    handles: std::vec::IntoIter<CK_OBJECT_HANDLE>,
}

impl Find {
    /// Creates a search that found `handles`.
    pub fn new(handles: Vec<CK_OBJECT_HANDLE>) -> Self {
        Self { handles: handles.into_iter() }
    }

    /// Returns the next handles that are still valid, at most `limit`.
    pub fn next(
        &mut self,
        limit: usize,
        is_valid: impl Fn(CK_OBJECT_HANDLE) -> bool,
    ) -> Vec<CK_OBJECT_HANDLE> {
        let valid = self.handles.by_ref().filter(|handle| is_valid(*handle));
        valid.take(limit).collect()
    }
}

impl Operation for Find {
    const WHAT: &'static str = "search";
    const INIT: &'static str = "C_FindObjectsInit";
    const END: &'static str = "C_FindObjectsFinal";
}
