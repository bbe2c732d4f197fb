//! Details that fail while the list goes on: the list's progress must not bury them.

use chrono::{TimeDelta, Utc};

use super::{assert_made_good, assert_owns_up, complaints, few, scene};
use crate::audit::{Table, has_details, rows};

#[tokio::test(flavor = "multi_thread")]
async fn details_that_all_fail_in_one_run_are_all_fetched_by_the_next() {
    let (simulator, workspace) = scene(few()).await;
    let control = simulator.control();
    control.set_faults("500@/call-details").unwrap();
    let ran = workspace.run(&["sync"]);
    assert_owns_up("all details failed", &ran);
    let listed = rows(&workspace, "lake", Table::named("calls")).await.unwrap();
    assert_eq!(listed.len(), control.call_ids().len(), "the list is loaded all the same");

    control.set_faults("").unwrap();
    control.reset_log();
    assert_made_good("details after a run without any", &workspace, &simulator).await;
    let wanted = control.truth().iter().filter(|call| has_details(call)).count() as u64;
    assert_eq!(control.count_of("/call-details"), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn some_details_that_fail_are_named_and_the_others_loaded() {
    let (simulator, workspace) = scene(few()).await;
    let control = simulator.control();
    let ready: Vec<_> = control.truth().into_iter().filter(has_details).collect();
    let ids: Vec<String> = ready.iter().filter_map(|call| call["id"].as_str().map(str::to_owned)).collect();
    let failing: Vec<String> = ids.iter().step_by(6).cloned().collect();
    control.fail_details(failing.clone(), 500, u32::MAX);
    let ran = workspace.run(&["sync"]).expect(4);
    assert_eq!(ran.text("/outcome"), "partial");
    for id in &failing {
        assert!(complaints(&ran).contains(id), "{id} is not named\n{}", complaints(&ran));
    }
    let loaded = rows(&workspace, "lake", Table::named("call_details")).await.unwrap();
    assert_eq!(loaded.len(), ids.len() - failing.len());

    control.fail_details(failing, 500, 0);
    assert_made_good("details that failed before", &workspace, &simulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_details_are_a_bad_gateway_for_ever_is_that_calls_fault() {
    let (simulator, workspace) = scene(few()).await;
    let control = simulator.control();
    let ready = control.truth().into_iter().find(has_details).unwrap();
    let id = ready["id"].as_str().unwrap().to_owned();
    control.fail_details([id.clone()], 502, u32::MAX);
    for round in 0..2 {
        control.reset_log();
        let ran = workspace.run(&["sync"]).expect(4);
        assert!(complaints(&ran).contains(&id), "round {round}: {}", complaints(&ran));
        let asked = control.requests().iter().filter(|request| request.param("id") == Some(&id)).count();
        assert!((1..=5).contains(&asked), "round {round}: asked {asked} times");
    }
    control.fail_details([id.clone()], 502, 0);
    // What failed twice is left alone for a while.
    control.reset_log();
    let ran = workspace.run(&["sync"]).expect(0);
    assert!(ran.json["warnings"].to_string().contains("left alone"), "{}", ran.stdout);
    assert!(control.requests().iter().all(|request| request.param("id") != Some(&id)));
    let later = (Utc::now() + TimeDelta::hours(1)).to_rfc3339();
    workspace.run_with_env(&[("CLARION_TEST_NOW", later.as_str())], &["sync"]).expect(0);
    assert_made_good("a call after its bad gateway", &workspace, &simulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_call_without_details_is_a_warning() {
    let (simulator, workspace) = scene(few()).await;
    let control = simulator.control();
    let ready = control.truth().into_iter().find(has_details).unwrap();
    let id = ready["id"].as_str().unwrap().to_owned();
    control.fail_details([id.clone()], 404, u32::MAX);
    let ran = workspace.run(&["sync"]).expect(0);
    let warnings = ran.json["warnings"].to_string();
    assert!(warnings.contains(&id) && warnings.contains("404"), "{warnings}");
    let details = rows(&workspace, "lake", Table::named("call_details")).await.unwrap();
    assert!(details.iter().all(|row| row[0] != id));
    assert_eq!(details.len(), control.truth().iter().filter(|call| has_details(call)).count() - 1);
}
