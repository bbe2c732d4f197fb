//! Streams whose tables may not just grow: what they have no room for stays out, and is told.

use std::collections::BTreeMap;

use clarion_core::{ChangeSet, Contract, StreamName};
use clarion_loader::{Normaliser, StreamContracts};
use serde_json::{Value, json};

use super::readback::{entry, fresh, loaded_at, normalise, rows, table};

const PEOPLE: StreamName = StreamName::of("people");

/// A normaliser of streams under `contract`, for a destination that has seen `before`.
fn under(contract: Contract, before: &[(StreamName, Value)]) -> Normaliser {
    let mut evolving = fresh();
    for (stream, data) in before {
        normalise(&mut evolving, &[entry(stream, "a", &data.to_string())]);
    }
    let mut schemas = evolving.schemas();
    schemas.retain(|_, schema| before.iter().any(|(stream, _)| *stream == schema.stream));
    let contracts = [PEOPLE, StreamName::CALLS].map(|stream| (stream, contract));
    Normaliser::new(&schemas, loaded_at()).under(StreamContracts::from(contracts))
}

fn seen(change: &ChangeSet) -> Vec<String> {
    let told = |novelty: &clarion_core::Novelty| {
        assert_eq!(novelty.position.segment, 1);
        format!("{}.{}: {}", novelty.table, novelty.field, novelty.seen)
    };
    change.novelties.iter().map(told).collect()
}

#[test]
fn what_is_new_is_left_out_and_what_is_known_is_kept() {
    let before = json!({ "name": "x", "size": 1, "part": {"a": 1}, "tags": ["t"], "ratio": 0.5 });
    let mut normaliser = under(Contract::Discard, &[(PEOPLE, before)]);
    let records = [
        json!({ "name": "y", "size": "large", "part": {"a": 2, "b": 3}, "mood": "calm", "ratio": 9_007_199_254_740_993_i64 }),
        json!({ "name": "z", "size": 5, "mood": "cross", "part": {"a": "no"}, "tags": [{"deep": 1}] }),
    ];
    let entries: Vec<_> =
        records.iter().zip(["y", "z"]).map(|(data, key)| entry(&PEOPLE, key, &data.to_string())).collect();
    let change = normalise(&mut normaliser, &entries);
    let people = rows(&table(&change, "people").rows);
    let shown: BTreeMap<&str, Value> = people
        .iter()
        .map(|row| {
            (row["name"].as_str().unwrap(), json!([row["size"], row["part"], row["tags"], row["ratio"]]))
        })
        .collect();
    assert_eq!(shown["y"], json!([null, {"a": 2}, null, null]), "no integer passes through a double");
    assert_eq!(shown["z"], json!([5, null, null, null]));
    assert!(people[0].get("mood").is_none());
    assert!(change.novelties.iter().all(|novelty| novelty.under == Contract::Discard));
    let mut seen = seen(&change);
    seen.sort();
    assert_eq!(
        seen,
        [
            "people.mood: new field (text)",
            "people.part: struct(a integer, b integer) in a column of struct(a integer)",
            "people.ratio: text in a column of double",
            "people.size: text in a column of integer",
            "people.tags: list(json) in a column of list(text)",
        ]
    );
    assert!(change.rejected.is_empty(), "what is left out on purpose is not rejected: {:?}", change.rejected);
    let again = normalise(&mut normaliser, &entries);
    assert!(!again.novelties.iter().any(|novelty| novelty.field == "mood"), "a field is told once");
}

#[test]
fn a_contract_is_what_a_new_table_may_hold_and_a_table_without_one_takes_its_first_shape() {
    let mut normaliser = under(Contract::Freeze, &[]);
    let call = json!({ "id": "c", "title": "t", "hostMood": "calm" });
    let change = normalise(&mut normaliser, &[entry(&StreamName::CALLS, "c", &call.to_string())]);
    assert_eq!(seen(&change), ["calls.hostMood: new field (text)"]);
    assert_eq!(change.novelties[0].under, Contract::Freeze);
    let person = json!({ "name": "x" });
    let change = normalise(&mut normaliser, &[entry(&PEOPLE, "p", &person.to_string())]);
    assert!(
        change.novelties.iter().all(|novelty| novelty.under == Contract::Evolve),
        "{:?}",
        change.novelties
    );
    assert_eq!(rows(&table(&change, "people").rows)[0]["name"], "x");
}

#[test]
fn a_field_inside_a_child_table_is_told_by_its_table() {
    let mut normaliser = under(Contract::Freeze, &[]);
    let call = json!({ "id": "c", "users": [{"personId": 1, "badge": "gold"}] });
    let change = normalise(&mut normaliser, &[entry(&StreamName::CALLS, "c", &call.to_string())]);
    assert!(
        seen(&change).contains(&"call_participants.badge: new field (text)".to_owned()),
        "{:?}",
        seen(&change)
    );
}
