//! What the vendor's contract says about a stream: declarations, no code.

mod calls;
mod children;
mod crm;
mod outside;
mod scorecards;
mod topics;
mod users;

use clarion_core::{ColumnType, StreamName};

/// The streams of which more is known than their key. The others are inferred from their records.
pub(super) const CONTRACTS: [&Contract; 15] = [
    &calls::CALLS,
    &calls::CALL_DETAILS,
    &users::USERS,
    &topics::TOPICS,
    &topics::TOPICS_V2,
    &scorecards::SCORECARDS,
    &scorecards::SCORECARD_TEMPLATES,
    &crm::ACCOUNTS,
    &crm::OPPORTUNITIES,
    &crm::CRM_ACCOUNTS,
    &crm::CRM_DEALS,
    &crm::CRM_CONTACTS,
    &outside::PLAYLIST_CALLS,
    &outside::USER_STATS,
    &outside::AGGREGATE_STATS,
];

/// The column that holds the keys of records which several fields identify together.
pub(super) const JOINT_KEY: &str = "_key";

pub(super) struct Contract {
    pub(super) stream: StreamName,
    /// The vendor fields that identify a record. One of them becomes the key's column; of several each is a column like
    /// any other, beside [`JOINT_KEY`].
    pub(super) key: &'static [&'static str],
    /// The column by which the table and its children are partitioned and sorted.
    pub(super) time: Option<&'static str>,
    /// The stream's own columns after the key, in groups that streams share.
    pub(super) fields: &'static [&'static [Field]],
    /// Vendor fields that no column of the table holds, since child tables do.
    pub(super) elsewhere: &'static [&'static str],
    pub(super) children: &'static [Child],
}

impl Contract {
    /// A stream that has no child tables and no time of its own.
    const fn plain(
        stream: &'static str,
        key: &'static [&'static str],
        fields: &'static [&'static [Field]],
    ) -> Self {
        Self { stream: StreamName::of(stream), key, time: None, fields, elsewhere: &[], children: &[] }
    }
}

/// A table with several rows for each record.
pub(super) struct Child {
    pub(super) table: &'static str,
    /// The column of the parent's key.
    pub(super) parent: &'static str,
    pub(super) rows: Rows,
    pub(super) fields: &'static [Field],
    /// Vendor fields of the row's object that are no new fields, though no column takes them by themselves.
    pub(super) consumed: &'static [&'static str],
}

/// Which objects of a record become rows.
#[derive(Clone, Copy)]
pub(super) enum Rows {
    /// Users, external participants and whoever else joined.
    Participants,
    /// The items of the list at this path.
    List(&'static str),
    /// The items of a list inside each item of the list at this path: two indexes.
    Nested(&'static str, &'static str),
}

pub(super) struct Field {
    pub(super) column: &'static str,
    pub(super) kind: Kind,
    pub(super) from: From,
}

/// Where a column's value comes from.
#[derive(Clone, Copy)]
pub(super) enum From {
    /// The vendor's field of this name.
    Field(&'static str),
    /// A field inside an object.
    Inner(&'static str, &'static str),
    /// A time within the call, as seconds.
    Seconds(&'static str),
    /// A day, as the moment in which it begins.
    Day(&'static str),
    Computed(Computed),
}

/// Values that are no vendor field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Computed {
    Key,
    CallTime,
    OuterIndex,
    Index,
    Role,
    PersonId,
    PersonName,
    PersonEmail,
    PersonPhone,
    PersonInternal,
    Joined,
    IsPrivate,
    TranscriptText,
    ExtractedAt,
    LoadedAt,
    RunId,
    Position,
    DeletedAt,
}

/// A type that can be written as a constant.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Boolean,
    Integer,
    Double,
    Timestamp,
    Text,
    Struct(&'static [(&'static str, Kind)]),
    List(&'static Kind),
}

impl Kind {
    pub(super) fn column_type(self) -> ColumnType {
        match self {
            Self::Boolean => ColumnType::Boolean,
            Self::Integer => ColumnType::Integer,
            Self::Double => ColumnType::Double,
            Self::Timestamp => ColumnType::Timestamp,
            Self::Text => ColumnType::Text,
            Self::List(item) => ColumnType::List(Box::new(item.column_type())),
            Self::Struct(fields) => {
                let mut fields: Vec<(String, ColumnType)> =
                    fields.iter().map(|(name, kind)| ((*name).to_owned(), kind.column_type())).collect();
                fields.sort_by(|(a, _), (b, _)| a.cmp(b));
                ColumnType::Struct(fields)
            }
        }
    }
}

const fn field(column: &'static str, kind: Kind, source: &'static str) -> Field {
    Field { column, kind, from: From::Field(source) }
}

/// A text column named like its field.
const fn text(column: &'static str) -> Field {
    field(column, Kind::Text, column)
}

const fn time(column: &'static str) -> Field {
    field(column, Kind::Timestamp, column)
}

const fn seconds(column: &'static str, source: &'static str) -> Field {
    Field { column, kind: Kind::Double, from: From::Seconds(source) }
}

const fn day(column: &'static str) -> Field {
    Field { column, kind: Kind::Timestamp, from: From::Day(column) }
}

const fn inner(column: &'static str, kind: Kind, object: &'static str, source: &'static str) -> Field {
    Field { column, kind, from: From::Inner(object, source) }
}

const fn computed(column: &'static str, kind: Kind, value: Computed) -> Field {
    Field { column, kind, from: From::Computed(value) }
}
