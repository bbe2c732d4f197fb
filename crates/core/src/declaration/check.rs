//! Whether a declaration can be used at all; the error names the key.

use super::template::Macro;
use super::{Bindings, Declaration, Paging, Template, dates};
use crate::{Error, Kind, Result, StreamName, from_millis};

/// What the vendor's lists allow at most, and a bound for others.
const LARGEST_PAGE: u32 = 10_000;
/// 2026-01-01: a moment like any in which a stream is read.
const TYPICAL: i64 = 1_767_225_600_000;

impl Declaration {
    /// # Behavior
    /// - Looks at what needs no I/O and no JSONPath.
    pub fn check(&self) -> Result<()> {
        let checked = StreamName::parse(self.name.as_str()).map(drop);
        checked.and_then(|()| self.check_keys()).map_err(|error| match self.name.as_str() {
            "" => error.with("stream", "without a name"),
            name => error.with("stream", name),
        })
    }

    fn check_keys(&self) -> Result<()> {
        self.check_place()?;
        self.check_paging()?;
        self.check_slices()?;
        self.check_macros()?;
        if self.records.is_empty() {
            return Err(wrong("records", "a JSONPath to the records, for instance $.users[*]"));
        }
        if self.key.names().is_empty() || self.key.names().iter().any(String::is_empty) {
            return Err(wrong("key", "a field or a list of fields"));
        }
        if self.is_incremental()
            && !uses(self.templates(), |known| known == Macro::Cursor)
            && self.cursor_param.is_empty()
        {
            return Err(wrong("cursor_param", "the parameter that takes the cursor"));
        }
        self.check_parent()
    }

    fn check_parent(&self) -> Result<()> {
        if self.by_id && self.parent.is_empty() {
            return Err(wrong("parent", "the stream whose ids are asked for"));
        }
        if self.parent.is_empty() {
            return Ok(());
        }
        if self.is_windowed() {
            return Err(wrong(
                "window_days",
                "0, with window_months false: a stream with a parent has no windows",
            ));
        }
        let asked = [&self.path, &self.url].into_iter().chain(self.params.values());
        if !uses(asked, |known| known == Macro::Parent) {
            return Err(wrong("parent", "of use: {parent} stands neither in path, url nor params"));
        }
        Ok(())
    }

    fn check_place(&self) -> Result<()> {
        match (self.path.is_empty(), self.url.is_empty()) {
            (false, true) if self.path.contains(['?', '#']) => {
                Err(wrong("path", "a path alone: what follows a ? belongs into `params`"))
            }
            (false, true) if self.path.starts_with('/') => Ok(()),
            (true, false) => Ok(()),
            (false, true) => Err(wrong("path", "a path that begins with /")),
            _ => Err(wrong("path", "a path, or a url instead of it")),
        }
    }

    fn check_paging(&self) -> Result<()> {
        // By offset each page holds a row of the one before.
        let least = if self.paging == Paging::Skip { 2 } else { 1 };
        if !(least..=LARGEST_PAGE).contains(&self.page_size) {
            return Err(wrong("page_size", "a number from 1 to 10000, by offset from 2 on"));
        }
        let needed = match self.paging {
            Paging::None => return Ok(()),
            Paging::Skip => ("skip_param", &self.skip_param),
            Paging::Page => ("page_param", &self.page_param),
            Paging::Cursor if self.cursor_path.is_empty() => ("cursor_path", &self.cursor_path),
            Paging::Cursor => ("page_cursor_param", &self.page_cursor_param),
            Paging::NextLink => ("next_path", &self.next_path),
        };
        if needed.1.is_empty() {
            return Err(wrong(needed.0, "given, since the paging needs it"));
        }
        Ok(())
    }

    fn check_slices(&self) -> Result<()> {
        let slices = [("slice_from_param", &self.slice_from_param), ("slice_to_param", &self.slice_to_param)];
        if slices.iter().all(|(_, name)| name.is_empty()) {
            return Ok(());
        }
        if self.paging != Paging::Skip || self.max_skip == 0 || self.is_windowed() {
            return Err(wrong(
                slices[0].0,
                "of use here: slices are for `skip` with a `max_skip`, not for windows",
            ));
        }
        for (key, name) in slices {
            let own = [&self.skip_param, &self.limit_param, &self.cursor_param];
            if name.is_empty() || self.params.contains_key(name) || own.contains(&name) {
                return Err(wrong(key, "a parameter that nothing else sets; both slices' or none"));
            }
        }
        if self.slice_from_param == self.slice_to_param {
            return Err(wrong("slice_to_param", "another parameter than slice_from_param"));
        }
        Ok(())
    }

    fn check_macros(&self) -> Result<()> {
        dates::DateFormat::parse(&self.date_format)?;
        for text in self.templates() {
            let template = Template::parse(text)?;
            // What cannot be filled fails here, and not in every run.
            template.fill(self, &Bindings::sample(), from_millis(TYPICAL), str::to_owned)?;
            if self.parent.is_empty() && template.uses(|known| known == Macro::Parent) {
                return Err(wrong("parent", "a stream, since {parent} is used"));
            }
            if !self.is_windowed() && template.uses(|known| matches!(known, Macro::From | Macro::To)) {
                return Err(wrong("window_days", "above zero, since {from} or {to} is used"));
            }
        }
        Ok(())
    }

    fn templates(&self) -> impl Iterator<Item = &String> {
        [&self.path, &self.url].into_iter().chain(self.params.values()).chain(self.adds.values())
    }
}

fn uses<'t>(texts: impl Iterator<Item = &'t String>, wanted: impl Fn(Macro) -> bool) -> bool {
    texts.filter_map(|text| Template::parse(text).ok()).any(|template| template.uses(&wanted))
}

fn wrong(key: &str, expected: &str) -> Error {
    Error::new(Kind::Config, format!("a stream's {key} is not {expected}")).with("key", key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_names_its_key() {
        let good = Declaration {
            name: StreamName::of("people"),
            path: "/users".to_owned(),
            ..Declaration::default()
        };
        good.check().expect("it can work");
        let text = |text: &str| text.to_owned();
        let sliced = Declaration {
            paging: Paging::Skip,
            max_skip: 100,
            slice_from_param: text("since"),
            slice_to_param: text("until"),
            ..good.clone()
        };
        sliced.check().expect("it can work");
        let child = Declaration { parent: text("playlists"), ..good.clone() };
        let of_one = Declaration { path: text("/playlists/{parent}/calls"), ..child.clone() };
        of_one.check().expect("it can work");
        for (wrong, named) in [
            (Declaration { name: StreamName::of(""), ..good.clone() }, "name"),
            (Declaration { name: StreamName::of("No Name"), ..good.clone() }, "name"),
            (Declaration { path: text("users"), ..good.clone() }, "path"),
            (Declaration { path: text(""), ..good.clone() }, "path"),
            (Declaration { url: text("https://x"), ..good.clone() }, "path"),
            (Declaration { path: text("/{then}"), ..good.clone() }, "{then}"),
            (Declaration { path: text("/{parent}"), ..good.clone() }, "parent"),
            (Declaration { path: text("/{from}"), ..good.clone() }, "window_days"),
            (Declaration { date_format: text("QQ"), ..good.clone() }, "QQ"),
            (Declaration { page_size: 0, ..good.clone() }, "page_size"),
            (Declaration { page_size: 1, paging: Paging::Skip, ..good.clone() }, "page_size"),
            (Declaration { paging: Paging::Cursor, ..good.clone() }, "cursor_path"),
            (Declaration { paging: Paging::NextLink, ..good.clone() }, "next_path"),
            (Declaration { slice_from_param: text("since"), ..good.clone() }, "slice_from_param"),
            (Declaration { slice_to_param: text(""), ..sliced.clone() }, "slice_to_param"),
            (Declaration { slice_to_param: text("since"), ..sliced.clone() }, "slice_to_param"),
            (Declaration { max_skip: 0, ..sliced.clone() }, "slice_from_param"),
            (Declaration { params: [(text("until"), text("x"))].into(), ..sliced.clone() }, "slice_to_param"),
            (Declaration { cursor: text("updated"), ..good.clone() }, "cursor_param"),
            (Declaration { key: "".into(), ..good.clone() }, "key"),
            (Declaration { records: text(""), ..good.clone() }, "records"),
            (Declaration { by_id: true, ..good.clone() }, "parent"),
            (Declaration { path: text("/users?team=7"), ..good.clone() }, "params"),
            (Declaration { path: text("/{now-2000000000}"), ..good.clone() }, "now"),
            (Declaration { parent: text("playlists"), ..good.clone() }, "{parent}"),
            (Declaration { adds: [(text("of"), text("{parent}"))].into(), ..child.clone() }, "{parent}"),
            (Declaration { window_days: 30, ..of_one.clone() }, "window_days"),
            (Declaration { window_months: true, by_id: true, ..of_one.clone() }, "window_days"),
        ] {
            let error = wrong.check().expect_err(named);
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
