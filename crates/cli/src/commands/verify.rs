//! `clarion verify`

use std::process::ExitCode;

use anyhow::Result;
use clarion_core::{Error, Kind};
use clarion_pipeline::{Verification, VerifyOptions};

use super::Online;
use crate::args::Args;
use crate::{exit, output};

pub(crate) async fn run(args: &Args, sample: usize) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::Yes).await?;
    let engine = &session.wired.engine;
    let verified = engine.stores.stop.or(engine.verify(&VerifyOptions { sample })).await;
    let verification = match verified {
        Ok(verification) => verification,
        Err(error) => return session.broken_off(error).await,
    };
    if args.json {
        super::print_json(&verification)?;
    } else {
        output::verification(&verification, args.quiet);
    }
    for error in &verification.causes {
        exit::print(&error.chain(), error.way_out());
    }
    Ok(code(&verification))
}

/// A difference is a failure, whatever else was wrong, except that refused credentials explain themselves.
fn code(verification: &Verification) -> ExitCode {
    let refused = |error: &Error| error.kind() == Kind::Credentials;
    if verification.causes.iter().any(refused) {
        return ExitCode::from(exit::worst(&verification.causes));
    }
    exit::of_run(verification.outcome, &[])
}
