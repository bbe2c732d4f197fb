//! Names that are checked once, where they enter.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Kind, Result, content_hash};

/// How the stand-ins for records without an id begin; no vendor's id does.
const NAMELESS: &str = "(no id) ";

/// A stream of the source, for instance `calls`; also the name of its table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct StreamName(Cow<'static, str>);

/// A table of a destination, for instance `transcript_turns`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct TableName(Cow<'static, str>);

/// The key of a record within its stream: the vendor's id, or what stands for it. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordKey(String);

/// One run of the product, for instance `20261120T115200-4f2a`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

/// Tells a journal from every other, also from one that was begun anew in its place: 32 random hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct JournalId(String);

macro_rules! checked_name {
    ($name:ident, $what:literal) => {
        impl $name {
            /// For names known when the program is written.
            pub const fn of(name: &'static str) -> Self {
                Self(Cow::Borrowed(name))
            }

            pub fn parse(name: impl Into<String>) -> Result<Self> {
                let name = name.into();
                check_identifier(&name, $what)?;
                Ok(Self(Cow::Owned(name)))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(name: String) -> Result<Self> {
                Self::parse(name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

checked_name!(StreamName, "stream");
checked_name!(TableName, "table");

impl StreamName {
    pub const CALLS: Self = Self::of("calls");
    pub const CALL_DETAILS: Self = Self::of("call_details");
    pub const USERS: Self = Self::of("users");

    /// The table that holds the stream's own records.
    pub fn table(&self) -> TableName {
        TableName(self.0.clone())
    }
}

impl RecordKey {
    pub fn parse(key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        if key.is_empty() {
            return Err(Error::new(Kind::Protocol, "a record has an empty key"));
        }
        Ok(Self(key))
    }

    /// Stands for a record that came without a usable id, which can be counted and reported but not stored. The same
    /// bytes have the same stand-in.
    pub fn nameless(data: &[u8]) -> Self {
        Self(format!("{NAMELESS}{:016x}", content_hash(data)))
    }

    pub fn is_nameless(&self) -> bool {
        self.0.starts_with(NAMELESS)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl RunId {
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JournalId {
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    pub fn parse(id: impl Into<String>) -> Result<Self> {
        let id = id.into();
        if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Self(id));
        }
        Err(Error::new(Kind::Corrupt, "not the id of a journal"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for JournalId {
    type Error = Error;
    fn try_from(id: String) -> Result<Self> {
        Self::parse(id)
    }
}

impl fmt::Display for JournalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn check_identifier(name: &str, what: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if starts_well && name.len() <= 63 && name.chars().all(plain) {
        return Ok(());
    }
    Err(Error::new(Kind::Config, format!("not a {what} name"))
        .with("name", format!("{name:?}"))
        .hint("use lower-case letters, digits and underscores, at most 63"))
}
