//! What every destination must do.

use clarion_core::testing::destination::suite;

use super::database::Database;

#[tokio::test]
async fn postgres_does_what_every_destination_must() {
    if Database::fresh().await.is_none() {
        return;
    }
    suite(|| async { Database::fresh().await.expect("the server was there before") }).await;
}
