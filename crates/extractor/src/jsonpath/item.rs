//! The values that paths look through.

use std::borrow::Cow;

use clarion_core::json::{Json, Node, Shape};
use jsonpath_rust::query::queryable::Queryable;

/// A value of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Item<'a> {
    /// Its text; empty for what a path computes.
    pub(crate) raw: &'a str,
    pub(crate) kind: Value<'a>,
}

#[derive(Debug, Clone, Default)]
pub(crate) enum Value<'a> {
    #[default]
    Null,
    Bool(bool),
    /// The digits as they stood.
    Number(Cow<'a, str>),
    Text(Cow<'a, str>),
    List(Vec<Item<'a>>),
    Object(Vec<(Cow<'a, str>, Item<'a>)>),
}

impl<'a> Item<'a> {
    pub(crate) fn of(node: Node<'a>) -> Self {
        let kind = match node.shape {
            Shape::Scalar(Json::Bool(flag)) => Value::Bool(flag),
            Shape::Scalar(Json::Number(digits)) => Value::Number(Cow::Borrowed(digits)),
            Shape::Scalar(Json::Text(text)) => Value::Text(text),
            Shape::Scalar(_) => Value::Null,
            Shape::List(items) => Value::List(items.into_iter().map(Self::of).collect()),
            Shape::Object(members) => {
                Value::Object(members.into_iter().map(|(name, member)| (name, Self::of(member))).collect())
            }
        };
        Self { raw: node.raw, kind }
    }

    /// The field of an object; of a repeated name the last one counts.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        let Value::Object(members) = &self.kind else { return None };
        members.iter().rev().find(|(member, _)| member == name).map(|(_, item)| item)
    }

    /// A text, or the digits of a number.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            Value::Text(text) | Value::Number(text) => Some(text),
            _ => None,
        }
    }

    fn computed(kind: Value<'a>) -> Self {
        Self { raw: "", kind }
    }
}

/// By value and not by spelling.
impl PartialEq for Item<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(one), Value::Bool(two)) => one == two,
            (Value::Number(one), Value::Number(two)) => {
                one == two || one.parse::<f64>().ok() == two.parse().ok()
            }
            (Value::Text(one), Value::Text(two)) => one == two,
            (Value::List(one), Value::List(two)) => one == two,
            (Value::Object(one), Value::Object(two)) => {
                one.len() == two.len() && one.iter().all(|(name, item)| other.field(name) == Some(item))
            }
            _ => false,
        }
    }
}

impl Queryable for Item<'_> {
    fn get(&self, key: &str) -> Option<&Self> {
        self.field(key)
    }

    fn as_array(&self) -> Option<&Vec<Self>> {
        if let Value::List(items) = &self.kind { Some(items) } else { None }
    }

    fn as_object(&self) -> Option<Vec<(&str, &Self)>> {
        let Value::Object(members) = &self.kind else { return None };
        Some(members.iter().map(|(name, item)| (name.as_ref(), item)).collect())
    }

    fn as_str(&self) -> Option<&str> {
        if let Value::Text(text) = &self.kind { Some(text) } else { None }
    }

    fn as_i64(&self) -> Option<i64> {
        if let Value::Number(digits) = &self.kind { digits.parse().ok() } else { None }
    }

    fn as_f64(&self) -> Option<f64> {
        if let Value::Number(digits) = &self.kind { digits.parse().ok() } else { None }
    }

    fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(flag) = self.kind { Some(flag) } else { None }
    }

    fn null() -> Self {
        Self::default()
    }
}

impl From<&str> for Item<'_> {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl From<String> for Item<'_> {
    fn from(text: String) -> Self {
        Self::computed(Value::Text(Cow::Owned(text)))
    }
}

impl From<bool> for Item<'_> {
    fn from(flag: bool) -> Self {
        Self::computed(Value::Bool(flag))
    }
}

impl From<i64> for Item<'_> {
    fn from(number: i64) -> Self {
        Self::computed(Value::Number(Cow::Owned(number.to_string())))
    }
}

impl From<f64> for Item<'_> {
    fn from(number: f64) -> Self {
        Self::computed(Value::Number(Cow::Owned(number.to_string())))
    }
}

impl From<Vec<Self>> for Item<'_> {
    fn from(items: Vec<Self>) -> Self {
        Self { raw: "", kind: Value::List(items) }
    }
}
