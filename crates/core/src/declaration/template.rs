//! Macros in paths, addresses, parameters and added fields.

use super::Declaration;
use super::dates::{DateFormat, DateUnit};
use crate::{Error, Kind, Result, Timestamp};

/// A text with macros: `{now}`, `{now-30}`, `{now+1}`, `{parent}`, `{from}`, `{to}`, `{cursor}`; `{{` and `}}` are braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Macro(Macro),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Macro {
    /// So many units after now.
    Now(i32),
    Parent,
    From,
    To,
    Cursor,
}

/// What one read fills the macros with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bindings {
    /// The value of the parent's field.
    pub parent: Option<String>,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    /// How far the read before came.
    pub cursor: Option<String>,
}

impl Bindings {
    /// Something for every macro, to see whether a text can be filled.
    pub fn sample() -> Self {
        let (text, time) = (Some("0".to_owned()), Some(Timestamp::UNIX_EPOCH));
        Self { parent: text.clone(), from: time, to: time, cursor: text }
    }
}

impl Template {
    /// An unknown macro is an error that names it.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = vec![];
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let after = &rest[at + 1..];
            if let Some(beyond) = after.strip_prefix(brace) {
                plain.push_str(brace);
                rest = beyond;
                continue;
            }
            let (name, beyond) = after
                .split_once('}')
                .filter(|_| brace == "{")
                .ok_or_else(|| unknown(text, "a brace that is not closed"))?;
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(Part::Macro(Macro::parse(name).ok_or_else(|| unknown(text, &format!("{{{name}}}")))?));
            rest = beyond;
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// The text with its macros filled; `write` spells what is filled in for the place where it stands.
    pub fn fill(
        &self,
        stream: &Declaration,
        bindings: &Bindings,
        now: Timestamp,
        write: impl Fn(&str) -> String,
    ) -> Result<String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Macro(known) => text.push_str(&write(&known.value(stream, bindings, now)?)),
            }
        }
        Ok(text)
    }

    /// Whether it holds nothing but a date.
    pub fn is_date(&self) -> bool {
        self.0.iter().all(|part| match part {
            Part::Text(plain) => plain.is_empty(),
            Part::Macro(known) => matches!(known, Macro::Now(_) | Macro::From | Macro::To),
        })
    }

    pub(super) fn uses(&self, wanted: impl Fn(Macro) -> bool) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Macro(known) if wanted(*known)))
    }
}

impl Macro {
    fn parse(name: &str) -> Option<Self> {
        match name {
            "now" => Some(Self::Now(0)),
            "parent" => Some(Self::Parent),
            "from" => Some(Self::From),
            "to" => Some(Self::To),
            "cursor" => Some(Self::Cursor),
            _ => {
                let count = name.strip_prefix("now").filter(|count| count.starts_with(['+', '-']))?;
                count.parse().ok().map(Self::Now)
            }
        }
    }

    fn value(self, stream: &Declaration, bindings: &Bindings, now: Timestamp) -> Result<String> {
        let date = |time: Timestamp| Ok(DateFormat::parse(&stream.date_format)?.write(time));
        let missing = |what: &str| {
            Error::new(Kind::Config, "a macro has nothing to stand for")
                .with("stream", &stream.name)
                .with("macro", what)
        };
        match self {
            Self::Now(count) => date(shifted(stream.date_unit, now, count)?),
            Self::From => date(bindings.from.ok_or_else(|| missing("{from}"))?),
            Self::To => date(bindings.to.ok_or_else(|| missing("{to}"))?),
            Self::Parent => bindings.parent.clone().ok_or_else(|| missing("{parent}")),
            // The first read has none.
            Self::Cursor => Ok(bindings.cursor.clone().unwrap_or_default()),
        }
    }
}

fn shifted(unit: DateUnit, now: Timestamp, count: i32) -> Result<Timestamp> {
    unit.after(now, count).ok_or_else(|| {
        Error::new(Kind::Config, "a date macro is out of range").with("macro", format!("{{now{count:+}}}"))
    })
}

fn unknown(text: &str, what: &str) -> Error {
    Error::new(Kind::Config, "an unknown macro").with("macro", what).with("in", text).hint(
        "known are {now}, {now-30}, {now+1}, {parent}, {from}, {to} and {cursor}; {{ and }} stand for braces",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_timestamp;

    fn fill(text: &str, stream: &Declaration) -> Result<String> {
        let now = parse_timestamp("2026-11-20T10:00:00Z").expect("a time");
        let bindings = Bindings { parent: Some("a/b".to_owned()), ..Bindings::default() };
        Template::parse(text)?.fill(stream, &bindings, now, |value| value.replace('/', "%2F"))
    }

    #[test]
    fn macros_are_filled_and_only_what_they_stand_for_is_spelled_anew() {
        let days = Declaration::default();
        for (text, expected) in [
            ("/plain", "/plain"),
            ("{now}", "2026-11-20"),
            ("{now-30}/{now+1}", "2026-10-21/2026-11-21"),
            ("/playlists/{parent}/calls", "/playlists/a%2Fb/calls"),
            ("{{now}} {cursor}", "{now} "),
        ] {
            assert_eq!(fill(text, &days).expect("known macros"), expected);
        }
        let months = Declaration { date_unit: DateUnit::Month, date_format: "yyyy-MM".to_owned(), ..days };
        assert_eq!(fill("{now-11}", &months).expect("known"), "2025-12");
    }

    #[test]
    fn an_unknown_macro_is_named() {
        for (text, named) in [
            ("{yesterday}", "{yesterday}"),
            ("{now-}", "{now-}"),
            ("{now-1d}", "{now-1d}"),
            ("{now", "brace"),
            ("now}", "brace"),
        ] {
            let error = Template::parse(text).expect_err("unknown");
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.to_string().contains(named), "{error}");
        }
        let error = fill("{from}", &Declaration::default()).expect_err("nothing to stand for");
        assert!(error.to_string().contains("{from}"), "{error}");
        let far = fill("{now-2000000000}", &Declaration::default()).expect_err("out of range");
        assert_eq!(far.kind(), Kind::Config);
    }
}
