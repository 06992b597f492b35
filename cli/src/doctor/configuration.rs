//! The settings, their sources, and whether they work on this machine.

use signpath_config::{Config, Origin, Report};
use signpath_logging::{self as logging, Level};

use super::finding::{Detail, Finding, Status};
use super::report::counted;

/// Reports each setting with its value and source, and returns the configuration of each token if it is valid.
pub fn settings() -> (Finding, Option<Vec<Config>>) {
    const CHECK: &str = "configuration";
    let report = Report::new();
    let is_set = |origin: &Origin| *origin != Origin::Default;
    let set = report.settings.iter().filter(|setting| is_set(&setting.origin));
    let message = match set.count() {
        0 => "all settings have default values".to_owned(),
        number => format!("{} set, all others have default values", counted(number, "setting")),
    };
    let rows = report.settings.iter().filter_map(|setting| {
        Some(Detail(vec![
            ("setting", setting.name.clone()),
            ("value", setting.value.clone()?),
            ("origin", setting.origin.to_string()),
        ]))
    });
    let details = rows.collect();
    let config = match report.problem {
        Some(problem) => Err(problem),
        None => Config::load_tokens(),
    };
    let (finding, config) = match config {
        Err(problem) => {
            let remedy = "correct it there; docs/configuration.md lists all settings";
            (Finding::error(CHECK, &problem.reason, remedy), None)
        }
        Ok(configs) => {
            let notices = configs.iter().flat_map(|config| config.notices.clone());
            let notices: Vec<_> = notices.collect();
            let finding = match notices.is_empty() {
                true => Finding::ok(CHECK, message),
                false => Finding::warning(
                    CHECK,
                    notices.join("; "),
                    "correct or remove them; docs/configuration.md lists all settings",
                ),
            };
            (finding, Some(configs))
        }
    };
    (finding.with_details(details), config)
}

/// Whether an organization and API token are configured.
pub fn credentials(config: &Config) -> Finding {
    const CHECK: &str = "credentials";
    match config.credentials() {
        Ok(Some(credentials)) => Finding::ok(
            CHECK,
            format!("an API token is configured for organization {}", credentials.organization_id),
        ),
        Ok(None) => Finding::error(CHECK, &config.missing_credentials(), ""),
        Err(error) => {
            Finding::error(CHECK, &error.reason, "correct ApiToken, or the file that it refers to")
        }
    }
}

/// Whether the configured CA certificates can be read; [`None`] if there are none.
pub fn chain(config: &Config) -> Option<Finding> {
    const CHECK: &str = "chain certificates";
    let path = config.chain_certificates_file.as_ref()?;
    Some(match config.chain_certificates() {
        Ok(certificates) => {
            let count = counted(certificates.len(), "certificate");
            Finding::ok(CHECK, format!("{count} in {}", path.display()))
        }
        Err(error) => Finding::error(
            CHECK,
            &error.reason,
            "correct ChainCertificatesFile, or the file that it names",
        ),
    })
}

/// Whether the configured log file can be written.
pub fn log(config: &Config) -> Finding {
    const CHECK: &str = "log file";
    let folder = config.log_file_directory.display();
    if config.log_file_level == Level::None {
        return Finding::skipped(CHECK, "disabled by Log.File.Level");
    }
    match logging::check_directory(&config.log_file_directory) {
        Ok(()) => Finding::ok(CHECK, format!("in the directory {folder}")),
        Err(reason) => Finding {
            status: Status::Warning,
            ..Finding::failed(
                CHECK,
                format!("not in {folder}, but in another directory: {reason}"),
                "set SIGNPATH_LOG_FILE_DIRECTORY or Log.File.Directory to a directory of your own",
            )
        },
    }
}

/// Whether the configured journal can be written; [`None`] if there is none.
pub fn journal(config: &Config) -> Option<Finding> {
    const CHECK: &str = "journal";
    let path = config.log_journal.as_ref()?;
    let shown = path.display();
    Some(match logging::journal::check(path) {
        Ok(()) => Finding::ok(CHECK, shown.to_string()),
        Err(reason) => Finding::failed(
            CHECK,
            format!("signatures would not be recorded in {shown}: {reason}"),
            "set SIGNPATH_LOG_JOURNAL or Log.Journal to a file in a directory of your own",
        ),
    })
}
