//! What the service tells beside signing policies and signatures: OpenPGP keys, its version, the quota.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::Value;

use crate::call::Call;
use crate::cancellation::Cancellation;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::policy_name::PolicyName;
use crate::retry::Retry;
use crate::transport::Outgoing;

/// How many signatures an organization may make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// The maximum number of individual signatures in a year.
    pub yearly_signatures: u64,
    /// When the current period ends, as the service writes it.
    pub period_end: Option<String>,
}

impl Client {
    /// The transferable public key (RFC 9580, section 10.1) of a signing policy with an OpenPGP key; [`None`] if it has
    /// none (REST documentation, "Certificates").
    ///
    /// # Errors
    /// Those of [`Self::signing_policies`].
    pub fn gpg_public_key(
        &self,
        policy: &PolicyName,
        cancellation: &Cancellation,
    ) -> Result<Option<Vec<u8>>> {
        let (project, slug) = (policy.project_slug(), policy.signing_policy_slug());
        let call = Call {
            method: "GET",
            route: format!("Projects/{project}/SigningPolicies/{slug}/Certificate/GpgPublicKey")
                .into(),
            is_of_organization: true,
            subject: format!("the request for the OpenPGP key of {policy}"),
            policy: None,
            retry: Retry::Configured,
        };
        self.ask(&call, cancellation)
    }

    /// The version of the service's application, if it tells (REST documentation, "Other routes").
    ///
    /// # Errors
    /// Those of [`Self::signing_policies`].
    pub fn application_version(&self, time_limit: Duration) -> Result<Option<String>> {
        let call = Call {
            method: "GET",
            route: "Meta/SystemInfo".into(),
            is_of_organization: false,
            subject: "the request for the version".to_owned(),
            policy: None,
            retry: Retry::Once(time_limit),
        };
        let info = self.facts(&call)?;
        // The documentation does not name the property.
        let names = ["applicationVersion", "version"];
        let version = names.iter().find_map(|name| property(&info, name)?.as_str());
        Ok(version.map(|version| self.masked(version)))
    }

    /// The quota of the organization, if the service tells it (REST documentation, "Other routes").
    ///
    /// # Errors
    /// Those of [`Self::signing_policies`].
    pub fn quota(&self, time_limit: Duration) -> Result<Option<Quota>> {
        let call = Call {
            method: "GET",
            route: self.api().credentials.organization_id.clone().into(),
            is_of_organization: false,
            subject: "the request for the quota".to_owned(),
            policy: None,
            retry: Retry::Once(time_limit),
        };
        let organization = self.facts(&call)?;
        let number = property(&organization, "yearlyMaxNumberOfIndividualSignatures");
        let period_end = property(&organization, "quotaPeriodEnd").and_then(Value::as_str);
        Ok(number.and_then(Value::as_u64).map(|yearly_signatures| Quota {
            yearly_signatures,
            period_end: period_end.map(|end| self.masked(end)),
        }))
    }

    /// A JSON object that tells something, or nothing where there is no such route or it is for others.
    fn facts(&self, call: &Call<'_>) -> Result<Value> {
        let body = self.ask(call, &Cancellation::new())?;
        Ok(body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default())
    }

    /// What a route answers; [`None`] where the service has nothing there.
    fn ask(&self, call: &Call<'_>, cancellation: &Cancellation) -> Result<Option<Vec<u8>>> {
        let has_nothing = |error: &Error| error.status == Some(StatusCode::NOT_FOUND.as_u16());
        let answer = self
            .api()
            .call(call, self.api().attempts(), cancellation, |url| Ok(Outgoing::get(url)));
        match answer {
            Ok(answer) => Ok(Some(answer.body)),
            Err(failed) if has_nothing(&failed.error) => Ok(None),
            Err(failed) => Err(failed.error),
        }
    }
}

/// A property, whose name may be spelled in any case.
fn property<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    let mut properties = object.as_object()?.iter();
    let (_, value) = properties.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(value)
}
