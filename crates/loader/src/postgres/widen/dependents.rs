//! What hangs on columns, as the server's catalogue tells it.

use clarion_core::Result;
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::super::errors::{During, cause};
use super::{DOING, Widening};

/// How the statement ends that makes a materialized view with its rows.
pub(super) const FILLED: &str = " WITH DATA";

/// Something that stands on the columns from outside of the table's own definition.
#[derive(Debug)]
pub(super) struct Dependent {
    /// For people: `view public.scores`.
    pub(super) what: String,
    pub(super) removal: String,
    pub(super) rebuild: Vec<String>,
}

impl Dependent {
    /// Whether readers lock it before they lock the table.
    pub(super) fn is_view(&self) -> bool {
        self.removal.starts_with("DROP VIEW ") || self.removal.starts_with("DROP MATERIALIZED VIEW ")
    }

    /// The name of a materialized view with rows.
    pub(super) fn filled(&self) -> Option<&str> {
        let is_filled = self.rebuild.first().is_some_and(|create| create.ends_with(FILLED));
        self.removal.strip_prefix("DROP MATERIALIZED VIEW ").filter(|_| is_filled)
    }
}

/// An index or a constraint of the table, as it is to be on the shadows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transposed {
    pub(super) what: String,
    /// Not within a transaction.
    pub(super) alone: bool,
    pub(super) build: Vec<String>,
    /// Once the shadows are in place.
    pub(super) finish: Vec<String>,
}

/// What a column carries beside its type.
#[derive(Debug)]
pub(super) struct Carried {
    pub(super) column: String,
    pub(super) default: Option<String>,
    pub(super) others: Vec<String>,
}

/// In the order in which they are made again.
///
/// # Errors
/// `Conflict` for one that cannot be.
pub(super) async fn dependents(on: &mut Widening<'_>) -> Result<Vec<Dependent>> {
    let (olds, _) = on.names();
    let query = on.statements.read_dependents(&on.known.table).query().bind(olds);
    let mut found = Vec::new();
    for row in on.session.rows(query, DOING).await? {
        let (what, removal): (String, Option<String>) = (get(on, &row, 0)?, get(on, &row, 1)?);
        let rebuild: Option<Vec<String>> = get(on, &row, 2)?;
        match (removal, rebuild) {
            (Some(removal), Some(rebuild)) => found.push(Dependent { what, removal, rebuild }),
            _ => return Err(on.refused(&what, "it depends on the column")),
        }
    }
    Ok(found)
}

/// # Errors
/// `Conflict` for one that the wider type does not allow.
pub(super) async fn transposed(on: &mut Widening<'_>) -> Result<Vec<Transposed>> {
    let (olds, shadows) = on.names();
    let query = on.statements.read_transposed(&on.known.table).query().bind(olds).bind(shadows);
    let rows = match on.session.try_rows(query).await {
        Ok(rows) => rows,
        Err(error) => {
            let told = cause(&error, "CLA01").map(str::to_owned);
            return Err(match told.as_deref().and_then(|told| told.split_once(": ")) {
                Some((what, reason)) => on.refused(what, reason),
                None => on.session.server.error(DOING, error),
            });
        }
    };
    let of_row = |row: &PgRow| {
        Ok(Transposed {
            what: get(on, row, 0)?,
            alone: get(on, row, 1)?,
            build: get(on, row, 2)?,
            finish: get(on, row, 3)?,
        })
    };
    rows.iter().map(of_row).collect()
}

pub(super) async fn carried(on: &mut Widening<'_>) -> Result<Vec<Carried>> {
    let (olds, _) = on.names();
    let query = on.statements.read_columns(&on.known.table).query().bind(olds);
    let rows = on.session.rows(query, DOING).await?;
    let of_row = |row: &PgRow| {
        Ok(Carried { column: get(on, row, 0)?, default: get(on, row, 1)?, others: get(on, row, 2)? })
    };
    rows.iter().map(of_row).collect()
}

fn get<'r, T>(on: &Widening<'_>, row: &'r PgRow, index: usize) -> Result<T>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(index).during(&on.session.server, DOING)
}
