//! Records that were rejected: named, counted, in nobody's way, and loaded once whatever was wrong is mended.

use serde_json::Value;

use crate::audit::{assert_clean, audit, has_details};
use crate::crash::kill::Scene;
use crate::harness::Ran;

/// An older normaliser: records of a newer shape are nothing to it, or the times in them.
const OLD_NORMALISERS: [&str; 2] = ["loader.rejects_records=return", "loader.rejects_times=return"];

fn rejected(scene: &Scene) -> Vec<Value> {
    let ran = scene.workspace.run(&["status", "--rejected"]).expect(0);
    ran.json["rejected"].as_array().unwrap().clone()
}

fn run(scene: &Scene, failpoints: &str, arguments: &[&str]) -> Ran {
    scene.workspace.run_with_env(&[("FAILPOINTS", failpoints)], arguments)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_version_rejected_is_loaded_after_the_fix_without_a_request() {
    for old in OLD_NORMALISERS {
        let scene = Scene::set(8).await;
        let destinations = scene.workspace.destinations();
        let ran = run(&scene, old, &["sync"]).expect(0);
        assert!(ran.number("/streams/calls/rejected") >= 8, "{old}: {}", ran.stdout);
        let letters = rejected(&scene);
        for letter in &letters {
            assert!(destinations.iter().any(|name| letter["destination"] == **name), "{letter}");
            assert_eq!(letter["attempts"], 1, "{letter}");
        }
        scene.control().reset_log();
        let still = run(&scene, old, &["load", "--rejected"]).expect(0);
        for name in &destinations {
            let retried = &still.json["retried"][name];
            assert_eq!(retried["records"], retried["rejected"], "{old}: {}", still.stdout);
        }
        assert_eq!(rejected(&scene).len(), letters.len());
        assert!(rejected(&scene).iter().all(|letter| letter["attempts"] == 2));
        let plain = scene.workspace.run_plain(&["status", "--rejected"]).expect(0);
        assert!(plain.stdout.contains("lake") && plain.stdout.contains("calls"), "{}", plain.stdout);

        let fixed = scene.workspace.run(&["load", "--rejected"]).expect(0);
        for name in &destinations {
            let pointer = |what: &str| fixed.number(&format!("/retried/{name}/{what}"));
            assert!(pointer("records") >= 8 && pointer("rejected") == 0, "{old}: {}", fixed.stdout);
        }
        assert_eq!(rejected(&scene), Vec::<Value>::new());
        assert_eq!(scene.control().count(), 0, "no request was made");
        assert_clean(old, audit(&scene.workspace, &scene.simulator).await);
        let nothing = scene.workspace.run_plain(&["load", "--rejected"]).expect(0);
        assert!(nothing.stdout.contains("nothing was rejected"), "{}", nothing.stdout);
        scene.workspace.run(&["verify"]).expect(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_planted_defect_of_a_retry_is_found_out() {
    let scene = Scene::set(6).await;
    run(&scene, OLD_NORMALISERS[1], &["sync"]).expect(0);
    run(&scene, "pipeline.retry_as_ever=return", &["load", "--rejected"]).expect(0);
    assert!(audit(&scene.workspace, &scene.simulator).await.is_err(), "the rows are as they were");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_rejected_record_is_in_nobodys_way_and_gone_with_its_next_version() {
    let scene = Scene::set(8).await;
    let call = scene.control().call_ids()[0].clone();
    let odd = |wire: &str| {
        let (id, text, field) = (call.clone(), wire.to_owned(), "original_start_time".to_owned());
        scene.control().edit(clarion_simulator::Edit::SetVerbatim { id, field, text })
    };
    assert!(odd("\"soon\""));
    scene.workspace.sync();
    let letters = rejected(&scene);
    assert!(!letters.is_empty() && letters.iter().all(|letter| letter["key"] == *call), "{letters:?}");
    assert!(odd("\"2026-11-03T10:00:00Z\""));
    scene.workspace.sync();
    scene.workspace.run(&["sync", "--full"]).expect(0);
    assert_eq!(rejected(&scene), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_behind_the_commit_loses_no_rejection() {
    let scene = Scene::set(6).await;
    let killed = run(&scene, &format!("{};parquet.done=return", OLD_NORMALISERS[1]), &["sync"]);
    assert_eq!(killed.signal, Some(9), "{}", killed.stderr);
    assert!(rejected(&scene).iter().any(|letter| letter["destination"] == "lake"));
    scene.workspace.run(&["load", "--rejected"]).expect(0);
    assert_clean("after the retry", audit(&scene.workspace, &scene.simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_fetched_is_asked_for_again_by_the_next_generation() {
    let scene = Scene::set(6).await;
    let call =
        scene.control().truth().into_iter().find(has_details).unwrap()["id"].as_str().unwrap().to_owned();
    scene.control().fail_details([call.clone()], 400, u32::MAX);
    let ran = scene.workspace.sync();
    assert_eq!(ran.number("/streams/call_details/rejected"), 1, "{}", ran.stdout);
    let letters = rejected(&scene);
    assert_eq!((letters.len(), &letters[0]["key"]), (1, &call.clone().into()));
    assert_eq!((&letters[0]["destination"], &letters[0]["stream"]), (&Value::Null, &"call_details".into()));
    scene.workspace.run(&["sync", "--full"]).expect(0);
    assert_eq!(rejected(&scene)[0]["attempts"], 2);
    scene.control().fail_details([call], 400, 0);
    scene.workspace.run(&["sync", "--full"]).expect(0);
    assert_eq!(rejected(&scene), Vec::<Value>::new());
    assert_clean("after the fix", audit(&scene.workspace, &scene.simulator).await);
}
