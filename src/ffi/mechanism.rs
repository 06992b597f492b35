//! Mechanisms and their parameters.

use std::ffi::c_void;
use std::mem::size_of;

use cryptoki_sys::*;
use log::debug;

use super::memory::CallerMemory;
use crate::constant_names;
use crate::error::{Error, Kind, Result};
use crate::mechanism::{Algorithm, Input, Mechanism, Parameter, Request, Signature};
use signpath_crypto::{MlDsa, SignatureAlgorithm};

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
        let described = match &parameter {
            Parameter::Pss { hash, mgf, salt_length } => format!(
                ", hashAlg={}, mgf={}, sLen={salt_length}",
                constant_names::mechanism(*hash),
                constant_names::mask_generation_function(*mgf)
            ),
            Parameter::AdditionalContext { context, hash } => {
                let hash = hash.map(|hash| format!(", hash={}", constant_names::mechanism(hash)));
                format!(", ulContextLen={}{}", context.len(), hash.unwrap_or_default())
            }
            Parameter::None | Parameter::Other => String::new(),
        };
        let length = mechanism.ulParameterLen;
        debug!("pMechanism: {}, ulParameterLen={length}{described}", constant_names::mechanism(id),);
        Ok(Request { id, parameter })
    }

    /// Reads the parameter of `mechanism`.
    fn parameter(&self, mechanism: &CK_MECHANISM) -> Result<Parameter> {
        let (pointer, length) = (mechanism.pParameter, mechanism.ulParameterLen);
        if length == 0 {
            return Ok(Parameter::None);
        }
        if pointer.is_null() {
            return Err(Error::new(
                Kind::MechanismParameter,
                format!("pParameter is NULL, but ulParameterLen is {length}"),
            ));
        }
        let signature = Mechanism::find(mechanism.mechanism).and_then(Mechanism::signature);
        let has_length_of = |expected| length as usize == expected;
        match signature {
            Some(Signature {
                algorithm: Algorithm::OfService(SignatureAlgorithm::RsaPss), ..
            }) if has_length_of(size_of::<CK_RSA_PKCS_PSS_PARAMS>()) => {
                // SAFETY: the caller guarantees the length, which is that of the structure.
                let pss = unsafe { self.structure::<CK_RSA_PKCS_PSS_PARAMS>(pointer) }?;
                Ok(Parameter::Pss { hash: pss.hashAlg, mgf: pss.mgf, salt_length: pss.sLen })
            }
            Some(Signature { algorithm: Algorithm::MlDsa, input: Input::DigestByParameter })
                if has_length_of(size_of::<CK_HASH_SIGN_ADDITIONAL_CONTEXT>()) =>
            {
                // SAFETY: the caller guarantees the length, which is that of the structure.
                let given = unsafe { self.structure::<CK_HASH_SIGN_ADDITIONAL_CONTEXT>(pointer) }?;
                self.additional_context(given.pContext, given.ulContextLen, Some(given.hash))
            }
            Some(Signature {
                algorithm: Algorithm::MlDsa,
                input: Input::WholeMessage | Input::Message(_),
            }) if has_length_of(size_of::<CK_SIGN_ADDITIONAL_CONTEXT>()) => {
                // SAFETY: the caller guarantees the length, which is that of the structure.
                let given = unsafe { self.structure::<CK_SIGN_ADDITIONAL_CONTEXT>(pointer) }?;
                self.additional_context(given.pContext, given.ulContextLen, None)
            }
            _ => Ok(Parameter::Other),
        }
    }

    /// Copies a structure that a parameter points to.
    ///
    /// # Safety
    /// The caller's parameter has the length of a `T`.
    unsafe fn structure<T: Copy>(&self, pointer: *mut c_void) -> Result<T> {
        // SAFETY: as the caller guarantees.
        let place =
            unsafe { CallerMemory::new(self.0.memory(), pointer.cast::<T>(), 1, "pParameter") };
        place.read(0)
    }

    /// Reads a context. One that is too long is not read, since the stated length may exceed the caller's buffer.
    fn additional_context(
        &self,
        pointer: *mut CK_BYTE,
        length: CK_ULONG,
        hash: Option<CK_MECHANISM_TYPE>,
    ) -> Result<Parameter> {
        let refuse = |reason: String| Err(Error::new(Kind::MechanismParameter, reason));
        let longest = MlDsa::MAX_CONTEXT;
        if length > longest as CK_ULONG {
            return refuse(format!("ulContextLen is {length}, but must be at most {longest}"));
        }
        if pointer.is_null() && length > 0 {
            return refuse(format!("pContext is NULL, but ulContextLen is {length}"));
        }
        // SAFETY: the caller guarantees the length.
        let place = unsafe { CallerMemory::new(self.0.memory(), pointer, length, "pContext") };
        let context = place.bytes()?.to_vec();
        Ok(Parameter::AdditionalContext { context, hash })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;
    use proptest::test_runner::RngSeed;
    use signpath_crypto::PublicKey;

    use super::*;
    use crate::ffi::Memory;

    /// The hashes of CK_RSA_PKCS_PSS_PARAMS, each with its MGF and its length in bytes (PKCS #11 3.2, section 6.1.7).
    const VERIFIED: [[CK_ULONG; 3]; 9] = [
        [CKM_SHA_1, CKG_MGF1_SHA1, 20],
        [CKM_SHA256, CKG_MGF1_SHA256, 32],
        [CKM_SHA384, CKG_MGF1_SHA384, 48],
        [CKM_SHA512, CKG_MGF1_SHA512, 64],
        [CKM_SHA224, CKG_MGF1_SHA224, 28],
        [CKM_SHA3_224, CKG_MGF1_SHA3_224, 28],
        [CKM_SHA3_256, CKG_MGF1_SHA3_256, 32],
        [CKM_SHA3_384, CKG_MGF1_SHA3_384, 48],
        [CKM_SHA3_512, CKG_MGF1_SHA3_512, 64],
    ];

    /// SignPath signs with the first four.
    const SIGNED: usize = 4;

    /// Mechanisms, and the hash that they demand.
    const MECHANISMS: [(CK_MECHANISM_TYPE, Option<CK_MECHANISM_TYPE>); 5] = [
        (CKM_RSA_PKCS_PSS, None),
        (CKM_SHA1_RSA_PKCS_PSS, Some(CKM_SHA_1)),
        (CKM_SHA256_RSA_PKCS_PSS, Some(CKM_SHA256)),
        (CKM_SHA384_RSA_PKCS_PSS, Some(CKM_SHA384)),
        (CKM_SHA512_RSA_PKCS_PSS, Some(CKM_SHA512)),
    ];

    /// hashAlg, mgf and sLen: those of a hash, mostly, or any.
    fn numbers() -> impl Strategy<Value = [CK_ULONG; 3]> {
        let number = || prop_oneof![select(VERIFIED.concat()), 0..260_u64, any::<CK_ULONG>()];
        let any_salt = (select(VERIFIED.to_vec()), number())
            .prop_map(|([hash, mgf, _], salt)| [hash, mgf, salt]);
        prop_oneof![select(VERIFIED.to_vec()), any_salt, prop::array::uniform3(number()),]
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..Default::default()
        })]

        #[test]
        fn pss_parameters_are_read_exactly_or_refused(
            (id, demanded) in select(MECHANISMS.to_vec()),
            numbers in numbers(),
            length in prop_oneof![3 => Just(24), 1 => 0..60_usize],
            is_null in prop::bool::weighted(0.1),
        ) {
            let mut bytes = numbers.map(CK_ULONG::to_ne_bytes).concat();
            bytes.resize(length, 0x5A);
            let pointer = if is_null { std::ptr::null_mut() } else { bytes.as_mut_ptr().cast() };
            let mut mechanism = CK_MECHANISM {
                mechanism: id,
                pParameter: pointer,
                ulParameterLen: length as CK_ULONG,
            };
            let memory = Memory::new();
            // SAFETY: the mechanism and its parameter outlive the place.
            let place = unsafe { CallerMemory::new(&memory, &raw mut mechanism, 1, "pMechanism") };
            let request = MechanismArgument::new(place).request();

            let [hash, mgf, salt_length] = numbers;
            let parameter = match (length, is_null) {
                (0, _) => Parameter::None,
                (_, true) => {
                    prop_assert_eq!(request.unwrap_err().kind, Kind::MechanismParameter);
                    return Ok(());
                }
                (24, _) => Parameter::Pss { hash, mgf, salt_length },
                _ => Parameter::Other,
            };
            prop_assert_eq!(request.unwrap(), Request { id, parameter: parameter.clone() });

            let row = VERIFIED.iter().position(|[known, known_mgf, _]| [*known, *known_mgf] == [hash, mgf]);
            let row = row.filter(|_| length == 24 && demanded.is_none_or(|demanded| demanded == hash));
            let salt_of = |row: usize| VERIFIED[row][2];
            let is_signed = row.is_some_and(|row| row < SIGNED && salt_length == salt_of(row));
            // RFC 8017, section 9.1.1: a 2048-bit key has room for 256 - 2 bytes of digest and salt.
            let is_verified = row.is_some_and(|row| salt_length <= 254 - salt_of(row));
            let (mechanism, signature) = Mechanism::for_verification(id).unwrap();
            let key = PublicKey::from_rsa(&[0xAB; 256], &[1, 0, 1]).unwrap();
            let signs = signature.hash_to_sign(mechanism.name, &parameter).map(drop);
            let verifies = signature.scheme(mechanism.name, &parameter, &key).map(drop);
            for (answer, expected) in [(signs, is_signed), (verifies, is_verified)] {
                prop_assert_eq!(answer.map_err(|error| error.kind), match expected {
                    true => Ok(()),
                    false => Err(Kind::MechanismParameter),
                });
            }
        }
    }
}
