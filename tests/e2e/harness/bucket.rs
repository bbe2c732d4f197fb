//! Prefixes of the S3 server of the tests, for a workspace's journal and lake.

use std::collections::BTreeMap;
use std::fs;

use clarion_object_storage::{Bucket, testing};

use super::{Layout, Workspace, files};

/// Journal and lake of one workspace.
pub(crate) struct Buckets {
    journal: String,
    lake: String,
}

impl Buckets {
    /// `None`, said aloud, where there is no server; in CI that is a failure.
    pub(crate) fn fresh() -> Option<Self> {
        Some(Self { journal: testing::s3("e2e-journal")?.into(), lake: testing::s3("e2e-lake")?.into() })
    }

    /// A configuration with both, and with `more` at its end.
    pub(crate) fn layout(&self, more: &str) -> Layout {
        let more = format!(
            "[journal]\nurl = \"{}\"\n\n[[destinations]]\nname = \"lake\"\nkind = \"parquet\"\nurl = \"{}\"\n\n{more}",
            self.journal, self.lake
        );
        Layout { lake: false, bucket: true, more, ..Layout::default() }
    }

    /// Every object with its bytes.
    pub(crate) fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        let mut objects = BTreeMap::new();
        for (of, url) in [("journal", &self.journal), ("lake", &self.lake)] {
            let bucket = open(url);
            for object in bucket.list("").expect("the bucket can be listed") {
                let read = bucket.get(&object.name).expect("the bucket can be read");
                // Between list and read it may have gone.
                objects.extend(read.map(|read| (format!("{of}/{}", object.name), read.bytes.to_vec())));
            }
        }
        objects
    }

    /// Puts what the buckets hold where a workspace without buckets has it: for readers of folders.
    pub(crate) fn mirror(&self, workspace: &Workspace) {
        for folder in [workspace.journal(), workspace.lake()] {
            let _ = fs::remove_dir_all(folder);
        }
        for (name, bytes) in self.snapshot() {
            let path = workspace.path().join("data").join(name);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the folder can be made");
            fs::write(path, bytes).expect("the folder is writable");
        }
    }

    /// Puts what a workspace without buckets has on disk into the buckets, as any copying tool does.
    pub(crate) fn fill(&self, workspace: &Workspace) {
        for (folder, url) in [(workspace.journal(), &self.journal), (workspace.lake(), &self.lake)] {
            for path in files(&folder) {
                let name = path.strip_prefix(&folder).expect("it lies below").to_string_lossy().into_owned();
                let bytes = fs::read(&path).expect("the file can be read");
                open(url).put(&name, bytes.into()).expect("the bucket can be written");
            }
        }
    }

    /// The lake as pyarrow names it: bucket and prefix.
    pub(crate) fn lake_path(&self) -> String {
        open(&self.lake).url().trim_start_matches("s3://").to_owned()
    }

    pub(crate) fn lake(&self) -> Bucket {
        open(&self.lake)
    }
}

fn open(url: &str) -> Bucket {
    Bucket::open(&url.parse().expect("it is a URL")).expect("the bucket's URL is one")
}
