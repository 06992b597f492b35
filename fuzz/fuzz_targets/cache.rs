//! The file with the cached list of signing policies. The digest in its first line is made to fit if the first byte of the
//! input is odd.

#![no_main]

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use base16ct::lower::encode_string as hex;
use sha2::{Digest, Sha256};
use signpath_client::{
    Client, Credentials, DEFAULT_API_URL, Options, PolicyCache, Secret, Threads, Transport,
};
use signpath_fuzz::{TOKEN, first_byte, folder, set_variable};

signpath_fuzz::target!(check);

struct Place {
    cache: PolicyCache,
    file: PathBuf,
}

/// No list is as old as this.
const FOREVER: Duration = Duration::from_secs(1 << 40);

fn check(data: &[u8]) {
    static PLACE: OnceLock<Place> = OnceLock::new();
    let place = PLACE.get_or_init(place);
    let (selector, json) = first_byte(data);
    let content = match selector % 2 {
        0 => json.to_vec(),
        _ => [hex(&Sha256::digest(json)).as_bytes(), b"\n", json].concat(),
    };
    std::fs::write(&place.file, content).expect("a file in memory");
    if let Some(list) = place.cache.read() {
        list.usable();
    }
}

/// Finds the name of the file by having it written.
fn place() -> Place {
    set_variable("XDG_CACHE_HOME", folder());
    let transport =
        Transport::new(Options::new(DEFAULT_API_URL.parse().expect("a URL")), Threads::Forbidden);
    let credentials =
        Credentials { organization_id: "org".to_owned(), api_token: Secret::new(TOKEN.to_owned()) };
    let client = Client::new(Arc::new(transport), &credentials, &[]);
    let cache = PolicyCache::new(&client, FOREVER).expect("a cache");
    let folder = folder().join("signpath-pkcs11");
    DirBuilder::new().mode(0o700).create(&folder).expect("a folder");
    let body = br#"{"signingPolicies": [{"projectSlug": "p", "signingPolicySlug": "s"}]}"#;
    let secret = Secret::new(TOKEN.to_owned());
    let list = signpath_client::fuzzing::policies(body, &secret).expect("a list");
    cache.note(&Ok(list));
    let mut files = std::fs::read_dir(&folder).expect("the folder");
    let file = files.next().expect("a file").expect("a file").path();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("its owner");
    Place { cache, file }
}
