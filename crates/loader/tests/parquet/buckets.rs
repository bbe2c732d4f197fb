//! A lake in a bucket: the port's suite, kills, requests that fail or whose answer is lost, and two writers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use clarion_core::testing::destination::{Readback, Script, suite};
use clarion_core::{Destination, Error, Kind, ManualClock, Result};
use clarion_loader::ParquetDestination;
use clarion_object_storage::Bucket;
use clarion_object_storage::testing::{Answer, Asked, InMemory, Scripted, s3};
use serde_json::Value;
use tempfile::TempDir;

use super::crash::{Tables, history, place, tables};
use super::lake::Lake;

const MANIFEST: &str = "_clarion/manifest.json";

/// A bucket, and a folder of one machine.
struct BucketLake {
    bucket: Bucket,
    memory: Option<Arc<InMemory>>,
    own: TempDir,
}

impl BucketLake {
    fn in_memory(memory: Arc<InMemory>) -> Self {
        let bucket = Bucket::over(memory.clone(), "memory://lake");
        Self { bucket, memory: Some(memory), own: tempfile::tempdir().unwrap() }
    }

    fn new() -> Self {
        Self::in_memory(Arc::default())
    }

    /// A bucket of its own with the same objects.
    fn copy(&self) -> Self {
        Self::in_memory(Arc::new(self.memory.as_ref().unwrap().fork()))
    }

    /// The same bucket through a store that asks `script` first.
    fn scripted(&self, script: impl Fn(Asked, &str) -> Answer + Send + Sync + 'static) -> ParquetDestination {
        let store = Scripted::new(self.memory.clone().unwrap(), script);
        destination(Bucket::over(store, "memory://lake"), self.own.path())
    }

    fn destination(&self) -> ParquetDestination {
        destination(self.bucket.clone(), self.own.path())
    }

    /// The same where the own disk has no room: each file goes up as soon as it is whole.
    fn cramped(&self, script: impl Fn(Asked, &str) -> Answer + Send + Sync + 'static) -> ParquetDestination {
        let bucket = Bucket::over(Scripted::new(self.memory.clone().unwrap(), script), "memory://lake");
        ParquetDestination::in_bucket_with_room(bucket, self.own.path(), 0, clock())
    }

    /// All objects as files, which is how readers see them.
    fn mirror(&self) -> Lake {
        // As of one instant, where that can be had.
        let fork = self.memory.as_ref().map(|memory| Bucket::over(Arc::new(memory.fork()), "memory://fork"));
        let bucket = fork.as_ref().unwrap_or(&self.bucket);
        let lake = Lake::new();
        for object in bucket.list("").unwrap() {
            let path = lake.root().join(&object.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bucket.get(&object.name).unwrap().unwrap().bytes).unwrap();
        }
        lake
    }

    fn objects(&self) -> Vec<(String, Vec<u8>)> {
        let listed = self.bucket.list("").unwrap().into_iter().map(|object| object.name);
        listed.map(|name| (name.clone(), self.bucket.get(&name).unwrap().unwrap().bytes.to_vec())).collect()
    }

    fn tables(&self) -> Tables {
        tables(&self.mirror().root())
    }

    fn is_pending(&self) -> bool {
        self.manifest().get("pending").is_some()
    }

    fn manifest(&self) -> Value {
        let manifest = self.bucket.get(MANIFEST).unwrap().unwrap();
        serde_json::from_slice(&manifest.bytes).unwrap()
    }

    /// What the manifest speaks of is there; gives how many key files that are.
    fn assert_listed(&self) -> usize {
        let manifest = self.manifest();
        let files = manifest["tables"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|table| table["files"].as_array().unwrap());
        let keys: Vec<&str> = files.map(|file| file["keys"].as_str().unwrap()).collect();
        for name in &keys {
            assert!(self.bucket.head(name).unwrap().is_some(), "{name} is missing");
        }
        keys.len()
    }

    fn assert_tidy(&self) {
        assert_eq!(self.bucket.list("_clarion/staging").unwrap(), []);
        assert!(self.manifest().get("pending").is_none());
        assert_eq!(self.bucket.list("_clarion/keys").unwrap().len(), self.assert_listed());
        assert!(super::lake::files(&self.own.path().join("_clarion/staging")).is_empty());
    }
}

#[async_trait]
impl Readback for BucketLake {
    async fn open(&self) -> Box<dyn Destination> {
        Box::new(self.destination())
    }

    async fn rows(&self, table: &str) -> Vec<Value> {
        self.mirror().table(table)
    }
}

fn destination(bucket: Bucket, own: &Path) -> ParquetDestination {
    ParquetDestination::in_bucket("lake", bucket, own, clock())
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(clarion_core::testing::destination::at("2026-11-20T12:00:00Z")))
}

#[tokio::test]
async fn a_lake_in_a_bucket_is_a_destination() {
    suite(|| async { BucketLake::new() }).await;
}

#[tokio::test]
async fn a_lake_on_s3_is_a_destination() {
    if s3("lake").is_none() {
        return;
    }
    suite(|| async {
        let bucket = Bucket::open(&s3("lake").unwrap()).unwrap();
        BucketLake { bucket, memory: None, own: tempfile::tempdir().unwrap() }
    })
    .await;
}

#[tokio::test]
async fn a_load_into_a_bucket_killed_at_any_step_is_there_as_a_whole_or_not_at_all() {
    let mut kills = 0;
    for_each_load(async |start, script, number, states| {
        for step in 0.. {
            let lake = start.copy();
            let writer = if step % 3 == 1 { lake.cramped(|_, _| Answer::Go) } else { lake.destination() };
            let destination = writer.watched(watcher(&lake, step));
            let Err(error) = load(&destination, script, number).await else { break };
            assert_eq!(error.kind(), Kind::Interrupted, "{}", error.chain());
            kills += 1;
            // Every other time on another machine, which has nothing of what lay on the disk of this one.
            let lake = if step % 2 == 0 { lake } else { BucketLake::in_memory(lake.memory.clone().unwrap()) };
            check_looks(&lake).await;
            for step in [0, 2] {
                let writer = lake.destination().watched(watcher(&lake, step));
                let _ = writer.begin(nothing(number + 1, script.spec.fence)).await;
            }
            check_and_go_on(&lake, script, number, states).await;
        }
    })
    .await;
    assert!(kills > 50, "{kills} kills");
}

#[tokio::test]
async fn a_request_that_fails_or_whose_answer_is_lost_leaves_the_lake_whole() {
    let mut failures = 0;
    for_each_load(async |start, script, number, states| {
        for answer in [Answer::Refuse, Answer::Lose] {
            for nth in 0.. {
                let lake = start.copy();
                let (asked, met) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
                let meets = met.clone();
                let destination = lake.scripted(move |request, _| {
                    // An answer to a question that is lost is one that was refused.
                    let counts = answer == Answer::Refuse || !matches!(request, Asked::Get | Asked::List);
                    let meant = counts && asked.fetch_add(1, Ordering::SeqCst) == nth;
                    meets.fetch_or(meant, Ordering::SeqCst);
                    if meant { answer } else { Answer::Go }
                });
                let loaded = load(&destination, script, number).await;
                if !met.load(Ordering::SeqCst) {
                    loaded.unwrap();
                    break;
                }
                failures += usize::from(loaded.is_err());
                check_and_go_on(&lake, script, number, states).await;
            }
        }
    })
    .await;
    assert!(failures > 50, "{failures} failures");
}

#[tokio::test]
async fn of_two_writers_the_later_one_wins_wherever_the_earlier_one_was_frozen() {
    two_writers().await;
}

/// Freezes a load at each of its steps, lets another machine load meanwhile under a higher fence, and wakes it.
async fn two_writers() {
    let mut met = 0;
    for_each_load(async |start, script, number, [before, after]| {
        for step in 0.. {
            let lake = start.copy();
            let other = BucketLake::in_memory(lake.memory.clone().unwrap());
            let steps = AtomicUsize::new(0);
            let frozen = Arc::new(AtomicBool::new(false));
            let (freezes, theirs) = (frozen.clone(), later(script));
            let (bucket, own) = (other.bucket.clone(), other.own.path().to_owned());
            let destination = lake.destination().watched(move |_| {
                if steps.fetch_add(1, Ordering::SeqCst) == step {
                    freezes.store(true, Ordering::SeqCst);
                    let bucket = bucket.clone();
                    std::thread::scope(|scope| {
                        let run = || block_on(take_over(&destination(bucket, &own), &theirs, number));
                        scope.spawn(run).join().unwrap()
                    });
                }
                Ok(())
            });
            let loaded = load(&destination, script, number).await;
            if !frozen.load(Ordering::SeqCst) {
                loaded.unwrap();
                break;
            }
            met += 1;
            if let Err(error) = loaded {
                assert_eq!(error.kind(), Kind::Conflict, "load {number}, step {step}: {}", error.chain());
            }
            let state = other.destination().inspect().await.unwrap();
            assert_eq!(state.position, place(number + 1));
            assert_ne!(before, after);
            other.assert_listed();
            assert_eq!(other.tables(), *after, "load {number}, frozen at step {step}");
        }
    })
    .await;
    assert!(met > 20, "{met} meetings");
}

/// The same load under a fence that is higher.
fn later(script: &Script) -> Script {
    let mut script = script.clone();
    script.spec.fence += 10;
    script
}

/// What a writer does that takes over: it finishes what was committed, and loads what was not.
async fn take_over(destination: &ParquetDestination, script: &Script, number: usize) {
    if destination.inspect().await.unwrap().position == place(number) || script.spec.replace {
        load(destination, script, number).await.unwrap();
    } else {
        drop(destination.begin(nothing(number + 1, script.spec.fence)).await.unwrap());
    }
}

/// Runs `check` before each load that changes something: the lake, the load, and what the tables are before and after.
async fn for_each_load(mut check: impl AsyncFnMut(&BucketLake, &Script, usize, &[Tables; 2])) {
    let done = BucketLake::new();
    for (number, script) in history().into_iter().enumerate() {
        let start = done.copy();
        load(&done.destination(), &script, number).await.unwrap();
        done.assert_tidy();
        let states = [start.tables(), done.tables()];
        if states[0] != states[1] {
            check(&start, &script, number, &states).await;
        }
    }
}

/// What the lake shows is either state, as its position says, and the later one once the load has run again.
async fn check_and_go_on(lake: &BucketLake, script: &Script, number: usize, [before, after]: &[Tables; 2]) {
    let position = lake.destination().inspect().await.unwrap().position;
    if position == place(number) {
        assert_eq!(lake.tables(), *before, "load {number}: not committed, yet changed");
        load(&lake.destination(), script, number).await.unwrap();
    } else {
        assert_eq!(position, place(number + 1));
        drop(lake.destination().begin(nothing(number + 1, script.spec.fence)).await.unwrap());
    }
    assert_eq!(lake.tables(), *after, "load {number}: committed, yet not as after");
    lake.assert_tidy();
}

/// A load of nothing from where the load before `number` ended.
fn nothing(number: usize, fence: clarion_core::Fence) -> clarion_core::LoadSpec {
    let mut spec = Script::new(place(number), Vec::new()).announced();
    spec.fence = fence;
    spec
}

/// Who only looks changes nothing, and says whether there is something left to do.
async fn check_looks(lake: &BucketLake) {
    let before = lake.objects();
    let other = BucketLake::in_memory(lake.memory.clone().unwrap());
    let state = other.destination().inspect().await.unwrap();
    assert_eq!(state.unfinished, lake.bucket.head(MANIFEST).unwrap().is_some() && lake.is_pending());
    if !state.unfinished {
        other.destination().audit().await.unwrap().finish().await.unwrap();
    }
    assert_eq!(lake.objects(), before);
}

async fn load(destination: &impl Destination, script: &Script, number: usize) -> Result<()> {
    let mut load = destination.begin(script.announced()).await?;
    load.write(script.change()).await?;
    load.commit(place(number + 1)).await.map(drop)
}

/// Dies at the `kill`-th step, where readers see each record at most once.
fn watcher(lake: &BucketLake, kill: usize) -> impl Fn(&'static str) -> Result<()> + Send + Sync + 'static {
    let seen = BucketLake::in_memory(lake.memory.clone().unwrap());
    let steps = AtomicUsize::new(0);
    move |step| {
        if steps.fetch_add(1, Ordering::SeqCst) == kill {
            seen.tables();
            return Err(Error::new(Kind::Interrupted, "killed here").with("step", step));
        }
        Ok(())
    }
}

/// The tests above must be able to fail.
#[cfg(feature = "failpoints")]
#[test]
fn a_manifest_that_is_put_blindly_is_found_out() {
    let ran = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "parquet::buckets::two_writers_with_a_defect"])
        .env("FAILPOINTS", "parquet.blind_put=return;parquet.no_fence=return")
        .output()
        .unwrap();
    assert!(!ran.status.success(), "two writers who look at nothing went unnoticed");
}

#[cfg(feature = "failpoints")]
#[tokio::test]
#[ignore = "run as a process of its own by the test above"]
async fn two_writers_with_a_defect() {
    clarion_core::fault::setup();
    two_writers().await;
}

#[tokio::test]
async fn a_load_between_manifest_and_listing_is_no_damage() {
    for_each_load(async |lake, script, number, _| {
        let raced = Arc::new(AtomicBool::new(false));
        let (races, theirs) = (raced.clone(), script.clone());
        let (bucket, own) = (lake.bucket.clone(), lake.own.path().to_owned());
        let looking = lake.scripted(move |request, _| {
            if request == Asked::List && !races.swap(true, Ordering::SeqCst) {
                std::thread::scope(|scope| {
                    let run = || block_on(load(&destination(bucket.clone(), &own), &theirs, number));
                    scope.spawn(run).join().unwrap().unwrap();
                });
            }
            Answer::Go
        });
        let state = looking.inspect().await.unwrap();
        assert_eq!(raced.load(Ordering::SeqCst), number > 0, "an empty lake has no listing");
        assert_eq!(state.position, place(number + usize::from(number > 0)));
    })
    .await;
    let lake = BucketLake::new();
    load(&lake.destination(), &history()[0], 0).await.unwrap();
    let files = lake.bucket.list("calls").unwrap();
    lake.bucket.delete(&[files[0].name.clone()]).unwrap();
    assert_eq!(lake.destination().inspect().await.unwrap_err().kind(), Kind::Corrupt, "damage is seen");
}

#[tokio::test]
async fn the_name_of_a_file_that_left_a_bucket_never_comes_again() {
    let lake = BucketLake::new();
    let (mut gone, mut there) = (BTreeSet::new(), BTreeSet::new());
    for (number, script) in history().iter().enumerate() {
        load(&lake.destination(), script, number).await.unwrap();
        let listed = lake.bucket.list("").unwrap().into_iter().map(|object| object.name);
        let now: BTreeSet<String> =
            listed.filter(|name| name.ends_with(".parquet") && !name.starts_with("_clarion")).collect();
        gone.extend(there.difference(&now).cloned());
        assert_eq!(now.intersection(&gone).count(), 0, "load {number}: {now:?} after {gone:?}");
        there = now;
    }
    assert!(gone.len() > 5, "{gone:?}");
}

#[tokio::test]
async fn looking_at_a_lake_in_a_bucket_costs_a_manifest_and_a_listing() {
    let lake = BucketLake::new();
    for (number, script) in history().iter().enumerate() {
        load(&lake.destination(), script, number).await.unwrap();
    }
    let asked = Arc::new(Mutex::new(Vec::new()));
    let notes = asked.clone();
    let destination = lake.scripted(move |request, _| {
        notes.lock().unwrap().push(request);
        Answer::Go
    });
    destination.inspect().await.unwrap();
    assert_eq!(*asked.lock().unwrap(), [Asked::Get, Asked::List]);
}

#[tokio::test]
async fn a_file_goes_up_when_the_own_disk_has_no_room_for_it() {
    for_each_load(async |start, script, number, [_, after]| {
        let lake = start.copy();
        let (up, own) = (Arc::new(AtomicUsize::new(0)), lake.own.path().join("_clarion/staging"));
        let uploads = up.clone();
        let destination = lake.cramped(move |request, name| {
            if request == Asked::Put && name.starts_with("_clarion/staging") {
                let whole = super::lake::files(&own).into_iter().filter(|path| is_whole(path)).count();
                assert!(whole <= 2, "{whole} whole files lie on the own disk, one for each thread is enough");
                uploads.fetch_add(1, Ordering::SeqCst);
            }
            Answer::Go
        });
        load(&destination, script, number).await.unwrap();
        assert!(up.load(Ordering::SeqCst) > 2);
        assert_eq!(lake.tables(), *after, "load {number}");
        lake.assert_tidy();
    })
    .await;
}

fn is_whole(path: &Path) -> bool {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.len() > 8 && bytes.ends_with(b"PAR1")
}

#[tokio::test]
async fn a_file_with_a_changed_record_comes_down_once() {
    let mut most = 0;
    for_each_load(async |start, script, number, _| {
        let fetched = Arc::new(Mutex::new(BTreeMap::<String, usize>::new()));
        let notes = fetched.clone();
        let lake = start.copy();
        let destination = lake.scripted(move |request, name| {
            if request == Asked::Get && name.ends_with(".parquet") && !name.starts_with("_clarion") {
                *notes.lock().unwrap().entry(name.to_owned()).or_default() += 1;
            }
            Answer::Go
        });
        load(&destination, script, number).await.unwrap();
        let fetched = fetched.lock().unwrap();
        most = most.max(fetched.len());
        assert!(fetched.values().all(|times| *times == 1), "load {number}: {fetched:?}");
    })
    .await;
    assert!(most > 2, "{most} files");
}

#[tokio::test]
async fn a_machine_that_never_loaded_reads_the_history_of_a_bucket() {
    let lake = BucketLake::new();
    for (number, script) in history().iter().enumerate() {
        load(&lake.destination(), script, number).await.unwrap();
    }
    let nowhere = lake.own.path().join("data/buckets/lake");
    let changes = destination(lake.bucket.clone(), &nowhere).schema_history().await.unwrap();
    assert!(!changes.is_empty());
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}
