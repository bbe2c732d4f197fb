//! A verification for people.

use clarion_pipeline::{Check, Verification};

use super::paint;
use super::table::{grouped, table};

pub(crate) fn verification(verification: &Verification, quiet: bool) {
    if !quiet {
        let headers =
            ["place", "checked", "compared", "missing", "doubled", "stale", "extra", "damaged", "waiting"];
        table(&headers, verification.checks.iter().map(row).collect());
        out!();
    }
    for check in &verification.checks {
        details(check, quiet);
    }
    if quiet {
        return;
    }
    let verdict = if verification.agrees {
        paint::green("source, journal and destinations agree")
    } else if verification.checks.iter().all(Check::agrees) {
        paint::yellow("what was compared agrees, but not everything could be compared")
    } else {
        paint::red("something differs")
    };
    let resumes = verification.resumes_at.map(|at| format!("; quota again {}", at.format("%F %R UTC")));
    out!("{verdict}; {} request(s){}", grouped(verification.requests), resumes.unwrap_or_default());
}

fn row(check: &Check) -> Vec<String> {
    let counts = [
        check.compared,
        check.missing,
        check.doubled,
        check.stale,
        check.extra,
        check.damaged,
        check.waiting,
    ];
    [vec![check.place.clone(), check.what.clone()], counts.map(grouped).to_vec()].concat()
}

fn details(check: &Check, quiet: bool) {
    for named in &check.named {
        let detail = if named.detail.is_empty() { String::new() } else { format!(": {}", named.detail) };
        let kind = paint::yellow(named.kind.as_str());
        out!("{} {}: {kind} {}{detail}", check.place, check.what, named.key);
    }
    for note in check.notes.iter().filter(|_| !quiet) {
        out!("{} {}: {note}", check.place, check.what);
    }
}
