//! `bench`: measures a module.

use std::error::Error;
use std::path::PathBuf;

use pkcs11_test::bench::{self, Bench};

#[derive(clap::Args)]
pub struct Measure {
    /// The module
    #[arg(long, value_name = "PATH")]
    module: PathBuf,

    /// Directory for keys and temporary files
    #[arg(long, value_name = "DIR")]
    state: PathBuf,

    /// Page to write the results to
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,

    /// Measure everything once only, which shows that it runs
    #[arg(long)]
    quick: bool,
}

pub fn run(arguments: Measure) -> Result<(), Box<dyn Error>> {
    let Measure { module, state, page, quick } = arguments;
    bench::run(&Bench { module, state, page, quick })?;
    Ok(())
}
