//! Whether destinations hold what the vendor has: every row once, none missing, none too many, none half-loaded.

mod compare;
mod lake;
mod tables;
mod truth;
mod warehouse;

use clarion_simulator::Simulator;

use crate::harness::Workspace;

pub(crate) use lake::files;
pub(crate) use tables::{Kind, NULL, Rows, TABLES, Table};
pub(crate) use truth::has_details;

/// Compares every table of every destination with the simulator's truth; the findings name destination, table and key.
pub(crate) async fn audit(workspace: &Workspace, simulator: &Simulator) -> Result<(), Vec<String>> {
    audit_of(workspace, &workspace.destinations(), simulator).await
}

/// The same for some destinations.
pub(crate) async fn audit_of(
    workspace: &Workspace,
    destinations: &[&str],
    simulator: &Simulator,
) -> Result<(), Vec<String>> {
    let mut findings = Vec::new();
    for table in &TABLES {
        let expected = truth::rows(table, &simulator.control());
        for name in destinations {
            match rows(workspace, name, table).await {
                Ok(actual) => {
                    let found = compare::compare(&expected, &actual);
                    findings.extend(
                        found.into_iter().map(|finding| format!("{name}: {}: {finding}", table.name)),
                    );
                }
                Err(unreadable) => findings.push(format!("{name}: {}: {unreadable}", table.name)),
            }
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// What must hold at every instant, also right after a kill: no half file, and no key more than once.
pub(crate) async fn audit_instant(workspace: &Workspace) -> Result<(), Vec<String>> {
    let mut findings = Vec::new();
    for name in workspace.destinations() {
        for table in &TABLES {
            match rows(workspace, name, table).await {
                Ok(actual) => {
                    let found = compare::twice(table.key, &actual);
                    findings.extend(
                        found.into_iter().map(|finding| format!("{name}: {}: {finding}", table.name)),
                    );
                }
                Err(unreadable) => findings.push(format!("{name}: {}: {unreadable}", table.name)),
            }
        }
    }
    if findings.is_empty() { Ok(()) } else { Err(findings) }
}

/// Fails the test with the findings.
#[track_caller]
pub(crate) fn assert_clean(what: &str, audited: Result<(), Vec<String>>) {
    if let Err(findings) = audited {
        let shown: Vec<&str> = findings.iter().take(20).map(String::as_str).collect();
        panic!("{what}: {} findings\n  {}", findings.len(), shown.join("\n  "));
    }
}

/// The rows of a table in the destination `lake` or `warehouse`.
pub(crate) async fn rows(workspace: &Workspace, destination: &str, table: &Table) -> Result<Rows, String> {
    match (destination, workspace.warehouse()) {
        ("lake", _) => lake::rows(table, &workspace.lake()),
        (_, Some(database)) => Ok(warehouse::rows(table, database).await),
        (_, None) => Err("there is no such destination".to_owned()),
    }
}
