//! A stream as a declaration: where it is asked for, how it is paged, what a record is and how it is known again.
//!
//! The vendor's streams and the user's own are the same thing: the built-in ones are a table of data, `streams.toml`,
//! in the language of `[[streams.custom]]`. Adding a stream is adding an entry.

mod built_in;
mod check;
mod dates;
mod fields;
mod template;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::built_in::built_in;
pub use self::dates::DateUnit;
pub use self::fields::Fields;
pub use self::template::{Bindings, Template};
use crate::{Period, Rule, StreamName};

/// How records of an endpoint are asked for, cut out of the answer, and known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Declaration {
    /// The stream and its table.
    #[schemars(with = "String")]
    pub name: StreamName,
    pub enabled: bool,
    /// How often it is read; `0s` = in every sync.
    pub every: Period,
    /// What becomes of fields that the table does not have yet.
    pub contract: Contract,
    /// Field paths to keep; empty = all.
    pub include: Vec<String>,
    /// Field path = rule. Dots lead into objects, lists are walked.
    pub columns: BTreeMap<String, Rule>,

    /// Below `source.base_url`, for instance `/users`. May hold macros.
    pub path: String,
    /// A whole address instead of `path`. Another host than `source.base_url` never gets the credentials.
    pub url: String,
    /// Query parameters; values may hold macros. One that comes out empty is not sent.
    pub params: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    /// How macros write dates, in the letters of Java: `yyyy-MM-dd'T'HH:mm:ss`.
    pub date_format: String,
    /// What `{now-30}` counts.
    pub date_unit: DateUnit,

    /// JSONPath to the records.
    pub records: String,
    /// Records that are bare values become objects with this field.
    pub scalar: String,
    /// JSONPath to what is added to each record as `_metadata`.
    pub metadata: String,
    /// Fields that are added to each record, over the vendor's own; values may hold macros.
    pub adds: BTreeMap<String, String>,

    pub paging: Paging,
    /// Records a page.
    pub page_size: u32,
    /// Parameter that holds the page size; empty: it is not sent.
    pub limit_param: String,
    /// `skip`: parameter that holds the offset.
    pub skip_param: String,
    /// `skip`: the largest offset that the server takes; 0 = no bound is promised.
    pub max_skip: u32,
    /// `skip`: parameter that leaves out what is not later than a time. With `slice_to_param` a list that is longer
    /// than `max_skip` reaches is read in slices of time.
    pub slice_from_param: String,
    /// `skip`: parameter that leaves out what is not earlier than a time.
    pub slice_to_param: String,
    /// `page`: parameter that holds the number of the page, from 1.
    pub page_param: String,
    /// `cursor`: JSONPath to the next page's cursor.
    pub cursor_path: String,
    /// `cursor`: parameter that holds it.
    pub page_cursor_param: String,
    /// `next_link`: JSONPath to the next page's address.
    pub next_path: String,

    /// The fields by which a record is known again.
    pub key: Fields,
    /// The field that tells how far an incremental read came; empty: everything is read each time.
    pub cursor: String,
    /// Parameter that holds the cursor of the read before.
    pub cursor_param: String,
    /// A cursor that is a time is sent so much earlier: for records that are stored late, or under one time.
    pub overlap: Period,
    /// A stream whose records drive this one: one read each.
    pub parent: String,
    /// The parent's field that fills `{parent}`: a name, or names with dots; of a list each item. Empty: its key.
    pub parent_field: String,
    /// One request gives the one record that `{parent}` names; a 404 means that there is no such record.
    pub by_id: bool,
    /// The last so many days are asked for as one window, in `{from}` and `{to}`; 0 = none.
    pub window_days: u32,
    /// Each full calendar month is asked for once, in `{from}` and `{to}`.
    pub window_months: bool,
    /// Its records are calls: where private calls are not asked for, those stay that `calls` shows as public.
    pub of_calls: bool,
    /// Promised by the vendor's contract. Any other endpoint may be absent: 403 and 404 then end nothing.
    pub in_contract: bool,
}

/// What becomes of fields that a table does not have yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Contract {
    /// They become columns.
    #[default]
    Evolve,
    /// The stream fails and nothing of the batch is loaded.
    Freeze,
    /// They are left out, and recorded.
    Discard,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Paging {
    /// Everything in one answer.
    #[default]
    None,
    /// By offset.
    Skip,
    /// By number.
    Page,
    /// By a mark that each answer holds for the next one.
    Cursor,
    /// By an address that each answer holds for the next one.
    NextLink,
}

impl Declaration {
    /// Whether it asks for windows of time.
    pub fn is_windowed(&self) -> bool {
        self.window_days > 0 || self.window_months
    }

    /// Whether it goes on where the read before ended.
    pub fn is_incremental(&self) -> bool {
        !self.cursor.is_empty()
    }

    /// Whether a list that is longer than its offset reaches is read in slices of time.
    pub fn is_sliced(&self) -> bool {
        !self.slice_from_param.is_empty()
    }

    /// Whether one read gives all there is, so that absence from it means something.
    pub fn is_whole(&self) -> bool {
        !self.is_windowed() && !self.is_incremental() && self.parent.is_empty()
    }

    pub fn parent_stream(&self) -> Option<StreamName> {
        StreamName::parse(self.parent.as_str()).ok()
    }
}

impl Default for Declaration {
    fn default() -> Self {
        Self {
            name: StreamName::of(""),
            enabled: true,
            every: Period::hours(24),
            contract: Contract::Evolve,
            include: Vec::new(),
            columns: BTreeMap::new(),
            path: String::new(),
            url: String::new(),
            params: BTreeMap::new(),
            headers: BTreeMap::new(),
            date_format: "yyyy-MM-dd".to_owned(),
            date_unit: DateUnit::Day,
            records: "$".to_owned(),
            scalar: String::new(),
            metadata: String::new(),
            adds: BTreeMap::new(),
            paging: Paging::None,
            // What the vendor's lists allow at most.
            page_size: 100,
            limit_param: "limit".to_owned(),
            skip_param: "skip".to_owned(),
            max_skip: 0,
            slice_from_param: String::new(),
            slice_to_param: String::new(),
            page_param: "page".to_owned(),
            cursor_path: String::new(),
            page_cursor_param: "cursor".to_owned(),
            next_path: String::new(),
            key: Fields::from("id"),
            cursor: String::new(),
            cursor_param: String::new(),
            overlap: Period::seconds(0),
            parent: String::new(),
            parent_field: String::new(),
            by_id: false,
            window_days: 0,
            window_months: false,
            of_calls: false,
            in_contract: false,
        }
    }
}
