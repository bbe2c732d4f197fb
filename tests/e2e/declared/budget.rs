//! What the declared streams may spend, and what a plan says of it beforehand.

use std::collections::{BTreeMap, BTreeSet};

use super::{NOW, Scene, asked};

/// Ids asked for, each with how often.
fn ids(scene: &Scene) -> Vec<String> {
    let requests = scene.control().requests().into_iter().filter(|request| request.path.starts_with("/get-"));
    requests.map(|request| request.param("id").unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_plan_says_what_the_sync_then_asks_for() {
    let scene = Scene::set(25, "").await;
    scene.sync(NOW);
    for (now, due) in
        [("2026-11-20T16:00:00Z", false), ("2026-11-21T10:00:00Z", true), ("2026-12-21T10:00:00Z", true)]
    {
        let plan = scene.at(now, "", &["plan"]).expect(0);
        let mut planned: BTreeMap<String, u64> = BTreeMap::new();
        for line in plan.json["lines"].as_array().unwrap() {
            *planned.entry(line["stream"].as_str().unwrap().to_owned()).or_default() +=
                line["requests"].as_u64().unwrap();
        }
        let ran = scene.sync(now);
        let mut made = ran.json["requests"]["by_stream"].as_object().unwrap().clone();
        for of_calls in ["calls", "call_details"] {
            planned.remove(of_calls);
            made.remove(of_calls);
        }
        let made: BTreeMap<String, u64> =
            made.into_iter().map(|(stream, requests)| (stream, requests.as_u64().unwrap())).collect();
        assert_eq!(planned, made, "at {now}");
        assert_eq!(made.contains_key("teams"), due, "at {now}");
    }
    assert!(asked(&scene.control()).contains_key("/get-account"), "a month later the ids are due again");
}

#[tokio::test]
async fn a_week_that_ends_among_the_ids_pauses_and_no_id_is_paid_for_twice() {
    let all = Scene::set(30, "").await;
    all.sync(NOW);
    let (whole, wanted) = (all.control().count(), ids(&all));
    let scene = Scene::with_week(30, whole - wanted.len() as u64 / 2, "").await;
    let ran = scene.at(NOW, "", &["sync"]).expect(3);
    assert_eq!(ran.text("/outcome"), "paused");
    let mut paid = ids(&scene);
    assert!(!paid.is_empty() && paid.len() < wanted.len(), "{} of {}", paid.len(), wanted.len());
    // The quota week begins anew.
    scene.sync("2026-11-22T00:30:00Z");
    paid.extend(ids(&scene));
    assert_eq!(paid.len(), wanted.len());
    assert_eq!(BTreeSet::from_iter(paid), BTreeSet::from_iter(wanted));
}

#[tokio::test]
async fn ids_are_read_again_within_a_hundredth_of_the_week() {
    let every = "[streams.crm_contacts]\nevery = \"1d\"\n";
    let scene = Scene::with_week(30, 600, every).await;
    scene.sync(NOW);
    let contacts = scene.control().count_of("/get-contact");
    assert!(contacts > 6, "{contacts} contacts");
    scene.sync("2026-11-23T10:00:00Z");
    assert_eq!(scene.control().count_of("/get-contact"), 6);
    // Those that waited longest come first.
    let first = ids(&scene);
    scene.sync("2026-11-23T16:00:00Z");
    assert!(ids(&scene).iter().all(|id| !first.contains(id)));
}

#[tokio::test]
async fn a_full_load_of_several_weeks_asks_for_no_month_and_no_id_twice() {
    let scene = Scene::with_week(40, 0, "").await;
    scene.sync(NOW);
    let (months, wanted) = (scene.control().count_of("/stats") - 1, ids(&scene).len());
    let config = scene.workspace.config();
    // Enough for the listings, and for a part of the details.
    scene.workspace.write_config(&config.replace("weekly_requests = 0", "weekly_requests = 60"));
    let mut asked: BTreeMap<String, u64> = BTreeMap::new();
    let mut last = 3;
    for week in ["2026-11-23", "2026-11-30", "2026-12-07", "2026-12-14"] {
        if last != 3 {
            break;
        }
        last = scene.at(&format!("{week}T10:00:00Z"), "", &["sync", "--full"]).code;
        for request in scene.control().requests() {
            let of = |name| request.param(name).unwrap_or_default().to_owned();
            let is_month = request.path == "/stats" && of("from").ends_with("-01");
            if is_month || request.path.starts_with("/get-") {
                *asked.entry(format!("{} {}{}", request.path, of("id"), of("to"))).or_default() += 1;
            }
        }
    }
    assert_eq!(last, 0, "the load did not end");
    assert!(asked.values().all(|times| *times == 1), "{asked:?}");
    assert!(asked.len() as u64 >= months + wanted as u64, "{} of {months} + {wanted}", asked.len());
}
