//! Values of which only the shape stays.

use super::digits::digit;
use super::redact::is_email;

/// Digits of a phone number that stay: enough to tell two apart at a glance, too few to call.
const LAST_DIGITS: usize = 2;
/// Fewer digits are no phone number.
const PHONE_DIGITS: usize = 5;

/// `j***@e***.com`, `+** *** ****67`, and for anything else a star for each letter and digit.
pub(super) fn mask(text: &str) -> String {
    if is_email(text) {
        return email(text);
    }
    let digits = text.chars().filter(|c| digit(*c).is_some()).count();
    if digits >= PHONE_DIGITS && !text.chars().any(char::is_alphabetic) {
        return phone(text, digits);
    }
    text.chars().map(|c| if c.is_alphanumeric() { '*' } else { c }).collect()
}

/// How long the parts are is content too.
fn email(text: &str) -> String {
    let (local, domain) = text.split_once('@').unwrap_or((text, ""));
    let (name, top) = domain.rsplit_once('.').unwrap_or((domain, ""));
    let first = |part: &str| part.chars().next().map(String::from).unwrap_or_default();
    format!("{}***@{}***.{top}", first(local), first(name))
}

fn phone(text: &str, digits: usize) -> String {
    let mut seen = 0;
    let star = |c: char| {
        if digit(c).is_none() {
            return c;
        }
        seen += 1;
        if seen + LAST_DIGITS > digits { c } else { '*' }
    };
    text.chars().map(star).collect()
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn the_shape_stays_and_the_content_goes() {
        for (text, masked) in [
            ("john.doe@example.com", "j***@e***.com"),
            ("a@mail.example.co.uk", "a***@m***.uk"),
            ("+49 151 1234567", "+** *** *****67"),
            ("(415) 555-0132", "(***) ***-**32"),
            ("Anna Schmidt", "**** *******"),
            ("x7-1234", "**-****"),
            ("", ""),
        ] {
            assert_eq!(mask(text), masked);
        }
    }
}
