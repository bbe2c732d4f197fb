//! What a bucket promises, in memory and on the S3 server of the tests.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::{Read, Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use clarion_core::{Error, Kind};
use clarion_object_storage::testing::{Answer, Asked, InMemory, Scripted, s3};
use clarion_object_storage::{Bucket, Version};

const ONE: Bytes = Bytes::from_static(b"one");
const TWO: Bytes = Bytes::from_static(b"two");
const THREE: Bytes = Bytes::from_static(b"three");

/// In memory, and on S3 where there is a server.
fn buckets() -> Vec<Bucket> {
    let memory = Bucket::over(Arc::new(InMemory::new()), "memory://test");
    let server = s3("bucket").map(|url| Bucket::open(&url).unwrap());
    [memory].into_iter().chain(server).collect()
}

/// Gives `answer` to the first request of a kind.
fn first(asked: Asked, answer: Answer) -> impl Fn(Asked, &str) -> Answer + Send + Sync {
    let seen = AtomicUsize::new(0);
    move |request, _| {
        if request == asked && seen.fetch_add(1, Ordering::SeqCst) == 0 { answer } else { Answer::Go }
    }
}

fn scripted(script: impl Fn(Asked, &str) -> Answer + Send + Sync + 'static) -> Bucket {
    Bucket::over(Scripted::new(Arc::new(InMemory::new()), script), "memory://test")
}

fn bytes(bucket: &Bucket, name: &str) -> Option<Bytes> {
    bucket.get(name).unwrap().map(|object| object.bytes)
}

#[track_caller]
fn assert_conflict<T: std::fmt::Debug>(result: Result<T, Error>) {
    assert_eq!(result.unwrap_err().kind(), Kind::Conflict);
}

#[test]
fn an_object_is_written_once_and_replaced_only_as_it_was_read() {
    for bucket in buckets() {
        let version = bucket.create("a/b", ONE).unwrap();
        assert_conflict(bucket.create("a/b", TWO));
        assert_eq!(bucket.create("a/b", ONE).unwrap(), version, "the same bytes are our own");
        let next = bucket.replace("a/b", TWO, &version).unwrap();
        assert_conflict(bucket.replace("a/b", THREE, &version));
        assert_eq!(bytes(&bucket, "a/b"), Some(TWO));
        assert_eq!(bucket.head("a/b").unwrap(), Some((3, next.clone())));
        bucket.delete(&["a/b".to_owned()]).unwrap();
        assert_conflict(bucket.replace("a/b", THREE, &next));
        assert_eq!(bytes(&bucket, "a/b"), None);
        assert_eq!(bucket.head("a/b").unwrap(), None);
    }
}

#[test]
fn a_write_whose_answer_is_lost_is_known_and_one_that_was_refused_is_repeated() {
    for answer in [Answer::Lose, Answer::Refuse] {
        let bucket = scripted(first(Asked::Conditional, answer));
        let version = bucket.create("a", ONE).unwrap();
        assert_eq!(bytes(&bucket, "a"), Some(ONE));
        let bucket = scripted(first(Asked::Put, answer));
        let _ = bucket.put("a", TWO);
        assert_ne!(version, Version::default());
    }
    let bucket = scripted(|asked, _| if asked == Asked::Conditional { Answer::Refuse } else { Answer::Go });
    let error = bucket.create("a", ONE).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.to_string().contains("memory://test/a") && error.way_out().is_some(), "{error}");
}

#[test]
fn a_store_without_conditions_is_looked_at_and_told_by_the_probe() {
    let bucket = scripted(|asked, _| if asked == Asked::Conditional { Answer::Unknown } else { Answer::Go });
    let version = bucket.create("a", ONE).unwrap();
    assert_conflict(bucket.create("a", TWO));
    bucket.replace("a", TWO, &version).unwrap();
    assert_conflict(bucket.replace("a", THREE, &version));
    let blind = scripted(|asked, _| if asked == Asked::Conditional { Answer::Overlook } else { Answer::Go });
    let version = blind.create("a", ONE).unwrap();
    assert_conflict(blind.create("a", TWO));
    assert_eq!(blind.create("a", ONE).unwrap(), version);
    let next = blind.replace("a", TWO, &version).unwrap();
    assert_conflict(blind.replace("a", THREE, &version));
    assert_eq!(bytes(&blind, "a"), Some(TWO));
    assert!(next.is_there());
    for without in [bucket, blind] {
        assert!(!without.probe("_clarion/probe").unwrap().conditional);
    }
    for bucket in buckets() {
        assert!(bucket.probe("_clarion/probe").unwrap().conditional, "{}", bucket.url());
        assert!(bucket.list("").unwrap().is_empty(), "the probe leaves nothing");
    }
}

#[test]
fn any_prefix_that_a_url_can_name_is_listed_under_its_own_names() {
    let prefixes = [
        ("Gespr%C3%A4che/2026", "Gespräche/2026"),
        ("a~b", "a~b"),
        ("[x]/{y}", "[x]/{y}"),
        ("50%25", "50%"),
        ("what%3F", "what?"),
        ("no%231", "no#1"),
        ("a%20b", "a b"),
        ("x*|^`", "x*|^`"),
        ("plain", "plain"),
    ];
    for base in ["memory://prefixes".parse().ok(), s3("prefixes")].into_iter().flatten() {
        for (prefix, meant) in prefixes {
            let mut url = base.clone();
            url.set_path(&format!("{}/{prefix}", base.path().trim_end_matches('/')));
            let bucket = Bucket::open(&url).unwrap();
            bucket.create("segments/1", ONE).unwrap();
            bucket.create("calls/call_month=2026-01/data-1.parquet", ONE).unwrap();
            let names: Vec<String> = bucket.list("").unwrap().into_iter().map(|object| object.name).collect();
            assert_eq!(names, ["calls/call_month=2026-01/data-1.parquet", "segments/1"], "{url}");
            assert_eq!(bucket.list_after("segments", "segments/0").unwrap().len(), 1, "{url}");
            assert!(bucket.probe("_clarion/probe").unwrap().conditional, "{url}");
            // The bucket has the name as it was meant, which any other tool finds.
            let mut above = base.clone();
            above.set_path(&format!("{}/", base.path()));
            let whole = Bucket::open(&above).unwrap();
            let meant = format!("{meant}/segments/1");
            assert!(whole.list("").unwrap().iter().any(|object| object.name == meant), "{meant}");
            bucket.delete(&names).unwrap();
        }
    }
}

#[test]
fn a_bucket_that_does_not_list_what_it_took_is_found_out_by_the_probe() {
    let bucket = scripted(|asked, _| if asked == Asked::List { Answer::Overlook } else { Answer::Go });
    let error = bucket.probe("_clarion/probe").unwrap_err();
    assert!(error.to_string().contains("does not list"), "{error}");
}

#[test]
fn lists_are_of_a_folder_in_order_and_after_a_name() {
    for bucket in buckets() {
        for name in ["s/1", "s/2", "s/10", "sx/1", "t/1/2"] {
            bucket.create(name, ONE).unwrap();
        }
        let names = |listed: Vec<clarion_object_storage::Listed>| -> Vec<String> {
            listed.into_iter().map(|object| object.name).collect()
        };
        assert_eq!(names(bucket.list("s").unwrap()), ["s/1", "s/10", "s/2"]);
        assert_eq!(names(bucket.list_after("s", "s/1").unwrap()), ["s/10", "s/2"]);
        assert_eq!(names(bucket.list("").unwrap()).len(), 5);
        let all = names(bucket.list("").unwrap());
        bucket.delete(&all).unwrap();
        bucket.delete(&all).unwrap();
        assert!(bucket.list("").unwrap().is_empty());
    }
}

#[test]
fn a_large_file_goes_up_in_parts_and_comes_down_whole() {
    let mut large = tempfile::tempfile().unwrap();
    let mut content = Vec::new();
    for number in 0..2_500_000_u64 {
        content.extend_from_slice(&number.to_le_bytes());
    }
    large.write_all(&content).unwrap();
    for bucket in buckets() {
        assert_eq!(bucket.upload("large", &mut large).unwrap(), content.len() as u64);
        assert!(bucket.copy("large", "copy").unwrap());
        assert!(!bucket.copy("none", "copy").unwrap());
        let (mut file, mut found) = (tempfile::tempfile().unwrap(), Vec::new());
        assert!(bucket.download("copy", &mut file).unwrap());
        file.rewind().unwrap();
        file.read_to_end(&mut found).unwrap();
        assert!(found == content, "{}", bucket.url());
        assert_eq!(bucket.get_range("copy", 8..16).unwrap().unwrap()[..], 1_u64.to_le_bytes());
        assert_eq!(bucket.get_range("copy", 19_999_992..30_000_000).unwrap().unwrap().len(), 8);
        assert!(!bucket.download("none", &mut file).unwrap());
        assert_eq!(bucket.get_range("none", 0..8).unwrap(), None);
        let all = bucket.get_all(&["copy".to_owned(), "none".to_owned()]).unwrap();
        assert!(all[0].is_some() && all[1].is_none());
    }
}

#[test]
fn an_upload_that_fails_leaves_no_object() {
    let mut large = tempfile::tempfile().unwrap();
    large.write_all(&vec![7; 20 << 20]).unwrap();
    let bucket = scripted(first(Asked::Put, Answer::Refuse));
    assert_eq!(bucket.upload("large", &mut large).unwrap_err().kind(), Kind::Storage);
    assert!(bucket.list("").unwrap().is_empty());
    bucket.upload("large", &mut large).unwrap();
}

#[test]
fn a_url_with_a_secret_or_an_unknown_parameter_is_refused() {
    for (url, known) in [
        ("s3://b/p?access_key=x", "region"),
        ("s3://b/p?account=x", "region"),
        ("gs://b/p?region=x", "endpoint"),
        ("az://c/p?region=x", "account"),
        ("memory://b/p?regoin=x", "no parameter"),
    ] {
        let error = Bucket::open(&url.parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{url}");
        assert!(error.way_out().is_some_and(|hint| hint.contains(known)), "{error}");
    }
    let error = Bucket::open(&"s3://b/p?endpoint=http://localhost:1".parse().unwrap()).unwrap_err();
    assert!(error.way_out().is_some_and(|hint| hint.contains("allow_http")), "{error}");
    assert_eq!(Bucket::open(&"gs://b/p".parse().unwrap()).unwrap().url(), "gs://b/p");
    assert_eq!(Bucket::open(&"az://c/p?account=a".parse().unwrap()).unwrap().url(), "az://c/p");
    for url in ["gs://b/p?endpoint=http://localhost:1&allow_http=true", "az://c/p?account=a&allow_http=true"]
    {
        Bucket::open(&url.parse().unwrap()).unwrap();
    }
    let shown = Bucket::open(&"s3://b/p/q/?endpoint=http://localhost:1&allow_http=true".parse().unwrap());
    assert_eq!(shown.unwrap().url(), "s3://b/p/q");
}
