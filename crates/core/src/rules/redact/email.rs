//! E-mail addresses.

use super::Find;

/// The sign as keyboards have it, and its full-width form.
pub(super) const AT: [char; 2] = ['@', '\u{ff20}'];

/// Whether the whole text is an address.
pub(in crate::rules) fn is_email(text: &str) -> bool {
    let whole = |found: Find| found.start == 0 && found.end == text.len();
    text.contains('@') && find(text, 0).is_some_and(whole)
}

/// Every address, in order.
pub(super) fn all(text: &str) -> Vec<Find> {
    let mut found: Vec<Find> = Vec::new();
    while let Some(next) = find(text, found.last().map_or(0, |last| last.end)) {
        found.push(next);
    }
    found
}

/// The first address at or after `from`.
fn find(text: &str, from: usize) -> Option<Find> {
    text[from..].match_indices(AT).find_map(|(at, sign)| {
        let at = from + at;
        let local = text[from..at].trim_end_matches(is_local);
        let start = from + local.len();
        let start =
            start + (text[start..at].len() - text[start..at].trim_start_matches(['.', '-', '\'']).len());
        let after = at + sign.len();
        let rest = &text[after..];
        let domain = &rest[..rest.len() - rest.trim_start_matches(is_domain).len()];
        let domain = domain.trim_end_matches(['.', '-']);
        let (name, top) = domain.rsplit_once('.')?;
        let is_top = top.chars().count() >= 2 && top.chars().any(char::is_alphabetic);
        let named = name.chars().any(char::is_alphanumeric);
        (start < at && named && is_top).then_some(Find { start, end: after + domain.len(), mark: "[email]" })
    })
}

fn is_local(c: char) -> bool {
    c.is_alphanumeric() || "._%+-'#&=~!$*?^{|}`/".contains(c)
}

fn is_domain(c: char) -> bool {
    c.is_alphanumeric() || c == '.' || c == '-'
}
