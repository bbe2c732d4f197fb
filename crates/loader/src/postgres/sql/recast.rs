//! JSON values that are already in a table, brought to a wider shape as the type lattice prescribes.

use clarion_core::{ColumnType, TableName};

use super::{Ident, Sql, Statements, literal};

/// Does to stored JSON what `conform` does to a batch: scalars become text where the shape says text, and text that
/// is a canonical number or a boolean stands bare where the shape says JSON. `shape` is a column type as JSON.
const FUNCTION: &str = r#"
CREATE OR REPLACE FUNCTION pg_temp.clarion_recast(value jsonb, shape jsonb) RETURNS jsonb LANGUAGE plpgsql AS $body$
DECLARE
  kind text := jsonb_typeof(value);
  plain text;
BEGIN
  IF shape IS NULL OR kind IS NULL OR kind = 'null' THEN
    RETURN value;
  ELSIF kind = 'object' AND (shape = '"json"' OR shape ? 'struct') THEN
    RETURN (SELECT coalesce(jsonb_object_agg(field.key, pg_temp.clarion_recast(field.value, CASE WHEN shape = '"json"'
        THEN shape ELSE (SELECT item->1 FROM jsonb_array_elements(shape->'struct') item WHERE item->>0 = field.key) END)),
        '{}') FROM jsonb_each(value) field);
  ELSIF kind = 'array' AND (shape = '"json"' OR shape ? 'list') THEN
    RETURN (SELECT coalesce(jsonb_agg(pg_temp.clarion_recast(items.item, CASE WHEN shape = '"json"' THEN shape
        ELSE shape->'list' END) ORDER BY items.place), '[]')
        FROM jsonb_array_elements(value) WITH ORDINALITY items (item, place));
  END IF;
  plain := value #>> '{}';
  IF shape = '"text"' AND kind = 'number' THEN
    RETURN to_jsonb(trim_scale(plain::numeric)::text);
  ELSIF shape = '"text"' AND kind = 'boolean' THEN
    RETURN to_jsonb(plain);
  ELSIF shape = '"json"' AND kind = 'string' THEN
    IF plain IN ('true', 'false') THEN
      RETURN plain::jsonb;
    ELSIF length(plain) <= 40 AND plain <> '-0' AND plain ~ '^-?(0|[1-9][0-9]*)$' THEN
      RETURN plain::jsonb;
    ELSIF length(plain) <= 40 AND plain ~ '^-?(0|[1-9][0-9]*)\.[0-9]*[1-9]$' THEN
      IF trim_scale(plain::double precision::text::numeric)::text = plain THEN
        RETURN plain::jsonb;
      END IF;
    END IF;
  END IF;
  RETURN value;
END
$body$"#;

impl Statements {
    /// A function of this session; it goes with it.
    pub(in crate::postgres) fn create_recast(&self) -> Sql {
        Sql(FUNCTION.to_owned())
    }

    /// Rewrites the values of a JSON column whose shape changes.
    pub(in crate::postgres) fn recast_column(&self, table: &TableName, column: &str, to: &ColumnType) -> Sql {
        let name = Ident(column).to_string();
        let recast = recast(&name, to);
        let table = self.table(table);
        Sql(format!("UPDATE {table} SET {name} = {recast} WHERE {name} IS DISTINCT FROM {recast}"))
    }
}

/// The expression that gives a JSON expression its new shape.
pub(super) fn recast(value: &str, to: &ColumnType) -> String {
    let shape = serde_json::to_string(to).expect("a type is names and lists, which JSON can always hold");
    format!("pg_temp.clarion_recast({value}, {})", literal(&shape))
}

/// Whether the JSON of a value changes with its type. Integers and doubles that are equal have the same JSON, and a
/// field that is not there is left out.
pub(in crate::postgres) fn rewrites(from: &ColumnType, to: &ColumnType) -> bool {
    match (from, to) {
        (ColumnType::Struct(from), ColumnType::Struct(to)) => from.iter().any(|(name, kind)| {
            let wider = to.iter().find(|(other, _)| other == name);
            wider.is_some_and(|(_, wider)| rewrites(kind, wider))
        }),
        (ColumnType::List(from), ColumnType::List(to)) => rewrites(from, to),
        (from, to) => from != to && matches!(to, ColumnType::Text | ColumnType::Json),
    }
}
