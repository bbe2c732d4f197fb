//! A strict JSON reader: RFC 8259, UTF-8, depth-bounded, borrowing.

use std::borrow::Cow;

use super::Json;

/// Deeper nesting is refused rather than overflowing the stack.
const MAX_DEPTH: u32 = 128;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct SyntaxError {
    pub what: &'static str,
    pub at: usize,
}

pub(crate) type Parsed<T> = Result<T, SyntaxError>;

pub(super) fn document(bytes: &[u8]) -> Parsed<Json<'_>> {
    let mut reader = Reader::new(bytes)?;
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

pub(crate) struct Reader<'a> {
    pub(crate) text: &'a str,
    bytes: &'a [u8],
    pub(crate) at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Parsed<Self> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| SyntaxError { what: "text is not UTF-8", at: error.valid_up_to() })?;
        Ok(Self { text, bytes, at: 0, depth: 0 })
    }

    /// Nothing but space may follow.
    pub(crate) fn end(&mut self) -> Parsed<()> {
        self.skip_space();
        if self.at < self.bytes.len() { Err(self.error("text after the end of the value")) } else { Ok(()) }
    }

    fn value(&mut self) -> Parsed<Json<'a>> {
        self.skip_space();
        match self.peek() {
            Some(b'"') => self.string().map(Json::Text),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::list),
            _ => self.scalar(),
        }
    }

    /// A value that is neither text nor nested.
    pub(crate) fn scalar(&mut self) -> Parsed<Json<'a>> {
        match self.peek() {
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.error("unexpected character")),
            None => Err(self.error("the text ends too early")),
        }
    }

    /// Reads what is inside of a brace or bracket.
    pub(crate) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("nested too deeply"));
        }
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Parsed<Json<'a>> {
        let mut fields = Vec::new();
        self.members(|reader| {
            // Most objects are turns of a transcript: one allocation each.
            if fields.capacity() == 0 {
                fields.reserve_exact(6);
            }
            let name = reader.name()?;
            fields.push((name, reader.value()?));
            Ok(())
        })?;
        Ok(Json::Object(fields))
    }

    fn list(&mut self) -> Parsed<Json<'a>> {
        let mut items = Vec::new();
        self.items(|reader| {
            items.push(reader.value()?);
            Ok(())
        })?;
        Ok(Json::List(items))
    }

    /// The members of an object from its brace on; `read` takes each from its name to the end of its value.
    pub(crate) fn members(&mut self, mut read: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        self.at += 1;
        self.skip_space();
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            self.skip_space();
            read(self)?;
            self.skip_space();
            if self.eat(b'}') {
                return Ok(());
            }
            if !self.eat(b',') {
                return Err(self.error("expected a comma or the object's end"));
            }
        }
    }

    /// The items of a list from its bracket on.
    pub(crate) fn items(&mut self, mut read: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        self.at += 1;
        self.skip_space();
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            read(self)?;
            self.skip_space();
            if self.eat(b']') {
                return Ok(());
            }
            if !self.eat(b',') {
                return Err(self.error("expected a comma or the list's end"));
            }
        }
    }

    /// A member's name and its colon.
    pub(crate) fn name(&mut self) -> Parsed<Cow<'a, str>> {
        self.expect_name()?;
        let name = self.string()?;
        self.colon()?;
        Ok(name)
    }

    pub(super) fn skip_name(&mut self) -> Parsed<()> {
        self.expect_name()?;
        self.skip_string()?;
        self.colon()
    }

    fn expect_name(&self) -> Parsed<()> {
        if self.peek() == Some(b'"') { Ok(()) } else { Err(self.error("expected a field name")) }
    }

    fn colon(&mut self) -> Parsed<()> {
        self.skip_space();
        if self.eat(b':') { Ok(()) } else { Err(self.error("expected a colon")) }
    }

    fn number(&mut self) -> Parsed<Json<'a>> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Json::Number(&self.text[start..self.at]))
    }

    fn digits(&mut self) -> Parsed<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.error("expected a digit")) } else { Ok(()) }
    }

    pub(crate) fn string(&mut self) -> Parsed<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        let end = self.plain_end()?;
        self.at = end;
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(&self.text[start..end]));
        }
        let mut owned = self.text[start..end].to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(owned));
                }
                Some(b'\\') => owned.push(self.escape()?),
                _ => {
                    let from = self.at;
                    self.at = self.plain_end()?;
                    owned.push_str(&self.text[from..self.at]);
                }
            }
        }
    }

    pub(super) fn skip_string(&mut self) -> Parsed<()> {
        self.at += 1;
        loop {
            self.at = self.plain_end()?;
            if self.eat(b'"') {
                return Ok(());
            }
            self.escape()?;
        }
    }

    /// Where the run of characters that stand for themselves ends: at a quote or a backslash.
    fn plain_end(&self) -> Parsed<usize> {
        let rest = &self.bytes[self.at..];
        let length = memchr::memchr2(b'"', b'\\', rest)
            .ok_or(SyntaxError { what: "unterminated string", at: self.at })?;
        let plain = &rest[..length];
        // Without an early exit the compiler looks at many bytes at once.
        let has_control = plain.iter().fold(false, |found, byte| found | (*byte < 0x20));
        if has_control && let Some(control) = plain.iter().position(|byte| *byte < 0x20) {
            return Err(SyntaxError { what: "control character in a string", at: self.at + control });
        }
        Ok(self.at + length)
    }

    fn escape(&mut self) -> Parsed<char> {
        self.at += 1;
        let letter = self.peek().ok_or_else(|| self.error("unterminated string"))?;
        self.at += 1;
        match letter {
            b'"' => Ok('"'),
            b'\\' => Ok('\\'),
            b'/' => Ok('/'),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'n' => Ok('\n'),
            b'r' => Ok('\r'),
            b't' => Ok('\t'),
            b'u' => self.unicode_escape(),
            _ => Err(self.error("unknown escape")),
        }
    }

    fn unicode_escape(&mut self) -> Parsed<char> {
        let first = self.four_hex()?;
        if (0xd800..0xdc00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            let second = self.four_hex()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            // Not the other half: it is read again by itself.
            self.at = back;
        }
        let mended = if first == 0 { None } else { char::from_u32(first) };
        Ok(mended.unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn four_hex(&mut self) -> Parsed<u32> {
        let digits = self.bytes.get(self.at..self.at + 4).ok_or_else(|| self.error("unterminated string"))?;
        let mut code = 0;
        for digit in digits {
            let value = char::from(*digit).to_digit(16).ok_or_else(|| self.error("expected a hex digit"))?;
            code = code * 16 + value;
        }
        self.at += 4;
        Ok(code)
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Parsed<Json<'a>> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.error("unexpected character"))
    }

    pub(crate) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn error(&self, what: &'static str) -> SyntaxError {
        SyntaxError { what, at: self.at }
    }
}
