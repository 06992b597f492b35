//! Takes the steps of a sequence, with what the steps before have left.

use cryptoki_sys::*;
use pkcs11_test::harness::{Answer, Module, Output, Rv, Session, null, ulong, with};
use pkcs11_test::{Service, call};

use crate::step::Step;
use crate::values::{Handle, Label, attribute, attributes};

/// The module's only slot.
const SLOT: CK_SLOT_ID = 1;

/// The handles that calls have given so far.
pub struct Sequence<'a> {
    module: &'a Module,
    service: &'a Service,
    sessions: Vec<CK_SESSION_HANDLE>,
    objects: Vec<CK_OBJECT_HANDLE>,
}

impl<'a> Sequence<'a> {
    pub fn new(module: &'a Module, service: &'a Service) -> Self {
        Self {
            module,
            service,
            sessions: vec![CK_INVALID_HANDLE],
            objects: vec![CK_INVALID_HANDLE],
        }
    }

    fn session(&self, handle: &Handle) -> Session<'_> {
        self.module.at(handle.of(&self.sessions))
    }

    fn object(&self, handle: &Handle) -> CK_OBJECT_HANDLE {
        handle.of(&self.objects)
    }

    fn know(&mut self, objects: impl IntoIterator<Item = CK_OBJECT_HANDLE>) {
        self.objects.extend(objects);
        self.objects.truncate(256);
    }

    /// Takes a step.
    pub fn take(&mut self, step: &Step) -> Rv {
        match step {
            Step::Initialize => self.module.initialize(),
            Step::Finalize => self.module.finalize(),
            Step::Info => {
                let mut info = CK_INFO::default();
                call!(self.module, C_GetInfo(&mut info))
            }
            Step::Open { read_write } => {
                let flags = if *read_write { CKF_RW_SESSION } else { 0 };
                match self.module.open(SLOT, flags | CKF_SERIAL_SESSION) {
                    Ok(session) => {
                        let handle = session.handle;
                        self.sessions.push(handle);
                        Rv(CKR_OK)
                    }
                    Err(rv) => rv,
                }
            }
            Step::Close(session) => self.session(session).close(),
            Step::CloseAll => call!(self.module, C_CloseAllSessions(SLOT)),
            Step::SessionInfo(session) => rv(self.session(session).info()),
            Step::Cancel(session, flags) => self.session(session).cancel((*flags).into()),
            Step::Login(session, user, pin) => {
                self.session(session).login_as(CK_USER_TYPE::from(*user % 4), &pin.value())
            }
            Step::LoginUser(session, name, pin) => {
                let (name, pin) = (name.value(), pin.value());
                call!(
                    self.module,
                    C_LoginUser(
                        self.session(session).handle,
                        CKU_USER,
                        pin.as_ptr().cast_mut(),
                        pin.len() as CK_ULONG,
                        name.as_ptr().cast_mut(),
                        name.len() as CK_ULONG
                    )
                )
            }
            Step::LogIn(session) => self.session(session).login(),
            Step::Logout(session) => self.session(session).logout(),
            Step::Find(session, template) => self.session(session).find_init(&attributes(template)),
            Step::FindNext(session, limit) => {
                let found = self.session(session).find_next((*limit).into());
                self.found(found)
            }
            Step::FindFinal(session) => self.session(session).find_final(),
            Step::FindKey(session, label) => {
                let template = [(CKA_LABEL, label.text().as_bytes().to_vec())];
                let found = self.session(session).find(&template);
                self.found(found)
            }
            Step::Attributes(session, object, wanted) => {
                let wanted: Vec<_> =
                    wanted.iter().map(|(id, size)| (attribute(*id), size.room(256))).collect();
                let object = self.object(object);
                self.session(session).attributes_into(object, &wanted).0
            }
            Step::Create(session, template) => {
                let created = self.session(session).create(&attributes(template));
                self.found(created.map(|object| vec![object]))
            }
            Step::Copy(session, object, changes) => {
                let object = self.object(object);
                let copy = self.session(session).copy(object, &attributes(changes));
                self.found(copy.map(|object| vec![object]))
            }
            Step::Change(session, object, changes) => {
                let object = self.object(object);
                self.session(session).change(object, &attributes(changes))
            }
            Step::Destroy(session, object) => self.session(session).destroy(self.object(object)),
            Step::ObjectSize(session, object) => {
                let mut size = 0;
                let (session, object) = (self.session(session).handle, self.object(object));
                call!(self.module, C_GetObjectSize(session, object, &mut size))
            }
            Step::SignInit(session, mechanism, key) => {
                let key = self.object(key);
                self.session(session).sign_init(mechanism.value(), key)
            }
            Step::Sign(session, data, size) => {
                checked(self.session(session).sign_into(&data.value(), size.room(512)))
            }
            Step::SignUpdate(session, part) => self.session(session).sign_update(&part.value()),
            Step::SignFinal(session, size) => {
                checked(self.session(session).sign_final_into(size.room(512)))
            }
            Step::SignAndVerify(session, label, data) => {
                self.sign_and_verify(self.session(session), *label, &data.value())
            }
            Step::MessageSignInit(session, mechanism, key) => {
                let key = self.object(key);
                let session = self.session(session);
                session.message_sign_init(mechanism.value(), key)
            }
            Step::SignMessage(session, data, size) => {
                checked(self.session(session).sign_message(&data.value(), size.room(512)))
            }
            Step::SignMessageBegin(session) => self.session(session).sign_message_begin(),
            Step::SignMessagePart(session, part) => {
                self.session(session).sign_message_part(&part.value())
            }
            Step::SignMessageLast(session, part, size) => {
                checked(self.session(session).sign_message_last(&part.value(), size.room(512)))
            }
            Step::MessageSignFinal(session) => self.session(session).message_sign_final(),
            Step::VerifyInit(session, mechanism, key) => {
                let key = self.object(key);
                self.session(session).verify_init(mechanism.value(), key)
            }
            Step::Verify(session, data, signature) => {
                self.session(session).verify(&data.value(), &signature.value())
            }
            Step::VerifyUpdate(session, part) => self.session(session).verify_update(&part.value()),
            Step::VerifyFinal(session, signature) => {
                self.session(session).verify_final(&signature.value())
            }
            Step::VerifySignatureInit(session, mechanism, key, signature) => {
                let (key, signature) = (self.object(key), signature.value());
                self.session(session).verify_signature_init(mechanism.value(), key, &signature)
            }
            Step::VerifySignature(session, data) => {
                self.session(session).verify_signature(&data.value())
            }
            Step::MessageVerifyInit(session, mechanism, key) => {
                let key = self.object(key);
                let session = self.session(session);
                session.message_verify_init(mechanism.value(), key)
            }
            Step::VerifyMessage(session, data, signature) => {
                self.session(session).verify_message(&data.value(), &signature.value())
            }
            Step::MessageVerifyFinal(session) => self.session(session).message_verify_final(),
            Step::DigestInit(session, mechanism) => {
                self.session(session).digest_init(mechanism.value())
            }
            Step::Digest(session, data, size) => {
                checked(self.session(session).digest_into(&data.value(), size.room(64)))
            }
            Step::DigestUpdate(session, part) => self.session(session).digest_update(&part.value()),
            Step::DigestKey(session, key) => {
                let (session, key) = (self.session(session).handle, self.object(key));
                call!(self.module, C_DigestKey(session, key))
            }
            Step::DigestFinal(session, size) => {
                checked(self.session(session).digest_final_into(size.room(64)))
            }
            Step::OperationState(session, size) => {
                let session = self.session(session).handle;
                checked(Output::of(size.room(512), |buffer, length| {
                    call!(self.module, C_GetOperationState(session, buffer, length))
                }))
            }
            Step::SetOperationState(session, state) => {
                let state = state.value();
                let (pointer, length) = (state.as_ptr().cast_mut(), state.len() as CK_ULONG);
                let session = self.session(session).handle;
                call!(self.module, C_SetOperationState(session, pointer, length, 0, 0))
            }
            Step::Random(session, length) => {
                let mut buffer = vec![0; (*length).into()];
                let (pointer, length) = (buffer.as_mut_ptr(), buffer.len() as CK_ULONG);
                let session = self.session(session).handle;
                call!(self.module, C_GenerateRandom(session, pointer, length))
            }
            Step::MechanismInfo(mechanism) => {
                rv(self.module.mechanism_info(SLOT, mechanism.value().id))
            }
            Step::Encrypt(session, mechanism, key) => {
                let (session, key) = (self.session(session).handle, self.object(key));
                let mut mechanism = mechanism.value();
                call!(self.module, C_EncryptInit(session, &mut mechanism.raw(), key))
            }
            Step::GenerateKey(session, mechanism, template) => {
                let (session, mut key) = (self.session(session).handle, 0);
                let mut mechanism = mechanism.value();
                with(&attributes(template), |template, count| {
                    call!(
                        self.module,
                        C_GenerateKey(session, &mut mechanism.raw(), template, count, &mut key)
                    )
                })
            }
            Step::SlotEvent => {
                let mut slot = 0;
                call!(self.module, C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, null()))
            }
            Step::Fault(wrong) => {
                // Some are no HTTP response that the service can send.
                let _ = self.service.inject(wrong.effect());
                Rv(CKR_OK)
            }
        }
    }

    fn found(&mut self, objects: Answer<Vec<CK_OBJECT_HANDLE>>) -> Rv {
        match objects {
            Ok(objects) => {
                self.know(objects);
                Rv(CKR_OK)
            }
            Err(rv) => rv,
        }
    }

    /// What was signed is what verifies.
    fn sign_and_verify(&self, session: Session<'_>, label: Label, data: &[u8]) -> Rv {
        let of = |class: CK_OBJECT_CLASS| {
            let label = label.text().as_bytes().to_vec();
            let found = session.find(&[(CKA_LABEL, label), (CKA_CLASS, ulong(class))]);
            found.map(|objects| objects.first().copied().unwrap_or_default())
        };
        let (private, public) = match (of(CKO_PRIVATE_KEY), of(CKO_PUBLIC_KEY)) {
            (Ok(private), Ok(public)) => (private, public),
            (Err(rv), _) | (_, Err(rv)) => return rv,
        };
        let mechanism = match label {
            Label::Rsa2048 => CKM_SHA256_RSA_PKCS,
            Label::P256 | Label::P521 => CKM_ECDSA_SHA256,
        };
        let init = session.sign_init(mechanism, private);
        if init != CKR_OK {
            return init;
        }
        let signature = match session.sign(data) {
            Ok(signature) => signature,
            Err(rv) => return rv,
        };
        let init = session.verify_init(mechanism, public);
        if init == CKR_OK {
            assert_eq!(session.verify(data, &signature), CKR_OK);
        }
        init
    }
}

/// A buffer keeps its length, and what was written fits.
fn checked(output: Output) -> Rv {
    if output.rv == CKR_OK && !output.buffer.is_empty() {
        assert!(output.length as usize <= output.buffer.len());
    }
    output.rv
}

fn rv<T>(answer: Answer<T>) -> Rv {
    answer.err().unwrap_or(Rv(CKR_OK))
}
