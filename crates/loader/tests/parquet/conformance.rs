use clarion_core::testing::destination::suite;

use super::lake::Lake;

#[tokio::test]
async fn it_is_a_destination() {
    suite(|| async { Lake::new() }).await;
}
