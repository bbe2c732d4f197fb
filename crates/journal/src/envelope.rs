//! A record's line: `{"stream","key","op","observed_at","private","data"}`, `data` verbatim and last.

use bytes::Bytes;
use clarion_core::{Entry, Op, RecordKey, StreamName, Timestamp};
use memchr::memmem;
use serde::{Deserialize, Serialize};

/// Stands between the envelope's own fields and the data. It cannot occur within a field, where quotes are escaped.
const DATA_FIELD: &[u8] = b",\"data\":";

/// What ends a line: the envelope's brace.
pub(crate) const END: &[u8] = b"}\n";

/// The fields before `data`.
#[derive(Serialize, Deserialize)]
struct Fields<S, K> {
    stream: S,
    key: K,
    op: Op,
    observed_at: Timestamp,
    private: Option<bool>,
}

/// Writes the line up to the data into `line`, replacing what it held.
pub(crate) fn start(entry: &Entry, line: &mut Vec<u8>) {
    let fields = Fields {
        stream: &entry.stream,
        key: &entry.key,
        op: entry.op,
        observed_at: entry.observed_at,
        private: entry.private,
    };
    line.clear();
    serde_json::to_writer(&mut *line, &fields).expect("plain fields are JSON and memory takes them");
    line.pop();
    line.extend_from_slice(DATA_FIELD);
}

/// The data as it stands in the line.
pub(crate) fn data(entry: &Entry) -> &[u8] {
    match entry.op {
        Op::Upsert => &entry.data,
        Op::Delete => b"null",
    }
}

/// Reads a line without its line feed. The data is a slice of it, not a copy; `None` if it is no envelope.
///
/// The data itself is not read: what the vendor sent need not be what our parser takes.
pub(crate) fn parse(line: &Bytes, time: Option<Timestamp>) -> Option<Entry> {
    let split = memmem::find(line, DATA_FIELD)?;
    let mut own = Vec::with_capacity(split + 1);
    own.extend_from_slice(&line[..split]);
    own.push(b'}');
    let fields: Fields<StreamName, RecordKey> = serde_json::from_slice(&own).ok()?;
    let data = line.slice(split + DATA_FIELD.len()..);
    let data = data.ends_with(b"}").then(|| data.slice(..data.len() - 1))?;
    let data = match fields.op {
        Op::Upsert if data.is_empty() => return None,
        Op::Upsert => data,
        Op::Delete => Bytes::new(),
    };
    let Fields { stream, key, op, observed_at, private } = fields;
    Some(Entry { stream, key, op, observed_at, private, time, data })
}
