//! Vendor values read as what they mean: numbers, times within a call, canonical text and JSON.

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveTime};
use clarion_core::ColumnType;
use clarion_core::json::Json;

use crate::canonical::{
    double_text, plain_time_micros, push_json_scalar, push_json_string, time_micros, time_text,
};

/// Integers up to this are exact as doubles.
const EXACT: u64 = 1 << 53;

/// The narrowest type of a number. Integers past 64 bits and numbers past doubles are text.
pub(super) fn number_type(digits: &str) -> ColumnType {
    if !is_integer(digits) {
        return if finite(digits).is_some() { ColumnType::Double } else { ColumnType::Text };
    }
    match digits.parse::<i64>() {
        Ok(value) if value.unsigned_abs() <= EXACT => ColumnType::Integer,
        Ok(_) => ColumnType::BigInteger,
        Err(_) => ColumnType::Text,
    }
}

/// The canonical text of a scalar; `None` for null and nested values. `verbatim` keeps text that looks like a time.
pub(super) fn scalar_text<'a>(value: &'a Json<'_>, verbatim: bool) -> Option<Cow<'a, str>> {
    match value {
        Json::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Json::Number(digits) => Some(number_text(digits)),
        Json::Text(text) if verbatim => Some(Cow::Borrowed(text)),
        Json::Text(text) => {
            Some(plain_time_micros(text).map_or(Cow::Borrowed(text), |time| Cow::Owned(time_text(time))))
        }
        Json::Null | Json::List(_) | Json::Object(_) => None,
    }
}

pub(super) fn finite(digits: &str) -> Option<f64> {
    digits.parse().ok().filter(|value: &f64| value.is_finite())
}

/// A time within a call, in seconds: 93.8, "93.8", "01:33" or "00:01:33.5".
pub(super) fn call_seconds(value: &Json<'_>) -> Option<f64> {
    match value {
        Json::Number(digits) => finite(digits),
        Json::Text(text) => text_seconds(text.trim()),
        _ => None,
    }
}

/// The moment in which a day begins, or any other moment: `2026-11-01`, `2026-11-01T00:00:00Z`.
pub(super) fn day_micros(value: &Json<'_>) -> Option<i64> {
    let text = value.as_str()?;
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
    day.map(|day| day.and_time(NaiveTime::MIN).and_utc().timestamp_micros()).or_else(|| time_micros(text))
}

/// What identifies a person within a call: the same for 5, 5.0 and "5".
pub(super) fn person_key<'a>(value: &'a Json<'_>) -> Option<Cow<'a, str>> {
    let key = scalar_text(value, true)?;
    match key {
        Cow::Borrowed(text) => Some(Cow::Borrowed(text.trim())),
        Cow::Owned(text) => Some(Cow::Owned(text)),
    }
}

/// Whether a value says nothing. In a field that nobody declared, empty lists and objects are as good as null: they
/// tell no type, and a column that comes later could not tell them from null.
pub(super) fn is_empty(value: &Json<'_>, contract: Option<&ColumnType>) -> bool {
    match value {
        Json::Null => true,
        Json::List(_) if matches!(contract, Some(ColumnType::List(_))) => false,
        Json::Object(_) if matches!(contract, Some(ColumnType::Struct(_))) => false,
        Json::List(items) => items.iter().all(|item| is_empty(item, None)),
        Json::Object(fields) => fields.iter().all(|(_, field)| is_empty(field, None)),
        Json::Bool(_) | Json::Number(_) | Json::Text(_) => false,
    }
}

/// The contract's type of a struct's field.
pub(super) fn field_contract<'a>(contract: Option<&'a ColumnType>, name: &str) -> Option<&'a ColumnType> {
    let Some(ColumnType::Struct(fields)) = contract else {
        return None;
    };
    let index = fields.binary_search_by(|(field, _)| field.as_str().cmp(name)).ok()?;
    Some(&fields[index].1)
}

/// The contract's type of a list's items.
pub(super) fn item_contract(contract: Option<&ColumnType>) -> Option<&ColumnType> {
    if let Some(ColumnType::List(item)) = contract { Some(item) } else { None }
}

/// Appends a value as canonical JSON: the text that casting the narrower column would give.
pub(super) fn push_json(value: &Json<'_>, contract: Option<&ColumnType>, out: &mut String) {
    if is_empty(value, contract) || is_no_time(value, contract) {
        return out.push_str("null");
    }
    match value {
        Json::Object(fields) => push_object(fields, contract, out),
        Json::List(items) => push_list(items, contract, out),
        Json::Text(text) if contract == Some(&ColumnType::Timestamp) => {
            push_json_string(&time_micros(text).map(time_text).unwrap_or_default(), out);
        }
        scalar => {
            let text = scalar_text(scalar, contract == Some(&ColumnType::Text)).unwrap_or_default();
            push_json_scalar(&text, out);
        }
    }
}

fn push_object(fields: &[(Cow<'_, str>, Json<'_>)], contract: Option<&ColumnType>, out: &mut String) {
    let mut sorted: Vec<&(Cow<'_, str>, Json<'_>)> = fields.iter().collect();
    // Stable, so that the last of a repeated name is the last of its run.
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    out.push('{');
    let mut is_first = true;
    for (at, (name, value)) in sorted.iter().enumerate() {
        let contract = field_contract(contract, name);
        let is_repeated = sorted.get(at + 1).is_some_and(|(next, _)| next == name);
        if is_repeated || is_empty(value, contract) || is_no_time(value, contract) {
            continue;
        }
        if !is_first {
            out.push(',');
        }
        is_first = false;
        push_json_string(name, out);
        out.push(':');
        push_json(value, contract, out);
    }
    out.push('}');
}

fn push_list(items: &[Json<'_>], contract: Option<&ColumnType>, out: &mut String) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_json(item, item_contract(contract), out);
    }
    out.push(']');
}

/// A contract time that is none is null.
fn is_no_time(value: &Json<'_>, contract: Option<&ColumnType>) -> bool {
    contract == Some(&ColumnType::Timestamp) && value.as_str().and_then(time_micros).is_none()
}

fn number_text(digits: &str) -> Cow<'_, str> {
    if is_integer(digits) {
        return Cow::Borrowed(if digits == "-0" { "0" } else { digits });
    }
    finite(digits).map_or(Cow::Borrowed(digits), |value| Cow::Owned(double_text(value)))
}

fn is_integer(digits: &str) -> bool {
    !digits.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

fn text_seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut parts = text.split(':').rev();
    for (unit, limit) in [(1.0, 60.0), (60.0, 60.0), (3600.0, f64::INFINITY)] {
        let Some(part) = parts.next() else { break };
        let value = plain_number(part)?;
        // The leading part may be any number: "93.8", "75:20".
        let is_leading = parts.clone().next().is_none();
        if !is_leading && value >= limit {
            return None;
        }
        if unit > 1.0 && part.contains('.') {
            return None;
        }
        total += value * unit;
    }
    if parts.next().is_some() { None } else { Some(total) }
}

/// Digits with at most one point: neither "inf" nor "1e5" nor a sign.
fn plain_number(text: &str) -> Option<f64> {
    let is_plain = text.starts_with(|first: char| first.is_ascii_digit())
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_plain { finite(text) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<f64> {
        call_seconds(&Json::Text(text.into()))
    }

    #[test]
    fn times_within_a_call_are_seconds() {
        assert_eq!(call_seconds(&Json::Number("93.8")), Some(93.8));
        assert_eq!(seconds(" 93.8 "), Some(93.8));
        assert_eq!(seconds("01:33"), Some(93.0));
        assert_eq!(seconds("75:20"), Some(4520.0));
        assert_eq!(seconds("00:01:33.5"), Some(93.5));
        assert_eq!(seconds("1:00:00"), Some(3600.0));
        for none in ["", "soon", "inf", "1e5", "-3", "00:61", "1:60:00", "1:2:3:4", "1.5:00", ":30", "1..5"] {
            assert_eq!(seconds(none), None, "{none}");
        }
    }

    #[test]
    fn numbers_have_the_narrowest_type_that_keeps_them() {
        let types = [
            ("9007199254740992", ColumnType::Integer),
            ("9007199254740993", ColumnType::BigInteger),
            ("-9223372036854775808", ColumnType::BigInteger),
            ("12345678901234567890", ColumnType::Text),
            ("5.0", ColumnType::Double),
            ("1e400", ColumnType::Text),
        ];
        for (digits, kind) in types {
            assert_eq!(number_type(digits), kind, "{digits}");
        }
    }

    #[test]
    fn canonical_json_sorts_fields_and_drops_what_says_nothing() {
        let json =
            Json::parse(br#"{"b":[1,null,{}],"a":{"x":[]},"t":"2024-11-20T13:00Z","b":[5.0,"\u0000"]}"#)
                .expect("valid");
        let mut out = String::new();
        push_json(&json, None, &mut out);
        assert_eq!(out, "{\"b\":[5,\"\u{fffd}\"],\"t\":\"2024-11-20T13:00:00.000000Z\"}");
    }
}
