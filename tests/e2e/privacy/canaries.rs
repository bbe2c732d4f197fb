//! Canaries in every place that a rule covers: no search of what is on disk, in the database or printed finds one.

use serde_json::Value;

use super::{CANARIES, Cage, KEYED, column};
use crate::crash::kill::Death;
use crate::harness::{Ran, found, lake_tables, matches, warehouse_tables};

/// Where a canary is found, what was printed included.
async fn escaped(cage: &Cage, ran: &[&Ran]) -> Vec<String> {
    let mut places = found(&cage.workspace, &CANARIES).await;
    // The configuration of the test itself names none.
    for ran in ran {
        for printed in [&ran.stdout, &ran.stderr] {
            places.extend(matches(printed.as_bytes(), &CANARIES).map(|text| format!("printed: {text}")));
        }
    }
    places
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rules_keep_out_is_nowhere() {
    let cage = Cage::new(12).await;
    let first = cage.workspace.run_with_env(&[KEYED], &["-vv", "sync"]).expect(0);
    assert_eq!(escaped(&cage, &[&first]).await, Vec::<String>::new());
    cage.edit(serde_json::json!({"title": "again +49 151 5550142", "account_name": "Canary Accountname"}));
    let mut ran = vec![first];
    for arguments in [
        ["-vv", "sync", "--log-format=json"].as_slice(),
        &["-vv", "sync", "--full"],
        &["-vv", "status"],
        &["-vv", "verify"],
        &["-vv", "replay", "--destination", "lake"],
    ] {
        ran.push(cage.workspace.run_with_env(&[KEYED], arguments).expect(0));
    }
    assert_eq!(escaped(&cage, &ran.iter().collect::<Vec<_>>()).await, Vec::<String>::new());
    assert_shown(&cage).await;
}

/// The rest is there, and joins.
async fn assert_shown(cage: &Cage) {
    let mut stores = vec![lake_tables(&cage.workspace.lake())];
    if let Some(database) = cage.workspace.warehouse() {
        stores.push(warehouse_tables(database).await);
    }
    for tables in stores {
        let one = |table: &str, name: &str| column(&tables[table], &cage.call, name).into_iter().next();
        let user = tables["users"].iter().find(|user| user["id"] == "canary-user").unwrap();
        let organizer = tables["call_participants"]
            .iter()
            .find(|row| row["call_id"] == *cage.call && row["user_id"] == "canary-user")
            .unwrap();
        assert_eq!(user["email"], organizer["email"], "hashes join across streams");
        assert_eq!(user["email"].as_str().map(str::len), Some(64));
        assert_eq!(user["name"], "****** ***********");
        assert!(user.get("about").is_none() && user.get("phone").is_none(), "{user}");
        let person = tables["people"].iter().find(|person| person["id"] == "canary-user").unwrap();
        assert_eq!(
            (&person["email"], &person["name"]),
            (&user["email"], &user["name"]),
            "custom streams too"
        );
        assert!(person["about"].to_string().contains("[email]"), "{person}");
        let turns = column(&tables["transcript_turns"], &cage.call, "text");
        assert_eq!(Vec::from_iter(turns), ["mail [email] or call [phone]", "the card is [card], ok?"]);
        assert_eq!(one("action_items", "action_item").as_deref(), Some("write to [email]"));
        assert_eq!(one("topics_discussed", "name").as_deref(), Some("Money"));
        assert_eq!(one("topics_discussed", "summary"), None);
        assert_eq!(one("competitor_sentiments", "competitor_name").as_deref(), Some("Acme"));
        let call = tables["calls"].iter().find(|row| row["id"] == *cage.call).unwrap();
        assert_eq!((&call["title"], &call["account_name"]), (&"again [phone]".into(), &Value::Null));
        let details = tables["call_details"].iter().find(|row| row["id"] == *cage.call).unwrap();
        let text = details["transcript_text"].as_str().unwrap();
        assert!(text.contains("the card is [card], ok?"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_is_killed_anywhere_leaves_no_canary() {
    for death in [
        Death("journal.appended", 3),
        Death("journal.appended", 20),
        Death("pipeline.cut", 1),
        Death("state.writing", 2),
        Death("parquet.staged", 0),
        Death("parquet.manifest", 0),
    ] {
        let cage = Cage::new(12).await;
        let environment = [KEYED, ("FAILPOINTS", &death.spelled())];
        let killed = cage.workspace.run_with_env(&environment, &["-vv", "sync"]);
        assert_eq!(killed.signal, Some(9), "{death:?} was not reached\n{}", killed.stderr);
        assert_eq!(escaped(&cage, &[&killed]).await, Vec::<String>::new(), "{death:?}");
        let next = cage.workspace.run_with_env(&[KEYED], &["-vv", "sync"]).expect(0);
        assert_eq!(escaped(&cage, &[&next]).await, Vec::<String>::new(), "after {death:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_planted_defect_of_rules_is_found_out() {
    let cage = Cage::new(6).await;
    let environment = [KEYED, ("FAILPOINTS", "rules.skipped=return")];
    let ran = cage.workspace.run_with_env(&environment, &["sync"]).expect(0);
    let escaped = escaped(&cage, &[&ran]).await;
    for canary in CANARIES {
        assert!(
            escaped.iter().any(|place| place.ends_with(canary)),
            "{canary} is in no place that is searched"
        );
    }
    for place in ["segments", "lake/call_details", "lake/transcript_turns", "lake/users"] {
        assert!(escaped.iter().any(|found| found.contains(place)), "nothing in {place}: {escaped:?}");
    }
}
