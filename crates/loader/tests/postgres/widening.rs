//! What hangs on a column that widens is there afterwards, as it was.

use arrow::array::RecordBatch;
use clarion_core::testing::rows::batch;
use clarion_core::{ColumnType, Destination, Kind, Position, TableSchema};
use clarion_loader::merge;
use serde_json::json;

use super::database::Database;
use super::types::{change, load, odd, spec};

fn narrow() -> TableSchema {
    odd(&[("v", ColumnType::Integer), ("w", ColumnType::Integer), ("x", ColumnType::Text)])
}

fn wide() -> TableSchema {
    merge(&narrow(), &odd(&[("v", ColumnType::Text)]))
}

/// Three rows, and what somebody made on them.
async fn made(by: &str) -> Option<Database> {
    let db = Database::fresh().await?;
    for number in 2..5 {
        let row = json!({ "v": number * 10, "w": number, "x": "t" });
        load(&db, &narrow(), &number.to_string(), number, row).await.expect("the load lands");
    }
    db.run(by).await;
    Some(db)
}

async fn widen(db: &Database) -> clarion_core::Result<clarion_core::LoadReport> {
    load(db, &wide(), "last", 99, json!({ "v": "high", "w": 9, "x": "t" })).await
}

/// Dropped with the test: roles are the server's, not the database's.
struct Role(String);

impl Role {
    async fn new(db: &Database, name: &str) -> Self {
        let role = Self(format!("{}_{name}", db.name()));
        db.run(&format!("CREATE ROLE {}", role.0)).await;
        role
    }

    async fn drop(self, db: &Database) {
        db.run(&format!("DROP OWNED BY {0} CASCADE; DROP ROLE {0}", self.0)).await;
    }
}

#[tokio::test]
async fn views_are_made_again_with_owner_options_comments_and_rights() {
    let Some(db) = made("").await else { return };
    let (owner, reader) = (Role::new(&db, "owner").await, Role::new(&db, "reader").await);
    db.run(&format!(
        "GRANT USAGE, CREATE ON SCHEMA public, clari TO {0}; GRANT SELECT ON clari.odd TO {0}; \
         GRANT SELECT (id, v), UPDATE (v) ON clari.odd TO {1}; \
         COMMENT ON COLUMN clari.odd.v IS 'the ''value'''; \
         ALTER TABLE clari.odd ALTER v SET DEFAULT 7, ALTER v SET STATISTICS 300, ALTER v SET (n_distinct = 5); \
         CREATE VIEW public.every AS SELECT * FROM clari.odd; \
         CREATE VIEW public.\"Odd Ones\" (\"Key\", v) WITH (security_barrier, security_invoker = true) \
           AS SELECT id, v FROM public.every WHERE w > 2; \
         ALTER VIEW public.\"Odd Ones\" OWNER TO {0}; \
         GRANT SELECT ON public.\"Odd Ones\" TO {1} WITH GRANT OPTION; GRANT UPDATE (v) ON public.every TO {1}; \
         COMMENT ON VIEW public.\"Odd Ones\" IS 'theirs'; COMMENT ON COLUMN public.\"Odd Ones\".\"Key\" IS 'its key'; \
         CREATE MATERIALIZED VIEW public.kept AS SELECT v, count(*) AS n FROM public.\"Odd Ones\" GROUP BY v; \
         CREATE UNIQUE INDEX kept_v ON public.kept (v); GRANT SELECT ON public.kept TO {1}",
        owner.0, reader.0
    ))
    .await;
    let read = "SELECT string_agg(c.oid::regclass || ' ' || c.relowner::regrole || coalesce(c.reloptions::text, '') || \
        coalesce(c.relacl::text, '') || coalesce(obj_description(c.oid), '') || (SELECT string_agg(a.attname || \
        coalesce(a.attacl::text, '') || coalesce(col_description(c.oid, a.attnum), '') || a.attstattarget || \
        coalesce(a.attoptions::text, ''), ',' ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid \
        AND attnum > 0 AND NOT attisdropped), E'\\n' ORDER BY c.oid::regclass::text) \
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace OR c.oid = 'clari.odd'::regclass";
    let before = db.text(read).await;
    let columns = "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute \
        WHERE attrelid = 'public.every'::regclass";
    let listed = db.text(columns).await;
    widen(&db).await.expect("the column widens");
    assert_eq!(db.text(read).await, before);
    assert_eq!(db.text(columns).await, listed, "a view of everything keeps its columns");
    assert_eq!(
        db.text("SELECT string_agg(v, ',' ORDER BY \"Key\") FROM public.\"Odd Ones\"").await,
        "30,40,high"
    );
    assert_eq!(db.text("SELECT string_agg(v || n, ',' ORDER BY v) FROM public.kept").await, "301,401");
    db.run("INSERT INTO clari.odd (id, _position) VALUES ('by hand', 1)").await;
    assert_eq!(db.text("SELECT v FROM clari.odd WHERE id = 'by hand'").await, "7", "the default goes along");
    owner.drop(&db).await;
    reader.drop(&db).await;
}

#[tokio::test]
async fn a_view_whose_owner_may_only_read_goes_along() {
    let Some(db) = made("CREATE TABLE public.other AS SELECT 1 AS n").await else { return };
    let owner = Role::new(&db, "owner").await;
    db.run(&format!(
        "GRANT USAGE, CREATE ON SCHEMA public, clari TO {0}; GRANT SELECT ON clari.odd, public.other TO {0}; \
         CREATE VIEW public.both AS SELECT v, n FROM clari.odd, public.other; ALTER VIEW public.both OWNER TO {0}",
        owner.0
    ))
    .await;
    widen(&db).await.expect("the column widens");
    assert_eq!(
        db.text("SELECT string_agg(v || n, ',' ORDER BY v) FROM public.both").await,
        "201,301,401,high1"
    );
    owner.drop(&db).await;
}

#[tokio::test]
async fn a_column_that_somebody_let_refuse_null_widens_and_refuses_it_still() {
    let Some(db) = made("ALTER TABLE clari.odd ALTER v SET NOT NULL").await else { return };
    widen(&db).await.expect("the column widens");
    let read =
        "SELECT attnotnull::text FROM pg_attribute WHERE attrelid = 'clari.odd'::regclass AND attname = 'v'";
    assert_eq!(db.text(read).await, "true");
}

#[tokio::test]
async fn how_and_where_a_column_and_its_indexes_are_stored_goes_along() {
    let Some(db) = Database::fresh().await else { return };
    let fields = |kind| ColumnType::Struct(vec![("a".to_owned(), kind)]);
    let (narrow, wide) =
        (odd(&[("v", fields(ColumnType::Integer))]), odd(&[("v", fields(ColumnType::Text))]));
    load(&db, &narrow, "2", 2, json!({ "v": {"a": 1} })).await.expect("the load lands");
    let space = format!("{}_space", db.name());
    for statement in [
        format!("ALTER DATABASE {} SET allow_in_place_tablespaces = on", db.name()),
        format!("CREATE TABLESPACE {space} LOCATION ''"),
        format!("CREATE INDEX there ON clari.odd (v) TABLESPACE {space} WHERE id <> ''"),
        "ALTER TABLE clari.odd ALTER v SET STORAGE EXTERNAL, ALTER v SET COMPRESSION pglz".to_owned(),
        "CREATE MATERIALIZED VIEW public.kept AS SELECT v FROM clari.odd".to_owned(),
        format!("CREATE INDEX kept_there ON public.kept (v) TABLESPACE {space}"),
        "CREATE INDEX kept_here ON public.kept (v)".to_owned(),
    ] {
        db.run(&statement).await;
    }
    let read = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM (SELECT indexname || coalesce(tablespace, '') AS line \
        FROM pg_indexes WHERE schemaname IN ('clari', 'public') UNION ALL SELECT attname || attstorage::text || attcompression::text \
        FROM pg_attribute WHERE attrelid = 'clari.odd'::regclass AND attname = 'v') AS lines";
    let before = db.text(read).await;
    assert!(before.contains(&format!("there{space}")) && before.contains("vep"), "{before}");
    load(&db, &wide, "3", 3, json!({ "v": {"a": "x"} })).await.expect("the column widens");
    assert_eq!(db.text(read).await, before);
    db.run("DROP MATERIALIZED VIEW public.kept; DROP INDEX clari.there").await;
    db.run(&format!("DROP TABLESPACE {space}")).await;
}

#[tokio::test]
async fn indexes_constraints_policies_and_the_rest_are_made_again() {
    let by = "CREATE INDEX plain ON clari.odd (v); CREATE UNIQUE INDEX pair ON clari.odd (w, v DESC NULLS LAST) \
          INCLUDE (x) WHERE v IS NOT NULL; CREATE INDEX odd_text ON clari.odd (lower(v::text)) WITH (fillfactor = 70); \
        COMMENT ON INDEX clari.plain IS 'theirs'; ALTER TABLE clari.odd CLUSTER ON plain; \
        ALTER TABLE clari.odd ADD CONSTRAINT each UNIQUE (v) DEFERRABLE, ADD CONSTRAINT given CHECK (v IS NOT NULL); \
        CREATE STATISTICS clari.both (dependencies) ON v, w FROM clari.odd; \
        ALTER TABLE clari.odd ENABLE ROW LEVEL SECURITY; \
        CREATE POLICY few ON clari.odd AS RESTRICTIVE FOR SELECT TO PUBLIC USING (v IS NOT NULL AND w > 0); \
        CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; \
        CREATE TRIGGER told AFTER UPDATE OF v ON clari.odd FOR EACH ROW EXECUTE FUNCTION public.nothing(); \
        ALTER TABLE clari.odd DISABLE TRIGGER told; CREATE TABLE public.log (v text); \
        CREATE RULE noted AS ON DELETE TO clari.odd DO ALSO INSERT INTO public.log VALUES (old.v); \
        CREATE PUBLICATION some_columns FOR TABLE clari.odd (id, v) WHERE (id <> '')";
    let Some(db) = made(by).await else { return };
    let read = "SELECT string_agg(line, E'\\n' ORDER BY line) FROM ( \
        SELECT pg_get_indexdef(indexrelid) || indisclustered || coalesce(obj_description(indexrelid), '') AS line \
          FROM pg_index WHERE indrelid = 'clari.odd'::regclass \
        UNION ALL SELECT conname || pg_get_constraintdef(oid) || convalidated FROM pg_constraint \
          WHERE conrelid = 'clari.odd'::regclass \
        UNION ALL SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext \
        UNION ALL SELECT polname || polpermissive || polcmd::text || polroles::text || pg_get_expr(polqual, polrelid) \
          FROM pg_policy \
        UNION ALL SELECT pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal AND tgname = 'told' \
        UNION ALL SELECT pubname || attnames::text || rowfilter FROM pg_publication_tables) AS lines";
    let before = db.text(read).await;
    assert!(before.lines().count() >= 11, "{before}");
    widen(&db).await.expect("the column widens");
    let after = db.text(read).await.replace("ON w, v FROM", "ON v, w FROM");
    let after = after.replace("lower(v)", "lower((v)::text)");
    assert_eq!(after, before);
    let rules = "SELECT string_agg(definition, '') FROM pg_rules WHERE rulename = 'noted'";
    assert!(db.text(rules).await.contains("old.v"), "{}", db.text(rules).await);
    assert_no_leftovers(&db).await;
}

#[tokio::test]
async fn what_the_wider_type_does_not_allow_is_named_and_the_table_stays_as_it_was() {
    for (by, named, way) in [
        (
            "CREATE VIEW public.sums AS SELECT sum(v) AS s FROM clari.odd",
            "view public.sums",
            "DROP VIEW public.sums",
        ),
        ("CREATE INDEX high ON clari.odd (w) WHERE v > 5", "index high", "DROP INDEX clari.high"),
        (
            "ALTER TABLE clari.odd ADD CONSTRAINT low CHECK (v < 1000)",
            "constraint low",
            "ALTER TABLE clari.odd DROP CONSTRAINT low",
        ),
        (
            "ALTER TABLE clari.odd ADD twice bigint GENERATED ALWAYS AS (v * 2) STORED",
            "twice",
            "ALTER TABLE clari.odd DROP twice",
        ),
        (
            "CREATE FUNCTION public.most() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT max(v) FROM clari.odd; END",
            "function",
            "DROP FUNCTION public.most()",
        ),
        (
            "CREATE MATERIALIZED VIEW public.slow AS SELECT v FROM clari.odd, (SELECT 1 FROM pg_sleep(1.3)) AS one",
            "materialized view public.slow",
            "DROP MATERIALIZED VIEW public.slow",
        ),
    ] {
        let Some(db) = made(by).await else { return };
        let read = "SELECT (SELECT string_agg(relname || relfilenode, ' ' ORDER BY relname) FROM pg_class \
            WHERE relnamespace IN ('public'::regnamespace, 'clari'::regnamespace)) || (SELECT string_agg(ctid || xmin::text, \
            ' ') FROM clari.odd) || (SELECT string_agg(attname || atttypid, ' ' ORDER BY attnum) FROM pg_attribute \
            WHERE attrelid = 'clari.odd'::regclass)";
        let before = db.text(read).await;
        let refused = widen(&db).await.expect_err(by);
        assert_eq!(refused.kind(), Kind::Conflict, "{refused:?}");
        assert!(
            refused.to_string().contains(named) && refused.to_string().contains("v from integer to text"),
            "{refused}"
        );
        assert!(refused.way_out().is_some_and(|way| way.contains(named)), "{refused:?}");
        assert_eq!(db.text(read).await, before, "{by}");
        db.run(way).await;
        widen(&db).await.expect("without it the column widens");
        assert_no_leftovers(&db).await;
    }
}

#[tokio::test]
async fn a_load_that_has_written_to_the_table_is_told_to_begin_anew_and_then_gets_through() {
    let Some(db) = made("").await else { return };
    let row = |id: &str, line: u32, v: serde_json::Value, schema: &TableSchema| -> RecordBatch {
        batch(schema, &[json!({ "id": id, "_position": Position::new(9, line).pack(), "v": v })])
    };
    let destination = db.destination();
    let from = destination.inspect().await.expect("it is well").position;
    let mut changes = Vec::new();
    for round in 0..2 {
        let mut load = destination.begin(spec(from)).await.expect("it begins");
        load.write(change(&narrow(), row("a", 2, json!(1), &narrow()))).await.expect("the rows are taken");
        let wider = load.write(change(&wide(), row("b", 3, json!("x"), &wide()))).await;
        match (round, wider) {
            (0, Err(error)) => {
                assert_eq!((error.kind(), error.is_temporary()), (Kind::Conflict, true), "{error:?}")
            }
            (1, Ok(())) => changes = load.commit(Position::new(9, 9)).await.expect("it lands").schema_changes,
            (_, other) => panic!("round {round}: {other:?}"),
        }
    }
    assert_eq!(changes, ["odd: column v widened from integer to text"], "told once, by the load that landed");
    assert_eq!(db.text("SELECT string_agg(v, ',' ORDER BY id) FROM clari.odd").await, "20,30,40,1,x");
    assert_eq!(
        db.text("SELECT count(*)::text FROM clari._clarion_schema_changes WHERE change LIKE '%widened%'")
            .await,
        "1"
    );
}

async fn assert_no_leftovers(db: &Database) {
    // An index keeps the names that its columns had when it was built; nothing shows them.
    let read = "SELECT ((SELECT count(*) FROM pg_class WHERE relname LIKE '\\_clarion\\_wide%') + (SELECT count(*) \
        FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid AND relkind = 'r' \
        WHERE attname LIKE '\\_clarion\\_wide%') + (SELECT count(*) FROM pg_constraint \
        WHERE conname LIKE '\\_clarion\\_wide%'))::text";
    assert_eq!(db.text(read).await, "0");
}
