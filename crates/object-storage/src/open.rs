//! From a URL and the environment to a store. Nothing is asked of it yet.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use clarion_core::{Error, Kind, Result};
use object_store::ObjectStore;
use object_store::memory::InMemory;
use url::Url;

/// What a URL may say beside bucket and prefix, by scheme; all else, and every secret, comes from the environment.
const PARAMETERS: [(&str, &[&str]); 4] = [
    ("s3", &["region", "endpoint", "allow_http", "virtual_hosted_style"]),
    ("gs", &["endpoint", "allow_http"]),
    ("az", &["account", "endpoint", "allow_http"]),
    ("memory", &[]),
];

/// Lives as long as the process: whoever opens the same name finds the same objects.
static MEMORY: LazyLock<Mutex<BTreeMap<String, Arc<InMemory>>>> = LazyLock::new(Mutex::default);

/// The store behind a bucket's URL.
pub(crate) fn open(url: &Url) -> Result<Arc<dyn ObjectStore>> {
    let parameters = parameters(url)?;
    let bucket = url.host_str().unwrap_or_default();
    match url.scheme() {
        "memory" => {
            let mut stores = MEMORY.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(stores.entry(bucket.to_owned()).or_default().clone())
        }
        "s3" => s3(bucket, &parameters),
        "gs" => gcs(bucket, &parameters),
        _ => azure(bucket, &parameters),
    }
}

/// Where the bucket is, as far as its URL or the environment say so; empty where they leave it to the vendor.
pub(crate) fn server(url: &Url) -> String {
    let parameters: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let named = |name: &str| parameters.get(name).cloned();
    let [endpoint, account] = from_environment(url.scheme());
    let parts = [named("endpoint").or(endpoint), named("account").or(account)];
    parts.into_iter().flatten().map(|part| format!("\n{}", part.trim_end_matches('/'))).collect()
}

fn from_environment(scheme: &str) -> [Option<String>; 2] {
    match scheme {
        #[cfg(feature = "s3")]
        "s3" => {
            use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
            [AmazonS3Builder::from_env().get_config_value(&AmazonS3ConfigKey::Endpoint), None]
        }
        #[cfg(feature = "gcs")]
        "gs" => {
            use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
            [GoogleCloudStorageBuilder::from_env().get_config_value(&GoogleConfigKey::BaseUrl), None]
        }
        #[cfg(feature = "azure")]
        "az" => {
            use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
            let found = MicrosoftAzureBuilder::from_env();
            [AzureConfigKey::Endpoint, AzureConfigKey::AccountName].map(|key| found.get_config_value(&key))
        }
        _ => [None, None],
    }
}

fn parameters(url: &Url) -> Result<BTreeMap<String, String>> {
    let given: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let known =
        PARAMETERS.iter().find(|(scheme, _)| *scheme == url.scheme()).map_or(&[][..], |(_, known)| known);
    let Some(name) = given.keys().find(|name| !known.contains(&name.as_str())) else { return Ok(given) };
    let known = if known.is_empty() { "no parameter".to_owned() } else { known.join(", ") };
    Err(Error::new(Kind::Config, "the url of a bucket has an unknown parameter")
        .with("parameter", name)
        .hint(format!("{}:// takes {known}; credentials come from the environment", url.scheme())))
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
mod client {
    use std::time::Duration;

    use clarion_core::{Error, Kind};
    use object_store::{BackoffConfig, RetryConfig};

    /// Retried in this layer and in no other.
    const RETRIES: usize = 6;
    /// What a store needs to come back from a restart; a longer failure is for the next run.
    const RETRY_FOR: Duration = Duration::from_secs(60);
    /// A part of an upload on a slow line.
    pub(super) const LONGEST: &str = "120 seconds";

    pub(super) fn retries() -> RetryConfig {
        RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: RETRY_FOR }
    }

    pub(super) fn misconfigured(error: object_store::Error) -> Error {
        Error::new(Kind::Config, "the bucket's settings cannot be used")
            .hint("correct the url and the variables of the store in the environment")
            .source(error)
    }
}

#[cfg(feature = "s3")]
fn s3(bucket: &str, parameters: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
    use object_store::client::ClientConfigKey;

    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(client::retries())
        .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), client::LONGEST);
    for (name, value) in parameters {
        let key = match name.as_str() {
            "region" => AmazonS3ConfigKey::Region,
            "endpoint" => AmazonS3ConfigKey::Endpoint,
            "allow_http" => AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp),
            "virtual_hosted_style" => AmazonS3ConfigKey::VirtualHostedStyleRequest,
            _ => continue,
        };
        builder = builder.with_config(key, value);
    }
    let allow_http = AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp);
    let is_plain = builder
        .get_config_value(&AmazonS3ConfigKey::Endpoint)
        .is_some_and(|endpoint| endpoint.starts_with("http://"));
    if is_plain && builder.get_config_value(&allow_http).as_deref() != Some("true") {
        return Err(Error::new(Kind::Config, "the store's endpoint is not encrypted").hint(
            "use https://, or say that it is meant: &allow_http=true in the url, or AWS_ALLOW_HTTP=true",
        ));
    }
    Ok(Arc::new(builder.build().map_err(client::misconfigured)?))
}

#[cfg(not(feature = "s3"))]
fn s3(_bucket: &str, _parameters: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    Err(left_out("s3"))
}

#[cfg(feature = "gcs")]
fn gcs(bucket: &str, parameters: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    use object_store::client::ClientConfigKey;
    use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};

    let mut builder = GoogleCloudStorageBuilder::from_env()
        .with_bucket_name(bucket)
        .with_retry(client::retries())
        .with_config(GoogleConfigKey::Client(ClientConfigKey::Timeout), client::LONGEST);
    for (name, value) in parameters {
        let key = match name.as_str() {
            "endpoint" => GoogleConfigKey::BaseUrl,
            _ => GoogleConfigKey::Client(ClientConfigKey::AllowHttp),
        };
        builder = builder.with_config(key, value);
    }
    Ok(Arc::new(builder.build().map_err(client::misconfigured)?))
}

#[cfg(not(feature = "gcs"))]
fn gcs(_bucket: &str, _parameters: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    Err(left_out("gcs"))
}

#[cfg(feature = "azure")]
fn azure(container: &str, parameters: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
    use object_store::client::ClientConfigKey;

    let mut builder = MicrosoftAzureBuilder::from_env()
        .with_container_name(container)
        .with_retry(client::retries())
        .with_config(AzureConfigKey::Client(ClientConfigKey::Timeout), client::LONGEST);
    for (name, value) in parameters {
        let key = match name.as_str() {
            "account" => AzureConfigKey::AccountName,
            "endpoint" => AzureConfigKey::Endpoint,
            _ => AzureConfigKey::Client(ClientConfigKey::AllowHttp),
        };
        builder = builder.with_config(key, value);
    }
    Ok(Arc::new(builder.build().map_err(client::misconfigured)?))
}

#[cfg(not(feature = "azure"))]
fn azure(_container: &str, _parameters: &BTreeMap<String, String>) -> Result<Arc<dyn ObjectStore>> {
    Err(left_out("azure"))
}

#[cfg(not(all(feature = "s3", feature = "gcs", feature = "azure")))]
fn left_out(feature: &str) -> Error {
    Error::new(Kind::Config, "this build of clarion has no client for that store")
        .with("feature", feature)
        .hint(format!("build it with it: cargo install --path crates/cli --features {feature}"))
}
