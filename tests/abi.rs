//! What the shared library looks like to a loader and to C.

mod common;

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::process::Command;

use common::{function_names, in_child, module_path, printed};
use cryptoki_sys::*;
use pkcs11_test::call;
use pkcs11_test::harness::{Module, null, place};

/// The newest glibc that Debian 12, Ubuntu 22.04 and RHEL 9 have.
const NEWEST_GLIBC: (u32, u32) = (2, 34);

fn tool(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    printed(command.args(arguments).arg(module_path()))
}

#[test]
fn exactly_the_functions_of_the_standard_are_exported() {
    let symbols = tool("nm", &["--dynamic", "--defined-only", "--format=posix"]);
    let exported: BTreeSet<_> =
        symbols.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(function_names().len(), 104);
    assert_eq!(exported, function_names());
}

#[test]
fn function_lists_are_bound_to_this_library() {
    let relocations = tool("readelf", &["--relocs", "--wide"]);
    let foreign: Vec<_> = relocations.lines().filter(|line| line.contains(" C_")).collect();
    assert_eq!(foreign, Vec::<&str>::new());
}

#[test]
fn needs_only_system_libraries_and_an_old_glibc() {
    let dynamic = tool("readelf", &["--dynamic", "--wide"]);
    let needed = dynamic.lines().filter(|line| line.contains("(NEEDED)"));
    let names = "libc.so libgcc_s.so libm.so ld-linux libpthread.so libdl.so";
    let is_known = |line: &&str| names.split(' ').any(|name| line.contains(name));
    let (known, others): (Vec<_>, Vec<_>) = needed.partition(is_known);
    assert!(!known.is_empty() && others.is_empty(), "{dynamic}");
    let symbols = tool("nm", &["--dynamic", "--undefined-only"]);
    let versions = symbols.split("GLIBC_").skip(1).map(|version| {
        let mut numbers = version.split(['.', '\n']).map(|number| number.parse::<u32>().unwrap());
        (numbers.next().unwrap(), numbers.next().unwrap())
    });
    let newest = versions.max().unwrap();
    assert!(newest <= NEWEST_GLIBC, "glibc {newest:?}");
}

/// The name and the version of an interface.
fn described(interface: &CK_INTERFACE) -> (&CStr, (u8, u8)) {
    // SAFETY: the name of an interface is NUL-terminated, and its list begins with a version.
    let (name, version) = unsafe {
        let version = *interface.pFunctionList.cast::<CK_VERSION>();
        (CStr::from_ptr(interface.pInterfaceName.cast()), version)
    };
    (name, (version.major, version.minor))
}

/// `tests/differential` has the return values.
#[test]
fn interfaces_are_found_by_name_and_version() {
    let t = Module::load(module_path());
    let none = CK_INTERFACE { pInterfaceName: null(), pFunctionList: null(), flags: 0 };
    let (mut list, mut count) = ([none; 3], 0);
    assert_eq!(call!(t, C_GetInterfaceList(null(), &mut count)), CKR_OK);
    assert_eq!(count, 3);
    assert_eq!(call!(t, C_GetInterfaceList(list.as_mut_ptr(), &mut count)), CKR_OK);
    let versions = list.each_ref().map(described);
    assert_eq!(versions, [(3, 2), (3, 0), (2, 40)].map(|version| (c"PKCS 11", version)));

    let name = c"PKCS 11".as_ptr().cast_mut().cast();
    for (name, version, expected) in table! {
        (null(), None, (3, 2)),
        (name, None, (3, 2)),
        (name, Some((3, 0)), (3, 0)),
        (name, Some((2, 40)), (2, 40)),
    } {
        let interface = place(null());
        let version = version.map_or(null(), |(major, minor)| place(CK_VERSION { major, minor }));
        assert_eq!(call!(t, C_GetInterface(name, version, interface, 0)), CKR_OK);
        // SAFETY: an interface that was found is the module's and is never freed. OpenSC's pkcs11-spy writes its own list
        // there; here it is the same one, since other tests of this process use it.
        unsafe {
            assert_eq!(described(&**interface), (c"PKCS 11", expected));
            let list = &raw mut (**interface).pFunctionList;
            list.write_volatile(list.read_volatile());
        }
    }
}

/// The function list of version 2.40.
fn list_2_40(t: &Module) -> CK_FUNCTION_LIST {
    let list = place(null());
    assert_eq!(call!(t, C_GetFunctionList(list)), CKR_OK);
    // SAFETY: the list is the module's and is never freed.
    unsafe { **list }
}

#[test]
fn every_entry_of_every_function_list_is_filled() {
    let t = Module::load(module_path());
    let list = list_2_40(&t);
    assert_eq!((list.version.major, list.version.minor), (2, 40));
    assert!(!format!("{list:?} {:?}", t.functions).contains("None"));
}

/// Runs a test with the initialized module in a process of its own.
fn initialized(test: &str, act: impl FnOnce(&Module)) {
    let child = || {
        let t = Module::load(module_path());
        assert_eq!(t.initialize(), CKR_OK);
        act(&t);
    };
    in_child(test, || ((), Vec::new()), child);
}

#[test]
fn the_list_of_2_40_shows_no_mechanism_flags_of_later_versions() {
    const LATER: CK_FLAGS = CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE;
    initialized(test_name!(), |t| {
        let get_info = list_2_40(t).C_GetMechanismInfo.unwrap();
        let mut old = CK_MECHANISM_INFO::default();
        // SAFETY: the places are that of the structure, or none.
        let get_old = |id, place| unsafe { get_info(1, id, place) };
        for id in [CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA, CKM_SHA256] {
            assert_eq!(get_old(id, &raw mut old), CKR_OK);
            let new = t.mechanism_info(1, id).unwrap();
            let signs = new.flags & CKF_SIGN != 0;
            assert_eq!(new.flags & LATER, if signs { LATER } else { 0 });
            let flags = new.flags & !LATER;
            let expected = CK_MECHANISM_INFO { flags, ..new };
            assert_eq!(format!("{old:?}"), format!("{expected:?}"));
        }
        assert_eq!(get_old(CKM_AES_CBC, &raw mut old), CKR_MECHANISM_INVALID);
        assert_eq!(get_old(CKM_ECDSA, null()), CKR_ARGUMENTS_BAD);
        t.finalize();
        assert_eq!(get_old(CKM_ECDSA, &raw mut old), CKR_CRYPTOKI_NOT_INITIALIZED);
    });
}

/// The values that every release keeps, padded with blanks and without NUL (PKCS #11 3.2, sections 3.1 and 3.2), and the
/// version of the crate.
#[test]
fn module_slot_and_token_describe_themselves() {
    initialized(test_name!(), |t| {
        let (mut info, mut slot) = (CK_INFO::default(), CK_SLOT_INFO::default());
        let mut token = CK_TOKEN_INFO::default();
        assert_eq!(call!(t, C_GetInfo(&mut info)), CKR_OK);
        assert_eq!(call!(t, C_GetSlotInfo(1, &mut slot)), CKR_OK);
        assert_eq!(call!(t, C_GetTokenInfo(1, &mut token)), CKR_OK);
        // gnupg-pkcs11-scd finds keys by the first four: they must never change.
        for (text, expected) in [
            (&token.label[..], "SignPath"),
            (&token.manufacturerID, "SignPath"),
            (&token.model, "Signing policies"),
            (&token.serialNumber, "1"),
            (&info.manufacturerID, "signpath-pkcs11"),
            (&info.libraryDescription, "PKCS #11 for SignPath"),
            (&slot.slotDescription, "SignPath signing policies"),
            (&slot.manufacturerID, "SignPath"),
        ] {
            assert_eq!(text, format!("{expected:0$}", text.len()).as_bytes());
        }
        let flags = CKF_RNG | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
        assert_eq!(token.flags, flags | CKF_LOGIN_REQUIRED | CKF_WRITE_PROTECTED);

        let numbers = env!("CARGO_PKG_VERSION").split('.');
        let numbers: Vec<u8> = numbers.map(|number| number.parse().unwrap()).collect();
        let version = |version: CK_VERSION| [version.major, version.minor];
        assert_eq!(version(info.cryptokiVersion), [3, 2]);
        for ours in [info.libraryVersion, slot.firmwareVersion, token.firmwareVersion] {
            assert_eq!(version(ours), numbers[..2]);
        }
        for hardware in [slot.hardwareVersion, token.hardwareVersion] {
            assert_eq!(version(hardware), [1, 0]);
        }
    });
}
