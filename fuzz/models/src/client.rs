//! A service that is a function, in the place of `signpath_client`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use shuttle::sync::Mutex;

use crate::error::{CancellationReason, Error, Result};

pub const POLL_INTERVAL: Duration = Duration::from_millis(25);

pub enum Retry {
    Configured,
    Once(#[allow(dead_code, reason = "the function takes no time")] Duration),
}

type Reason = Arc<Mutex<Option<Error>>>;

/// Its own reason first, then those of the whole.
#[derive(Clone)]
pub struct Cancellation(Vec<Reason>);

impl Default for Cancellation {
    fn default() -> Self {
        Self::new()
    }
}

impl Cancellation {
    pub fn new() -> Self {
        Self(vec![Reason::default()])
    }

    pub fn child(&self) -> Self {
        let own = std::iter::once(Reason::default());
        Self(own.chain(self.0.iter().cloned()).collect())
    }

    pub fn cancel(&self, CancellationReason(error): CancellationReason) {
        self.0[0].lock().unwrap().get_or_insert(error);
    }

    pub fn cancel_after_attempt(&self, reason: CancellationReason) {
        self.cancel(reason);
    }

    pub fn check(&self) -> Result<()> {
        for reason in &self.0 {
            if let Some(error) = &*reason.lock().unwrap() {
                return Err(error.clone());
            }
        }
        Ok(())
    }
}

type Service = dyn Fn(&Cancellation) -> Result<PolicyList> + Send + Sync;

/// What a request of the list of signing policies does.
pub struct Client(Box<Service>);

impl Client {
    pub fn new(
        service: impl Fn(&Cancellation) -> Result<PolicyList> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::new(service))
    }

    pub fn signing_policies(&self, _: Retry, cancellation: &Cancellation) -> Result<PolicyList> {
        (self.0)(cancellation)
    }

    pub fn masked(&self, text: &str) -> String {
        text.to_owned()
    }
}

/// There is none in the models.
pub enum PolicyCache {}

impl PolicyCache {
    pub fn read(&self) -> Option<PolicyList> {
        match *self {}
    }

    pub fn note(&self, _: &Result<PolicyList>) {
        match *self {}
    }

    pub fn remove(&self) {
        match *self {}
    }
}

/// A list with a number.
pub struct PolicyList(pub usize);

impl PolicyList {
    pub fn usable(self) -> Vec<SigningPolicy> {
        vec![SigningPolicy { number: self.0, certificate: None }]
    }
}

#[derive(Debug)]
pub struct SigningPolicy {
    pub number: usize,
    pub certificate: Option<Certificate>,
}

impl SigningPolicy {
    pub fn has_expired(&self) -> bool {
        false
    }
}

#[derive(Debug)]
pub struct Certificate;

impl Certificate {
    pub fn der(&self) -> &[u8] {
        &[]
    }
}

pub struct PolicyName;

impl fmt::Display for PolicyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("project/policy")
    }
}
