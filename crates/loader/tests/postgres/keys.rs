//! A stream that is to be known by another key.

use clarion_core::testing::rows::batch;
use clarion_core::{ColumnType, Destination, Kind, LoadSpec, Position, Result, TableSchema};
use serde_json::{Value, json};

use super::database::Database;
use super::types::{change, load, odd, spec};

fn by_id() -> TableSchema {
    odd(&[("email", ColumnType::Text)])
}

/// The same records, which have an id no more.
fn by_email() -> TableSchema {
    let mut schema = odd(&[("v", ColumnType::Integer)]);
    schema.columns[0].name = "email".to_owned();
    TableSchema { key: vec!["email".to_owned()], ..schema }
}

async fn load_by_email(db: &Database, line: u32, replace: bool, row: Value) -> Result<()> {
    let destination = db.destination();
    let from = destination.inspect().await.expect("it is well").position;
    let mut row = row;
    row["_position"] = json!(Position::new(9, line).pack());
    let mut load = destination.begin(LoadSpec { replace, ..spec(from) }).await?;
    load.write(change(&by_email(), batch(&by_email(), &[row]))).await?;
    load.commit(Position::new(9, line)).await.map(drop)
}

#[tokio::test]
async fn another_key_is_named_and_a_rebuild_takes_it() {
    let Some(db) = Database::fresh().await else { return };
    for (line, id) in (2..).zip(["1", "2"]) {
        load(&db, &by_id(), id, line, json!({ "email": format!("{id}@b") })).await.expect("the load lands");
    }
    db.run("CREATE VIEW public.ids AS SELECT id, email FROM clari.odd").await;
    let row = json!({ "email": "1@b", "v": 1 });
    let refused = load_by_email(&db, 2, false, row.clone()).await.expect_err("no row would find its key");
    assert_eq!((refused.kind(), refused.is_temporary()), (Kind::Conflict, false), "{refused:?}");
    let told = refused.to_string();
    assert!(["table: odd", "was: id", "is: email"].iter().all(|word| told.contains(word)), "{told}");
    assert!(refused.way_out().is_some_and(|way| way.contains("clarion replay --destination warehouse")));
    load_by_email(&db, 3, true, row).await.expect("a rebuild takes the key");
    load_by_email(&db, 4, false, json!({ "email": "1@b", "v": 2 }))
        .await
        .expect("there is a key to merge by");
    load_by_email(&db, 5, false, json!({ "email": "2@b", "v": 3 }))
        .await
        .expect("an id is nothing a row must have");
    assert_eq!(
        db.text("SELECT string_agg(email || v, ' ' ORDER BY email) FROM clari.odd").await,
        "1@b2 2@b3"
    );
    assert_eq!(db.text("SELECT count(*)::text FROM public.ids").await, "2", "views stay");
}
