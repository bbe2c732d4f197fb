//! Standard Webhooks: who may send, and when.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use clarion_core::{Error, Kind, Result, Timestamp, fault};
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

/// How far a sender's clock may be off, and how long a message may be on its way.
const TOLERANCE_SECONDS: i64 = 5 * 60;
/// More signatures than a sender has keys is no message but an attempt.
const MOST_SIGNATURES: usize = 8;
/// Some senders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that notifications are signed with. Its `Debug` shows nothing.
#[derive(Debug)]
pub struct HookSecret(SecretSlice<u8>);

/// What is signed, and by what it is said to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) body: &'a [u8],
    /// `v1,` and base64, several of them separated by spaces.
    pub(super) signatures: &'a str,
}

impl HookSecret {
    /// Reads `whsec_` and base64.
    pub fn parse(text: &str) -> Result<Self> {
        let encoded = text.trim().strip_prefix("whsec_");
        let bytes = encoded.and_then(|encoded| BASE64.decode(encoded).ok()).filter(|bytes| !bytes.is_empty());
        let bytes = bytes.ok_or_else(|| {
            Error::new(Kind::Config, "the hook's secret is not \"whsec_\" and base64")
                .hint("make one with: echo \"whsec_$(openssl rand -base64 32)\"")
        })?;
        Ok(Self(SecretSlice::from(bytes)))
    }

    /// Whether one of the signatures is ours; compared in constant time.
    pub(super) fn signed(&self, message: Signed<'_>) -> bool {
        let key = self.0.expose_secret();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
        for part in [message.id.as_bytes(), b".", message.timestamp.as_bytes(), b".", message.body] {
            mac.update(part);
        }
        let given = message.signatures.split(' ').take(MOST_SIGNATURES);
        let mut given = given.filter_map(|signature| BASE64.decode(signature.strip_prefix("v1,")?).ok());
        fault::defect("hook.any_signature") || given.any(|tag| mac.clone().verify_slice(&tag).is_ok())
    }
}

/// Whether the message is of now: an old one may have been listened in on.
pub(super) fn is_fresh(timestamp: &str, now: Timestamp) -> bool {
    let Ok(seconds) = timestamp.parse::<i64>() else { return false };
    seconds.abs_diff(now.timestamp()) <= TOLERANCE_SECONDS.unsigned_abs() || fault::defect("hook.any_age")
}

#[cfg(test)]
mod tests {
    use clarion_core::from_millis;

    use super::*;

    /// The example of the specification's own libraries.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const MESSAGE: Signed<'_> = Signed {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp: "1614265330",
        body: br#"{"test": 2432232314}"#,
        signatures: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    };

    #[test]
    fn the_published_example_is_genuine_and_nothing_near_it() {
        let secret = HookSecret::parse(SECRET).expect("a secret");
        assert!(secret.signed(MESSAGE));
        let several = format!("v1,bm9ib2R5 v2,x {}", MESSAGE.signatures);
        assert!(secret.signed(Signed { signatures: &several, ..MESSAGE }));
        let other = HookSecret::parse("whsec_AAAA").expect("a secret");
        assert!(!other.signed(MESSAGE));
        for wrong in [
            Signed { id: "msg_other", ..MESSAGE },
            Signed { timestamp: "1614265331", ..MESSAGE },
            Signed { body: br#"{"test": 2432232315}"#, ..MESSAGE },
            Signed { signatures: "", ..MESSAGE },
            Signed { signatures: "v1,", ..MESSAGE },
            Signed { signatures: "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", ..MESSAGE },
            Signed { signatures: "v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", ..MESSAGE },
        ] {
            assert!(!secret.signed(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn a_message_counts_for_five_minutes_both_ways() {
        let now = from_millis(1_614_265_330_000);
        for (timestamp, fresh) in [
            ("1614265330", true),
            ("1614265030", true),
            ("1614265630", true),
            ("1614265029", false),
            ("1614265631", false),
            ("-9223372036854775808", false),
            ("1614265330.5", false),
            ("", false),
        ] {
            assert_eq!(is_fresh(timestamp, now), fresh, "{timestamp}");
        }
    }

    #[test]
    fn a_secret_that_is_none_is_refused_without_being_shown() {
        for text in ["", "whsec_", "s3cret", "whsec_s3cret!"] {
            let error = HookSecret::parse(text).expect_err(text);
            assert!(!error.chain().contains("s3cret"), "{error}");
        }
        let debug = format!("{:?}", HookSecret::parse("whsec_c2VjcmV0").expect("a secret"));
        assert!(!debug.contains("115"), "{debug}");
    }
}
