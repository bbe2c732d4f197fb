//! Single fields of an object, found without reading the rest into memory.

use super::SyntaxError;
use super::parse::{Parsed, Reader};

/// The raw values of the fields `names` of the object in `text`; of a repeated name the last one counts.
///
/// # Behavior
/// - What is passed over is read as strictly as by [`super::Json::parse`].
/// - A document that is no object has no fields.
pub fn skim<'a, const N: usize>(
    text: &'a [u8],
    names: [&str; N],
) -> Result<[Option<&'a str>; N], SyntaxError> {
    let mut reader = Reader::new(text)?;
    let mut found = [None; N];
    reader.skip_space();
    if reader.peek() == Some(b'{') {
        reader.each_field(|name, raw| {
            if let Some(place) = names.iter().position(|wanted| *wanted == name) {
                found[place] = Some(raw);
            }
        })?;
    } else {
        reader.skip_value()?;
    }
    reader.end()?;
    Ok(found)
}

impl<'a> Reader<'a> {
    fn each_field(&mut self, mut visit: impl FnMut(&str, &'a str)) -> Parsed<()> {
        self.members(|reader| {
            let name = reader.name()?;
            reader.skip_space();
            let start = reader.at;
            reader.skip_value()?;
            visit(&name, &reader.text[start..reader.at]);
            Ok(())
        })
    }

    /// Passes over one value.
    pub(crate) fn skip_value(&mut self) -> Parsed<()> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.skip_string(),
            Some(b'{') => self.nested(|reader| {
                reader.members(|reader| {
                    reader.skip_name()?;
                    reader.skip_value()
                })
            }),
            Some(b'[') => self.nested(|reader| reader.items(Self::skip_value)),
            _ => self.scalar().map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Json;
    use super::*;

    #[test]
    fn finds_top_level_fields_as_they_stand_and_takes_the_last() {
        let text = br#" {"a":{"b":1}, "b" : [1, {"a":2}] ,"\u0063":"x\"y","b":null} "#;
        assert_eq!(
            skim(text, ["a", "b", "c", "d"]),
            Ok([Some(r#"{"b":1}"#), Some("null"), Some(r#""x\"y""#), None])
        );
        assert_eq!(skim(b"[{\"a\":1}]", ["a"]), Ok([None]));
        assert!(skim(b"{\"a\":1", ["a"]).is_err());
        assert!(skim(b"{\"a\":1}x", ["a"]).is_err());
    }

    proptest! {
        #[test]
        fn refuses_what_the_reader_refuses(text in r#"[\[\]{}",:0-9a-u\\. ]{0,24}"#) {
            let read = Json::parse(text.as_bytes());
            let skimmed = skim(text.as_bytes(), ["a"]);
            prop_assert_eq!(read.is_ok(), skimmed.is_ok());
        }
    }
}
