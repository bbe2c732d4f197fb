//! The exchange: what hangs on the columns goes, the shadows take their place, and it is made again.

use clarion_core::{Error, Kind, Result, Retry, TableSchema, fault};
use sqlx::Row;
use sqlx::postgres::PgDatabaseError;
use std::time::Duration;
use tokio::time::Instant;

use super::super::errors::{During, is_lock_timeout, is_passing};
use super::super::history;
use super::super::session::LOCK_ATTEMPT;
use super::super::sql::{Shadow, Sql};
use super::dependents::{Carried, Dependent, FILLED, Transposed, carried, dependents, transposed};
use super::{DOING, Widening};
use crate::evolve::schema_changes;

/// What is filled under the table's lock may take this long: readers are promised that they wait no longer.
const FILL_LIMIT: Duration = Duration::from_secs(1);

impl Widening<'_> {
    /// Whether the exchange would succeed, found out by doing it to empty shadows; nothing of it stays.
    pub(super) async fn try_exchange(&mut self) -> Result<()> {
        self.begin().await?;
        let views = self.take_views_and_lock().await?;
        for shadow in &self.shadows {
            self.session.run(self.statements.add_shadow(&self.known.table, shadow), DOING).await?;
        }
        transposed(self).await?;
        let tried = self.replace(views, &[], true).await;
        self.session.plain("ROLLBACK", DOING).await?;
        tried
    }

    /// Refuses materialized views that would hold readers of the table up: they are filled anew under its lock.
    pub(super) async fn time_queries(&mut self) -> Result<()> {
        self.session.begin().await?;
        let started = Instant::now();
        for part in dependents(self).await? {
            let Some(name) = part.filled() else { continue };
            let left = FILL_LIMIT.saturating_sub(started.elapsed()).max(Duration::from_millis(1));
            self.session.limit_statements(left).await?;
            let definition =
                sqlx::query("SELECT pg_catalog.pg_get_viewdef($1::regclass)").bind(name.to_owned());
            let rows = self.session.rows(definition, DOING).await?;
            let definition = rows.first().map(|row| row.try_get::<String, _>(0)).transpose();
            let definition = definition.during(&self.session.server, DOING)?.unwrap_or_default();
            let timed = Sql::of_server(format!("EXPLAIN (ANALYZE, TIMING OFF) {definition}"));
            match self.session.try_run(timed).await {
                Err(error) if is_lock_timeout(&error) => {
                    let reason =
                        "to fill it takes longer than a second, for which readers of the table would wait";
                    return Err(self.refused(&part.what, reason));
                }
                Err(error) => match refusal(&error) {
                    Some(reason) => return Err(self.refused(&part.what, &reason)),
                    None => return Err(self.session.server.error(DOING, error)),
                },
                Ok(()) => {}
            }
        }
        self.session.plain("ROLLBACK", DOING).await
    }

    /// Puts the shadows in place, and remembers the table as it then is.
    pub(super) async fn exchange(&mut self, built: &[Transposed]) -> Result<()> {
        self.begin().await?;
        let views = self.take_views_and_lock().await?;
        // Nobody can change it any more; somebody may have, since it was built.
        if transposed(self).await? != built {
            return Err(self.changed("the table's indexes changed while a column was widened"));
        }
        self.replace(views, built, false).await?;
        self.remember().await?;
        fault::point("postgres.shadow_in_place");
        self.commit().await
    }

    /// Takes the views away and locks the table: in the order in which who reads a view locks both, so that nobody holds
    /// what the other waits for. One short attempt; while it lasts, readers wait. To lock a view by name would lock all
    /// tables under it, with its owner's rights on them.
    async fn take_views_and_lock(&mut self) -> Result<Vec<Dependent>> {
        let mut views = dependents(self).await?;
        views.retain(Dependent::is_view);
        let until = Instant::now() + LOCK_ATTEMPT;
        for view in views.iter().rev() {
            self.session.wait_for_locks_until(until).await?;
            self.step(&view.what, &view.removal).await?;
        }
        self.session.wait_for_locks_until(until).await?;
        self.session.run(self.statements.lock(&self.known.table), DOING).await?;
        self.session.wait_for_locks_until(Instant::now() + LOCK_ATTEMPT).await?;
        Ok(views)
    }

    /// Somebody did what only the table's lock keeps everybody from.
    fn changed(&self, message: &str) -> Error {
        Error::new(Kind::Conflict, message)
            .retry(Retry::Temporary)
            .with("destination", &self.session.server.destination)
            .with("table", &self.known.table)
            .hint("load again")
    }

    /// `views` are gone already.
    async fn replace(&mut self, views: Vec<Dependent>, built: &[Transposed], trial: bool) -> Result<()> {
        let parts = dependents(self).await?;
        if parts.iter().any(Dependent::is_view) {
            return Err(self.changed("a view on the column came while it was widened"));
        }
        let carried = carried(self).await?;
        for part in parts.iter().rev() {
            self.step(&part.what, &part.removal).await?;
        }
        for shadow in &self.shadows.clone() {
            let replace = self.statements.replace_column(&self.known.table, shadow);
            self.step(&format!("column {}", shadow.old.name), replace.text()).await?;
            self.carry_over(shadow, &carried, trial).await?;
        }
        for part in built {
            for statement in &part.finish {
                self.step(&part.what, statement).await?;
            }
        }
        for part in views.iter().chain(&parts) {
            for statement in &part.rebuild {
                // A trial need not run a view's query.
                let emptied = statement.strip_suffix(FILLED).filter(|_| trial);
                let statement =
                    emptied.map_or_else(|| statement.clone(), |empty| format!("{empty} WITH NO DATA"));
                self.step(&part.what, &statement).await?;
            }
        }
        Ok(())
    }

    async fn carry_over(&mut self, shadow: &Shadow, carried: &[Carried], trial: bool) -> Result<()> {
        let Some(carried) = carried.iter().find(|carried| carried.column == shadow.old.name) else {
            return Ok(());
        };
        let what = format!("column {}", shadow.old.name);
        if let Some(default) = &carried.default {
            let set = self.statements.set_default(&self.known.table, shadow, default);
            self.step(&what, set.text()).await?;
        }
        // The shadows of a trial are empty.
        let holds = |statement: &&String| !(trial && statement.ends_with(" SET NOT NULL"));
        for statement in carried.others.iter().filter(holds) {
            self.step(&what, statement).await?;
        }
        Ok(())
    }

    async fn step(&mut self, what: &str, statement: &str) -> Result<()> {
        let done = self.session.try_run(Sql::of_server(statement.to_owned())).await;
        done.map_err(|error| match refusal(&error) {
            Some(reason) => self.refused(what, &reason),
            None => self.session.server.error(DOING, error),
        })
    }

    async fn remember(&mut self) -> Result<()> {
        let schema = widened(self.known, &self.shadows);
        history::remember(self.session, self.statements, &schema).await?;
        for change in schema_changes(Some(self.known), &schema) {
            let change = change.brought_by(self.novelties);
            history::write_early(self.session, self.statements, self.spec, &change).await?;
        }
        Ok(())
    }
}

/// Why the server will not do it, however often it is asked.
fn refusal(error: &sqlx::Error) -> Option<String> {
    let sqlx::Error::Database(database) = error else { return None };
    let refusal = database.try_downcast_ref::<PgDatabaseError>()?;
    let code = refusal.code();
    (!is_passing(code) && !is_lock_timeout(error)).then(|| match refusal.detail() {
        Some(detail) => format!("{}, {}", refusal.message(), detail.replace('\n', ", ")),
        None => refusal.message().to_owned(),
    })
}

/// `known` with the columns as wide as the shadows, and no others.
fn widened(known: &TableSchema, shadows: &[Shadow]) -> TableSchema {
    let mut schema = known.clone();
    for column in &mut schema.columns {
        if let Some(shadow) = shadows.iter().find(|shadow| shadow.new.name == column.name) {
            column.kind.clone_from(&shadow.new.kind);
        }
    }
    schema
}
