//! A store whose answers a test scripts: refuse, do it and lose the answer, or do something else first.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// A request, as a script sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Get,
    /// Where nothing may be, or where nothing may have changed.
    Conditional,
    Put,
    List,
    Copy,
    Delete,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Go,
    /// Nothing is done.
    Refuse,
    /// It is done, and the answer is lost.
    Lose,
    /// The store has no such thing as a condition.
    Unknown,
    /// The store takes a condition and does not look at it, or has nothing to list.
    Overlook,
}

type Script = dyn Fn(Asked, &str) -> Answer + Send + Sync;

/// Asks a script before each request.
pub struct Scripted {
    inner: Arc<dyn ObjectStore>,
    script: Box<Script>,
}

impl Scripted {
    pub fn new(
        inner: Arc<dyn ObjectStore>,
        script: impl Fn(Asked, &str) -> Answer + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { inner, script: Box::new(script) })
    }

    async fn ask<T>(&self, asked: Asked, path: &Path, request: impl Future<Output = Result<T>>) -> Result<T> {
        Self::give((self.script)(asked, path.as_ref()), request).await
    }

    async fn give<T>(answer: Answer, request: impl Future<Output = Result<T>>) -> Result<T> {
        match answer {
            Answer::Go | Answer::Overlook => request.await,
            Answer::Refuse => Err(lost("503 SlowDown")),
            Answer::Lose => request.await.and_then(|_| Err(lost("the connection was reset"))),
            Answer::Unknown => {
                Err(Error::NotImplemented { operation: "condition".into(), implementer: "test".into() })
            }
        }
    }
}

fn lost(what: &'static str) -> Error {
    Error::Generic { store: "scripted", source: what.into() }
}

#[async_trait]
impl ObjectStore for Scripted {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let asked = if matches!(options.mode, PutMode::Overwrite) { Asked::Put } else { Asked::Conditional };
        // What a script does meanwhile comes before the request.
        let answer = (self.script)(asked, path.as_ref());
        let overlooked = PutOptions { mode: PutMode::Overwrite, ..options.clone() };
        let options = if answer == Answer::Overlook { overlooked } else { options };
        Self::give(answer, self.inner.put_opts(path, payload, options)).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.ask(Asked::Put, path, self.inner.put_multipart_opts(path, options)).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.ask(Asked::Get, path, self.inner.get_opts(path, options)).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.ask(Asked::Get, path, self.inner.get_ranges(path, ranges)).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        match (self.script)(Asked::Delete, "") {
            Answer::Go | Answer::Overlook => self.inner.delete_stream(paths),
            Answer::Lose => {
                self.inner.delete_stream(paths).map(|_| Err(lost("the connection was reset"))).boxed()
            }
            Answer::Refuse | Answer::Unknown => {
                futures::stream::once(async { Err(lost("503 SlowDown")) }).boxed()
            }
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        match (self.script)(Asked::List, prefix.map_or("", Path::as_ref)) {
            Answer::Go => self.inner.list(prefix),
            Answer::Overlook => futures::stream::empty().boxed(),
            _ => futures::stream::once(async { Err(lost("503 SlowDown")) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.ask(Asked::Copy, to, self.inner.copy_opts(from, to, options)).await
    }
}

impl fmt::Display for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("scripted")
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}
