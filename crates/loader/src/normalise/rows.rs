//! The rows that a record has in a child table.

use std::borrow::Cow;

use clarion_core::json::Json;

use super::contract::Rows;
use super::people::{People, Person};
use super::reject::Rejects;

pub(super) type Fields<'a> = [(Cow<'a, str>, Json<'a>)];

/// One row: an object of the vendor's, and where it stood.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) fields: &'a Fields<'a>,
    /// Of the list around the list, where there are two.
    pub(super) outer: usize,
    pub(super) index: usize,
    /// The participant that the row is about.
    pub(super) person: Option<&'a Person<'a>>,
}

/// Hands every row of a record to `visit`. An index is the place in the vendor's list, also if a neighbour is no row.
pub(super) fn each_row<'a>(
    rows: Rows,
    record: &'a Json<'a>,
    people: &'a People<'a>,
    rejects: &mut Rejects,
    mut visit: impl FnMut(Row<'a>, &mut Rejects),
) {
    match rows {
        Rows::Participants => {
            for (index, person) in people.iter().enumerate() {
                let Json::Object(fields) = person.object else {
                    continue;
                };
                visit(Row { fields, outer: 0, index, person: Some(person) }, rejects);
            }
        }
        Rows::List(path) => {
            each_object(at_path(record, path), rejects, |index, fields, rejects| {
                visit(Row { fields, outer: 0, index, person: None }, rejects);
            });
        }
        Rows::Nested(path, inner) => {
            let list = at_path(record, path).and_then(Json::as_list).unwrap_or_default();
            for (outer, item) in list.iter().enumerate() {
                each_object(item.get(inner), rejects, |index, fields, rejects| {
                    visit(Row { fields, outer, index, person: None }, rejects);
                });
            }
        }
    }
}

impl Rows {
    /// Where the rows' objects stand in the record, for whoever reads of a rejected value.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Participants => "participants",
            Self::List(path) => path,
            Self::Nested(_, inner) => inner,
        }
    }
}

fn at_path<'a>(record: &'a Json<'a>, path: &str) -> Option<&'a Json<'a>> {
    path.split('.').try_fold(record, |value, name| value.get(name))
}

fn each_object<'a>(
    list: Option<&'a Json<'a>>,
    rejects: &mut Rejects,
    mut visit: impl FnMut(usize, &'a Fields<'a>, &mut Rejects),
) {
    let items = match list {
        None | Some(Json::Null) => return,
        Some(Json::List(items)) => items,
        Some(_) => return rejects.push("", "not a list"),
    };
    for (index, item) in items.iter().enumerate() {
        match item {
            Json::Object(fields) => visit(index, fields, rejects),
            Json::Null => {}
            _ => rejects.push("", "an item is not an object"),
        }
    }
}
