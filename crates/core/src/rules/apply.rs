//! One pass over a record's bytes that copies what no rule touches and writes anew what one does.

use std::borrow::Cow;

use super::edits::Edits;
use super::hash::canonical;
use super::tree::{Fate, Node, StreamRules};
use super::{HashKey, Rule, mask, redact};
use crate::json::{Json, Parsed, Reader, quoted};

/// The record under its stream's rules; `None` if it stays as it is.
pub(super) fn ruled(data: &[u8], rules: &StreamRules, key: Option<&HashKey>) -> Parsed<Option<Vec<u8>>> {
    let mut reader = Reader::new(data)?;
    let mut pass = Pass { edits: Edits::of(reader.text), rules, key };
    pass.value(&mut reader, Some(rules.root()), None)?;
    reader.end()?;
    Ok(pass.edits.finish())
}

struct Pass<'a, 'r> {
    edits: Edits<'a>,
    rules: &'r StreamRules,
    key: Option<&'r HashKey>,
}

impl<'a> Pass<'a, '_> {
    /// A value for which a rule further up holds, unless there is one of its own.
    fn value(&mut self, reader: &mut Reader<'a>, node: Option<&Node>, outer: Option<Rule>) -> Parsed<()> {
        let rule = node.and_then(|node| node.rule).or(outer);
        if rule.is_none() && node.is_none_or(Node::is_leaf) {
            return reader.skip_value();
        }
        reader.skip_space();
        match (reader.peek(), rule) {
            (Some(b'{'), _) => reader.nested(|reader| self.object(reader, node, rule)),
            (Some(b'['), _) => reader.nested(|reader| reader.items(|reader| self.value(reader, node, rule))),
            (Some(b'"'), Some(rule)) => {
                let start = reader.at;
                let text = reader.string()?;
                self.text(rule, &text, start, reader.at);
                Ok(())
            }
            (_, Some(rule)) => {
                let start = reader.at;
                let scalar = reader.scalar()?;
                self.scalar(rule, &scalar, start, reader.at);
                Ok(())
            }
            (_, None) => reader.skip_value(),
        }
    }

    fn object(&mut self, reader: &mut Reader<'a>, node: Option<&Node>, rule: Option<Rule>) -> Parsed<()> {
        // Where the members begin that are taken out before one that stays: they end where that one begins.
        let mut cut_from = None;
        let (mut stays, mut last_end) = (false, reader.at);
        reader.members(|reader| {
            let start = reader.at;
            if let Some(from) = cut_from.take() {
                self.edits.cut(from, start);
            }
            let name = reader.name()?;
            let fate = node.map_or(Fate::Stays, |node| node.member(&name));
            if let Fate::Goes(path) = fate {
                self.rules.note(path);
                reader.skip_value()?;
                if stays {
                    self.edits.cut(last_end, reader.at);
                } else {
                    cut_from = Some(start);
                }
            } else {
                let inner = if let Fate::Within(inner) = fate { Some(inner) } else { None };
                self.rules.note(inner.and_then(|inner| inner.path));
                if let Some(rule) = rule.filter(|_| inner.is_none()) {
                    let end = start + reader.text[start..reader.at].rfind('"').map_or(0, |last| last + 1);
                    self.name(rule, &name, start, end);
                }
                self.value(reader, inner, rule)?;
                stays = true;
            }
            last_end = reader.at;
            Ok(())
        })?;
        if let Some(from) = cut_from {
            self.edits.cut(from, last_end);
        }
        Ok(())
    }

    /// A name stays unless it is itself an address or a number: then it is a value in the place of a name.
    fn name(&mut self, rule: Rule, name: &str, start: usize, end: usize) {
        if let Cow::Owned(redacted) = redact::redact(name) {
            let new = if rule == Rule::Hash { self.hashed(name) } else { Cow::Owned(redacted) };
            self.put(&new, name, start, end);
        }
    }

    fn text(&mut self, rule: Rule, text: &str, start: usize, end: usize) {
        let new = match rule {
            Rule::Hash if !text.is_empty() => self.hashed(text),
            Rule::Mask => Cow::Owned(mask::mask(text)),
            Rule::Redact => redact::redact(text),
            Rule::Hash | Rule::Exclude => return,
        };
        self.put(&new, text, start, end);
    }

    fn scalar(&mut self, rule: Rule, scalar: &Json<'_>, start: usize, end: usize) {
        let digits = match scalar {
            Json::Number(digits) => canonical(digits),
            Json::Bool(flag) => Cow::Borrowed(if *flag { "true" } else { "false" }),
            _ => return,
        };
        let new = match rule {
            Rule::Hash => self.hashed(&digits),
            Rule::Mask => Cow::Owned(mask::mask(&digits)),
            Rule::Redact => redact::redact(&digits),
            Rule::Exclude => return,
        };
        self.put(&new, &digits, start, end);
    }

    fn hashed(&self, value: &str) -> Cow<'static, str> {
        let key = self.key.expect("rules that hash come with a key");
        Cow::Owned(key.hash(value))
    }

    fn put(&mut self, new: &str, old: &str, start: usize, end: usize) {
        if new == old {
            return;
        }
        let mut json = String::with_capacity(new.len() + 2);
        quoted(&mut json, new).expect("a text takes text");
        self.edits.replace(start, end, &json);
    }
}
