//! `clarion config show` and `clarion config schema`

use std::process::ExitCode;

use anyhow::Result;

use crate::args::{Args, ConfigCommand};
use crate::output;
use crate::settings::{self, Settings};

pub(crate) fn run(args: &Args, show: ConfigCommand) -> Result<ExitCode> {
    match show {
        ConfigCommand::Schema => super::print_json(&schemars::schema_for!(Settings))?,
        ConfigCommand::Show => {
            let loaded = settings::load(&args.config, args.data_dir.as_deref())?;
            let lines = settings::lines(&loaded);
            if args.json {
                super::print_json(&lines)?;
            } else {
                let rows = lines.into_iter().map(|line| vec![line.key, line.value, line.origin]).collect();
                output::table(&["key", "value", "from"], rows);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
