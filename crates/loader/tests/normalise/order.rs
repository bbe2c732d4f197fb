//! The order in which records come must not be seen in the tables.

use std::collections::BTreeMap;

use clarion_core::{ColumnNames, ColumnType, Entry, StreamName, column_names};
use clarion_loader::{conform, describe_changes, merge, merge_types};
use proptest::prelude::*;
use serde_json::Value;

use super::readback::{change_of, entry, fresh, normalise, rows};

const CUSTOM: StreamName = StreamName::of("people");

fn any_leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        (-20_i64..20).prop_map(Into::into),
        prop_oneof![Just(1_i64 << 53), Just((1 << 53) + 1), Just(i64::MIN)].prop_map(Into::into),
        prop_oneof![Just(0.5), Just(5.0), Just(-0.0), Just(1e21), Just(1e-7)].prop_map(Into::into),
        prop_oneof![
            Just("x"),
            Just(""),
            Just("5"),
            Just("007"),
            Just("true"),
            Just("null"),
            Just("2024-11-20T13:00Z"),
            Just("2024-11-20T14:00:00.5+01:00"),
            Just("\"q\"")
        ]
        .prop_map(Into::into),
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    any_leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Into::into),
            prop::collection::btree_map("[ab]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A record of a stream without a contract, or a call whose declared fields are of other types.
pub(crate) fn any_record() -> impl Strategy<Value = Value> {
    let fields = prop_oneof![
        Just("f"),
        Just("gH"),
        Just("g_h"),
        Just("title"),
        Just("crm_info"),
        Just("contact_names"),
        Just("time"),
        Just("bookmark_timestamps"),
        Just("users")
    ];
    prop::collection::btree_map(fields.prop_map(str::to_owned), any_value(), 0..6)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn any_kind() -> impl Strategy<Value = ColumnType> {
    let leaf = prop_oneof![
        Just(ColumnType::Boolean),
        Just(ColumnType::Integer),
        Just(ColumnType::BigInteger),
        Just(ColumnType::Double),
        Just(ColumnType::Timestamp),
        Just(ColumnType::Text),
        Just(ColumnType::Json),
    ];
    leaf.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|item| ColumnType::List(Box::new(item))),
            prop::collection::btree_map("[abc]", inner, 1..3)
                .prop_map(|fields| ColumnType::Struct(fields.into_iter().collect())),
        ]
    })
}

/// The rows of the stream's table by key, brought to the last schema, less where they stood in the journal.
fn load(
    stream: &StreamName,
    entries: &[Entry],
    chunk: usize,
    names: &ColumnNames,
) -> (String, BTreeMap<String, Value>, ColumnNames) {
    let mut normaliser = fresh().called(names.clone());
    let changes: Vec<_> = entries.chunks(chunk).map(|chunk| normalise(&mut normaliser, chunk)).collect();
    let schema = normaliser.schemas()[&stream.table()].clone();
    let mut all = BTreeMap::new();
    for change in &changes {
        let table = change.tables.iter().find(|table| table.schema.table == stream.table()).unwrap();
        for mut row in rows(&conform(&table.rows, &schema).unwrap()) {
            row.as_object_mut().unwrap().remove("_position");
            all.insert(row["id"].as_str().unwrap().to_owned(), row);
        }
    }
    (serde_json::to_string_pretty(&schema.columns).unwrap(), all, column_names(&normaliser.schemas()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn tables_are_the_same_whatever_the_order_and_the_chunks(
        records in prop::collection::vec(any_record(), 1..7),
        chunk in 1_usize..4,
        declared in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let stream = if declared { StreamName::CALLS } else { CUSTOM };
        let mut entries: Vec<Entry> = records
            .iter()
            .enumerate()
            .map(|(key, record)| entry(&stream, &format!("k{key}"), &record.to_string()))
            .collect();
        let as_one = load(&stream, &entries, entries.len(), &ColumnNames::new());
        // Who has the name that two fields would have is what the first load leaves to all others.
        let in_pieces = load(&stream, &entries, chunk, &as_one.2);
        prop_assert_eq!(&as_one, &in_pieces);
        let count = entries.len();
        entries.rotate_left(usize::try_from(seed % count as u64).unwrap());
        if seed % 2 == 0 {
            entries.reverse();
        }
        prop_assert_eq!(&as_one, &load(&stream, &entries, 1, &as_one.2));
    }

    #[test]
    fn types_meet_in_one_whatever_the_order(a in any_kind(), b in any_kind(), c in any_kind()) {
        prop_assert_eq!(merge_types(&a, &b), merge_types(&b, &a));
        prop_assert_eq!(merge_types(&a, &a), a.clone());
        let left = merge_types(&merge_types(&a, &b), &c);
        prop_assert_eq!(left, merge_types(&a, &merge_types(&b, &c)));
    }

    #[test]
    fn batches_conform_to_every_schema_merged_from_theirs(a in any_record(), b in any_record()) {
        let (a, b) = (change_of(&CUSTOM, &a), change_of(&CUSTOM, &b));
        let (a, b) = (&a.tables[0], &b.tables[0]);
        let merged = merge(&a.schema, &b.schema);
        for table in [a, b] {
            let wide = conform(&table.rows, &merged).unwrap();
            prop_assert_eq!(wide.schema(), merged.arrow());
            prop_assert_eq!(conform(&wide, &merged).unwrap(), wide);
        }
        prop_assert_eq!(merge(&merged, &a.schema), merged);
    }
}

#[test]
fn a_column_never_becomes_narrower() {
    let text = change_of(&CUSTOM, &serde_json::json!({"f": "x"}));
    let number = change_of(&CUSTOM, &serde_json::json!({"f": 1}));
    let error = conform(&text.tables[0].rows, &number.tables[0].schema).unwrap_err().to_string();
    assert!(error.contains("table: people") && error.contains("column: f"), "{error}");
}

#[test]
fn schema_changes_are_told_in_words() {
    let old = change_of(&CUSTOM, &serde_json::json!({"f": 1, "same": 1}));
    let new = change_of(&CUSTOM, &serde_json::json!({"f": 1.5, "same": 1, "added": ["x"]}));
    let words = describe_changes(Some(&old.tables[0].schema), &new.tables[0].schema);
    assert_eq!(
        words,
        ["people: new column added (list(text))", "people: column f widened from integer to double"]
    );
    assert_eq!(describe_changes(None, &new.tables[0].schema), ["people: new table"]);
}
