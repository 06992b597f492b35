//! A step of a sequence: a call of the module, or a fault of the service.

use arbitrary::Arbitrary;
use pkcs11_test::Effect;

use crate::values::{Asked, Attributes, Bytes, Handle, Label, Size};

#[derive(Arbitrary, Debug)]
pub enum Step {
    Initialize,
    Finalize,
    Info,
    Open { read_write: bool },
    Close(Handle),
    CloseAll,
    SessionInfo(Handle),
    Cancel(Handle, u32),
    Login(Handle, u8, Bytes),
    LoginUser(Handle, Bytes, Bytes),
    LogIn(Handle),
    Logout(Handle),
    Find(Handle, Attributes),
    FindNext(Handle, u8),
    FindFinal(Handle),
    FindKey(Handle, Label),
    Attributes(Handle, Handle, Vec<(u8, Size)>),
    Create(Handle, Attributes),
    Copy(Handle, Handle, Attributes),
    Change(Handle, Handle, Attributes),
    Destroy(Handle, Handle),
    ObjectSize(Handle, Handle),
    SignInit(Handle, Asked, Handle),
    Sign(Handle, Bytes, Size),
    SignUpdate(Handle, Bytes),
    SignFinal(Handle, Size),
    SignAndVerify(Handle, Label, Bytes),
    MessageSignInit(Handle, Asked, Handle),
    SignMessage(Handle, Bytes, Size),
    SignMessageBegin(Handle),
    SignMessagePart(Handle, Bytes),
    SignMessageLast(Handle, Bytes, Size),
    MessageSignFinal(Handle),
    VerifyInit(Handle, Asked, Handle),
    Verify(Handle, Bytes, Bytes),
    VerifyUpdate(Handle, Bytes),
    VerifyFinal(Handle, Bytes),
    VerifySignatureInit(Handle, Asked, Handle, Bytes),
    VerifySignature(Handle, Bytes),
    MessageVerifyInit(Handle, Asked, Handle),
    VerifyMessage(Handle, Bytes, Bytes),
    MessageVerifyFinal(Handle),
    DigestInit(Handle, Asked),
    Digest(Handle, Bytes, Size),
    DigestUpdate(Handle, Bytes),
    DigestKey(Handle, Handle),
    DigestFinal(Handle, Size),
    OperationState(Handle, Size),
    SetOperationState(Handle, Bytes),
    Random(Handle, u16),
    MechanismInfo(Asked),
    Encrypt(Handle, Asked, Handle),
    GenerateKey(Handle, Asked, Attributes),
    SlotEvent,
    Fault(Wrong),
}

/// What goes wrong with the next request.
#[derive(Arbitrary, Debug)]
pub enum Wrong {
    Status(u8),
    Body(u8, Vec<u8>),
    Raw(Vec<u8>),
    Signature,
    SignatureLength(u16),
    OtherEncoding,
    Close,
    ProcessAndClose,
    Truncate,
}

impl Wrong {
    pub fn effect(&self) -> Effect {
        let status = |number: &u8| STATUSES[usize::from(*number) % STATUSES.len()];
        match self {
            Self::Status(number) => Effect::status(status(number)),
            Self::Body(number, body) => Effect::answer(status(number), &[], body.clone()),
            Self::Raw(bytes) => Effect::Raw(bytes.clone()),
            Self::Signature => Effect::WrongSignature,
            Self::SignatureLength(length) => Effect::SignatureLength((*length).into()),
            Self::OtherEncoding => Effect::OtherEncoding,
            Self::Close => Effect::Close,
            Self::ProcessAndClose => Effect::ProcessAndClose,
            Self::Truncate => Effect::Truncate,
        }
    }
}

const STATUSES: [u16; 16] =
    [200, 201, 202, 204, 302, 400, 401, 403, 404, 405, 407, 410, 429, 500, 502, 503];
