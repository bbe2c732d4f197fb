//! What a `url` of the configuration names.

use std::path::{Path, PathBuf};

use clarion_core::{Error, Kind, Result};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::open::server;

const FOLDER: &str = "file://";

/// The schemes of buckets.
pub(crate) const SCHEMES: [&str; 4] = ["s3", "gs", "az", "memory"];

/// A folder of this machine, or a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    Folder(PathBuf),
    /// Checked as far as that goes without asking anybody.
    Bucket(Url),
}

impl Location {
    /// Reads a URL; a folder is seen from the data folder.
    pub fn parse(url: &str, data_dir: &Path) -> Result<Self> {
        if let Some(path) = url.strip_prefix(FOLDER) {
            return match path {
                "" => Err(unusable("the url names no folder")),
                path => Ok(Self::Folder(data_dir.join(path))),
            };
        }
        let parsed = Url::parse(url).map_err(|error| unusable("the url cannot be read").source(error))?;
        if !SCHEMES.contains(&parsed.scheme()) {
            return Err(unusable("the url is neither a folder nor a bucket").with("scheme", parsed.scheme()));
        }
        if parsed.host_str().is_none_or(str::is_empty) {
            return Err(unusable("the url names no bucket"));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() || parsed.port().is_some() {
            return Err(unusable("the url of a bucket takes no user, no password and no port"));
        }
        Ok(Self::Bucket(parsed))
    }
}

/// A name for what is kept of this bucket on the own disk: readable, and another for another bucket or prefix, also one
/// of the same name on another server.
pub fn slug(bucket: &Url) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' };
    let path = bucket.path().trim_matches('/');
    let whole = format!("{}-{}-{path}", bucket.scheme(), bucket.host_str().unwrap_or_default());
    // Two prefixes may differ in what is not plain alone.
    let digest = xxh3_64(format!("{whole}{}", server(bucket)).as_bytes());
    let readable: String = whole.chars().map(plain).take(80).collect();
    format!("{readable}-{digest:016x}")
}

fn unusable(what: &str) -> Error {
    Error::new(Kind::Config, what).hint(
        "use file:// and a folder (file://data/lake, file:///srv/clarion/lake), or s3://bucket/prefix, \
         gs://bucket/prefix, az://container/prefix",
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clarion_core::Kind;

    use super::{Location, slug};

    fn parse(url: &str) -> clarion_core::Result<Location> {
        Location::parse(url, Path::new("/data"))
    }

    fn bucket(url: &str) -> url::Url {
        match parse(url).unwrap() {
            Location::Bucket(url) => url,
            Location::Folder(folder) => panic!("{folder:?}"),
        }
    }

    #[test]
    fn a_relative_folder_lies_in_the_data_folder_and_an_absolute_one_where_it_says() {
        assert_eq!(parse("file://data/journal").unwrap(), Location::Folder("/data/data/journal".into()));
        assert_eq!(parse("file:///srv/j").unwrap(), Location::Folder("/srv/j".into()));
    }

    #[test]
    fn what_is_neither_folder_nor_bucket_says_what_may_stand_there() {
        for url in ["", "file://", "data/journal", "ftp://host/x", "s3:///x", "s3://key:secret@bucket/x"] {
            let error = parse(url).unwrap_err();
            assert_eq!(error.kind(), Kind::Config, "{url}");
            assert!(error.way_out().is_some_and(|hint| hint.contains("file://") && hint.contains("s3://")));
            assert!(!error.chain().contains("secret"), "{}", error.chain());
        }
    }

    #[test]
    fn each_bucket_and_prefix_has_a_name_of_its_own_on_disk() {
        let urls = ["s3://b/a/b", "s3://b/a_b", "s3://b/a%20b", "gs://b/a/b", "s3://c/a/b"];
        let mut slugs: Vec<String> = urls.iter().map(|url| slug(&bucket(url))).collect();
        assert!(slugs[0].starts_with("s3-b-a_b-"), "{}", slugs[0]);
        slugs.sort();
        slugs.dedup();
        assert_eq!(slugs.len(), urls.len());
        assert_eq!(slug(&bucket("s3://b/a/")), slug(&bucket("s3://b/a?region=eu-central-1")));
    }

    #[test]
    fn buckets_of_one_name_on_two_servers_have_two_names_on_disk() {
        for (one, other) in [
            ("s3://b/a", "s3://b/a?endpoint=https://minio.example"),
            ("s3://b/a?endpoint=https://old.example", "s3://b/a?endpoint=https://minio.example"),
            ("gs://b/a", "gs://b/a?endpoint=https://gcs.example"),
            ("az://c/a?account=one", "az://c/a?account=two"),
        ] {
            assert_ne!(slug(&bucket(one)), slug(&bucket(other)), "{one} {other}");
        }
    }
}
