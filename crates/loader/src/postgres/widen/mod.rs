//! Columns of tables that somebody may read, brought to wider types without holding anybody up.
//!
//! A column of another type is made beside the one in use and filled in batches, each in a transaction of its own.
//! Then, under a lock of milliseconds, it takes the other's place, and what hung on that (views, rights, indexes,
//! policies) is made again as it was. Nothing is ever dropped that cannot be made again: a trial of the exchange, which
//! is rolled back, comes first.
//!
//! Invariant: killed anywhere, readers see the column as before or as after. A shadow that was left behind disturbs no
//! load; the next widening goes on with it, and a load that needs none sweeps it away.

mod dependents;
mod exchange;
mod fill;

use clarion_core::{Error, Kind, LoadSpec, Novelty, Result, TableName, TableSchema, fault};

use super::begin;
use super::columns::PgType;
use super::errors::During;
use super::fence;
use super::session::{LOCK_PAUSE, Session};
use super::sql::{Shadow, Sql, Statements, rewrites};
use tokio::time::{Instant, sleep};

use dependents::{Transposed, transposed};

const DOING: &str = "widening a column";

/// The columns of `known` whose values have another form in `wanted`.
pub(super) fn due(known: &TableSchema, wanted: &TableSchema) -> Vec<Shadow> {
    let shadow = |old: &clarion_core::Column| {
        let new = wanted.column(&old.name).filter(|new| new.kind != old.kind)?;
        let is_other = PgType::of(&old.kind) != PgType::of(&new.kind) || rewrites(&old.kind, &new.kind);
        is_other.then(|| Shadow::new(old, new))
    };
    known.columns.iter().filter_map(shadow).collect()
}

#[derive(Clone, Copy)]
enum Step<'b> {
    Trial,
    Exchange(&'b [Transposed]),
}

/// One table's columns on their way to wider types.
pub(super) struct Widening<'a> {
    pub(super) session: &'a mut Session,
    pub(super) statements: &'a Statements,
    pub(super) spec: &'a LoadSpec,
    /// The table as the server has it.
    pub(super) known: &'a TableSchema,
    pub(super) shadows: Vec<Shadow>,
    /// Which records brought it.
    pub(super) novelties: &'a [Novelty],
}

impl Widening<'_> {
    /// Carries it out, outside of any transaction.
    ///
    /// # Errors
    /// `Conflict` if something on the columns cannot be made again; the table is then as it was.
    pub(super) async fn run(mut self) -> Result<()> {
        self.session.run(self.statements.create_recast(), DOING).await?;
        self.session.run(self.statements.create_dependents(), DOING).await?;
        self.patiently(Step::Trial).await?;
        self.time_queries().await?;
        self.sweep().await?;
        self.add_shadows().await?;
        fault::point("postgres.shadow_added");
        let filled = self.fill_and_exchange().await;
        if filled.as_ref().is_err_and(|error| !error.is_temporary()) {
            // What is left behind does no harm; the first error is the one to tell.
            self.session.plain("ROLLBACK", DOING).await?;
            let _ = self.sweep_all().await;
        }
        filled?;
        self.session.run(self.statements.analyze(&self.known.table), "analyzing a table").await?;
        Ok(())
    }

    async fn fill_and_exchange(&mut self) -> Result<()> {
        self.fill().await?;
        fault::point("postgres.shadow_filled");
        let built = self.build().await?;
        self.wait_for_old_snapshots().await?;
        fault::point("postgres.shadow_built");
        self.patiently(Step::Exchange(&built)).await?;
        fault::point("postgres.shadow_swapped");
        Ok(())
    }

    /// Again while readers hold on to what it needs.
    async fn patiently(&mut self, step: Step<'_>) -> Result<()> {
        let give_up = Instant::now() + self.session.lock_wait;
        loop {
            let done = match step {
                Step::Trial => self.try_exchange().await,
                Step::Exchange(built) => self.exchange(built).await,
            };
            match done {
                Err(error) if error.is_temporary() && Instant::now() < give_up => {
                    self.session.plain("ROLLBACK", DOING).await?;
                    sleep(LOCK_PAUSE).await;
                }
                done => return done,
            }
        }
    }

    /// Begins a transaction that no later writer has come before.
    async fn begin(&mut self) -> Result<()> {
        self.session.begin().await?;
        begin::lock(self.session, self.statements.schema()).await?;
        fence::check(self.session, self.statements, self.spec.fence).await
    }

    async fn commit(&mut self) -> Result<()> {
        self.session.plain("COMMIT", DOING).await
    }

    async fn add_shadows(&mut self) -> Result<()> {
        self.begin().await?;
        for shadow in &self.shadows {
            self.session.alter(self.statements.add_shadow(&self.known.table, shadow), DOING).await?;
        }
        self.commit().await
    }

    /// Builds indexes and constraints on the shadows, while everybody reads and the columns in use have theirs.
    async fn build(&mut self) -> Result<Vec<Transposed>> {
        self.begin().await?;
        let found = transposed(self).await?;
        self.session.plain("ROLLBACK", DOING).await?;
        for part in &found {
            for statement in &part.build {
                let statement = Sql::of_server(statement.clone());
                if part.alone {
                    self.session.alone(statement, DOING).await?;
                } else {
                    self.begin().await?;
                    self.session.alter(statement, DOING).await?;
                    self.commit().await?;
                }
            }
        }
        Ok(found)
    }

    /// Takes away what a widening that was cut off left behind, but for the shadows that this one goes on with.
    async fn sweep(&mut self) -> Result<()> {
        let kept: Vec<String> = self.shadows.iter().map(|shadow| shadow.name.clone()).collect();
        self.sweep_but(kept).await
    }

    async fn sweep_all(&mut self) -> Result<()> {
        self.sweep_but(Vec::new()).await
    }

    async fn sweep_but(&mut self, kept: Vec<String>) -> Result<()> {
        self.begin().await?;
        sweep(self.session, self.statements, &self.known.table, kept).await?;
        self.commit().await
    }

    fn names(&self) -> (Vec<String>, Vec<String>) {
        self.shadows.iter().map(|shadow| (shadow.old.name.clone(), shadow.name.clone())).unzip()
    }

    /// Something on the columns cannot be made again.
    fn refused(&self, what: &str, reason: &str) -> Error {
        let shadow =
            |shadow: &Shadow| format!("{} from {} to {}", shadow.old.name, shadow.old.kind, shadow.new.kind);
        let columns: Vec<String> = self.shadows.iter().map(shadow).collect();
        Error::new(Kind::Conflict, "a column must widen, and what hangs on it cannot be made again")
            .with("destination", &self.session.server.destination)
            .with("column", columns.join(", "))
            .with("object", what)
            .with("reason", reason)
            .hint(format!("drop the {what}, run `clarion load`, and create it anew for the wider column"))
    }
}

/// Takes away what widenings that were cut off left behind, where no widening is needed any more.
pub(super) async fn sweep_leftovers(session: &mut Session, statements: &Statements) -> Result<()> {
    let query = statements.shadowed_tables().query().bind(statements.schema().to_owned());
    for row in session.rows(query, DOING).await? {
        let table: String = sqlx::Row::try_get(&row, 0).during(&session.server, DOING)?;
        sweep(session, statements, &TableName::parse(table)?, Vec::new()).await?;
    }
    Ok(())
}

/// Takes away shadows and what was built on them, but for `kept`. Within a transaction.
pub(super) async fn sweep(
    session: &mut Session,
    statements: &Statements,
    table: &TableName,
    kept: Vec<String>,
) -> Result<()> {
    const DOING: &str = "sweeping what a widening left behind";
    let found = session.rows(statements.read_leftovers(table).query().bind(kept), DOING).await?;
    for row in &found {
        let statement: String = sqlx::Row::try_get(row, 0).during(&session.server, DOING)?;
        session.alter(Sql::of_server(statement), DOING).await?;
    }
    Ok(())
}
