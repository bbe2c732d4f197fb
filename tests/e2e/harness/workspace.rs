//! A user's folder: `clarion.toml`, and below it whatever the product writes.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::binary::{Ran, Running};
use super::database::Database;

/// Any will do: the server of the tests checks none.
const S3_CREDENTIALS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")];
/// The streams besides calls, call_details and users: those that a layout may switch off.
pub(crate) const DECLARED: [&str; 14] = [
    "teams",
    "topics",
    "topics_v2",
    "scorecards",
    "scorecard_templates",
    "user_stats",
    "aggregate_stats",
    "playlists",
    "playlist_calls",
    "accounts",
    "opportunities",
    "crm_accounts",
    "crm_deals",
    "crm_contacts",
];

/// What the configuration says.
pub(crate) struct Layout {
    /// A Parquet destination `lake` in `data/lake`.
    pub(crate) lake: bool,
    /// Whether the binary is given the credentials of the S3 server.
    pub(crate) bucket: bool,
    /// A Postgres destination `warehouse`, schema `clari`, in this database.
    pub(crate) warehouse: Option<Database>,
    /// 0 = unlimited.
    pub(crate) requests_per_second: f64,
    /// 0 = unlimited.
    pub(crate) weekly_requests: u64,
    /// After a 429.
    pub(crate) rate_limit_wait: String,
    pub(crate) history_start: String,
    /// More lines of `[source]`.
    pub(crate) source: String,
    /// Streams beside calls, their details and users: off where a test is about something else, so that it counts its own
    /// requests only.
    pub(crate) declared: bool,
    /// More tables, at the end of the file.
    pub(crate) more: String,
}

impl Default for Layout {
    fn default() -> Self {
        Self {
            lake: true,
            bucket: false,
            warehouse: None,
            requests_per_second: 0.0,
            weekly_requests: 0,
            rate_limit_wait: "1s".to_owned(),
            history_start: "2020-01-01".to_owned(),
            source: String::new(),
            declared: false,
            more: String::new(),
        }
    }
}

impl Layout {
    /// A lake, and a warehouse where there is a server to hold it.
    pub(crate) async fn both() -> Self {
        Self { warehouse: Database::fresh().await, ..Self::default() }
    }
}

/// The folder, gone with the test, and the database with it.
pub(crate) struct Workspace {
    folder: TempDir,
    warehouse: Option<Database>,
    credentials: Vec<(&'static str, &'static str)>,
}

/// Where things are.
impl Workspace {
    /// A fresh folder whose configuration reads from `base_url`.
    pub(crate) fn new(base_url: &str, layout: Layout) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let credentials = if layout.bucket { S3_CREDENTIALS.to_vec() } else { Vec::new() };
        let workspace = Self { folder, warehouse: None, credentials };
        workspace.write_config(&config(base_url, &layout));
        Self { warehouse: layout.warehouse, ..workspace }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn lake(&self) -> PathBuf {
        self.path().join("data/lake")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.path().join("data/journal")
    }

    /// The SQLite file of the state store.
    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("data/state.db")
    }

    /// The database of the destination `warehouse`, if the test has one.
    pub(crate) fn warehouse(&self) -> Option<&Database> {
        self.warehouse.as_ref()
    }

    /// The names of the destinations in the configuration.
    pub(crate) fn destinations(&self) -> Vec<&'static str> {
        let config = self.config();
        let there = |name: &&str| config.contains(&format!("name = \"{name}\""));
        ["lake", "warehouse"].into_iter().filter(there).collect()
    }

    pub(crate) fn config(&self) -> String {
        fs::read_to_string(self.config_path()).expect("the configuration is there")
    }

    /// Replaces `clarion.toml`.
    pub(crate) fn write_config(&self, text: &str) {
        fs::write(self.config_path(), text).expect("the folder is writable");
    }

    /// Removes the state store: database, write-ahead log and all.
    pub(crate) fn delete_state(&self) {
        for entry in fs::read_dir(self.path().join("data")).expect("there is a data folder") {
            let path = entry.expect("the folder can be read").path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("state.db")) {
                fs::remove_file(path).expect("the state can be removed");
            }
        }
    }

    fn config_path(&self) -> PathBuf {
        self.path().join("clarion.toml")
    }
}

/// The binary, in this folder.
impl Workspace {
    /// `clarion --json ARGUMENTS`, to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with_env(&[], arguments)
    }

    /// The same with more in the environment, for instance `FAILPOINTS`.
    pub(crate) fn run_with_env(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Ran {
        self.spawn(environment, arguments).wait()
    }

    /// `clarion ARGUMENTS`, as a person at a terminal sees it.
    pub(crate) fn run_plain(&self, arguments: &[&str]) -> Ran {
        Running::start(self.path(), &self.credentials, arguments).wait()
    }

    /// `clarion --json ARGUMENTS`, under way.
    pub(crate) fn spawn(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Running {
        let arguments: Vec<&str> = ["--json"].iter().chain(arguments).copied().collect();
        let environment = [self.credentials.as_slice(), environment].concat();
        Running::start(self.path(), &environment, &arguments)
    }

    /// A sync that must end well.
    #[track_caller]
    pub(crate) fn sync(&self) -> Ran {
        self.run(&["sync"]).expect(0)
    }
}

fn config(base_url: &str, layout: &Layout) -> String {
    let mut text = format!(
        "[source]\nbase_url = \"{base_url}\"\nrequests_per_second = {:?}\nweekly_requests = {}\n\
         rate_limit_wait = \"{}\"\nhistory_start = \"{}\"\n{}\n",
        layout.requests_per_second,
        layout.weekly_requests,
        layout.rate_limit_wait,
        layout.history_start,
        layout.source
    );
    if layout.lake {
        text += "\n[[destinations]]\nname = \"lake\"\nkind = \"parquet\"\nurl = \"file://data/lake\"\n";
    }
    if let Some(database) = &layout.warehouse {
        text += &format!(
            "\n[[destinations]]\nname = \"warehouse\"\nkind = \"postgres\"\nurl = \"{}\"\n",
            database.url()
        );
    }
    if !layout.declared {
        for stream in DECLARED {
            text += &format!("\n[streams.{stream}]\nenabled = false\n");
        }
    }
    text + "\n" + &layout.more
}
