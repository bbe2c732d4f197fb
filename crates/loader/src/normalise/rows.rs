//! The rows that a record has in a child table.

use std::borrow::Cow;

use clarion_core::json::Json;

use super::contract::Rows;
use super::people::{People, Person};
use super::record::Record;
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

/// A record while its rows are written.
pub(super) struct Pass<'a> {
    pub(super) record: &'a Record<'a>,
    pub(super) people: &'a People<'a>,
    /// Microseconds since 1970.
    pub(super) loaded_at: i64,
    /// Values of the row in hand by slot.
    pub(super) values: Vec<Option<&'a Json<'a>>>,
    pub(super) rejects: Rejects,
}

/// Hands every row of a record to `visit`. An index is the place in the vendor's list, also if a neighbour is no row.
pub(super) fn each_row<'a>(rows: Rows, pass: &mut Pass<'a>, mut visit: impl FnMut(Row<'a>, &mut Pass<'a>)) {
    let (record, people) = (&pass.record.json, pass.people);
    match rows {
        Rows::Participants => {
            for (index, person) in people.iter().enumerate() {
                let Json::Object(fields) = person.object else { continue };
                visit(Row { fields, outer: 0, index, person: Some(person) }, pass);
            }
        }
        Rows::List(path) => {
            each_object(at_path(record, path), pass, |index, fields, pass| {
                visit(Row { fields, outer: 0, index, person: None }, pass);
            });
        }
        Rows::Nested(path, inner) => {
            let list = at_path(record, path).and_then(Json::as_list).unwrap_or_default();
            for (outer, item) in list.iter().enumerate() {
                each_object(item.get(inner), pass, |index, fields, pass| {
                    visit(Row { fields, outer, index, person: None }, pass);
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
    pass: &mut Pass<'a>,
    mut visit: impl FnMut(usize, &'a Fields<'a>, &mut Pass<'a>),
) {
    let items = match list {
        None | Some(Json::Null) => return,
        Some(Json::List(items)) => items,
        Some(_) => return pass.rejects.push("", "not a list"),
    };
    for (index, item) in items.iter().enumerate() {
        match item {
            Json::Object(fields) => visit(index, fields, pass),
            Json::Null => {}
            _ => pass.rejects.push("", "an item is not an object"),
        }
    }
}
