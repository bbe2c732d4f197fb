//! Phone and card numbers: runs of digits in groups.

use super::Find;
use crate::rules::digits::digit;

/// What may stand between the groups of a number, at most this many in a row: `) `, `) -`.
const SEPARATORS: [char; 16] = [
    ' ', '\u{a0}', '\u{2009}', '\u{202f}', '\u{2060}', '-', '\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}',
    '\u{2212}', '\u{ff0d}', '.', '/', '(', ')',
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

/// Every phone and card number, in order.
///
/// # Behavior
/// - Takes time in proportion to the text: a run of digits is cut into groups once.
pub(super) fn all(text: &str) -> Vec<Find> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((run, end)) = next_run(text, at) {
        let mut rest = run.as_slice();
        while let Some((number, used)) = first_of(text, rest) {
            found.push(number);
            rest = &rest[used..];
        }
        at = end;
    }
    found
}

/// The first number of a run, and the groups up to its end.
fn first_of(text: &str, run: &[Group]) -> Option<(Find, usize)> {
    (0..run.len()).find_map(|first| {
        let opens = first == 0 || is_after_date(run, first);
        let (number, count) = number_at(text, &run[first..], opens)?;
        Some((number, first + count))
    })
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

/// A number that begins with the first of these groups, and how many of them it takes. `opens` is whether nothing of its
/// run stands before it.
fn number_at(text: &str, groups: &[Group], opens: bool) -> Option<(Find, usize)> {
    let first = groups.first()?;
    if text[..first.start].chars().next_back().is_some_and(is_word) {
        return None;
    }
    if let Some(count) = card(text, groups) {
        return Some((Find { start: first.start, end: groups[count - 1].end, mark: "[card]" }, count));
    }
    let start = with_prefix(text, first.start);
    let plus = text[start..].starts_with(PLUS);
    if !plus && !opens && !first.digits.starts_with(&[0]) {
        return None;
    }
    // All that follows goes with it: the end of one number and the start of the next look alike.
    let ends = |count: &usize| {
        let used = &groups[..*count];
        plus || ends(text, used) || is_extension(&text[groups[*count - 1].end..])
    };
    let count = (1..=groups.len()).rev().find(ends)?;
    let used = &groups[..count];
    let is_long = count == 1 && first.digits.len() > MOST_PHONE_DIGITS;
    let is_number = has_digits(used, LEAST_PHONE_DIGITS) && !is_long && (plus || is_phone(used));
    is_number.then_some((Find { start, end: used[count - 1].end, mark: "[phone]" }, count))
}

/// How many of the groups are a card's number.
fn card(text: &str, groups: &[Group]) -> Option<usize> {
    let mut digits = Vec::new();
    // No card's number begins like one.
    if groups.iter().take(CARD_DIGITS.end() / 4).all(is_year) {
        return None;
    }
    for (group, count) in groups.iter().zip(1..) {
        if digits.len() + group.digits.len() > *CARD_DIGITS.end() {
            return None;
        }
        digits.extend_from_slice(&group.digits);
        if CARD_DIGITS.contains(&digits.len()) && ends(text, &groups[..count]) && is_card(&digits) {
            return Some(count);
        }
    }
    None
}

/// Whether a number may end here. A letter behind digits without anything between them makes them part of a name; behind
/// groups it is the next word, or an extension.
fn ends(text: &str, used: &[Group]) -> bool {
    let after = used.last().and_then(|last| text[last.end..].chars().next());
    !after.is_some_and(is_word) || used.len() > 1 && has_digits(used, LEAST_PHONE_DIGITS)
}

/// `x204`, `ext 5`, `ext. 5`
fn is_extension(after: &str) -> bool {
    let bytes = after.as_bytes();
    let named =
        |name: &str| bytes.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()));
    let Some(name) = ["ext", "x"].into_iter().find(|name| named(name)) else { return false };
    let rest = after[name.len()..].trim_start_matches(['.', ':', ' ']);
    rest.chars().next().is_some_and(|c| digit(c).is_some())
}

/// Whether the groups hold as many digits; each of them has one at least.
fn has_digits(groups: &[Group], least: usize) -> bool {
    groups.iter().take(least).map(|group| group.digits.len()).sum::<usize>() >= least
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

/// Next to one of these a digit is part of a name or an id. Scripts that write without spaces are not meant.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Whether these groups, which have no plus in front, are rather a phone number than anything else.
fn is_phone(groups: &[Group]) -> bool {
    let length = |at: usize| groups.get(at).map_or(0, |group| group.digits.len());
    let zero = groups[0].digits.starts_with(&[0]) && length(0) > 1;
    match [length(0), length(1), length(2)] {
        [length, 0, _] => zero || length >= BARE_DIGITS,
        [4, 2, 2] | [2, 2, 4] if is_date(groups) => false,
        _ if zero => true,
        // Years, one after the other.
        _ if groups.iter().all(is_year) => false,
        // 3.14159265
        [_, _, 0] if groups[0].separator == Some('.') => false,
        // 1 000 000
        [1..=2, ..] => groups[1..].iter().any(|group| group.digits.len() != 3),
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
