//! What a user meets when the store cannot be used: the thing is named, and the way out.

use std::fs;

use clarion_core::testing::state::known;
use clarion_core::{Error, Kind, Position, Progress, StateStore, StreamName};
use clarion_state_store::Settings;
use sqlx::{Connection, Executor, SqliteConnection};

use crate::place::Place;

async fn refusal(place: &Place) -> Error {
    place.try_open().await.err().unwrap()
}

fn with_url(url: &str) -> Place {
    Place { settings: Settings { url: url.to_owned() }, ..Place::sqlite() }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_with_the_way_out() {
    let place = Place::sqlite();
    fs::create_dir(place.path().join("data")).unwrap();
    fs::write(place.path().join("data/state.db"), "this is no database, however long one looks at it")
        .unwrap();
    let error = refusal(&place).await;
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains("data/state.db"), "{error}");
    assert!(error.way_out().unwrap().contains("rebuilt from the journal with zero requests"));
}

#[tokio::test]
async fn a_damaged_page_is_corrupt_and_not_an_empty_answer() {
    let place = Place::sqlite();
    let store = place.open().await;
    let records = (0..2000).map(|i| known(&format!("key {i}"), Position::new(1, i))).collect();
    store.commit(1, Progress { known: records, ..Progress::default() }).await.unwrap();
    store.close().await;
    let file = place.path().join("data/state.db");
    let mut bytes = fs::read(&file).unwrap();
    let from = bytes.len() / 2;
    bytes[from..].fill(0xa5);
    fs::write(&file, bytes).unwrap();
    let scanned = match place.try_open().await {
        Ok(store) => store.scan_known(&StreamName::CALLS, None, 5000).await.map(|found| found.len()),
        Err(error) => Err(error),
    };
    assert_eq!(scanned.unwrap_err().kind(), Kind::Corrupt);
}

#[tokio::test]
async fn a_store_of_a_newer_version_is_left_alone() {
    let place = Place::sqlite();
    place.open().await.close().await;
    let file = place.path().join("data/state.db");
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    connection.execute("INSERT INTO schema_version VALUES (999, 'from the future', 0)").await.unwrap();
    connection.close().await.unwrap();
    let error = refusal(&place).await;
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let place = Place::sqlite();
    fs::write(place.path().join("data"), "a file where the folder should be").unwrap();
    let error = refusal(&place).await;
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.to_string().contains("/data"), "{error}");
    let locked = Place::sqlite();
    fs::write(locked.path().join("file"), "").unwrap();
    let lease = locked.open().await.lease(locked.path().join("file"));
    let error = clarion_core::Lease::take(&lease, "sync").await.err().unwrap();
    assert_eq!(error.kind(), Kind::Storage);
}

#[tokio::test]
async fn an_unreachable_server_is_named_without_its_password() {
    let error = refusal(&with_url("postgres://ann:s3cret@127.0.0.1:1/state")).await;
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.is_temporary());
    assert!(error.to_string().contains("postgres://ann:***@127.0.0.1:1/state"), "{error}");
    assert!(!format!("{error:?} {}", error.chain()).contains("s3cret"));
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_a_matter_of_configuration() {
    let Some(mut place) = Place::postgres().await else {
        return;
    };
    let mut url = url::Url::parse(&place.settings.url).unwrap();
    url.set_path("there_is_no_such_database");
    place.settings.url = url.to_string();
    let error = refusal(&place).await;
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.chain().contains("there_is_no_such_database"), "{}", error.chain());
}

#[tokio::test]
async fn a_url_of_something_else_names_the_key() {
    for url in
        ["mysql://root:s3cret@db/x", "nonsense", "sqlite::memory:", "sqlite://", "sqlite://a.db?mode=ro"]
    {
        let error = refusal(&with_url(url)).await;
        assert_eq!(error.kind(), Kind::Config, "{url}");
        let text = format!("{error:?}");
        assert!(text.contains("state.url") && !text.contains("s3cret"), "{text}");
    }
}

#[tokio::test]
async fn a_path_is_taken_as_it_is_written() {
    let place = with_url("sqlite://da ta/50%/st#te é.db");
    place.open().await.close().await;
    assert!(place.path().join("da ta/50%/st#te é.db").is_file());
}
