//! SHAKE with a fixed length of output, as HashML-DSA uses it (FIPS 204, section 5.4).

use sha2::digest::const_oid::AssociatedOid;
use sha2::digest::consts::{U32, U64};
use sha2::digest::generic_array::ArrayLength;
use sha2::digest::{
    ExtendableOutputReset, FixedOutput, FixedOutputReset, HashMarker, Output, OutputSizeUser,
    Reset, Update,
};
use spki::ObjectIdentifier;

/// SHAKE128 with 256 bits of output.
pub type Shake128 = Fixed<sha3::Shake128, U32>;
/// SHAKE256 with 512 bits of output.
pub type Shake256 = Fixed<sha3::Shake256, U64>;

/// An extendable-output function whose output has a fixed length, in bytes.
#[derive(Clone)]
pub struct Fixed<F, L> {
    function: F,
    length: std::marker::PhantomData<L>,
}

impl<F: Default, L> Default for Fixed<F, L> {
    fn default() -> Self {
        Self { function: F::default(), length: std::marker::PhantomData }
    }
}

impl<F, L> HashMarker for Fixed<F, L> {}

impl<F, L: ArrayLength<u8> + 'static> OutputSizeUser for Fixed<F, L> {
    type OutputSize = L;
}

impl<F: Update, L> Update for Fixed<F, L> {
    fn update(&mut self, data: &[u8]) {
        self.function.update(data);
    }
}

impl<F: Reset, L> Reset for Fixed<F, L> {
    fn reset(&mut self) {
        self.function.reset();
    }
}

impl<F: ExtendableOutputReset, L: ArrayLength<u8> + 'static> FixedOutput for Fixed<F, L> {
    fn finalize_into(self, out: &mut Output<Self>) {
        self.function.finalize_xof_into(out);
    }
}

impl<F: ExtendableOutputReset, L: ArrayLength<u8> + 'static> FixedOutputReset for Fixed<F, L> {
    fn finalize_into_reset(&mut self, out: &mut Output<Self>) {
        self.function.finalize_xof_reset_into(out);
    }
}

/// NIST's Computer Security Objects Register.
impl AssociatedOid for Shake128 {
    const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.11");
}

/// NIST's Computer Security Objects Register.
impl AssociatedOid for Shake256 {
    const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.12");
}
