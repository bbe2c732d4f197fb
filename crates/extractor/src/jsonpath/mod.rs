//! JSONPath (RFC 9535) over values that know their text: what is found is cut out verbatim, never written anew.

mod item;

use clarion_core::{Error, Kind, Result};
use jsonpath_rust::parser::model::{JpQuery, Segment, Selector};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;

pub(crate) use self::item::{Item, Value};

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

#[cfg(test)]
mod tests {
    use clarion_core::json::Node;
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
