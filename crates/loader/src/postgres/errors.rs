//! What the server's errors mean to us, decided where the SQLSTATE is in hand.

use clarion_core::{Error, Kind, Result, Retry};
use sqlx::postgres::{PgConnectOptions, PgDatabaseError};

/// Where the tables are, for messages: never with user or password.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) destination: String,
    host: String,
    port: u16,
    database: String,
}

impl Server {
    pub(super) fn of(destination: &str, options: &PgConnectOptions) -> Self {
        let host = match options.get_socket() {
            Some(folder) => folder.display().to_string(),
            None => options.get_host().to_owned(),
        };
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        Self {
            destination: destination.to_owned(),
            host,
            port: options.get_port(),
            database: database.to_owned(),
        }
    }

    pub(super) fn unreachable(&self) -> Error {
        self.place(Error::new(Kind::Storage, "cannot reach the PostgreSQL server"))
            .retry(Retry::Temporary)
            .hint("check that the server runs and that `url` names its host, port and database")
    }

    pub(super) fn error(&self, doing: &str, error: sqlx::Error) -> Error {
        let explained = match &error {
            sqlx::Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
                Some(refusal) => self.refusal(doing, refusal),
                None => self.place(Error::new(Kind::Storage, doing.to_owned())),
            },
            sqlx::Error::Io(_) => self
                .place(Error::new(Kind::Storage, format!("lost the PostgreSQL server while {doing}")))
                .retry(Retry::Temporary),
            _ => self.place(Error::new(Kind::Storage, format!("failed while {doing}"))),
        };
        explained.source(error)
    }

    /// Sorted by what the user can do about it; codes from the server's manual, appendix A.
    fn refusal(&self, doing: &str, refusal: &PgDatabaseError) -> Error {
        let code = refusal.code();
        let storage = |text: &str| self.place(Error::new(Kind::Storage, format!("{text} while {doing}")));
        match code {
            "42501" => storage("permission denied")
                .with("object", object_of(refusal))
                .hint("grant the user CREATE and USAGE on the schema, and let it own the tables in it"),
            "28000" | "28P01" => storage("the server refused the user or the password"),
            "3D000" => storage("the database does not exist"),
            "55P03" | "57014" => storage("gave up waiting for a lock that another session holds")
                .retry(Retry::Temporary)
                .hint("end the session that holds the lock (see pg_stat_activity) and load again"),
            // Not what a widening meets, which makes again what depends on its columns.
            "0A000" | "2BP01" => storage("something depends on what is to be changed")
                .hint("the reason below names it: drop it, run this again, and create it anew"),
            "23505" => self
                .place(Error::new(Kind::Conflict, format!("two rows have the same key, found {doing}")))
                .hint(self.replay()),
            "42P10" => self
                .place(Error::new(Kind::Conflict, format!("the table has no primary key, found {doing}")))
                .hint(self.replay()),
            "42P01" | "42703" | "42804" => self
                .place(Error::new(Kind::Conflict, format!("the table was changed by hand, found {doing}")))
                .hint(self.replay()),
            "23502" => storage("a column that is not ours refuses null")
                .with("column", refusal.column().unwrap_or("unknown"))
                .hint("drop the NOT NULL constraint of that column"),
            "53100" => storage("the server's disk is full").retry(Retry::Persistent),
            _ if is_passing(code) => storage("the server broke off").retry(Retry::Temporary),
            _ => storage("the server refused a statement").with("sqlstate", code),
        }
    }

    pub(super) fn replay(&self) -> String {
        format!("rebuild it from the journal with `clarion replay --destination {}`", self.destination)
    }

    fn place(&self, error: Error) -> Error {
        error
            .with("destination", &self.destination)
            .with("host", &self.host)
            .with("port", self.port)
            .with("database", &self.database)
    }
}

/// Turns the driver's results into ours, saying what was being done.
pub(super) trait During<T> {
    fn during(self, server: &Server, doing: &str) -> Result<T>;
}

impl<T> During<T> for std::result::Result<T, sqlx::Error> {
    fn during(self, server: &Server, doing: &str) -> Result<T> {
        self.map_err(|error| server.error(doing, error))
    }
}

/// Whether the server gave up on a lock within `lock_timeout`, or on a statement that waits for several.
pub(super) fn is_lock_timeout(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(refusal) = error else { return false };
    matches!(refusal.code().as_deref(), Some("55P03" | "57014"))
}

/// The server's words, if they come with this code.
pub(super) fn cause<'e>(error: &'e sqlx::Error, code: &str) -> Option<&'e str> {
    let sqlx::Error::Database(refusal) = error else { return None };
    (refusal.code().as_deref() == Some(code)).then(|| refusal.message())
}

/// Shutdown, crash, too many connections, serialization, deadlock, out of memory.
pub(super) fn is_passing(code: &str) -> bool {
    ["08", "40", "53", "57P", "58"].iter().any(|class| code.starts_with(class))
}

/// `table calls` of `permission denied for table calls`: the server names the object only in its text.
fn object_of(refusal: &PgDatabaseError) -> String {
    match refusal.message().split_once(" for ") {
        Some((_, object)) => object.to_owned(),
        None => refusal.message().to_owned(),
    }
}
