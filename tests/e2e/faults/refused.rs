//! Credentials that the vendor refuses.

use super::{assert_made_good, few, scene};
use crate::audit::files;

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_stop_the_run_at_once_and_touch_nothing() {
    let (simulator, workspace) = scene(few()).await;
    let control = simulator.control();
    for variable in ["CLARI_API_KEY", "CLARI_API_PASSWORD"] {
        control.reset_log();
        let ran = workspace.run_with_env(&[(variable, "wrong")], &["sync"]).expect(5);
        assert!(ran.stderr.contains("CLARI_API_KEY and CLARI_API_PASSWORD"), "{}", ran.stderr);
        assert!(
            !ran.stderr.contains("wrong") && !ran.stdout.contains("wrong"),
            "the secret itself is never shown"
        );
        assert!(control.count() <= 2, "{} requests", control.count());
    }
    assert!(files(&workspace.lake()).is_empty());
    let status = workspace.run(&["status"]).expect(0);
    assert_eq!(status.number("/journal/records"), 0);
    assert_made_good("right credentials after wrong ones", &workspace, &simulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_refused_half_way_stop_everything_and_lose_nothing() {
    let (simulator, workspace) = scene(few()).await;
    let control = simulator.control();
    control.set_faults("401@/call-details").unwrap();
    workspace.run(&["sync"]).expect(5);
    assert!(
        control.count_of("/call-details") <= 16,
        "{} after the first refusal",
        control.count_of("/call-details")
    );
    control.set_faults("").unwrap();
    assert_made_good("credentials that work again", &workspace, &simulator).await;
}
