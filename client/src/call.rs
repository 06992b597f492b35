//! A request to one route of the API.

use std::borrow::Cow;

use crate::policy_name::PolicyName;
use crate::retry::Retry;

/// A request to one route of the API.
pub(crate) struct Call<'a> {
    /// `GET` or `POST`.
    pub(crate) method: &'static str,
    /// The path, relative to [`Api::base`](crate::exchange::Api::base), or to its parent: not all routes belong to an
    /// organization.
    pub(crate) route: Cow<'static, str>,
    pub(crate) is_of_organization: bool,
    /// A description of the request, for messages.
    pub(crate) subject: String,
    /// The signing policy, for a signing request.
    pub(crate) policy: Option<&'a PolicyName>,
    pub(crate) retry: Retry,
}

impl<'a> Call<'a> {
    pub(crate) fn sign(route: &'static str, policy: &'a PolicyName) -> Self {
        Self {
            method: "POST",
            route: route.into(),
            is_of_organization: true,
            subject: format!("the signing request for {policy}"),
            policy: Some(policy),
            retry: Retry::Configured,
        }
    }
}
