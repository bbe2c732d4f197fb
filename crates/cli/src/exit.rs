//! Exit codes, and the one place where an error is printed.

use std::process::ExitCode;

use clarion_core::{Error, Kind, Outcome};

use crate::output::paint;

/// Wrong usage or configuration.
const USAGE: u8 = 2;
pub(crate) const PAUSED: u8 = 3;
const HOLES: u8 = 4;
const CREDENTIALS: u8 = 5;

/// Prints an error with everything below it and the way out.
pub(crate) fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    let ours = error.chain().find_map(|cause| cause.downcast_ref::<Error>());
    if json {
        let hint = ours.and_then(Error::way_out);
        out!("{}", serde_json::json!({ "error": format!("{error:#}"), "hint": hint }));
    }
    print(&format!("{error:#}"), ours.and_then(Error::way_out));
    ExitCode::from(ours.map_or(1, |error| code_of(error.kind())))
}

/// Prints what went wrong, on what, and what to do.
pub(crate) fn print(what: &str, hint: Option<&str>) {
    eprintln!("{} {what}", paint::red("error:"));
    if let Some(hint) = hint {
        eprintln!("  {} {hint}", paint::bold("try:"));
    }
}

/// The code of a run's report, given the errors behind it.
pub(crate) fn of_run(outcome: Outcome, errors: &[Error]) -> ExitCode {
    let code = match outcome {
        Outcome::Done => 0,
        Outcome::Partial => HOLES,
        Outcome::Paused => PAUSED,
        Outcome::Failed => worst(errors),
    };
    ExitCode::from(code)
}

/// Refused credentials explain everything else that failed. A pause resumes by itself and a hole is filled by a later
/// run, so that neither says what has to be mended.
pub(crate) fn worst(errors: &[Error]) -> u8 {
    let codes: Vec<u8> = errors.iter().map(|error| code_of(error.kind())).collect();
    if codes.contains(&CREDENTIALS) {
        return CREDENTIALS;
    }
    let is_trouble = |code: &&u8| !matches!(**code, PAUSED | HOLES);
    let trouble = codes.iter().find(is_trouble).or_else(|| codes.iter().find(|code| **code != PAUSED));
    trouble.or(codes.first()).copied().unwrap_or(1)
}

fn code_of(kind: Kind) -> u8 {
    match kind {
        Kind::Config => USAGE,
        Kind::Quota => PAUSED,
        Kind::Unproven => HOLES,
        Kind::Credentials => CREDENTIALS,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst_of(kinds: &[Kind]) -> u8 {
        let errors: Vec<Error> = kinds.iter().map(|kind| Error::new(*kind, "e")).collect();
        worst(&errors)
    }

    #[test]
    fn what_has_to_be_mended_goes_before_what_mends_itself() {
        assert_eq!(worst_of(&[Kind::Quota]), PAUSED);
        assert_eq!(
            worst_of(&[Kind::Quota, Kind::Storage]),
            1,
            "the quota is spent and a destination is down"
        );
        assert_eq!(worst_of(&[Kind::Quota, Kind::Config]), USAGE);
        assert_eq!(worst_of(&[Kind::Quota, Kind::Unproven]), HOLES);
        assert_eq!(worst_of(&[Kind::Unproven, Kind::Storage]), 1);
        assert_eq!(worst_of(&[Kind::Quota, Kind::Storage, Kind::Credentials]), CREDENTIALS);
        assert_eq!(worst_of(&[]), 1);
    }
}
