//! A prefix for each test, in the bucket that `CLARION_TEST_S3` names; `./test` starts a server that has one.

use std::io::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

use url::Url;

const SERVER: &str = "CLARION_TEST_S3";

/// The URL of a prefix that nobody else has; `None`, said aloud, where there is no server; in CI that is a failure.
#[expect(clippy::disallowed_methods, reason = "tests are configured by their environment")]
pub fn s3(of: &str) -> Option<Url> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Some(url) = std::env::var(SERVER).ok().filter(|url| !url.is_empty()) else {
        assert!(std::env::var_os("CI").is_none(), "{SERVER} is not set; run ./test");
        // Past the test harness, which hides what a passing test prints.
        let _ = writeln!(std::io::stderr(), "SKIPPED: S3, because {SERVER} is not set; run ./test");
        return None;
    };
    let mut url = Url::parse(&url).expect("the bucket's URL is one");
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    url.set_path(&format!("/{of}-{}-{number}", std::process::id()));
    Some(url)
}
