//! A text with parts of it replaced: only what changes is written anew.

/// Cuts and replacements of a text, from its start to its end.
pub(super) struct Edits<'a> {
    text: &'a str,
    /// Stays empty until something changes.
    out: Vec<u8>,
    copied: usize,
}

impl<'a> Edits<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, out: Vec::new(), copied: 0 }
    }

    /// Puts `new` in the place of a part that begins where the last one ended, or later.
    pub(super) fn replace(&mut self, from: usize, to: usize, new: &str) {
        if self.out.capacity() == 0 {
            self.out.reserve(self.text.len());
        }
        self.out.extend_from_slice(&self.text.as_bytes()[self.copied..from]);
        self.out.extend_from_slice(new.as_bytes());
        self.copied = to;
    }

    pub(super) fn cut(&mut self, from: usize, to: usize) {
        self.replace(from, to, "");
    }

    /// The changed text; `None` if it is as it was.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        if self.copied == 0 {
            return None;
        }
        self.out.extend_from_slice(&self.text.as_bytes()[self.copied..]);
        Some(self.out)
    }
}
