//! A list that cannot be read to its end is not paid for again in every sync.

use super::{Scene, asked};

/// Reads that end as a hole: the offset does not go far enough, and nothing cuts the list.
const TOO_SHORT: &str =
    "[streams.scorecards]\npage_size = 2\nmax_skip = 1\nslice_from_param = \"\"\nslice_to_param = \"\"\n";

#[tokio::test]
async fn what_was_read_in_vain_is_read_again_on_its_schedule_or_if_asked_for() {
    let scene = Scene::set(60, TOO_SHORT).await;
    let sync = |now: &str, more: &[&str], code| {
        let arguments = [&["sync"], more].concat();
        let ran = scene.at(now, "", &arguments).expect(code);
        (asked(&scene.control()).contains_key("/scorecard"), ran)
    };
    let (is_asked, ran) = sync("2026-11-20T10:00:00Z", &[], 4);
    assert!(is_asked && ran.stdout.contains("offset reaches"), "{}", ran.stdout);
    let plan = scene.at("2026-11-20T11:00:00Z", "", &["plan"]).expect(0);
    assert!(!plan.stdout.contains("scorecards"), "{}", plan.stdout);
    let (is_asked, ran) = sync("2026-11-20T11:00:00Z", &[], 0);
    assert!(!is_asked && ran.stdout.contains("--streams scorecards"), "{}", ran.stdout);
    assert!(sync("2026-11-20T12:00:00Z", &["--streams", "scorecards"], 4).0);
    assert!(!sync("2026-11-20T13:00:00Z", &[], 0).0);
    assert!(sync("2026-11-21T13:00:00Z", &[], 4).0, "its period has passed");

    // Declared otherwise it is read at once.
    scene.workspace.write_config(&scene.workspace.config().replace(TOO_SHORT, ""));
    assert!(sync("2026-11-21T14:00:00Z", &[], 0).0);
    assert_eq!(scene.live("scorecards").len(), scene.control().collection("scorecards").len());
    assert!(!sync("2026-11-21T15:00:00Z", &[], 0).0);
}
