//! Types learnt from values.

use std::borrow::Cow;

use clarion_core::ColumnType;
use clarion_core::json::Json;

use super::value::{field_contract, is_empty, item_contract, number_type};
use crate::canonical::plain_time_micros;
use crate::evolve::{MAX_FIELDS, merge_types};

/// What is nested deeper stays JSON: readers of deep structs give up sooner than the vendor.
const MAX_DEPTH: u32 = 10;

/// Widens `kind` so that it holds `value`, and says whether it had to. `contract` is what the vendor declared for
/// this place, if anything.
pub(super) fn observe(kind: &mut ColumnType, value: &Json<'_>, contract: Option<&ColumnType>) -> bool {
    observe_at(kind, value, contract, 0)
}

/// Whether `observe` would have to widen `kind`.
pub(super) fn would_widen(kind: &ColumnType, value: &Json<'_>, contract: Option<&ColumnType>) -> bool {
    would_widen_at(kind, value, contract, 0)
}

/// The type that a value shows; `None` if it says nothing.
pub(super) fn infer(value: &Json<'_>) -> Option<ColumnType> {
    infer_at(value, None, 0)
}

fn observe_at(kind: &mut ColumnType, value: &Json<'_>, contract: Option<&ColumnType>, depth: u32) -> bool {
    match (&mut *kind, value) {
        (_, Json::Null)
        | (ColumnType::Json, _)
        | (ColumnType::Text, Json::Text(_) | Json::Number(_) | Json::Bool(_))
        | (ColumnType::Boolean, Json::Bool(_)) => false,
        // A contract time never widens.
        _ if contract == Some(&ColumnType::Timestamp) => false,
        (ColumnType::List(item), Json::List(items)) => {
            let mut is_wider = false;
            for value in items {
                is_wider |= observe_at(item, value, item_contract(contract), depth + 1);
            }
            is_wider
        }
        (ColumnType::Struct(known), Json::Object(fields)) => {
            let is_wider = observe_fields(known, fields, contract, depth);
            if known.len() > MAX_FIELDS {
                *kind = ColumnType::Json;
            }
            is_wider
        }
        _ => infer_at(value, contract, depth).is_some_and(|seen| widen(kind, &seen)),
    }
}

fn would_widen_at(kind: &ColumnType, value: &Json<'_>, contract: Option<&ColumnType>, depth: u32) -> bool {
    match (kind, value) {
        (_, Json::Null)
        | (ColumnType::Json, _)
        | (ColumnType::Text, Json::Text(_) | Json::Number(_) | Json::Bool(_))
        | (ColumnType::Boolean, Json::Bool(_)) => false,
        _ if contract == Some(&ColumnType::Timestamp) => false,
        (ColumnType::List(item), Json::List(items)) => {
            let contract = item_contract(contract);
            items.iter().any(|value| would_widen_at(item, value, contract, depth + 1))
        }
        (ColumnType::Struct(known), Json::Object(fields)) => fields.iter().any(|(name, value)| {
            let contract = field_contract(contract, name);
            match known.binary_search_by(|(field, _)| field.as_str().cmp(name)) {
                Ok(at) => would_widen_at(&known[at].1, value, contract, depth + 1),
                Err(_) => infer_at(value, contract, depth + 1).is_some(),
            }
        }),
        _ => infer_at(value, contract, depth).is_some_and(|seen| merge_types(kind, &seen) != *kind),
    }
}

fn widen(kind: &mut ColumnType, seen: &ColumnType) -> bool {
    let wider = merge_types(kind, seen);
    let is_wider = wider != *kind;
    *kind = wider;
    is_wider
}

fn observe_fields(
    known: &mut Vec<(String, ColumnType)>,
    fields: &[(Cow<'_, str>, Json<'_>)],
    contract: Option<&ColumnType>,
    depth: u32,
) -> bool {
    let mut is_wider = false;
    for (name, value) in fields {
        let contract = field_contract(contract, name);
        match known.binary_search_by(|(field, _)| field.as_str().cmp(name)) {
            Ok(at) => is_wider |= observe_at(&mut known[at].1, value, contract, depth + 1),
            Err(at) => {
                if let Some(seen) = infer_at(value, contract, depth + 1) {
                    known.insert(at, (name.to_string(), seen));
                    is_wider = true;
                }
            }
        }
    }
    is_wider
}

fn infer_at(value: &Json<'_>, contract: Option<&ColumnType>, depth: u32) -> Option<ColumnType> {
    if contract == Some(&ColumnType::Timestamp) || is_empty(value, contract) {
        return None;
    }
    match value {
        Json::Null => None,
        Json::Bool(_) => Some(ColumnType::Boolean),
        Json::Number(digits) => Some(number_type(digits)),
        Json::Text(_) if contract == Some(&ColumnType::Text) => Some(ColumnType::Text),
        Json::Text(text) if plain_time_micros(text).is_some() => Some(ColumnType::Timestamp),
        Json::Text(_) => Some(ColumnType::Text),
        Json::List(_) | Json::Object(_) if depth >= MAX_DEPTH => Some(ColumnType::Json),
        Json::List(items) => infer_list(items, contract, depth),
        Json::Object(fields) => {
            let mut known = Vec::new();
            observe_fields(&mut known, fields, contract, depth);
            Some(if known.len() > MAX_FIELDS { ColumnType::Json } else { ColumnType::Struct(known) })
        }
    }
}

fn infer_list(items: &[Json<'_>], contract: Option<&ColumnType>, depth: u32) -> Option<ColumnType> {
    let seen = items.iter().filter_map(|item| infer_at(item, item_contract(contract), depth + 1));
    let item = seen.reduce(|a, b| merge_types(&a, &b));
    item.or_else(|| item_contract(contract).cloned()).map(|item| ColumnType::List(Box::new(item)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_type_would_widen_is_what_widening_says() {
        let values = [
            "null",
            "true",
            "5",
            "9007199254740993",
            "0.5",
            "\"x\"",
            "\"2026-01-02T10:00:00Z\"",
            "[]",
            "[1]",
            "[\"a\",null]",
            "[[1],[\"x\"]]",
            "{}",
            "{\"a\":1}",
            "{\"a\":\"x\",\"b\":null}",
            "{\"a\":{\"c\":[1]},\"b\":2}",
        ];
        let parsed: Vec<Json<'_>> =
            values.iter().map(|text| Json::parse(text.as_bytes()).expect("JSON")).collect();
        let kinds: Vec<ColumnType> = parsed.iter().filter_map(infer).chain([ColumnType::Json]).collect();
        for kind in &kinds {
            for (value, text) in parsed.iter().zip(values) {
                for contract in [None, Some(&ColumnType::Timestamp), Some(&ColumnType::Text), Some(kind)] {
                    let widened = observe(&mut kind.clone(), value, contract);
                    assert_eq!(would_widen(kind, value, contract), widened, "{text} in {kind}");
                }
            }
        }
    }
}
