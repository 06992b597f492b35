//! Which of the two signing APIs is used, and what a request contains.

mod common;

use common::{LIST, SIGN, SIGN_HASH, on_stage, options, sign};
use cryptoki_sys::*;
use pkcs11_test::harness::{Module, Rv, Seen, Stage};
use pkcs11_test::{Effect, Fault, RequestRecord};
use serde_json::Value;

const NO_LINES: &[String] = &[];

/// Initializes the module, logs in, and signs `times` times.
fn signed(stage: &Stage, module: &Module, faults: Vec<Fault>, times: usize) -> Seen<Vec<Rv>> {
    for fault in faults {
        stage.inject(fault);
    }
    let signed = stage.see(|| {
        let session = module.logged_in().unwrap();
        let signed = (0..times).map(|_| sign(session)).collect();
        assert_eq!(module.finalize(), CKR_OK);
        signed
    });
    stage.service.heal();
    signed
}

/// The faults of the service, the return values of the signatures, and the routes asked.
type Row = (Vec<Fault>, &'static [CK_RV], &'static [&'static str]);

#[test]
fn uses_sign_hash_where_fast_signing_requests_are_gone() {
    let refused = || Fault::on(SIGN_HASH, Effect::problem(400, &["No."]));
    let gone = |status| vec![Fault::gone(SIGN, status)];
    let rows: [Row; 5] = table! {
        (gone(404), &[CKR_OK; 2], &[LIST, SIGN, SIGN_HASH, SIGN_HASH]),
        (gone(405), &[CKR_OK; 2], &[LIST, SIGN, SIGN_HASH, SIGN_HASH]),
        (gone(410), &[CKR_OK; 2], &[LIST, SIGN, SIGN_HASH, SIGN_HASH]),
        // After a refusal, the list is requested again.
        (vec![Fault::gone(SIGN, 404), refused()], &[CKR_ARGUMENTS_BAD, CKR_OK], &[LIST, SIGN, SIGN_HASH, LIST, SIGN_HASH]),
        // A route that fails is not gone.
        (vec![Fault::on(SIGN, Effect::retry_after(500, 0))], &[CKR_OK], &[LIST, SIGN, SIGN]),
    };
    on_stage(test_name!(), options, &[], |stage, module| {
        for (number, (faults, rvs, routes)) in rows.into_iter().enumerate() {
            let signed = signed(stage, module, faults, rvs.len());
            assert_eq!(signed.value, rvs, "row {number}");
            assert_eq!(signed.requests, routes, "row {number}");
            let lines = usize::from(number > 2);
            assert_eq!(signed.lines.len(), lines, "{:#?}", signed.lines);
        }
    });
}

/// A signing request of each API with these variables, and its metadata on the process.
fn both(stage: &Stage, module: &Module, more: &[(&str, &str)]) -> [(RequestRecord, Value); 2] {
    let generations = [("FastSigningRequest", "CreatingProcess"), ("SignHash", "sourceProcess")];
    more.iter().for_each(|(name, value)| stage.set(name, value));
    let records = generations.map(|(signing_api, process)| {
        stage.set("SIGNPATH_SIGNING_API", signing_api);
        let signed = signed(stage, module, vec![], 1);
        assert_eq!((signed.value, signed.lines), (vec![Rv(CKR_OK)], NO_LINES.to_vec()));
        let record = stage.service.requests().pop().unwrap();
        let process = record.metadata.as_ref().unwrap()[process].clone();
        (record, process)
    });
    more.iter().for_each(|(name, _)| stage.set(name, ""));
    records
}

#[test]
fn the_metadata_names_process_user_host_and_system() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let [(_, first), (_, second)] = both(stage, module, &[]);
        let of_kernel = |name: &str| {
            let text = std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap();
            text.trim().to_owned()
        };
        let user = std::process::Command::new("id").arg("-un").output();
        let user = String::from_utf8(user.unwrap().stdout).unwrap();
        for (values, expected) in table! {
            ([&first["User"], &second["user"]], user.trim()),
            ([&first["Host"], &second["host"]], &of_kernel("hostname")),
            ([&first["OperatingSystem"]["Type"], &second["operatingSystem"]["type"]], "Linux"),
            ([&first["OperatingSystem"]["Version"], &second["operatingSystem"]["version"]], &of_kernel("osrelease")),
        } {
            assert_eq!(values, [expected; 2]);
        }
        let program = std::env::current_exe().unwrap();
        for command_line in [&first["CommandLine"], &second["commandLine"]] {
            let command_line = command_line.as_str().unwrap();
            assert!(command_line.starts_with(program.to_str().unwrap()), "{command_line}");
            assert!(command_line.contains(test_name!().trim_end_matches("::{{closure}}")));
        }
    });
}

#[test]
fn the_metadata_can_leave_out_command_line_and_user() {
    on_stage(test_name!(), options, &[], |stage, module| {
        for (variable, left_out) in
            [("SIGNPATH_METADATA_COMMAND_LINE", "CommandLine"), ("SIGNPATH_METADATA_USER", "User")]
        {
            for (_, process) in both(stage, module, &[(variable, "false")]) {
                let process = process.as_object().unwrap();
                for name in ["CommandLine", "User", "Name", "Host"] {
                    let has = process.keys().any(|known| known.eq_ignore_ascii_case(name));
                    assert_eq!(has, name != left_out, "{name}: {process:?}");
                }
            }
        }
    });
}

#[test]
fn requests_contain_what_the_configuration_adds_and_nothing_else() {
    on_stage(test_name!(), options, &[], |stage, module| {
        let slug = ("SIGNPATH_ARTIFACT_CONFIGURATION_SLUG", "installer");
        let description = ("SIGNPATH_DESCRIPTION", "Grüße, 1.0");
        let metadata = ("SIGNPATH_METADATA", r#"{"Build": {"Number": 42}}"#);
        for (request, process) in both(stage, module, &[slug, description, metadata]) {
            assert_eq!(request.artifact_configuration.as_deref(), Some("installer"));
            assert_eq!(request.description.as_deref(), Some("Grüße, 1.0"));
            assert_eq!(request.metadata.unwrap()["Build"]["Number"], 42);
            assert!(process.is_object());
        }
        for (request, _) in both(stage, module, &[]) {
            assert_eq!((request.artifact_configuration, request.description), (None, None));
            assert_eq!(request.ecdsa_format.as_deref(), Some("Ieee"));
        }
        for request in stage.service.requests() {
            assert_eq!(request.accept.as_deref(), Some("application/json"));
        }
        // The table of the REST documentation, "Signing a hash: first generation".
        let [(RequestRecord { form, .. }, _), _] = both(stage, module, &[slug, description]);
        let field = |name| (name, None, None);
        let expected = table! {
            field("ProjectSlug"), field("SigningPolicySlug"), field("ArtifactConfigurationSlug"), field("Description"),
            field("IsFastSigningRequest"), ("Artifact", Some("payload.json"), Some("application/json"))
        };
        let types = form
            .iter()
            .map(|field| (&*field.name, field.file_name.as_deref(), field.content_type.as_deref()));
        assert!(types.eq(expected), "{form:#?}");
    });
}
