//! The tables that are compared, and the columns that tell whether a row is the right one.

/// Cells as text, the key first.
pub(crate) type Rows = Vec<Vec<String>>;

/// How a missing value is written.
pub(crate) const NULL: &str = "∅";

pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// How many of the columns are the key.
    pub(crate) key: usize,
    pub(crate) columns: &'static [(&'static str, Kind)],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text, integers and booleans: all readers write them alike.
    Plain,
    /// Microseconds since 1970.
    Time,
}

const ID: (&str, Kind) = ("id", Kind::Plain);
const CALL: (&str, Kind) = ("call_id", Kind::Plain);
const INDEX: (&str, Kind) = ("idx", Kind::Plain);
const NAME: (&str, Kind) = ("name", Kind::Plain);

pub(crate) const TABLES: [Table; 9] = [
    Table {
        name: "calls",
        key: 1,
        columns: &[
            ID,
            ("status", Kind::Plain),
            ("title", Kind::Plain),
            ("time", Kind::Time),
            ("last_modified_time", Kind::Time),
            ("is_private", Kind::Plain),
        ],
    },
    Table {
        name: "call_details",
        key: 1,
        columns: &[ID, ("status", Kind::Plain), ("title", Kind::Plain), ("is_private", Kind::Plain)],
    },
    Table { name: "users", key: 1, columns: &[ID, ("email", Kind::Plain), NAME] },
    Table {
        name: "call_participants",
        key: 2,
        columns: &[CALL, INDEX, ("role", Kind::Plain), ("email", Kind::Plain)],
    },
    Table { name: "topic_mentions", key: 2, columns: &[CALL, INDEX, NAME] },
    Table { name: "transcript_turns", key: 2, columns: &[CALL, INDEX, ("text", Kind::Plain)] },
    Table { name: "topics_discussed", key: 2, columns: &[CALL, INDEX, NAME] },
    Table { name: "action_items", key: 2, columns: &[CALL, INDEX, ("action_item", Kind::Plain)] },
    Table {
        name: "competitor_sentiments",
        key: 2,
        columns: &[CALL, INDEX, ("competitor_name", Kind::Plain)],
    },
];

impl Table {
    pub(crate) fn named(name: &str) -> &'static Self {
        TABLES.iter().find(|table| table.name == name).expect("one of the tables above")
    }
}
