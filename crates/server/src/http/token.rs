//! The token that guards what is not for everybody.

use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What `Authorization: Bearer` must say. Has no `Display`; its `Debug` shows nothing.
#[derive(Debug, Clone)]
pub struct Token(SecretString);

impl Token {
    pub fn new(token: String) -> Self {
        Self(SecretString::from(token))
    }

    /// Compares in a time that tells neither where the two differ nor how long the token is.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, given)) = given.and_then(|given| given.split_once(' ')) else {
            return false;
        };
        let expected = Sha256::digest(self.0.expose_secret().as_bytes());
        let given = Sha256::digest(given.trim().as_bytes());
        scheme.eq_ignore_ascii_case("bearer") && bool::from(expected.ct_eq(&given))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_is_accepted() {
        let token = Token::new("s3cret".to_owned());
        let is_in = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().expect("a header value"));
            token.is_in(&headers)
        };
        assert!(is_in("Bearer s3cret") && is_in("bearer s3cret"));
        for wrong in ["s3cret", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3cret2", "Basic s3cret"] {
            assert!(!is_in(wrong), "{wrong}");
        }
        assert!(!token.is_in(&HeaderMap::new()));
        assert!(!format!("{token:?}").contains("s3cret"));
    }
}
