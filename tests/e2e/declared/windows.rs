//! Statistics: the last days in one window, each calendar month once, and once more if it had not settled.

use super::{NOW, Scene};

/// Windows asked for, in order.
fn windows(scene: &Scene, path: &str) -> Vec<String> {
    let requests = scene.control().requests().into_iter().filter(|request| request.path == path);
    requests
        .map(|asked| format!("{}..{}", asked.param("from").unwrap(), asked.param("to").unwrap()))
        .collect()
}

fn windows_live(scene: &Scene, table: &str) -> Vec<String> {
    let day = |value: &serde_json::Value| value.as_str().unwrap()[..10].to_owned();
    let rows = scene.live(table);
    let mut windows: Vec<String> =
        rows.iter().map(|row| format!("{}..{}", day(&row["window_from"]), day(&row["window_to"]))).collect();
    windows.sort();
    windows.dedup();
    windows
}

async fn at_the_end_of_october() -> Scene {
    let scene = Scene::set(60, "").await;
    scene.control().set_now("2026-10-30T10:00:00Z".parse().unwrap());
    scene.sync("2026-10-30T10:00:00Z");
    scene
}

#[tokio::test]
async fn the_last_days_come_each_time_and_a_month_only_once() {
    let scene = at_the_end_of_october().await;
    for path in ["/stats", "/stats/aggregate"] {
        assert_eq!(windows(&scene, path).first().unwrap(), "2026-09-30..2026-10-30");
        assert!(!windows(&scene, path).contains(&"2026-10-01..2026-10-31".to_owned()));
    }
    let before = windows_live(&scene, "aggregate_stats");
    assert!(before.contains(&"2026-09-30..2026-10-30".to_owned()), "{before:?}");
    // The next day: yesterday's last days are marked, the months stay.
    scene.sync("2026-10-31T10:00:00Z");
    assert_eq!(windows(&scene, "/stats"), ["2026-10-01..2026-10-31"]);
    let after = windows_live(&scene, "aggregate_stats");
    assert!(!after.contains(&"2026-09-30..2026-10-30".to_owned()), "{after:?}");
    assert_eq!(after.len(), before.len());
    // The month has ended: asked for at once, and once more when it has settled.
    scene.sync("2026-11-01T10:00:00Z");
    assert_eq!(windows(&scene, "/stats"), ["2026-10-02..2026-11-01", "2026-10-01..2026-10-31"]);
    scene.sync("2026-11-02T10:00:00Z");
    assert_eq!(windows(&scene, "/stats"), ["2026-10-03..2026-11-02"]);
    scene.sync("2026-11-04T10:00:00Z");
    assert_eq!(windows(&scene, "/stats"), ["2026-10-05..2026-11-04", "2026-10-01..2026-10-31"]);
    scene.sync("2026-11-20T10:00:00Z");
    assert_eq!(windows(&scene, "/stats"), ["2026-10-21..2026-11-20"]);
    assert!(windows_live(&scene, "user_stats").contains(&"2026-10-01..2026-10-31".to_owned()));
}

#[tokio::test]
async fn a_lost_state_store_pays_for_no_finished_month_again() {
    let scene = Scene::set(30, "").await;
    scene.sync(NOW);
    scene.workspace.delete_state();
    scene.sync("2026-11-22T10:00:00Z");
    assert_eq!(windows(&scene, "/stats").len(), 1, "{:?}", windows(&scene, "/stats"));
}

#[tokio::test]
async fn a_month_asked_for_twice_is_found_out() {
    let scene = Scene::set(30, "").await;
    scene.sync(NOW);
    scene.at("2026-11-21T10:00:00Z", "pipeline.month_asked_twice=return", &["sync"]).expect(0);
    assert!(windows(&scene, "/stats").len() > 1, "the defect had no effect");
}

/// A stream of windows whose key is written as the stream says.
const MONTHS: &str = r#"
[[streams.custom]]
name = "months"
path = "/teams"
params = { month = "{from}" }
records = "$.teams[*]"
adds = { from = "{from}", to = "{to}" }
key = ["id", "from", "to"]
window_days = 30
window_months = true
date_format = "yyyy-MM-dd"
"#;

#[tokio::test]
async fn windows_that_are_written_otherwise_come_anew_before_those_of_before_go() {
    let scene = Scene::set(30, MONTHS).await;
    let rows = |scene: &Scene| super::texts(&scene.live("months"), "from");
    scene.sync(NOW);
    let before = rows(&scene);
    for (day, format, mark) in [("21", "yyyy MM dd", ' '), ("22", "yyyy-MM-dd", '-')] {
        let config = scene.workspace.config();
        let at = config.find("date_format = ").unwrap();
        let end = at + config[at..].find('\n').unwrap();
        scene.workspace.write_config(&format!(
            "{}date_format = \"{format}\"{}",
            &config[..at],
            &config[end..]
        ));
        scene.sync(&format!("2026-11-{day}T10:00:00Z"));
        let after = rows(&scene);
        assert_eq!(after.len(), before.len());
        assert!(after.iter().all(|from| from.contains(mark)), "{after:?}");
    }
    scene.sync("2026-11-23T10:00:00Z");
    let asked = scene.control().requests().into_iter().filter(|request| request.param("month").is_some());
    assert_eq!(asked.count(), 1, "nothing changed since");
}
