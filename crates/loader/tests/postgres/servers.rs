//! Servers that are not there, or say no.

use clarion_core::testing::destination::{Call, Script};
use clarion_core::{Destination, Error, Kind, Position};
use clarion_loader::{PostgresDestination, PostgresSettings};

use super::database::Database;

fn destination(url: &str) -> Result<PostgresDestination, Error> {
    PostgresDestination::connect("warehouse", PostgresSettings::new(url.to_owned()))
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_without_its_password() {
    // Port 1 of the loopback: nothing listens there.
    let url = "postgres://someone:hunter2@127.0.0.1:1/sales";
    let error = destination(url).expect("the URL is one").inspect().await.expect_err("nobody is there");
    assert_eq!((error.kind(), error.is_temporary()), (Kind::Storage, true));
    let text = format!("{error:?} {}", error.way_out().unwrap_or_default());
    for part in ["127.0.0.1", "port: 1", "database: sales"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_wrong_url_is_a_configuration_error_without_its_password() {
    for url in ["postgres://someone:hunter2@host:notaport/db", "hunter2"] {
        let error = destination(url).expect_err("it is no URL");
        assert_eq!(error.kind(), Kind::Config);
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }
    let settings =
        PostgresSettings { schema: "x".repeat(64), ..PostgresSettings::new("postgres://host/db".to_owned()) };
    let error = PostgresDestination::connect("warehouse", settings).expect_err("the name is too long");
    assert!(error.to_string().contains("schema"), "{error}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let Some(db) = Database::fresh().await else { return };
    let url = db.url().replace(db.name(), "no_such_database");
    let error = destination(&url).expect("the URL is one").inspect().await.expect_err("it is not there");
    assert!(error.to_string().contains("no_such_database"), "{error}");
    assert!(!error.is_temporary());
}

#[tokio::test]
async fn a_refused_permission_names_its_object() {
    let Some(db) = Database::fresh().await else { return };
    let role = format!("reader_of_{}", db.name());
    db.run(&format!("CREATE ROLE {role} LOGIN")).await;
    let url = db.url().replace("postgres@", &format!("{role}@"));
    let script = Script::new(Position::START, vec![Call::new("a", "2026-01-02T10:00:00Z", 2)]);
    let begun = destination(&url).expect("the URL is one").begin(script.announced()).await;
    db.run(&format!("DROP ROLE {role}")).await;
    let error = begun.err().expect("it may not create a schema");
    assert!(error.to_string().contains("permission denied"), "{error}");
    assert!(error.to_string().contains(&format!("database {}", db.name())), "{error}");
}

#[tokio::test]
async fn a_schema_of_any_name_is_quoted() {
    let Some(db) = Database::fresh().await else { return };
    let schema = "Sales \"EU\"; drop".to_owned();
    let settings = PostgresSettings { schema, ..PostgresSettings::new(db.url()) };
    let destination = PostgresDestination::connect("warehouse", settings).expect("the settings are right");
    let script = Script::new(Position::START, vec![Call::new("a", "2026-01-02T10:00:00Z", 2).parts(&["1"])]);
    let mut load = destination.begin(script.announced()).await.expect("it begins");
    load.write(script.change()).await.expect("the rows are taken");
    load.commit(Position::new(1, 99)).await.expect("the load lands");
    assert_eq!(destination.inspect().await.expect("it is well").tables.len(), 2);
    assert_eq!(db.text("SELECT id FROM \"Sales \"\"EU\"\"; drop\".calls").await, "a");
}
