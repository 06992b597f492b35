//! What the shared library looks like to a loader and to C.

mod common;

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::process::Command;
use std::ptr::null_mut;

use common::raw::{self, Raw, ck};
use common::{in_child, module_path};
use cryptoki_sys::*;

/// The newest glibc that Debian 12, Ubuntu 22.04 and RHEL 9 have.
const NEWEST_GLIBC: (u32, u32) = (2, 34);

fn tool(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .arg(module_path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn exactly_the_functions_of_the_standard_are_exported() {
    let symbols = tool("nm", &["--dynamic", "--defined-only", "--format=posix"]);
    let exported: BTreeSet<_> = symbols
        .lines()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect();
    let expected: BTreeSet<_> = raw::function_names().into_iter().collect();
    assert_eq!(expected.len(), 104);
    assert_eq!(exported, expected);
}

#[test]
fn the_function_lists_are_bound_to_this_library() {
    let relocations = tool("readelf", &["--relocs", "--wide"]);
    let foreign: Vec<_> = relocations
        .lines()
        .filter(|line| line.contains(" C_"))
        .collect();
    assert_eq!(foreign, Vec::<&str>::new());
}

#[test]
fn it_needs_only_system_libraries_and_an_old_glibc() {
    let dynamic = tool("readelf", &["--dynamic", "--wide"]);
    for line in dynamic.lines().filter(|line| line.contains("(NEEDED)")) {
        let known = [
            "libc.so",
            "libgcc_s.so",
            "libm.so",
            "ld-linux",
            "libpthread.so",
            "libdl.so",
        ];
        assert!(known.iter().any(|name| line.contains(name)), "{line}");
    }
    let symbols = tool("nm", &["--dynamic", "--undefined-only"]);
    for version in symbols.split("GLIBC_").skip(1) {
        let version = version.split_whitespace().next().unwrap();
        let mut numbers = version
            .split('.')
            .map(|number| number.parse::<u32>().unwrap());
        let version = (numbers.next().unwrap(), numbers.next().unwrap());
        assert!(version <= NEWEST_GLIBC, "glibc {version:?}");
    }
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

#[test]
fn interfaces_are_found_by_name_version_and_flags() {
    let raw = Raw::load();
    let mut count = 0;
    assert_eq!(ck!(raw, C_GetInterfaceList(null_mut(), &mut count)), CKR_OK);
    assert_eq!(count, 3);
    let mut list = [CK_INTERFACE {
        pInterfaceName: null_mut(),
        pFunctionList: null_mut(),
        flags: 0,
    }; 3];
    count = 2;
    let list_pointer = list.as_mut_ptr();
    let too_small = ck!(raw, C_GetInterfaceList(list_pointer, &mut count));
    assert_eq!((too_small, count), (CKR_BUFFER_TOO_SMALL, 3));
    assert_eq!(
        ck!(raw, C_GetInterfaceList(list_pointer, &mut count)),
        CKR_OK
    );
    let versions = list.each_ref().map(|interface| described(interface).1);
    assert_eq!(versions, [(3, 2), (3, 0), (2, 40)]);

    let get = |name: Option<&CStr>, version: Option<(u8, u8)>, flags| {
        let mut interface = null_mut();
        let mut version = version.map(|(major, minor)| CK_VERSION { major, minor });
        let name = name.map_or(null_mut(), |name| name.as_ptr().cast_mut().cast());
        let version = version.as_mut().map_or(null_mut(), |version| version);
        match ck!(raw, C_GetInterface(name, version, &mut interface, flags)) {
            // SAFETY: an interface that was found is the module's and is never freed.
            CKR_OK => Ok(described(unsafe { &*interface })),
            error => Err(error),
        }
    };
    let name = Some(c"PKCS 11");
    for (asked, expected) in [
        ((None, None, 0), Ok((c"PKCS 11", (3, 2)))),
        ((name, None, 0), Ok((c"PKCS 11", (3, 2)))),
        ((name, Some((3, 0)), 0), Ok((c"PKCS 11", (3, 0)))),
        ((name, Some((2, 40)), 0), Ok((c"PKCS 11", (2, 40)))),
        ((name, Some((3, 1)), 0), Err(CKR_ARGUMENTS_BAD)),
        (
            (name, None, CKF_INTERFACE_FORK_SAFE),
            Err(CKR_ARGUMENTS_BAD),
        ),
        (
            (Some(c"Vendor NSS FIPS Interface"), None, 0),
            Err(CKR_ARGUMENTS_BAD),
        ),
    ] {
        assert_eq!(get(asked.0, asked.1, asked.2), expected, "{asked:?}");
    }
}

#[test]
fn a_wrapper_can_write_to_its_interface() {
    let raw = Raw::load();
    let mut interface: *mut CK_INTERFACE = null_mut();
    let found = ck!(
        raw,
        C_GetInterface(null_mut(), null_mut(), &mut interface, 0)
    );
    assert_eq!(found, CKR_OK);
    // SAFETY: OpenSC's pkcs11-spy writes its own list there; here it is the same one, since other
    // tests of this process use it.
    unsafe {
        let list = &raw mut (*interface).pFunctionList;
        list.write_volatile(list.read_volatile());
    }
}

#[test]
fn every_entry_of_every_function_list_is_filled() {
    let raw = Raw::load();
    let mut list_2_40 = null_mut();
    assert_eq!(ck!(raw, C_GetFunctionList(&mut list_2_40)), CKR_OK);
    // SAFETY: the list is the module's and is never freed.
    let list_2_40 = unsafe { *list_2_40 };
    assert_eq!((list_2_40.version.major, list_2_40.version.minor), (2, 40));
    assert!(!format!("{list_2_40:?}").contains("None"));
    assert!(!format!("{:?}", raw.functions()).contains("None"));
}

#[test]
fn the_list_of_2_40_shows_no_mechanism_flags_of_later_versions() {
    in_child(
        test_name!(),
        || ((), Vec::new()),
        || {
            const LATER: CK_FLAGS = CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE;
            let raw = Raw::load();
            let mut list_2_40 = null_mut();
            assert_eq!(ck!(raw, C_GetFunctionList(&mut list_2_40)), CKR_OK);
            // SAFETY: the list is the module's and is never freed.
            let get_info = unsafe { (*list_2_40).C_GetMechanismInfo }.unwrap();
            let (mut old, mut new) = (CK_MECHANISM_INFO::default(), CK_MECHANISM_INFO::default());
            // SAFETY: the places are those of the two structures, or none.
            let get_old = |id, place| unsafe { get_info(1, id, place) };
            let uninitialized = get_old(CKM_ECDSA, &raw mut old);
            assert_eq!(uninitialized, CKR_CRYPTOKI_NOT_INITIALIZED);
            assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
            for id in [CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA, CKM_SHA256] {
                assert_eq!(get_old(id, &raw mut old), CKR_OK);
                assert_eq!(ck!(raw, C_GetMechanismInfo(1, id, &mut new)), CKR_OK);
                let signs = new.flags & CKF_SIGN != 0;
                assert_eq!(new.flags & LATER, if signs { LATER } else { 0 });
                let expected = CK_MECHANISM_INFO {
                    flags: new.flags & !LATER,
                    ..new
                };
                assert_eq!(format!("{old:?}"), format!("{expected:?}"));
            }
            assert_eq!(get_old(CKM_AES_CBC, &raw mut old), CKR_MECHANISM_INVALID);
            assert_eq!(get_old(CKM_ECDSA, null_mut()), CKR_ARGUMENTS_BAD);
            assert_eq!(ck!(raw, C_Finalize(null_mut())), CKR_OK);
        },
    );
}

#[test]
fn token_information_is_padded_with_blanks_and_always_the_same() {
    in_child(
        test_name!(),
        || ((), Vec::new()),
        || {
            let raw = Raw::load();
            assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
            let mut info = CK_TOKEN_INFO::default();
            assert_eq!(ck!(raw, C_GetTokenInfo(1, &mut info)), CKR_OK);
            // gnupg-pkcs11-scd finds keys by these four: they must never change.
            assert_eq!(&info.label, b"SignPath                        ");
            assert_eq!(&info.manufacturerID, b"SignPath                        ");
            assert_eq!(&info.model, b"Signing policies");
            assert_eq!(&info.serialNumber, b"1               ");
            let flags = CKF_RNG
                | CKF_TOKEN_INITIALIZED
                | CKF_USER_PIN_INITIALIZED
                | CKF_LOGIN_REQUIRED
                | CKF_WRITE_PROTECTED;
            assert_eq!(info.flags, flags);
            assert!(info.ulMaxPinLen >= 128 && info.ulMinPinLen == 0);
            assert_eq!(ck!(raw, C_Finalize(null_mut())), CKR_OK);
        },
    );
}

#[test]
fn library_and_slot_information_have_the_version_of_the_crate() {
    in_child(
        test_name!(),
        || ((), Vec::new()),
        || {
            let raw = Raw::load();
            assert_eq!(ck!(raw, C_Initialize(null_mut())), CKR_OK);
            let (mut info, mut slot) = (CK_INFO::default(), CK_SLOT_INFO::default());
            let mut token = CK_TOKEN_INFO::default();
            assert_eq!(ck!(raw, C_GetInfo(&mut info)), CKR_OK);
            assert_eq!(ck!(raw, C_GetSlotInfo(1, &mut slot)), CKR_OK);
            assert_eq!(ck!(raw, C_GetTokenInfo(1, &mut token)), CKR_OK);
            assert_eq!(ck!(raw, C_Finalize(null_mut())), CKR_OK);

            // Blanks to the end and no NUL (PKCS #11 3.2, sections 3.1 and 3.2).
            assert_eq!(&info.manufacturerID, b"signpath-pkcs11                 ");
            assert_eq!(
                &info.libraryDescription,
                b"PKCS #11 for SignPath           "
            );
            assert_eq!(
                slot.slotDescription[..],
                format!("{:64}", "SignPath signing policies").as_bytes()[..]
            );
            assert_eq!(&slot.manufacturerID, b"SignPath                        ");
            assert_eq!((info.flags, slot.flags), (0, CKF_TOKEN_PRESENT));

            let numbers: Vec<u8> = env!("CARGO_PKG_VERSION")
                .split('.')
                .map(|number| number.parse().unwrap())
                .collect();
            let version = |version: CK_VERSION| [version.major, version.minor];
            assert_eq!(version(info.cryptokiVersion), [3, 2]);
            for ours in [
                info.libraryVersion,
                slot.firmwareVersion,
                token.firmwareVersion,
            ] {
                assert_eq!(version(ours), numbers[..2]);
            }
            for hardware in [slot.hardwareVersion, token.hardwareVersion] {
                assert_eq!(version(hardware), [1, 0]);
            }
        },
    );
}
