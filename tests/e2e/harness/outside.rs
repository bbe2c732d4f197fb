//! Readers that are not ours, and data that we did not make up.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::skip;

/// Runs `tests/readers/SCRIPT ARGUMENTS` in the Python that has DuckDB and pyarrow, and gives the JSON it prints.
///
/// `None`, said aloud, where there is no such Python; in CI that is a failure. A script that fails fails the test.
pub(crate) fn outside_reader(script: &str, arguments: &[&Path]) -> Option<Value> {
    let Some(python) = std::env::var_os("CLARION_TEST_PYTHON") else {
        skip("outside readers", "CLARION_TEST_PYTHON is not set; run ./test");
        return None;
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("readers").join(script);
    // Without -B it would leave compiled files in the repository.
    let output = Command::new(python).arg("-B").arg(path).args(arguments).output();
    let output = output.expect("Python starts");
    assert!(
        output.status.success(),
        "{script} failed\n{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Some(serde_json::from_slice(&output.stdout).expect("the script prints JSON"))
}

/// The folder of real conversations beside the repository; `None`, said aloud, where it is missing.
pub(crate) fn real_data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if folder.join("calls.jsonl.gz").is_file() {
        return Some(folder);
    }
    skip("the real conversations", "../shared/data is not there");
    None
}
