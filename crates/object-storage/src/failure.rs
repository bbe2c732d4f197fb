//! What the store refused, on which object, and what helps.

use clarion_core::{Error, Kind, Retry};
use object_store::Error as StoreError;

/// The store's own client has retried what may pass; what arrives here has not passed.
pub(crate) fn failed(what: &str, object: &str, error: StoreError) -> Error {
    let (retry, hint) = match &error {
        StoreError::Unauthenticated { .. } | StoreError::PermissionDenied { .. } => (
            Retry::Permanent,
            "check the bucket's permissions and the credentials in the environment: AWS_ACCESS_KEY_ID and \
              AWS_SECRET_ACCESS_KEY, GOOGLE_SERVICE_ACCOUNT, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
        ),
        StoreError::NotFound { .. } => {
            (Retry::Permanent, "make the bucket, or correct its name, its region and its endpoint")
        }
        _ => (
            Retry::Persistent,
            "check the network, the endpoint and the credentials; nothing acknowledged is lost, run the command again",
        ),
    };
    Error::new(Kind::Storage, what).retry(retry).with("object", object).hint(hint).source(error)
}

/// Somebody else wrote the object meanwhile.
pub(crate) fn changed(object: &str) -> Error {
    Error::new(Kind::Conflict, "somebody else wrote an object meanwhile")
        .with("object", object)
        .hint("two processes write to one bucket: end the other one, then run the command again")
}
