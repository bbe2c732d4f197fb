//! The query of a request, checked as the contract says.

use std::ops::RangeInclusive;

use axum::extract::Query;
use axum::http::Uri;
use chrono::{DateTime, NaiveDate, Utc};

use crate::index::moment;

/// Decoded query parameters, in the order sent. Unknown ones are ignored.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(Vec<(String, String)>);

/// What is wrong with a request, for the 400.
pub(crate) type Bad = String;

/// A page by offset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    pub(crate) skip: usize,
    pub(crate) limit: usize,
}

/// Strict bounds: neither bound itself is inside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Between<T> {
    above: Option<T>,
    below: Option<T>,
}

impl Params {
    pub(crate) fn of(uri: &Uri) -> Result<Self, Bad> {
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
        pairs.map(|Query(pairs)| Self(pairs)).map_err(|_| "malformed query".to_owned())
    }

    pub(crate) fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that may not be absent or empty.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Bad> {
        self.one(name).filter(|value| !value.is_empty()).ok_or_else(|| format!("{name} is required"))
    }

    /// All values of a repeated parameter.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect()
    }

    /// All values of a repeated parameter, each of which must be known.
    pub(crate) fn choices(&self, name: &str, known: &[&str]) -> Result<Vec<&str>, Bad> {
        let values = self.all(name);
        match values.iter().find(|value| !known.contains(value)) {
            Some(value) => Err(format!("{name} has no value \"{value}\"")),
            None => Ok(values),
        }
    }

    /// At most one of the known values.
    pub(crate) fn choice(&self, name: &str, known: &[&str]) -> Result<Option<&str>, Bad> {
        Ok(self.choices(name, known)?.first().copied())
    }

    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, Bad> {
        Ok(self.choice(name, &["true", "false"])?.map_or(default, |value| value == "true"))
    }

    /// The contract gives `includePrivate` more spellings than other flags.
    pub(crate) fn include_private(&self) -> Result<bool, Bad> {
        let value = self.choice("includePrivate", &["true", "false", "1", "0"])?;
        Ok(value.is_some_and(|value| value == "true" || value == "1"))
    }

    pub(crate) fn page(&self, default_limit: usize) -> Result<Page, Bad> {
        let skip = self.integer("skip", 0..=10_000)?.unwrap_or(0);
        let limit = self.integer("limit", 1..=100)?.unwrap_or(default_limit);
        Ok(Page { skip, limit })
    }

    /// `<stem>Gt` and `<stem>Lt` as times.
    pub(crate) fn times(&self, stem: &str) -> Result<Between<DateTime<Utc>>, Bad> {
        let bound = |side: &str| {
            let name = format!("{stem}{side}");
            self.one(&name)
                .map(|text| time(text).ok_or_else(|| format!("{name} is not an ISO 8601 time")))
                .transpose()
        };
        Ok(Between { above: bound("Gt")?, below: bound("Lt")? })
    }

    /// `filterDurationGt` and `filterDurationLt`, in seconds.
    pub(crate) fn durations(&self) -> Result<Between<f64>, Bad> {
        let bound = |name: &str| Ok::<_, Bad>(self.integer(name, 0..=7200)?.map(|seconds| seconds as f64));
        Ok(Between { above: bound("filterDurationGt")?, below: bound("filterDurationLt")? })
    }

    /// A calendar day, `yyyy-MM-dd`, that may not be absent.
    pub(crate) fn day(&self, name: &str) -> Result<NaiveDate, Bad> {
        let text = self.required(name)?;
        let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
        day.ok_or_else(|| format!("{name} is not a date of the form yyyy-MM-dd"))
    }

    fn integer(&self, name: &str, range: RangeInclusive<usize>) -> Result<Option<usize>, Bad> {
        let Some(text) = self.one(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            Ok(_) => Err(format!("{name} must be from {} to {}", range.start(), range.end())),
            Err(_) => Err(format!("{name} is not an integer")),
        }
    }
}

impl<T: PartialOrd + Copy> Between<T> {
    pub(crate) const OPEN: Self = Self { above: None, below: None };

    /// Whether the value lies inside; an absent one does only if there is no bound.
    pub(crate) fn holds(&self, value: Option<T>) -> bool {
        if self.above.is_none() && self.below.is_none() {
            return true;
        }
        value.is_some_and(|value| {
            self.above.is_none_or(|above| value > above) && self.below.is_none_or(|below| value < below)
        })
    }
}

/// RFC 3339, or the offset without a colon as in the contract's examples.
fn time(text: &str) -> Option<DateTime<Utc>> {
    let compact = || DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z").ok();
    moment(text).or_else(|| compact().map(|time| time.to_utc()))
}
