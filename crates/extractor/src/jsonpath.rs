//! JSONPath (RFC 9535) over values that know their text: what is found is cut out verbatim, never written anew.

use std::borrow::Cow;

use clarion_core::json::{Json, Node, Shape};
use clarion_core::{Error, Kind, Result};
use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use jsonpath_rust::query::queryable::Queryable;

/// A checked path.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    query: JpQuery,
    /// What must be there if the path finds nothing: the list that its last wildcard looks into, or the value itself.
    needs: Option<JpQuery>,
}

impl Path {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let query = parse_json_path(text).map_err(|error| {
            Error::new(Kind::Config, "not a JSONPath")
                .with("path", text)
                .hint("for instance $.users[*] for the items of the field `users`")
                .source(error)
        })?;
        Ok(Self { needs: needed(&query), query })
    }

    /// Whether it leads to one value at most.
    pub(crate) fn is_singular(&self) -> bool {
        self.query.segments.iter().all(is_step)
    }

    /// Whether its records are the items of one list, which is then what the server counts and pages by.
    pub(crate) fn is_one_list(&self) -> bool {
        self.needs.is_some()
    }

    /// The items of the list that a filter at the path's end looks through; `None` without such a filter.
    pub(crate) fn unfiltered<'v, 'a>(&self, root: &'v Item<'a>) -> Option<Vec<&'v Item<'a>>> {
        let filters = matches!(self.query.segments.last(), Some(Segment::Selector(Selector::Filter(_))));
        let list = self.needs.as_ref().filter(|_| filters)?;
        let found = js_path_process(list, root).ok()?;
        match &found.first()?.val.kind {
            Value::List(items) => Some(items.iter().collect()),
            Value::Object(members) => Some(members.iter().map(|(_, item)| item).collect()),
            _ => None,
        }
    }

    /// Everything the path finds, in order.
    pub(crate) fn find<'v, 'a>(&self, root: &'v Item<'a>) -> Vec<&'v Item<'a>> {
        // The only errors are of functions that RFC 9535 does not know.
        let found = js_path_process(&self.query, root).unwrap_or_default();
        found.into_iter().map(|found| found.val).collect()
    }

    /// Whether what the path looks into is there, so that finding nothing means that there is nothing.
    pub(crate) fn may_be_empty(&self, root: &Item<'_>) -> bool {
        let Some(needed) = &self.needs else { return true };
        let found = js_path_process(needed, root).unwrap_or_default();
        found.iter().any(|found| matches!(found.val.kind, Value::List(_) | Value::Object(_)))
    }
}

/// A filter or a descent may find nothing anywhere; names lead to something that must be there.
fn needed(query: &JpQuery) -> Option<JpQuery> {
    let mut segments = query.segments.clone();
    if matches!(segments.last(), Some(Segment::Selector(Selector::Wildcard | Selector::Filter(_)))) {
        segments.pop();
    }
    segments.iter().all(is_step).then(|| JpQuery::new(segments))
}

fn is_step(segment: &Segment) -> bool {
    matches!(segment, Segment::Selector(Selector::Name(_) | Selector::Index(_)))
}

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(path: &str, body: &'static str) -> Vec<&'static str> {
        let root = Item::of(Node::parse(body.as_bytes()).expect("JSON"));
        let path = Path::parse(path).expect("a path");
        path.find(&root).into_iter().map(|item| item.raw).collect()
    }

    #[test]
    fn what_a_path_finds_keeps_its_bytes() {
        let body = r#"{"a":[ {"n": 12345678901234567890.10 , "t":"x\ud83d"} , {"n":1e400} ], "b":{"c":[3]}}"#;
        assert_eq!(
            found("$.a[*]", body),
            [r#"{"n": 12345678901234567890.10 , "t":"x\ud83d"}"#, r#"{"n":1e400}"#]
        );
        assert_eq!(found("$['a'][1].n", body), ["1e400"]);
        assert_eq!(found("$.b.c", body), ["[3]"]);
        assert_eq!(found("$..n", body).len(), 2);
        assert_eq!(found("$", body), [body]);
        assert_eq!(found("$.a[?@.t].n", body), ["12345678901234567890.10"]);
        assert_eq!(found("$.a[-1:]", body), [r#"{"n":1e400}"#]);
        assert_eq!(found("$.nothing[*]", body), [""; 0]);
    }

    #[test]
    fn filters_compare_by_value() {
        let body = r#"{"a":[{"n":1.0,"s":"x"},{"n":2,"s":"y"},{"n":1,"o":[1,{"p":null}]}]}"#;
        assert_eq!(found("$.a[?@.n==1]", body).len(), 2);
        assert_eq!(found("$.a[?@.n>1]", body).len(), 1);
        assert_eq!(found("$.a[?@.s=='y' || @.o]", body).len(), 2);
        assert_eq!(found("$.a[?length(@.s)==1]", body).len(), 2);
    }

    #[test]
    fn finding_nothing_is_told_from_looking_in_the_wrong_place() {
        for (path, body, fine) in [
            ("$.a[*]", r#"{"a":[]}"#, true),
            ("$.a[*]", r#"{"b":[]}"#, false),
            ("$.a[*]", r#"{"a":null}"#, false),
            ("$.a.b[?@.c]", r#"{"a":{"b":[]}}"#, true),
            ("$..a", "{}", true),
            ("$.a", "{}", false),
        ] {
            let root = Item::of(Node::parse(body.as_bytes()).expect("JSON"));
            assert_eq!(Path::parse(path).expect("a path").may_be_empty(&root), fine, "{path} {body}");
        }
    }

    #[test]
    fn what_is_no_path_is_a_mistake_of_the_configuration() {
        for path in ["", "users", "$.", "$[", "$.a[?]"] {
            assert_eq!(Path::parse(path).expect_err(path).kind(), Kind::Config);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_path_or_an_error(text in r#"\$[$.\[\]*?@'"ab0-9():,=<>!&|\- ]{0,24}"#) {
            let root = Item::of(Node::parse(br#"{"a":[1,{"b":"x"},[null]],"b":{"a":2.5}}"#).expect("JSON"));
            if let Ok(path) = Path::parse(&text) {
                path.find(&root);
                path.may_be_empty(&root);
            }
        }
    }
}
