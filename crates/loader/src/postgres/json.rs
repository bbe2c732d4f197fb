//! JSON text for `jsonb` columns: from nested arrays, and from JSON text that the server might refuse.
//!
//! A struct's nulls are left out: whether a record had `null` or nothing is not known here, and a field that another
//! record brings later must not change how this one is written.

use std::io::Write as _;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use clarion_core::json::Json;
use clarion_core::{ColumnType, Timestamp, format_timestamp};

/// Exponents with more digits than this may leave the range of the server's numeric type (10^131072).
const MAX_EXPONENT_DIGITS: usize = 4;

/// Writes an item of an array as JSON.
pub(super) fn write_value(array: &ArrayRef, kind: &ColumnType, row: usize, out: &mut Vec<u8>) {
    if array.is_null(row) {
        out.extend_from_slice(b"null");
        return;
    }
    match kind {
        ColumnType::Boolean => {
            let text: &[u8] = if array.as_boolean().value(row) { b"true" } else { b"false" };
            out.extend_from_slice(text);
        }
        ColumnType::Integer | ColumnType::BigInteger => {
            let _ = write!(out, "{}", array.as_primitive::<Int64Type>().value(row));
        }
        ColumnType::Double => write_double(array.as_primitive::<Float64Type>().value(row), out),
        ColumnType::Timestamp => {
            write_time(array.as_primitive::<TimestampMicrosecondType>().value(row), out);
        }
        ColumnType::Text => write_string(array.as_string::<i32>().value(row), out),
        ColumnType::Json => write_document(array.as_string::<i32>().value(row), out),
        ColumnType::Struct(fields) => write_struct(array, fields, row, out),
        ColumnType::List(item) => write_list(array, item, row, out),
    }
}

/// Writes JSON text, mended where `jsonb` would refuse it.
pub(super) fn write_document(text: &str, out: &mut Vec<u8>) {
    if !is_suspect(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    // Reading mends `\u0000` and lone surrogates.
    match Json::parse(text.as_bytes()) {
        Ok(json) => write_json(&json, out),
        Err(_) => write_string(text, out),
    }
}

fn write_struct(array: &ArrayRef, fields: &[(String, ColumnType)], row: usize, out: &mut Vec<u8>) {
    out.push(b'{');
    let mut lead: &[u8] = b"";
    for ((name, kind), column) in fields.iter().zip(array.as_struct().columns()) {
        if column.is_null(row) {
            continue;
        }
        out.extend_from_slice(lead);
        lead = b",";
        write_string(name, out);
        out.push(b':');
        write_value(column, kind, row, out);
    }
    out.push(b'}');
}

fn write_list(array: &ArrayRef, item: &ColumnType, row: usize, out: &mut Vec<u8>) {
    let items = array.as_list::<i32>().value(row);
    out.push(b'[');
    for index in 0..items.len() {
        if index > 0 {
            out.push(b',');
        }
        write_value(&items, item, index, out);
    }
    out.push(b']');
}

fn write_double(value: f64, out: &mut Vec<u8>) {
    // Without exponent and without `.0`: the text of an integer and of the equal double is the same.
    if value.is_finite() {
        let _ = write!(out, "{value}");
    } else {
        out.extend_from_slice(b"null");
    }
}

fn write_time(micros: i64, out: &mut Vec<u8>) {
    match Timestamp::from_timestamp_micros(micros) {
        Some(time) => write_string(&format_timestamp(time), out),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..at]);
        plain_from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0 => out.extend_from_slice("\u{fffd}".as_bytes()),
            other => {
                let _ = write!(out, "\\u{other:04x}");
            }
        }
    }
    out.extend_from_slice(&bytes[plain_from..]);
    out.push(b'"');
}

fn write_json(json: &Json<'_>, out: &mut Vec<u8>) {
    match json {
        // A number that the server cannot hold keeps its digits as text.
        Json::Number(digits) if has_long_exponent(digits.as_bytes()) => write_string(digits, out),
        Json::Text(text) => write_string(text, out),
        Json::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                out.extend_from_slice(if index > 0 { b"," } else { b"" });
                write_json(item, out);
            }
            out.push(b']');
        }
        Json::Object(fields) => {
            out.push(b'{');
            for (index, (name, value)) in fields.iter().enumerate() {
                out.extend_from_slice(if index > 0 { b"," } else { b"" });
                write_string(name, out);
                out.push(b':');
                write_json(value, out);
            }
            out.push(b'}');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// Whether JSON text has something that `jsonb` may refuse; says yes too often rather than too rarely.
fn is_suspect(text: &[u8]) -> bool {
    let escape = |four: &[u8]| four.starts_with(b"\\u") && matches!(four[2], b'0' | b'd' | b'D');
    text.contains(&0) || text.windows(4).any(escape) || has_long_exponent(text)
}

fn has_long_exponent(text: &[u8]) -> bool {
    let mut digits = None;
    for &byte in text {
        digits = match (byte, digits) {
            (b'e' | b'E', _) => Some(0),
            (b'+' | b'-', Some(0)) => Some(0),
            (b'0'..=b'9', Some(count)) if count >= MAX_EXPONENT_DIGITS => return true,
            (b'0'..=b'9', Some(count)) => Some(count + 1),
            _ => None,
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> String {
        let mut out = Vec::new();
        write_document(text, &mut out);
        String::from_utf8(out).expect("JSON is text")
    }

    #[test]
    fn what_jsonb_refuses_is_mended_and_the_rest_is_left_alone() {
        assert_eq!(document(r#"{"a": 1e5}"#), r#"{"a": 1e5}"#);
        assert_eq!(document(r#"["a\u0000b","\ud83d"]"#), "[\"a\u{fffd}b\",\"\u{fffd}\"]");
        assert_eq!(document(r#"[1e200000,2]"#), r#"["1e200000",2]"#);
    }
}
