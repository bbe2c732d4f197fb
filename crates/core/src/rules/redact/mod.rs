//! E-mail addresses, phone and card numbers within free text.
//!
//! In doubt it is taken for one: a wrong `[phone]` costs a reader a number, a missed one costs somebody's privacy.
//! What is spelled in words (`at`, `five five five`) and what is cut in two by the transcript is not found.

mod email;
mod numbers;

use std::borrow::Cow;

pub(super) use email::is_email;

/// The text with `[email]`, `[phone]` and `[card]` in the places of what they name.
pub(super) fn redact(text: &str) -> Cow<'_, str> {
    // Most turns of a transcript have neither. Beyond ASCII the sign begins with this byte.
    let has_sign = memchr::memchr2(b'@', 0xef, text.as_bytes()).is_some();
    let text = if has_sign { replaced(text, &email::all(text)) } else { Cow::Borrowed(text) };
    match text {
        Cow::Borrowed(plain) if has_digit(plain) => replaced(plain, &numbers::all(plain)),
        Cow::Owned(owned) if has_digit(&owned) => {
            Cow::Owned(replaced(&owned, &numbers::all(&owned)).into_owned())
        }
        text => text,
    }
}

/// Whether there may be one; without an early exit the compiler looks at many bytes at once.
fn has_digit(text: &str) -> bool {
    text.bytes().fold(false, |found, byte| found | byte.is_ascii_digit() | (byte >= 0x80))
}

/// A part of a text, in bytes, and what takes its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Find {
    start: usize,
    end: usize,
    mark: &'static str,
}

/// Replaces what was found, in order.
fn replaced<'t>(text: &'t str, found: &[Find]) -> Cow<'t, str> {
    let mut out = String::new();
    let mut copied = 0;
    for find in found {
        out.push_str(&text[copied..find.start]);
        out.push_str(find.mark);
        copied = find.end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_names_or_reaches_a_person_goes() {
        for (text, redacted) in [
            ("write to anna.m+x@mail.example.co.uk.", "write to [email]."),
            ("<a@b.io>, \"ÄNNE@MÜNCHEN.DE\"", "<[email]>, \"[email]\""),
            ("anna＠example.com", "[email]"),
            ("call +49 151 1234567 or +1 (415) 555-0132!", "call [phone] or [phone]!"),
            ("0049-151-1234567; 0151/1234567; 030 123 456", "[phone]; [phone]; [phone]"),
            ("(415) 555-0132, 415.555.0132, 4155550132", "[phone], [phone], [phone]"),
            ("020 7946 0958 and 06 12 34 56 78", "[phone] and [phone]"),
            ("رقمي ٠١٢٣٤٥٦٧٨٩", "رقمي [phone]"),
            ("电话13812345678请", "电话[phone]请"),
            ("ＴＥＬ：０３-１２３４-５６７８", "ＴＥＬ：[phone]"),
            ("card 4111 1111 1111 1111 exp 12/26", "card [card] exp 12/26"),
            ("4111111111111111, 5500-0000-0000-0004, 378282246310005", "[card], [card], [card]"),
            ("it is 4111 1111 1111 1111 12/26", "it is [card] 12/26"),
            ("tel:5551234567", "tel:[phone]"),
            ("0151 1234567 0152 1234567", "[phone]"),
            ("on 2026-11-20 415 555 0132", "on 2026-11-20 [phone]"),
            ("415-555-0132x204, 4155550132ext 5, 415-555-0132and", "[phone]x204, [phone]ext 5, [phone]and"),
            ("+1 415 555 0132x5 or +14155550132or", "[phone]x5 or [phone]or"),
            ("415\u{2012}555\u{2012}0132, 415\u{2212}555\u{2212}0132", "[phone], [phone]"),
            ("4111-1111-1111-1111exp 12/26", "[card]exp 12/26"),
            ("a card misheard, 1111 1111 1111 1112", "a card misheard, [phone]"),
        ] {
            assert_eq!(redact(text), redacted, "{text}");
        }
    }

    #[test]
    fn what_is_no_such_thing_stays() {
        for text in [
            "",
            "see you on 2026-11-20 at 10:30, or 20.11.2026",
            "2026-11-20 10:30:15.123456",
            "revenue of 1 000 000 or 1.000.000 or 1,000,000.50 dollars",
            "in 2024 2025 2026 and 2027",
            "3.14159265 percent, 0.1234567",
            "order 1234567, ticket AB12345678, 7f3e1234567890",
            "me @ work, @anna, a@b, @@, x@y.1",
            "id 12345678901234567890",
            "version 1.2.3 of 10",
            "2026-11-20T10:30:15Z, 20.11.2026T, 10 000 000km",
            "1234567890abc, 4155550132_a, 4155550132extra",
        ] {
            assert_eq!(redact(text), text);
        }
    }

    /// Without end as good as, if the work grew faster than the text.
    #[test]
    fn long_runs_of_digits_take_no_longer_than_other_text() {
        let years = "2019 2020 2021 ".repeat(30_000);
        assert!(redact(&years) == years);
        let long = "1".repeat(400_000);
        assert!(redact(&long) == long);
        let cards = redact(&"2020-11-11 4111111111111111 ".repeat(10_000)).into_owned();
        assert_eq!(cards.matches("[card]").count(), 10_000);
        let mixed = redact(&"1 000 000 4111111111111111 ".repeat(10_000)).into_owned();
        assert!(!mixed.contains("4111"));
    }

    proptest! {
        #[test]
        fn never_panics_and_doing_it_again_changes_nothing(text in r"[0-9+()./ @a-c٣é-]{0,60}") {
            let once = redact(&text).into_owned();
            prop_assert_eq!(redact(&once).into_owned(), once);
        }

        #[test]
        fn a_number_is_found_however_it_is_written(
            digits in "[1-9][0-9]{8,11}", separator in prop::sample::select(vec!["", " ", "-", ".", "\u{a0}"]),
        ) {
            let groups: Vec<&str> = [&digits[..3], &digits[3..6], &digits[6..]].to_vec();
            let text = format!("call +{} now", groups.join(separator));
            prop_assert_eq!(redact(&text), "call [phone] now");
        }
    }
}
