//! Values that know the text they were read from, so that what is found among them can be cut out verbatim.

use std::borrow::Cow;

use super::parse::{Parsed, Reader};
use super::{Json, SyntaxError};

/// A value and its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Node<'a> {
    pub raw: &'a str,
    pub shape: Shape<'a>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Shape<'a> {
    /// Neither a list nor an object.
    Scalar(Json<'a>),
    List(Vec<Node<'a>>),
    /// In the order of the text; of a repeated name the last one counts.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// Reads one JSON document.
    pub fn parse(text: &'a [u8]) -> Result<Self, SyntaxError> {
        let mut reader = Reader::new(text)?;
        let node = reader.node()?;
        reader.end()?;
        Ok(node)
    }

    /// The field of an object; `None` for anything else and for a missing field.
    pub fn field(&self, name: &str) -> Option<&Self> {
        let Shape::Object(members) = &self.shape else { return None };
        members.iter().rev().find(|(member, _)| member == name).map(|(_, node)| node)
    }

    pub fn is_object(&self) -> bool {
        matches!(self.shape, Shape::Object(_))
    }
}

impl<'a> Reader<'a> {
    fn node(&mut self) -> Parsed<Node<'a>> {
        self.skip_space();
        let start = self.at;
        let shape = match self.peek() {
            Some(b'{') => self.nested(Self::members_as_nodes)?,
            Some(b'[') => self.nested(Self::items_as_nodes)?,
            Some(b'"') => Shape::Scalar(Json::Text(self.string()?)),
            _ => Shape::Scalar(self.scalar()?),
        };
        Ok(Node { raw: &self.text[start..self.at], shape })
    }

    fn members_as_nodes(&mut self) -> Parsed<Shape<'a>> {
        let mut members = Vec::new();
        self.members(|reader| {
            let name = reader.name()?;
            members.push((name, reader.node()?));
            Ok(())
        })?;
        Ok(Shape::Object(members))
    }

    fn items_as_nodes(&mut self) -> Parsed<Shape<'a>> {
        let mut items = Vec::new();
        self.items(|reader| {
            items.push(reader.node()?);
            Ok(())
        })?;
        Ok(Shape::List(items))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_value_knows_its_text() {
        let text = br#" { "a" : [ 1e400 , "x\ud83d" , {"b":null} ] , "a" : true } "#;
        let node = Node::parse(text).expect("valid");
        assert_eq!(node.field("a").map(|last| last.raw), Some("true"));
        let Shape::Object(members) = &node.shape else { panic!("an object") };
        let Shape::List(items) = &members[0].1.shape else { panic!("a list") };
        let raws: Vec<&str> = items.iter().map(|item| item.raw).collect();
        assert_eq!(raws, ["1e400", r#""x\ud83d""#, r#"{"b":null}"#]);
    }

    proptest! {
        #[test]
        fn refuses_what_the_reader_refuses(text in r#"[\[\]{}",:0-9a-u\\. ]{0,24}"#) {
            prop_assert_eq!(Json::parse(text.as_bytes()).is_ok(), Node::parse(text.as_bytes()).is_ok());
        }
    }
}
