//! The paths of a declaration, checked.

use clarion_core::{Declaration, Error, Kind, Paging, Result};

use crate::jsonpath::Path;

pub(super) fn check(stream: &Declaration) -> Result<()> {
    let paths = Paths::of(stream)?;
    if stream.paging == Paging::Skip && !paths.records.is_one_list() {
        return Err(Error::new(Kind::Config, "pages by offset need `records` to be the items of one list")
            .with("records", &stream.records)
            .hint("for instance $.calls[*]; nested lists become columns of their record"));
    }
    if paths.next.as_ref().is_none_or(Path::is_singular) {
        return Ok(());
    }
    Err(Error::new(Kind::Config, "the path to the next page must lead to one value"))
}

/// Where in an answer things are.
pub(super) struct Paths {
    pub(super) records: Path,
    pub(super) metadata: Option<Path>,
    pub(super) next: Option<Path>,
}

impl Paths {
    pub(super) fn of(stream: &Declaration) -> Result<Self> {
        let optional = |text: &str| (!text.is_empty()).then(|| Path::parse(text)).transpose();
        let next = match stream.paging {
            Paging::Cursor => &stream.cursor_path,
            Paging::NextLink => &stream.next_path,
            Paging::None | Paging::Skip | Paging::Page => "",
        };
        Ok(Self {
            records: Path::parse(&stream.records)?,
            metadata: optional(&stream.metadata)?,
            next: optional(next)?,
        })
    }
}
