//! The vendor's answers cut into records, without writing a byte of them anew.

mod envelope;
mod fields;
mod page;
mod single;

use bytes::Bytes;
use clarion_core::{Error, Kind, RecordKey, SourceRecord, has_content, parse_timestamp};

use self::fields::Fields;
pub(crate) use self::page::{Page, page};
pub(crate) use self::single::single;
use crate::streams::StreamSpec;

/// Why a 200 is of no use.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// Cut, HTML, not UTF-8: asking again may help.
    NoJson,
    /// JSON, but not what the endpoint promises.
    Wrong(Error),
}

/// `raw` must be a part of `body`.
fn record(
    spec: &StreamSpec,
    body: &Bytes,
    raw: &str,
    fields: &Fields<'_>,
) -> Result<SourceRecord, &'static str> {
    debug_assert_eq!(spec.key, "id", "fields.rs knows this key only");
    let key = key(fields).ok_or("a record has no usable id")?;
    Ok(keyed(key, body, raw, fields))
}

fn key(fields: &Fields<'_>) -> Option<RecordKey> {
    RecordKey::parse(fields.key()?).ok()
}

fn keyed(key: RecordKey, body: &Bytes, raw: &str, fields: &Fields<'_>) -> SourceRecord {
    SourceRecord {
        key,
        time: fields.text(fields.time).as_deref().and_then(parse_timestamp),
        modified: fields.text(fields.modified).as_deref().and_then(parse_timestamp),
        status: fields.text(fields.status),
        has_content: has_content(fields.transcript, fields.summary),
        data: one_line(body, raw),
    }
}

/// The bytes as they came. JSON text holds line breaks only between its tokens: there a space does as well.
pub(crate) fn one_line(body: &Bytes, raw: &str) -> Bytes {
    if memchr::memchr2(b'\n', b'\r', raw.as_bytes()).is_none() {
        return body.slice_ref(raw.as_bytes());
    }
    let flat = |byte: u8| {
        if byte == b'\n' || byte == b'\r' { b' ' } else { byte }
    };
    raw.bytes().map(flat).collect::<Vec<_>>().into()
}

fn wrong(spec: &StreamSpec, message: &str) -> Error {
    Error::new(Kind::Protocol, message).with("stream", &spec.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::{CALL_DETAILS, CALLS};

    fn details(body: &'static str) -> Result<SourceRecord, Unreadable> {
        single(&CALL_DETAILS, &Bytes::from_static(body.as_bytes()))
    }

    #[test]
    fn a_record_is_cut_out_verbatim_whatever_stands_around_it() {
        let inner = r#"{"id":"a","n":12345678901234567890123,"t":"x\ud83dy","time":"2026-01-02T03:04:05Z"}"#;
        let spellings = [
            r#"{"call":{"id":"a","n":12345678901234567890123,"t":"x\ud83dy","time":"2026-01-02T03:04:05Z"}}"#,
            r#" { "call" : {"id":"a","n":12345678901234567890123,"t":"x\ud83dy","time":"2026-01-02T03:04:05Z"} } "#,
            r#"{"call":{"id":"a","n":12345678901234567890123,"t":"x\ud83dy","time":"2026-01-02T03:04:05Z"},"x":[{}]}"#,
            r#"{"x":"}","call":{"id":"a","n":12345678901234567890123,"t":"x\ud83dy","time":"2026-01-02T03:04:05Z"}}"#,
        ];
        for body in spellings {
            let record = details(body).unwrap();
            assert_eq!(record.data, inner.as_bytes(), "{body}");
            assert!(record.time.is_some());
        }
    }

    #[test]
    fn line_breaks_between_tokens_become_spaces() {
        let record = details("{\"call\":{\r\n \"id\": \"a\"\n}}").unwrap();
        assert_eq!(record.data, "{   \"id\": \"a\" }".as_bytes());
    }

    #[test]
    fn a_numeric_id_becomes_text_and_details_without_one_are_of_no_use() {
        assert_eq!(
            details(r#"{"call":{"id":12345678901234567890}}"#).unwrap().key.as_str(),
            "12345678901234567890"
        );
        for body in
            [r#"{"call":{}}"#, r#"{"call":{"id":""}}"#, r#"{"call":{"id":null}}"#, r#"{"call":{"id":{}}}"#]
        {
            assert!(matches!(details(body), Err(Unreadable::Wrong(_))), "{body}");
        }
    }

    #[test]
    fn a_listed_record_without_an_id_gets_a_stand_in_and_spoils_no_page() {
        let body = Bytes::from_static(
            br#"{"calls":[{"id":"a"},{"name":"b"},{"id":null}],"pagination":{"matched":3}}"#,
        );
        let rows = page(&CALLS, &body).unwrap().rows;
        let nameless: Vec<bool> = rows.iter().map(|row| row.key.is_nameless()).collect();
        assert_eq!(nameless, [false, true, true]);
        assert_ne!(rows[1].key, rows[2].key);
    }

    #[test]
    fn what_is_not_whole_json_is_worth_another_try() {
        for body in [
            "",
            "<html>",
            "{\"call\":{\"id\":\"a\"",
            "{\"call\":{\"id\":\"a\"}",
            "[",
            "{\"call\":{\"id\":\"a\"}}x",
        ] {
            assert!(matches!(details(body), Err(Unreadable::NoJson)), "{body}");
        }
        let body = Bytes::from_static(b"{\"call\":{\"id\":\"a\",\"t\":\"\xff\"}}");
        assert!(matches!(single(&CALL_DETAILS, &body), Err(Unreadable::NoJson)));
    }

    #[test]
    fn whole_json_of_another_shape_is_wrong_and_not_retried() {
        for body in ["{}", "[]", "null", r#"{"call":null}"#, r#"{"call":[]}"#, r#"{"calls":{"id":"a"}}"#] {
            assert!(matches!(details(body), Err(Unreadable::Wrong(_))), "{body}");
        }
    }

    #[test]
    fn times_out_of_range_and_lone_surrogates_are_read_leniently() {
        let record = details(
            r#"{"call":{"id":"a","time":"10000-01-01T00:00:00Z","status":"\ud800","last_modified_time":5}}"#,
        );
        let record = record.unwrap();
        assert_eq!((record.time, record.modified), (None, None));
        assert_eq!(record.status.as_deref(), Some("\u{fffd}"));
    }
}
