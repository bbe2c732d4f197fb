//! Streams of the user's own, end to end: from configuration to rows, from the vendor's host and from another.

mod stranger;

use serde_json::Value;

use self::stranger::Stranger;

use crate::harness::{Layout, Ran, Workspace, lake_tables, simulate, small, snapshot, warehouse_tables};

const PLAYED: &str = r#"
[[streams.custom]]
name = "lists"
path = "/playlists"
params = { since = "{now-30}" }
records = "$.playlists[*]"
metadata = "$.pagination"
paging = "skip"
page_size = 2

[[streams.custom]]
name = "played"
path = "/playlists/{parent}/calls"
records = "$.calls[?@.status == 'POST_PROCESSING_DONE']"
adds = { list = "{parent}", day = "{now}" }
date_format = "yyyy"
paging = "skip"
page_size = 3
key = ["list", "id"]
parent = "lists"
"#;

async fn both(url: &str, more: &str) -> Workspace {
    Workspace::new(url, Layout { more: more.to_owned(), ..Layout::both().await })
}

fn texts(rows: &[Value], column: &str) -> Vec<String> {
    let mut texts: Vec<String> = rows.iter().map(|row| row[column].as_str().unwrap().to_owned()).collect();
    texts.sort();
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_and_its_children_become_tables_and_cost_nothing_when_not_due() {
    let simulator = simulate(small(40)).await;
    let control = simulator.control();
    let workspace = both(&simulator.url(), PLAYED).await;
    workspace.sync();
    let lists = control.collection("playlists");
    let mut expected = Vec::new();
    for list in &lists {
        for id in list["call_ids"].as_array().unwrap() {
            let call = control.truth_of(id.as_str().unwrap());
            if call.is_some_and(|call| call["status"] == "POST_PROCESSING_DONE") {
                expected.push(id.as_str().unwrap().to_owned());
            }
        }
    }
    expected.sort();
    let tables = lake_tables(&workspace.lake());
    assert_eq!(texts(&tables["lists"], "id").len(), lists.len());
    assert!(
        tables["lists"].iter().all(|row| row["_metadata"]["matched"] == lists.len()),
        "{:?}",
        tables["lists"]
    );
    assert_eq!(texts(&tables["played"], "id"), expected);
    assert!(
        !expected.is_empty() && tables["played"].iter().all(|row| row["day"].as_str().unwrap().len() == 4)
    );
    if let Some(database) = workspace.warehouse() {
        let warehouse = warehouse_tables(database).await;
        for table in ["lists", "played"] {
            assert_eq!(texts(&warehouse[table], "id"), texts(&tables[table], "id"), "{table}");
        }
    }
    let since = control.requests().iter().find_map(|request| request.param("since").map(str::to_owned));
    assert_eq!(since.map(|day| day.len()), Some("2026-11-20".len()));

    let before = (snapshot(&workspace.journal()), snapshot(&workspace.lake()));
    control.reset_log();
    workspace.sync();
    assert_eq!(control.count_of("/playlists"), 0, "it is not due");
    assert!(before == (snapshot(&workspace.journal()), snapshot(&workspace.lake())), "something was written");
}

fn people(url: &str, headers: &str) -> String {
    format!(
        "[[streams.custom]]\nname = \"people\"\nurl = \"{url}/users\"\nheaders = {headers}\n\
         records = \"$.users[*]\"\nkey = \"id\"\n"
    )
}

fn says(ran: &Ran, text: &str) -> bool {
    ran.stdout.contains(text) || ran.stderr.contains(text)
}

/// The other host would take the vendor's credentials, if it got them.
#[tokio::test(flavor = "multi_thread")]
async fn another_host_is_read_with_its_own_headers_and_never_with_the_credentials() {
    let (vendor, other) = (simulate(small(10)).await, simulate(small(5)).await);
    let own = r#"{ X-Api-Key = "demo", X-Api-Password = "demo" }"#;
    let workspace = both(&vendor.url(), &people(&other.url(), own)).await;
    let ran = workspace.sync();
    let people_of =
        |workspace: &Workspace| lake_tables(&workspace.lake()).remove("people").unwrap_or_default();
    assert_eq!(texts(&people_of(&workspace), "id"), texts(&other.control().collection("users"), "id"));
    assert_eq!(other.control().count(), 1);
    let used = workspace.run(&["status"]).expect(0).json["quota"]["used"].as_u64().unwrap();
    assert_eq!(used, vendor.control().count(), "nothing of the vendor's quota");
    assert_eq!(ran.json["requests"]["total"], vendor.control().count());

    // Without headers of its own it refuses; the vendor's streams are loaded all the same.
    let bare = both(&vendor.url(), &people(&other.url(), "{}")).await;
    other.control().reset_log();
    let ran = bare.run(&["sync"]);
    let asked = other.control().requests();
    assert_eq!(
        asked.iter().map(|request| request.status).collect::<Vec<_>>(),
        [401],
        "the credentials went along"
    );
    assert!(says(&ran, "people") && says(&ran, "headers"), "{}{}", ran.stdout, ran.stderr);
    assert!(people_of(&bare).is_empty());
    let calls = lake_tables(&bare.lake()).remove("calls").unwrap_or_default();
    assert!(!calls.is_empty(), "{}{}", ran.stdout, ran.stderr);
    assert_ne!(ran.code, 5, "it is no refusal of the credentials");
}

/// Nine things in pages of three, as each kind of paging is answered.
fn things(place: &str, elsewhere: &str) -> (u16, String) {
    let query = |name: &str| {
        let pairs = place.split_once('?').map_or("", |(_, query)| query).split('&');
        pairs
            .filter_map(|pair| pair.split_once('='))
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    };
    let page = |number: u64| {
        let ids = (number * 3..number * 3 + 3).filter(|id| *id < 9);
        let things: Vec<String> = ids
            .map(|id| format!(r#"{{"id":{id},"big":1234567890123456789{id},"text":"x\ud83dy 😀"}}"#))
            .collect();
        things.join(",")
    };
    let (page, next) = match place.split('?').next().unwrap_or_default() {
        "/numbered" => (page(query("page").unwrap().parse::<u64>().unwrap() - 1), "null".to_owned()),
        "/marked" => {
            let number = query("cursor").map_or(0, |mark| mark.trim_start_matches('m').parse().unwrap());
            (page(number), if number < 2 { format!("\"m{}\"", number + 1) } else { "null".to_owned() })
        }
        "/linked" => (page(0), "\"/linked/2\"".to_owned()),
        "/linked/2" => (page(1), format!("\"{elsewhere}/linked/3\"")),
        "/linked/3" => (page(2), "null".to_owned()),
        _ => return (404, String::new()),
    };
    (200, format!(r#"{{"things":[{page}],"next":{next}}}"#))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_paging_is_read_from_another_host_which_hears_no_credentials() {
    let vendor = simulate(small(5)).await;
    let last = Stranger::answering(|place| things(place, ""));
    let elsewhere = last.url.clone();
    let first = Stranger::answering(move |place| things(place, &elsewhere));
    let mut streams = String::new();
    for (name, paging) in [
        ("numbered", "paging = \"page\""),
        ("marked", "paging = \"cursor\"\ncursor_path = \"$.next\""),
        ("linked", "paging = \"next_link\"\nnext_path = \"$.next\""),
    ] {
        streams += &format!(
            "[[streams.custom]]\nname = \"{name}\"\nurl = \"{}/{name}\"\nrecords = \"$.things[*]\"\npage_size = 3\n\
             headers = {{ X-Own = \"own-token\" }}\n{paging}\n",
            first.url
        );
    }
    let workspace = both(&vendor.url(), &streams).await;
    workspace.sync();
    let mut all = vec![("lake", lake_tables(&workspace.lake()))];
    if let Some(database) = workspace.warehouse() {
        all.push(("warehouse", warehouse_tables(database).await));
    }
    for (place, tables) in &all {
        for name in ["numbered", "marked", "linked"] {
            let rows = &tables[name];
            assert_eq!(rows.len(), 9, "{place} {name}: {rows:?}");
            for row in rows {
                // Past 64 bits only text holds every digit; half a character is mended.
                assert_eq!(
                    row["big"],
                    format!("1234567890123456789{}", row["id"].as_str().unwrap()),
                    "{place} {name}"
                );
                assert_eq!(row["text"], "x\u{fffd}y 😀", "{place} {name}");
            }
        }
    }
    for request in first.heard().iter().chain(&last.heard()) {
        assert!(!request.contains("x-api-") && !request.contains("demo"), "{request}");
    }
    assert!(first.heard().iter().all(|request| request.contains("x-own: own-token")));
    assert!(
        last.heard().iter().all(|request| !request.contains("own-token")),
        "they were for the first host"
    );
    assert_eq!((first.heard().len(), last.heard().len()), (4 + 3 + 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_of_a_stream_are_shown_nowhere() {
    let other = simulate(small(5)).await;
    let vendor = simulate(small(5)).await;
    let own = r#"{ X-Api-Key = "demo", X-Api-Password = "demo", X-Own = "own-secret-1" }"#;
    let workspace = both(&vendor.url(), &people(&other.url(), own)).await;
    for arguments in
        [&["config", "show"][..], &["sync", "-vv"], &["sample", "people"], &["status"], &["streams"]]
    {
        let ran = workspace.run(arguments).expect(0);
        assert!(!says(&ran, "own-secret-1"), "{arguments:?} shows it");
    }
    let shown = workspace.run_plain(&["config", "show"]).expect(0);
    assert!(
        says(&shown, "streams.custom[0].headers.X-Own") || says(&shown, "streams.custom[0].headers.x-own")
    );
    for path in crate::harness::files(&workspace.path().join("data")) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains("own-secret-1"), "{} holds it", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_refuses_whoever_asks_has_answered_for_no_id() {
    let vendor = simulate(small(20)).await;
    let bare = Stranger::answering(|_| (401, String::new()));
    let kind = Stranger::answering(|_| (200, r#"{"id":"p","name":"Ada"}"#.to_owned()));
    let stream = |url: &str| {
        format!(
            "[[streams.custom]]\nname = \"people\"\nurl = \"{url}/people/{{parent}}\"\n\
             adds = {{ asked = \"{{parent}}\" }}\nkey = \"asked\"\nparent = \"calls\"\nby_id = true\n"
        )
    };
    let workspace = both(&vendor.url(), &stream(&bare.url)).await;
    workspace.run(&["sync"]).expect(1);
    let asked = bare.heard().len();
    assert!(asked > 0 && asked <= 16, "{asked}");
    workspace.write_config(&workspace.config().replace(&bare.url, &kind.url));
    workspace.sync();
    let calls = lake_tables(&workspace.lake())["calls"].len();
    assert_eq!(kind.heard().len(), calls, "every one is still to be asked for");
}

/// Notes that say which call they are of in no field, or in one of their own.
#[tokio::test(flavor = "multi_thread")]
async fn a_purge_takes_along_what_was_asked_for_by_the_call() {
    let vendor = simulate(small(6)).await;
    let other = Stranger::answering(|place| {
        let call = place.rsplit('/').next().unwrap();
        let part: String = call.chars().rev().take(8).collect();
        let named = if place.starts_with("/named/") { call } else { "" };
        (200, format!(r#"{{"notes":[{{"id":"n-{part}","of":"{named}","text":"canary {part}"}}]}}"#))
    });
    let stream = |name: &str| {
        format!(
            "[[streams.custom]]\nname = \"{name}\"\nurl = \"{}/{name}/{{parent}}\"\n\
             records = \"$.notes[*]\"\nparent = \"calls\"\nevery = \"0s\"\n",
            other.url
        )
    };
    let workspace = both(&vendor.url(), &(stream("named") + &stream("silent"))).await;
    workspace.sync();
    let before = lake_tables(&workspace.lake());
    let call = before["silent"][0]["call_id"].as_str().unwrap().to_owned();
    let part: String = call.chars().rev().take(8).collect();
    workspace.run(&["purge", "--call", &call]).expect(0);
    workspace.sync();
    let after = lake_tables(&workspace.lake());
    for table in ["named", "silent"] {
        assert_eq!(after[table].len(), before[table].len() - 1, "{table}");
        assert!(after[table].iter().all(|row| row["text"] != format!("canary {part}")), "{table}");
    }
    workspace.run(&["replay", "--destination", "lake"]).expect(0);
    assert!(
        lake_tables(&workspace.lake())["named"].iter().all(|row| row["text"] != format!("canary {part}"))
    );
}
