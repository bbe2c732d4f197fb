//! Keyed hashes of values: equal values stay equal, and nobody without the key can try values against them.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::redact::is_email;
use crate::{Error, Kind, Result};

/// A key shorter than the hash itself is the weakest part of it.
const MIN_BYTES: usize = 32;

/// What values are hashed with. Shows nothing of itself.
#[derive(Clone)]
pub struct HashKey(Hmac<Sha256>);

impl HashKey {
    pub fn parse(text: &str) -> Result<Self> {
        let key = text.trim().as_bytes();
        if key.len() < MIN_BYTES {
            return Err(Error::new(Kind::Config, "the key for hashing columns is too short")
                .with("characters", key.len())
                .with("at least", MIN_BYTES)
                .hint("make one with `openssl rand -hex 32`"));
        }
        Ok(Self(Hmac::new_from_slice(key).expect("a key may have any length")))
    }

    /// Text, or the digits of a number.
    pub(super) fn hash(&self, value: &str) -> String {
        let value = if is_email(value) { Cow::Owned(value.to_lowercase()) } else { Cow::Borrowed(value) };
        self.hex(value.as_bytes())
    }

    /// Tells this key from others, and not what it is.
    pub(super) fn mark(&self) -> String {
        self.hex(b"clarion: which key this is")[..16].to_owned()
    }

    fn hex(&self, value: &[u8]) -> String {
        let mut mac = self.0.clone();
        mac.update(value);
        mac.finalize().into_bytes().iter().fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a text takes text");
            text
        })
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HashKey").finish_non_exhaustive()
    }
}

/// `7`, `7.0` and `70e-1` are one number, and so is `"7"` where the vendor sends it as text.
pub(super) fn canonical(digits: &str) -> Cow<'_, str> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Cow::Borrowed(digits);
    }
    let is_integer = !digits.contains(['.', 'e', 'E']);
    match digits.parse::<f64>() {
        Ok(0.0) => Cow::Borrowed("0"),
        // `Display` of a double is its shortest digits, without an exponent and without `.0`.
        Ok(number) if !is_integer && number.is_finite() => Cow::Owned(number.to_string()),
        _ => Cow::Borrowed(digits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> HashKey {
        HashKey::parse("0123456789abcdef0123456789abcdef").expect("long enough")
    }

    #[test]
    fn a_value_has_one_hash_and_it_is_the_standard_one() {
        // printf anna@example.com | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef
        let hash = "b4f91fcf9c0343c2df41d24673fe622da415a20647f9bdc0ac943f67d4afa59f";
        assert_eq!(key().hash("anna@example.com"), hash);
        assert_eq!(key().hash("Anna@Example.com"), hash);
        assert_ne!(key().hash("Anna"), key().hash("anna"), "only addresses know no case");
        let other = HashKey::parse(&"k".repeat(32)).expect("long enough");
        assert_ne!(other.hash("anna@example.com"), hash);
        assert_ne!(other.mark(), key().mark());
    }

    #[test]
    fn a_number_has_one_spelling() {
        for (digits, expected) in [
            ("7", "7"),
            ("7.0", "7"),
            ("70e-1", "7"),
            ("-0", "0"),
            ("-7", "-7"),
            ("0.10", "0.1"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("1e400", "1e400"),
        ] {
            assert_eq!(canonical(digits), expected);
        }
    }

    #[test]
    fn a_short_key_is_refused_and_none_is_shown() {
        assert!(HashKey::parse(" 0123456789abcdef0123456789abcde \n").is_err());
        assert!(!format!("{:?}", key()).contains("0123"));
    }
}
