//! The token: its files in the state directory, and the process's only call of C_Initialize.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::session::UserType;
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error};
use crate::state::{SECRET, StateFolder, generate_pin};

const TOKEN_LABEL: &str = "SignPath";
const PINS: &str = "softhsm/pins.json";

const USUAL_MODULES: [&str; 6] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];

/// What an application needs to open the token with the service's keys.
///
/// SoftHSM reads `SOFTHSM2_CONF` in C_Initialize, which a process calls once per module. An application that uses the
/// token itself should run the service in a separate process.
#[derive(Debug, Clone)]
pub struct SoftHsmToken {
    /// The PKCS #11 module.
    pub module: PathBuf,
    /// The value of `SOFTHSM2_CONF`.
    pub configuration: PathBuf,
    /// The token's label.
    pub label: &'static str,
    /// The PIN of CKU_USER.
    pub user_pin: String,
}

impl SoftHsmToken {
    /// The token in the state directory of a service that was started with
    /// [`KeyStoreKind::SoftHsm`](crate::KeyStoreKind::SoftHsm).
    ///
    /// # Errors
    /// The directory contains no such token, or there is no SoftHSM library in the usual locations.
    pub fn in_state_folder(state: &Path) -> Result<Self, Error> {
        let state = StateFolder::open(state)?;
        let pins = Pins::load(&state)?.ok_or_else(|| {
            Error::new(format!(
                "{} does not exist; run the service with --key-store softhsm first",
                state.path(PINS).display()
            ))
        })?;
        Ok(Self::new(&state, find_module(None)?, pins.user))
    }

    fn new(state: &StateFolder, module: PathBuf, user_pin: String) -> Self {
        Self {
            module,
            configuration: state.path("softhsm/softhsm2.conf"),
            label: TOKEN_LABEL,
            user_pin,
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Pins {
    security_officer: String,
    user: String,
}

impl Pins {
    fn load(state: &StateFolder) -> Result<Option<Self>, Error> {
        let Some(text) = state.read(PINS)? else {
            return Ok(None);
        };
        serde_json::from_str(&text)
            .map(Some)
            .context(format!("{} is damaged", state.path(PINS).display()))
    }

    fn load_or_generate(state: &StateFolder) -> Result<Self, Error> {
        if let Some(pins) = Self::load(state)? {
            return Ok(pins);
        }
        let pins = Self { security_officer: generate_pin(), user: generate_pin() };
        let text = serde_json::to_string_pretty(&pins).context("cannot write the PINs")?;
        state.write(PINS, &text, SECRET)?;
        Ok(pins)
    }
}

/// Opens the token in the state directory. Creates it if it is missing.
pub(super) fn open(
    state: &StateFolder,
    module: Option<&Path>,
) -> Result<(SoftHsmToken, Pkcs11, Slot), Error> {
    let pins = Pins::load_or_generate(state)?;
    let token = SoftHsmToken::new(state, find_module(module)?, pins.user.clone());
    let tokens = state.create_folder("softhsm/tokens")?;
    let configuration = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nobjectstore.umask = 0077\nlog.level = ERROR\nslots.removable = false\n",
        tokens.display()
    );
    state.write("softhsm/softhsm2.conf", &configuration, SECRET)?;
    let context = initialize(&token)?;
    let slot = open_token(&context, &pins)
        .context("cannot open the SoftHSM token")?
        .ok_or_else(|| Error::new("SoftHSM has no slot for a new token"))?;
    Ok((token, context, slot))
}

fn find_module(given: Option<&Path>) -> Result<PathBuf, Error> {
    match given {
        Some(path) if path.is_file() => Ok(path.to_owned()),
        Some(path) => Err(Error::new(format!("no SoftHSM library at {}", path.display()))),
        None => USUAL_MODULES
            .iter()
            .map(PathBuf::from)
            .find(|path| path.is_file())
            .ok_or_else(|| Error::new("libsofthsm2.so not found; install SoftHSM (Debian: apt-get install softhsm2) or use --softhsm-module")),
    }
}

/// Calls C_Initialize once per process: SoftHSM has one configuration per process, shared by all services in it.
fn initialize(token: &SoftHsmToken) -> Result<Pkcs11, Error> {
    static INITIALIZED: Mutex<Option<(PathBuf, Pkcs11)>> = Mutex::new(None);

    let mut initialized = INITIALIZED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((configuration, context)) = initialized.as_ref() {
        if *configuration != token.configuration {
            return Err(Error::new(format!(
                "this process already uses the SoftHSM token of {}; start a process for each state directory",
                configuration.display()
            )));
        }
        return Ok(context.clone());
    }
    // SAFETY: Rust code reads the environment under the same lock. C code that reads it at this moment on another
    // thread would race; the command starts no thread before this, and the documentation of `SoftHsmToken` recommends
    // a separate process.
    unsafe { std::env::set_var("SOFTHSM2_CONF", &token.configuration) };
    let context =
        Pkcs11::new(&token.module).context(format!("cannot load {}", token.module.display()))?;
    context
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .context("cannot initialize SoftHSM")?;
    *initialized = Some((token.configuration.clone(), context.clone()));
    Ok(context)
}

fn open_token(context: &Pkcs11, pins: &Pins) -> cryptoki::error::Result<Option<Slot>> {
    let security_officer = AuthPin::from(pins.security_officer.clone());
    if find_token(context)?.is_none() {
        for slot in context.get_slots_with_token()? {
            if !context.get_token_info(slot)?.token_initialized() {
                context.init_token(slot, &security_officer, TOKEN_LABEL)?;
                break;
            }
        }
    }
    // SoftHSM moves a token to another slot when it is initialized.
    let Some(slot) = find_token(context)? else {
        return Ok(None);
    };
    if !context.get_token_info(slot)?.user_pin_initialized() {
        let session = context.open_rw_session(slot)?;
        session.login(UserType::So, Some(&security_officer))?;
        session.init_pin(&AuthPin::from(pins.user.clone()))?;
        session.logout()?;
    }
    Ok(Some(slot))
}

fn find_token(context: &Pkcs11) -> cryptoki::error::Result<Option<Slot>> {
    for slot in context.get_slots_with_initialized_token()? {
        if context.get_token_info(slot)?.label() == TOKEN_LABEL {
            return Ok(Some(slot));
        }
    }
    Ok(None)
}
