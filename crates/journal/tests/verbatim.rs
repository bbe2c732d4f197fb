//! What the vendor sent comes back byte for byte, to us and to any reader of zstd and lines.

use std::fs;

use bytes::Bytes;
use clarion_core::{Checkpoint, Entry, Journal, Kind, Op, RecordKey, StreamName, from_millis};
use proptest::prelude::*;
use serde_json::Value;

use crate::fixture::{append, cut, entries, open, read, read_all, recover, run, segment_path};

fn json_text() -> impl Strategy<Value = String> {
    let escapes = prop_oneof![
        Just("\\ud83d"),
        Just("\\ude00"),
        Just("\\u0000"),
        Just("\\n"),
        Just("\\\""),
        Just("\\\\"),
        Just("😀"),
        Just("\u{2028}"),
        Just("\u{85}"),
        Just(",\\\"data\\\":"),
        Just("}"),
    ];
    let text = prop::collection::vec(prop_oneof![escapes.prop_map(str::to_owned), "[a-zé ]{0,5}"], 0..6)
        .prop_map(|parts| format!("\"{}\"", parts.concat()));
    let leaf = prop_oneof![
        text.clone(),
        Just("123456789012345678901234567890".to_owned()),
        Just("-0.0e+7".to_owned()),
        Just("null".to_owned()),
    ];
    let value = leaf.prop_recursive(3, 20, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[ {}]", items.join(" ,"))),
            prop::collection::vec((text.clone(), inner), 0..4).prop_map(|fields| {
                let fields: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
                format!("{{{}\t}}", fields.join(","))
            }),
        ]
    });
    value.prop_map(|value| format!("{{\"data\":{value},\"data\":1}}"))
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let stream =
        prop_oneof![Just(StreamName::CALLS), Just(StreamName::USERS), Just(StreamName::of("topics_v2"))];
    let private = prop::option::of(any::<bool>());
    let millis = -10_000_000_000_000_i64..10_000_000_000_000;
    (stream, "\\PC{1,12}|,\"data\":|\n\u{0}", any::<bool>(), private, millis, json_text()).prop_map(
        |(stream, key, delete, private, millis, text)| Entry {
            stream,
            key: RecordKey::parse(key).unwrap(),
            op: if delete { Op::Delete } else { Op::Upsert },
            observed_at: from_millis(millis),
            private,
            time: None,
            data: if delete { Bytes::new() } else { Bytes::from(text) },
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_comes_back_byte_for_byte(records in prop::collection::vec(any_entry(), 1..20), kill: bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let journal = open(folder.path());
            append(&journal, &records).await;
            if kill {
                drop(journal);
                let journal = open(folder.path());
                recover(&journal).await;
                read_all(&journal).await
            } else {
                cut(&journal).await;
                read_all(&journal).await
            }
        });
        prop_assert_eq!(found, records);
    }
}

#[tokio::test]
async fn a_plain_decoder_sees_lines_of_json_with_the_header_first() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let records = entries(9);
    append(&journal, &records[..4]).await;
    let run = run();
    journal.cut(&run, Checkpoint { generation: 5, ..Checkpoint::default() }).await.unwrap();
    append(&journal, &records[4..]).await;
    // The second one is made by recovery.
    let journal = open(folder.path());
    recover(&journal).await;
    for (number, expected) in [(1, &records[..4]), (2, &records[4..])] {
        let file = fs::read(segment_path(folder.path(), number)).unwrap();
        let text = String::from_utf8(zstd::stream::decode_all(&file[..]).unwrap()).unwrap();
        assert!(text.ends_with('\n'));
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["segment"], number);
        assert_eq!(lines[0]["format"], 1);
        assert_eq!(lines[0]["workspace"], "test");
        assert_eq!(lines.len(), expected.len() + 1);
        for (line, entry) in lines[1..].iter().zip(expected) {
            let names: Vec<&String> = line.as_object().unwrap().keys().collect();
            assert_eq!(names.len(), 6, "{names:?}");
            assert_eq!(line["key"], entry.key.as_str());
            assert_eq!(line["data"], serde_json::from_slice::<Value>(&entry.data).unwrap());
        }
        let first = text.lines().nth(1).unwrap();
        let start = r#"{"stream":"calls","key":"k"#;
        assert!(first.starts_with(start) && first.contains(r#","private":false,"data":{"id""#), "{first}");
    }
}

#[tokio::test]
async fn a_record_that_would_break_the_lines_is_refused_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    let good = entries(2);
    for data in ["{\n}", ""] {
        let bad = Entry { data: Bytes::from(data), ..good[1].clone() };
        assert_eq!(journal.append(&bad).await.unwrap_err().kind(), Kind::Protocol);
        assert_eq!(journal.cut(&run(), Checkpoint::default()).await.unwrap(), None);
        append(&journal, &good[..1]).await;
        assert_eq!(journal.append(&bad).await.unwrap_err().kind(), Kind::Protocol);
        assert_eq!(cut(&journal).await.records, 1);
    }
    append(&journal, &good[..1]).await;
    append(&journal, &good[1..]).await;
    let last = cut(&journal).await.number;
    assert_eq!(read(&journal, last).await, good);
}
