//! A connection, and what is sent over it.

use std::time::Duration;

use arrow::array::RecordBatch;
use clarion_core::{Result, TableSchema};
use futures::TryStreamExt as _;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions, Connection, Executor, Postgres, Row};
use tokio::time::{Instant, sleep, timeout};

use super::encode::Encoder;
use super::errors::{During, Server, is_lock_timeout};
use super::sql::Sql;

/// A server that does not answer within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a COPY that are encoded before they are sent: enough to make the cost of sending vanish.
const CHUNK: usize = 1 << 20;
/// A buffer that one long text made larger than this is given back.
const KEEP_BUFFER: usize = 4 * CHUNK;
/// How long one attempt at a table's exclusive lock lasts. While we wait, every reader who comes later waits behind us.
pub(super) const LOCK_ATTEMPT: Duration = Duration::from_millis(500);
/// Readers get this long in between.
pub(super) const LOCK_PAUSE: Duration = Duration::from_millis(250);

pub(super) struct Session {
    connection: PgConnection,
    options: PgConnectOptions,
    pub(super) server: Server,
    pub(super) lock_wait: Duration,
    buffer: Vec<u8>,
}

/// What a COPY sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Copied {
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Session {
    pub(super) async fn open(
        options: &PgConnectOptions,
        server: Server,
        lock_wait: Duration,
    ) -> Result<Self> {
        let connection = match timeout(CONNECT_TIMEOUT, options.connect()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error @ sqlx::Error::Database(_))) => return Err(server.error("connecting", error)),
            Ok(Err(error)) => return Err(server.unreachable().source(error)),
            Err(elapsed) => return Err(server.unreachable().source(elapsed)),
        };
        Ok(Self { connection, options: options.clone(), server, lock_wait, buffer: Vec::new() })
    }

    /// Another connection to the same database.
    pub(super) async fn another(&self) -> Result<Self> {
        Self::open(&self.options, self.server.clone(), self.lock_wait).await
    }

    /// Runs statements without parameters; gives the number of rows they touched.
    pub(super) async fn run(&mut self, sql: Sql, doing: &str) -> Result<u64> {
        let done = self.connection.execute(sql.raw()).await.during(&self.server, doing)?;
        Ok(done.rows_affected())
    }

    /// Runs a statement that is known when the program is written.
    pub(super) async fn plain(&mut self, sql: &'static str, doing: &str) -> Result<()> {
        self.connection.execute(sqlx::raw_sql(sql)).await.during(&self.server, doing)?;
        Ok(())
    }

    pub(super) async fn execute(
        &mut self,
        query: sqlx::query::Query<'_, Postgres, PgArguments>,
        doing: &str,
    ) -> Result<u64> {
        let done = query.execute(&mut self.connection).await.during(&self.server, doing)?;
        Ok(done.rows_affected())
    }

    pub(super) async fn rows(
        &mut self,
        query: sqlx::query::Query<'_, Postgres, PgArguments>,
        doing: &str,
    ) -> Result<Vec<PgRow>> {
        query.fetch_all(&mut self.connection).await.during(&self.server, doing)
    }

    /// Shows each row as it comes; what is in memory is one row.
    pub(super) async fn each(
        &mut self,
        query: sqlx::query::Query<'_, Postgres, PgArguments>,
        doing: &str,
        show: &mut (dyn FnMut(&PgRow, &Server) -> Result<()> + Send),
    ) -> Result<()> {
        let Self { connection, server, .. } = self;
        let mut rows = query.fetch(connection);
        while let Some(row) = rows.try_next().await.during(server, doing)? {
            show(&row, server)?;
        }
        Ok(())
    }

    pub(super) async fn flag(&mut self, sql: Sql, doing: &str) -> Result<bool> {
        let row = sql.query().fetch_one(&mut self.connection).await.during(&self.server, doing)?;
        row.try_get(0).during(&self.server, doing)
    }

    /// Streams a batch; what is in memory is one chunk, however large the batch.
    pub(super) async fn copy(
        &mut self,
        sql: &Sql,
        batch: &RecordBatch,
        schema: &TableSchema,
        doing: &str,
    ) -> Result<Copied> {
        let encoder = Encoder::new(batch, schema)?;
        let Self { connection, server, buffer, .. } = self;
        let mut copy = connection.copy_in_raw(sql.text()).await.during(server, doing)?;
        let mut bytes = 0;
        buffer.clear();
        Encoder::begin(buffer);
        for row in 0..batch.num_rows() {
            encoder.row(row, buffer)?;
            if buffer.len() >= CHUNK {
                bytes += buffer.len();
                copy.send(buffer.as_slice()).await.during(server, doing)?;
                buffer.clear();
                buffer.shrink_to(KEEP_BUFFER);
            }
        }
        Encoder::end(buffer);
        bytes += buffer.len();
        copy.send(buffer.as_slice()).await.during(server, doing)?;
        let rows = copy.finish().await.during(server, doing)?;
        Ok(Copied { rows, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) })
    }

    /// Changes a table, waiting for its readers in short attempts so that nobody queues behind us for long.
    pub(super) async fn alter(&mut self, sql: Sql, doing: &str) -> Result<()> {
        let give_up = Instant::now() + self.lock_wait;
        loop {
            self.plain("SAVEPOINT clarion_alter", doing).await?;
            self.set(&[("lock_timeout", &in_ms(LOCK_ATTEMPT))]).await?;
            match self.connection.execute(sql.clone().raw()).await {
                Ok(_) => break,
                Err(error) if is_lock_timeout(&error) && Instant::now() < give_up => {
                    self.plain("ROLLBACK TO SAVEPOINT clarion_alter", doing).await?;
                    sleep(LOCK_PAUSE).await;
                }
                Err(error) => return Err(self.server.error(doing, error)),
            }
        }
        self.plain("RELEASE SAVEPOINT clarion_alter", doing).await?;
        let lock_wait = in_ms(self.lock_wait);
        self.set(&[("lock_timeout", &lock_wait)]).await
    }

    /// What comes in the transaction in hand waits for a lock until then: others wait for us.
    pub(super) async fn wait_for_locks_until(&mut self, until: Instant) -> Result<()> {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.set(&[("lock_timeout", &in_ms(left))]).await
    }

    /// No statement of the transaction in hand takes longer than this.
    pub(super) async fn limit_statements(&mut self, limit: Duration) -> Result<()> {
        self.set(&[("statement_timeout", &in_ms(limit))]).await
    }

    /// Runs a statement that no transaction may be around.
    pub(super) async fn alone(&mut self, sql: Sql, doing: &str) -> Result<()> {
        let lock_wait = in_ms(self.lock_wait);
        let set = sqlx::query(
            "SELECT set_config('lock_timeout', $1, false), set_config('statement_timeout', '0', false)",
        );
        self.rows(set.bind(lock_wait), "setting up the session").await?;
        self.run(sql, doing).await.map(drop)
    }

    /// For whoever looks at the server's own error.
    pub(super) async fn try_run(&mut self, sql: Sql) -> std::result::Result<(), sqlx::Error> {
        self.connection.execute(sql.raw()).await.map(drop)
    }

    /// For whoever looks at the server's own error.
    pub(super) async fn try_rows(
        &mut self,
        query: sqlx::query::Query<'_, Postgres, PgArguments>,
    ) -> std::result::Result<Vec<PgRow>, sqlx::Error> {
        query.fetch_all(&mut self.connection).await
    }

    /// Begins the load's transaction, with settings that a role's defaults must not change.
    pub(super) async fn begin(&mut self) -> Result<()> {
        self.begin_as("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await
    }

    /// Begins a transaction that sees one state of the database, and whose staging tables go with it.
    pub(super) async fn begin_snapshot(&mut self) -> Result<()> {
        self.begin_as("BEGIN ISOLATION LEVEL REPEATABLE READ READ WRITE").await
    }

    async fn begin_as(&mut self, statement: &'static str) -> Result<()> {
        self.plain(statement, "beginning a transaction").await?;
        let lock_wait = in_ms(self.lock_wait);
        let settings = [
            ("lock_timeout", lock_wait.as_str()),
            // A load is as long as its data, and waits for the normaliser in between.
            ("statement_timeout", "0"),
            ("idle_in_transaction_session_timeout", "0"),
            // The statements are short; compiling them takes longer than running them.
            ("jit", "off"),
        ];
        self.set(&settings).await?;
        // The server notices within this that a killed load's client is gone, and lets go of its locks. Older servers
        // and other systems do not have it.
        let query = sqlx::query(
            "SELECT set_config(name, '5s', true) FROM pg_settings \
             WHERE name = 'client_connection_check_interval' AND version() ~ 'linux'",
        );
        self.rows(query, "setting up the transaction").await?;
        Ok(())
    }

    /// For the rest of the transaction. Keys are to be looked up by index also in a table that was never analyzed, whose
    /// sizes the planner guesses so badly that it would read all of it for each change set.
    pub(super) async fn prefer_indexes(&mut self) -> Result<()> {
        let off = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin"].map(|name| (name, "off"));
        self.set(&off).await
    }

    pub(super) async fn close(self) {
        // What mattered is committed; a server that dislikes the goodbye changes nothing.
        let _ = self.connection.close().await;
    }

    /// For this transaction only.
    async fn set(&mut self, settings: &[(&str, &str)]) -> Result<()> {
        let (names, values): (Vec<&str>, Vec<&str>) = settings.iter().copied().unzip();
        let query = sqlx::query(
            "SELECT set_config(given.name, given.value, true) FROM unnest($1::text[], $2::text[]) AS given (name, value)",
        );
        let set = query.bind(names).bind(values).fetch_all(&mut self.connection).await;
        set.map(drop).during(&self.server, "setting up the transaction")
    }
}

/// As the server's settings take it.
fn in_ms(span: Duration) -> String {
    format!("{}ms", span.as_millis())
}
