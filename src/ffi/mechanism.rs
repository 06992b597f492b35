//! Mechanisms and their parameters.

use std::mem::size_of;

use cryptoki_sys::*;
use log::debug;

use super::memory::CallerMemory;
use crate::constant_names;
use crate::error::{Error, Kind, Result};
use crate::mechanism::{Mechanism, Parameter, Request};
use signpath_crypto::SignatureAlgorithm;

/// A CK_MECHANISM with its parameter.
pub(super) struct MechanismArgument<'a>(CallerMemory<'a, CK_MECHANISM>);

impl<'a> MechanismArgument<'a> {
    pub(super) fn new(place: CallerMemory<'a, CK_MECHANISM>) -> Self {
        Self(place)
    }

    pub(super) fn is_null(&self) -> bool {
        self.0.is_null()
    }

    /// Reads the mechanism and its parameter.
    ///
    /// # Errors
    /// [`Kind::Arguments`], [`Kind::MechanismParameter`].
    pub(super) fn request(&self) -> Result<Request> {
        let mechanism = self.0.read(0)?;
        let id = mechanism.mechanism;
        let parameter = self.parameter(&mechanism)?;
        let described = match parameter {
            Parameter::Pss {
                hash,
                mgf,
                salt_length,
            } => format!(
                ", hashAlg={}, mgf={}, sLen={salt_length}",
                constant_names::mechanism(hash),
                constant_names::mask_generation_function(mgf)
            ),
            Parameter::None | Parameter::Other => String::new(),
        };
        let length = mechanism.ulParameterLen;
        debug!(
            "pMechanism: {}, ulParameterLen={length}{described}",
            constant_names::mechanism(id),
        );
        Ok(Request { id, parameter })
    }

    /// Reads the parameter of `mechanism`.
    fn parameter(&self, mechanism: &CK_MECHANISM) -> Result<Parameter> {
        let (pointer, length) = (mechanism.pParameter, mechanism.ulParameterLen);
        let is_pss = Mechanism::find(mechanism.mechanism)
            .and_then(Mechanism::signature)
            .is_some_and(|signature| signature.algorithm == SignatureAlgorithm::RsaPss);
        if length == 0 {
            return Ok(Parameter::None);
        }
        if pointer.is_null() {
            return Err(Error::new(
                Kind::MechanismParameter,
                format!("pParameter is NULL, but ulParameterLen is {length}"),
            ));
        }
        if !is_pss || length as usize != size_of::<CK_RSA_PKCS_PSS_PARAMS>() {
            return Ok(Parameter::Other);
        }
        let pointer = pointer.cast::<CK_RSA_PKCS_PSS_PARAMS>();
        // SAFETY: the caller guarantees the length, which is that of CK_RSA_PKCS_PSS_PARAMS.
        let place = unsafe { CallerMemory::new(self.0.memory(), pointer, 1, "pParameter") };
        let pss = place.read(0)?;
        Ok(Parameter::Pss {
            hash: pss.hashAlg,
            mgf: pss.mgf,
            salt_length: pss.sLen,
        })
    }
}
