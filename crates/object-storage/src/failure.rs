//! What the store refused, on which object, and what helps.

use std::error::Error as StdError;
use std::fmt;

use clarion_core::{Error, Kind, Retry};
use object_store::Error as StoreError;

/// Where machines of a cloud ask for their credentials: who ends up there has given none.
const METADATA: &str = "169.254.169.254";

/// The store's own client has retried what may pass; what arrives here has not passed.
pub(crate) fn failed(what: &str, object: &str, error: StoreError) -> Error {
    let cause = Cause::of(&error);
    let (retry, hint) = match &error {
        StoreError::NotFound { .. } => {
            (Retry::Permanent, "make the bucket, or correct its name, its region and its endpoint")
        }
        StoreError::Unauthenticated { .. } | StoreError::PermissionDenied { .. } => {
            (Retry::Permanent, CREDENTIALS)
        }
        _ if cause.0.contains(METADATA) => (Retry::Permanent, CREDENTIALS),
        _ => (
            Retry::Persistent,
            "check the network, the endpoint and the credentials; nothing acknowledged is lost, run the command again",
        ),
    };
    Error::new(Kind::Storage, what).retry(retry).with("object", object).hint(hint).source(cause)
}

const CREDENTIALS: &str = "check the bucket's permissions and the credentials in the environment: AWS_ACCESS_KEY_ID and \
    AWS_SECRET_ACCESS_KEY, GOOGLE_SERVICE_ACCOUNT, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY";

/// Somebody else wrote the object meanwhile.
pub(crate) fn changed(object: &str) -> Error {
    Error::new(Kind::Conflict, "somebody else wrote an object meanwhile")
        .with("object", object)
        .hint("two processes write to one bucket: end the other one, then run the command again")
}

/// What the client says, and what was at the bottom of it: in between each layer says the same again.
#[derive(Debug)]
struct Cause(String);

impl Cause {
    fn of(error: &StoreError) -> Self {
        let text = error.to_string();
        let mut deepest: &dyn StdError = error;
        while let Some(next) = deepest.source() {
            deepest = next;
        }
        let deepest = deepest.to_string();
        Self(if text.contains(&deepest) { text } else { format!("{text}: {deepest}") })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl StdError for Cause {}
