//! Sequences of calls of the module, which SIGNPATH_TEST_MODULE names, with a service in the process.
//!
//! The module is an instrumented build with AddressSanitizer, so what it reads or writes beside a buffer ends the process. No
//! sequence may make the module report a bug of its own, or return a value that the standard does not have.

#![no_main]

use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use arbitrary::{Arbitrary, Unstructured};
use cryptoki_sys::*;
use pkcs11_test::harness::{
    Answer, Mechanism, Module, Output, Rv, Session, null, rv_name, ulong, with,
};
use pkcs11_test::{Effect, Options, Service, call};

libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// The most calls of a sequence.
const MAX_CALLS: usize = 60;

/// How long a sequence may take. Each of its calls can be a signature.
const MAX_TIME: Duration = Duration::from_secs(10);

/// After so many sequences there is a new service, since each keeps a record of its requests.
const SEQUENCES_OF_A_SERVICE: usize = 2000;

/// Bytes as short as they mostly are, or meaning something.
#[derive(Arbitrary, Debug)]
enum Bytes {
    Given(Vec<u8>),
    Zeros(u16),
    Number(u8),
    Boolean(bool),
    DigestInfo([u8; 32]),
    Config,
    Curve,
    Label(Label),
}

#[derive(Arbitrary, Debug, Clone, Copy)]
enum Label {
    Rsa2048,
    P256,
    P521,
}

/// A mechanism of the module, with a parameter or without, or any.
#[derive(Arbitrary, Debug)]
enum Asked {
    Listed(u8),
    Pss { id: u8, hash: u8, salt: u8 },
    Any { id: u32, parameter: Vec<u8> },
}

/// A handle that there was, or any.
#[derive(Arbitrary, Debug)]
enum Handle {
    Known(u8),
    Any(u32),
}

/// How large a buffer is.
#[derive(Arbitrary, Debug)]
enum Size {
    Null,
    Enough,
    Given(u16),
}

type Attributes = Vec<(u8, Bytes)>;

#[derive(Arbitrary, Debug)]
enum Step {
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
enum Wrong {
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

fn run(data: &[u8]) {
    static BENCH: OnceLock<Mutex<Bench>> = OnceLock::new();
    let bench = BENCH.get_or_init(|| Mutex::new(Bench::new()));
    let mut bench = bench.lock().expect("no other thread");
    bench.prepare();
    let started = Instant::now();
    let mut sequence = Sequence {
        module: &bench.module,
        service: &bench.service,
        sessions: vec![CK_INVALID_HANDLE],
        objects: vec![CK_INVALID_HANDLE],
    };
    let mut input = Unstructured::new(data);
    for _ in 0..MAX_CALLS {
        if input.is_empty() {
            break;
        }
        let Ok(step) = Step::arbitrary(&mut input) else {
            break;
        };
        if bench.is_shown {
            eprintln!("{step:?}");
        }
        let rv = sequence.take(&step);
        if rv == CKR_GENERAL_ERROR {
            assert_no_bug(&step);
        }
        let name = rv_name(rv.0);
        assert!(name.starts_with("CKR_"), "{name} from {step:?}");
    }
    bench.module.finalize();
    let time = started.elapsed();
    assert!(time < MAX_TIME, "it took {time:?}");
}

/// Stands for a panic and other bugs, and for a response that is not SignPath's; the log tells.
fn assert_no_bug(step: &Step) {
    let lines = std::fs::read_to_string(log_folder().join(LOG)).unwrap_or_default();
    let is_bug = lines.contains("a bug in signpath-pkcs11") || lines.contains("panic");
    assert!(!is_bug, "{step:?}: {lines}");
}

/// The name of the log file.
const LOG: &str = "SignPath.CryptoProviders.Cryptoki.txt";

fn log_folder() -> PathBuf {
    std::env::temp_dir().join("logs")
}

/// The module and the service of this process.
struct Bench {
    module: Module,
    service: Service,
    sequences: usize,
    /// Whether to show each step, to follow what led to a finding.
    is_shown: bool,
}

impl Bench {
    fn new() -> Self {
        let path = std::env::var_os("SIGNPATH_TEST_MODULE").expect("SIGNPATH_TEST_MODULE");
        let is_shown = std::env::var_os("SIGNPATH_FUZZ_STEPS").is_some();
        for name in ["SIGNPATH_TEST_MODULE", "SIGNPATH_FUZZ_STEPS"] {
            // The module would look for a setting with a similar name, each time.
            // SAFETY: there is no other thread yet.
            unsafe { std::env::remove_var(name) };
        }
        Self {
            module: Module::load(PathBuf::from(path)),
            service: start_service(),
            sequences: 0,
            is_shown,
        }
    }

    /// Removes what the last sequence left.
    fn prepare(&mut self) {
        self.service.heal();
        // It may not be there.
        let _ = std::fs::remove_file(log_folder().join(LOG));
        self.sequences += 1;
        if self.sequences % SEQUENCES_OF_A_SERVICE == 0 {
            self.service.stop();
            self.service = start_service();
        }
    }
}

fn start_service() -> Service {
    let state = std::env::temp_dir().join("service");
    let service = Service::start(Options::new(state)).expect("a service");
    let folder = log_folder().to_string_lossy().into_owned();
    let more = [
        ("SIGNPATH_LOG_CONSOLE_LEVEL", "none"),
        ("SIGNPATH_LOG_FILE_LEVEL", "error"),
        ("SIGNPATH_LOG_FILE_DIRECTORY", folder.as_str()),
        // One attempt: the first wait would be longer.
        ("SIGNPATH_SERVICE_UNAVAILABLE_TIMEOUT_IN_SECONDS", "1"),
    ];
    let more = more.map(|(name, value)| (name, value.to_owned()));
    for (name, value) in service.environment().into_iter().chain(more) {
        // SAFETY: the threads of the service do not read the environment.
        unsafe { std::env::set_var(name, value) };
    }
    service
}

struct Sequence<'a> {
    module: &'a Module,
    service: &'a Service,
    sessions: Vec<CK_SESSION_HANDLE>,
    objects: Vec<CK_OBJECT_HANDLE>,
}

impl Sequence<'_> {
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

    fn take(&mut self, step: &Step) -> Rv {
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
            Step::Login(session, user, pin) => self
                .session(session)
                .login_as(CK_USER_TYPE::from(*user % 4), &pin.value()),
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
                let wanted: Vec<_> = wanted
                    .iter()
                    .map(|(id, size)| (attribute(*id), size.room(256)))
                    .collect();
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
            Step::Sign(session, data, size) => checked(
                self.session(session)
                    .sign_into(&data.value(), size.room(512)),
            ),
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
            Step::SignMessage(session, data, size) => checked(
                self.session(session)
                    .sign_message(&data.value(), size.room(512)),
            ),
            Step::SignMessageBegin(session) => self.session(session).sign_message_begin(),
            Step::SignMessagePart(session, part) => {
                self.session(session).sign_message_part(&part.value())
            }
            Step::SignMessageLast(session, part, size) => checked(
                self.session(session)
                    .sign_message_last(&part.value(), size.room(512)),
            ),
            Step::MessageSignFinal(session) => {
                let session = self.session(session).handle;
                call!(self.module, C_MessageSignFinal(session))
            }
            Step::VerifyInit(session, mechanism, key) => {
                let key = self.object(key);
                self.session(session).verify_init(mechanism.value(), key)
            }
            Step::Verify(session, data, signature) => self
                .session(session)
                .verify(&data.value(), &signature.value()),
            Step::VerifyUpdate(session, part) => self.session(session).verify_update(&part.value()),
            Step::VerifyFinal(session, signature) => {
                self.session(session).verify_final(&signature.value())
            }
            Step::VerifySignatureInit(session, mechanism, key, signature) => {
                let (key, signature) = (self.object(key), signature.value());
                self.session(session)
                    .verify_signature_init(mechanism.value(), key, &signature)
            }
            Step::VerifySignature(session, data) => {
                let data = data.value();
                let (pointer, length) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
                let session = self.session(session).handle;
                call!(self.module, C_VerifySignature(session, pointer, length))
            }
            Step::MessageVerifyInit(session, mechanism, key) => {
                let key = self.object(key);
                let session = self.session(session);
                session.message_verify_init(mechanism.value(), key)
            }
            Step::VerifyMessage(session, data, signature) => self
                .session(session)
                .verify_message(&data.value(), &signature.value()),
            Step::MessageVerifyFinal(session) => {
                let session = self.session(session).handle;
                call!(self.module, C_MessageVerifyFinal(session))
            }
            Step::DigestInit(session, mechanism) => {
                self.session(session).digest_init(mechanism.value())
            }
            Step::Digest(session, data, size) => checked(
                self.session(session)
                    .digest_into(&data.value(), size.room(64)),
            ),
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
                call!(
                    self.module,
                    C_SetOperationState(session, pointer, length, 0, 0)
                )
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
                call!(
                    self.module,
                    C_EncryptInit(session, &mut mechanism.raw(), key)
                )
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
                call!(
                    self.module,
                    C_WaitForSlotEvent(CKF_DONT_BLOCK, &mut slot, null())
                )
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

/// The module's only slot.
const SLOT: CK_SLOT_ID = 1;

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

fn attributes(template: &Attributes) -> Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    let pairs = template.iter().take(20);
    pairs
        .map(|(id, value)| (attribute(*id), value.value()))
        .collect()
}

fn attribute(number: u8) -> CK_ATTRIBUTE_TYPE {
    let index = usize::from(number);
    ATTRIBUTES.get(index).copied().unwrap_or(number.into())
}

impl Bytes {
    fn value(&self) -> Vec<u8> {
        match self {
            Self::Given(bytes) => bytes.clone(),
            Self::Zeros(length) => vec![0; (*length).into()],
            Self::Number(number) => CK_ULONG::from(*number).to_ne_bytes().to_vec(),
            Self::Boolean(value) => vec![(*value).into()],
            Self::DigestInfo(digest) => [SHA256_PREFIX, digest].concat(),
            Self::Config => b"CONFIG".to_vec(),
            Self::Curve => P256_PARAMETERS.to_vec(),
            Self::Label(label) => label.text().as_bytes().to_vec(),
        }
    }
}

impl Label {
    fn text(self) -> &'static str {
        match self {
            Self::Rsa2048 => "demo/rsa-2048",
            Self::P256 => "demo/p-256",
            Self::P521 => "demo/p-521",
        }
    }
}

impl Asked {
    fn value(&self) -> Mechanism {
        let one = |index: &u8| MECHANISMS[usize::from(*index) % MECHANISMS.len()];
        match self {
            Self::Listed(index) => one(index).into(),
            Self::Pss { id, hash, salt } => {
                let (hash, mgf) = HASHES[usize::from(*hash) % HASHES.len()];
                Mechanism::pss(one(id), hash, mgf, (*salt).into())
            }
            Self::Any { id, parameter } => Mechanism {
                id: (*id).into(),
                parameter: parameter.clone(),
            },
        }
    }
}

impl Handle {
    fn of(&self, known: &[CK_ULONG]) -> CK_ULONG {
        match self {
            // The newest first: it is the one that is most likely there.
            Self::Known(index) => known[known.len() - 1 - usize::from(*index) % known.len()],
            Self::Any(handle) => (*handle).into(),
        }
    }
}

impl Size {
    fn room(&self, enough: usize) -> Option<usize> {
        match self {
            Self::Null => None,
            Self::Enough => Some(enough),
            Self::Given(size) => Some((*size).into()),
        }
    }
}

impl Wrong {
    fn effect(&self) -> Effect {
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

const STATUSES: [u16; 16] = [
    200, 201, 202, 204, 302, 400, 401, 403, 404, 405, 407, 410, 429, 500, 502, 503,
];

const MECHANISMS: [CK_MECHANISM_TYPE; 16] = [
    CKM_RSA_PKCS,
    CKM_SHA1_RSA_PKCS,
    CKM_SHA256_RSA_PKCS,
    CKM_SHA512_RSA_PKCS,
    CKM_RSA_PKCS_PSS,
    CKM_SHA256_RSA_PKCS_PSS,
    CKM_ECDSA,
    CKM_ECDSA_SHA256,
    CKM_ECDSA_SHA384,
    CKM_MD5,
    CKM_SHA_1,
    CKM_SHA256,
    CKM_SHA512_256,
    CKM_SHA3_256,
    CKM_RSA_X_509,
    CKM_AES_CBC,
];

const HASHES: [(CK_ULONG, CK_ULONG); 5] = [
    (CKM_SHA_1, CKG_MGF1_SHA1),
    (CKM_SHA256, CKG_MGF1_SHA256),
    (CKM_SHA384, CKG_MGF1_SHA384),
    (CKM_SHA512, CKG_MGF1_SHA512),
    (CKM_SHA256, CKG_MGF1_SHA1),
];

const ATTRIBUTES: [CK_ATTRIBUTE_TYPE; 40] = [
    CKA_CLASS,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_UNIQUE_ID,
    CKA_APPLICATION,
    CKA_VALUE,
    CKA_OBJECT_ID,
    CKA_CERTIFICATE_TYPE,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_TRUSTED,
    CKA_CERTIFICATE_CATEGORY,
    CKA_CHECK_VALUE,
    CKA_KEY_TYPE,
    CKA_SUBJECT,
    CKA_ID,
    CKA_SENSITIVE,
    CKA_ENCRYPT,
    CKA_SIGN,
    CKA_SIGN_RECOVER,
    CKA_VERIFY,
    CKA_DERIVE,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_MODULUS,
    CKA_MODULUS_BITS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_PUBLIC_KEY_INFO,
    CKA_EXTRACTABLE,
    CKA_LOCAL,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_ALLOWED_MECHANISMS,
    CKA_WRAP_TEMPLATE,
];

/// RFC 8017, section 9.2, note 1.
const SHA256_PREFIX: &[u8] =
    b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";

/// The object identifier of P-256, as CKA_EC_PARAMS.
const P256_PARAMETERS: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
