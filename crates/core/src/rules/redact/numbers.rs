//! Phone and card numbers: runs of digits in groups.

use super::Find;
use crate::rules::digits::digit;

/// What may stand between the groups of a number, at most this many in a row: `) `, `) -`.
const SEPARATORS: [char; 13] = [
    ' ', '\u{a0}', '\u{2009}', '\u{202f}', '\u{2060}', '-', '\u{2010}', '\u{2011}', '\u{2013}', '.', '/',
    '(', ')',
];
const MOST_SEPARATORS: usize = 3;
const PLUS: [char; 2] = ['+', '\u{ff0b}'];
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;
const LEAST_PHONE_DIGITS: usize = 7;
/// E.164's limit: what is longer and unbroken is an id.
const MOST_PHONE_DIGITS: usize = 15;
/// Without a plus, a zero in front or anything between them, fewer digits are rather an order or an amount.
const BARE_DIGITS: usize = 9;

/// Digits without anything between them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    start: usize,
    end: usize,
    digits: Vec<u8>,
    /// The first character after the group, if another group follows.
    separator: Option<char>,
}

/// The first phone or card number at or after `from`.
pub(super) fn find(text: &str, from: usize) -> Option<Find> {
    let mut at = from;
    while let Some((run, end)) = next_run(text, at) {
        let found = (0..run.len())
            .find_map(|first| number_at(text, &run[first..], first == 0 || is_after_date(&run, first)));
        if found.is_some() {
            return found;
        }
        at = end;
    }
    None
}

/// The next groups that belong together, and where they end.
fn next_run(text: &str, from: usize) -> Option<(Vec<Group>, usize)> {
    let (start, _) = text[from..].char_indices().find(|(_, c)| digit(*c).is_some())?;
    let mut groups: Vec<Group> = Vec::new();
    let mut at = from + start;
    loop {
        let group = group_at(text, at);
        let gap: Vec<char> = text[group.end..]
            .chars()
            .take_while(|c| SEPARATORS.contains(c))
            .take(MOST_SEPARATORS + 1)
            .collect();
        let next = group.end + gap.iter().map(|c| c.len_utf8()).sum::<usize>();
        let goes_on =
            gap.len() <= MOST_SEPARATORS && text[next..].chars().next().is_some_and(|c| digit(c).is_some());
        let separator = gap.first().copied().filter(|_| goes_on);
        groups.push(Group { separator, ..group });
        if !goes_on {
            break;
        }
        at = next;
    }
    let end = groups.last()?.end;
    Some((groups, end))
}

fn group_at(text: &str, start: usize) -> Group {
    let digits: Vec<u8> = text[start..].chars().map_while(digit).collect();
    let end = start + text[start..].chars().take(digits.len()).map(char::len_utf8).sum::<usize>();
    Group { start, end, digits, separator: None }
}

/// A number that begins with the first of these groups. `opens` is whether nothing of its run stands before it.
fn number_at(text: &str, groups: &[Group], opens: bool) -> Option<Find> {
    let first = groups.first()?;
    if text[..first.start].chars().next_back().is_some_and(is_word) {
        return None;
    }
    let ends = |last: &Group| !text[last.end..].chars().next().is_some_and(is_word);
    for count in 1..=groups.len() {
        let card: Vec<u8> = digits_of(&groups[..count]);
        let last = &groups[count - 1];
        if CARD_DIGITS.contains(&card.len()) && ends(last) && is_card(&card) {
            return Some(Find { start: first.start, end: last.end, mark: "[card]" });
        }
    }
    let start = with_prefix(text, first.start);
    let plus = text[start..].starts_with(PLUS);
    if !plus && !opens && !first.digits.starts_with(&[0]) {
        return None;
    }
    // All that follows goes with it: the end of one number and the start of the next look alike.
    let count = (1..=groups.len()).rev().find(|count| ends(&groups[*count - 1]))?;
    let used = &groups[..count];
    let digits = digits_of(used).len();
    let is_long = count == 1 && digits > MOST_PHONE_DIGITS;
    let is_number = digits >= LEAST_PHONE_DIGITS && !is_long && (plus || is_phone(used));
    is_number.then_some(Find { start, end: used[count - 1].end, mark: "[phone]" })
}

/// Back over an opening bracket and a plus.
fn with_prefix(text: &str, start: usize) -> usize {
    let before = text[..start].trim_end_matches('(');
    let before = if start - before.len() <= 1 { before } else { &text[..start] };
    before
        .strip_suffix(PLUS)
        .or_else(|| before.strip_suffix(' ').and_then(|b| b.strip_suffix(PLUS)))
        .unwrap_or(before)
        .len()
}

fn digits_of(groups: &[Group]) -> Vec<u8> {
    groups.iter().flat_map(|group| group.digits.iter().copied()).collect()
}

/// Next to one of these a digit is part of a name or an id. Scripts that write without spaces are not meant.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether these groups, which have no plus in front, are rather a phone number than anything else.
fn is_phone(groups: &[Group]) -> bool {
    let lengths: Vec<usize> = groups.iter().map(|group| group.digits.len()).collect();
    let zero = groups[0].digits.starts_with(&[0]) && groups[0].digits.len() > 1;
    match lengths.as_slice() {
        [length] => zero || *length >= BARE_DIGITS,
        [4, 2, 2, ..] | [2, 2, 4, ..] if is_date(groups) => false,
        _ if zero => true,
        // Years, one after the other.
        _ if groups.iter().all(is_year) => false,
        // 3.14159265
        [_, _] if groups[0].separator == Some('.') => false,
        // 1 000 000
        [1..=2, rest @ ..] => rest.iter().any(|length| *length != 3),
        _ => true,
    }
}

fn is_after_date(run: &[Group], first: usize) -> bool {
    first == 3 && !is_phone(run)
}

fn is_date(groups: &[Group]) -> bool {
    let separators = [groups[0].separator, groups[1].separator];
    separators[0] == separators[1] && matches!(separators[0], Some('-' | '.' | '/'))
}

fn is_year(group: &Group) -> bool {
    matches!(group.digits.as_slice(), [1, 9, _, _] | [2, 0, _, _])
}

/// Luhn's check: every second digit from the right counts twice.
fn is_card(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit)) {
            (0, value) => value,
            (_, value) if value > 4 => value * 2 - 9,
            (_, value) => value * 2,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}
