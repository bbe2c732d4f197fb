//! Which files a load touches, and what happens when they are not those that were written.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use clarion_core::testing::destination::{Call, Script, journal};
use clarion_core::{Destination, Kind, Position};
use serde_json::json;

use super::lake::{Lake, data_files, files, open};

const JANUARY: &str = "2026-01-02T10:00:00Z";
const FEBRUARY: &str = "2026-02-02T10:00:00Z";

#[tokio::test]
async fn files_without_a_changed_record_are_not_touched() {
    let lake = Lake::new();
    load(&lake, 0, two_months()).await;
    let before = inodes(&lake);
    load(&lake, 1, vec![Call::new("b", FEBRUARY, 12).parts(&["4"]), Call::new("n", JANUARY, 13)]).await;
    let after = inodes(&lake);
    let same: Vec<bool> = before.iter().map(|(path, inode)| after.get(path) == Some(inode)).collect();
    assert_eq!(before.len(), 4);
    // By path: call_parts of January and February, calls of January and February.
    assert_eq!(same, [true, false, true, false]);
    assert_eq!(after.len(), 5, "the new call came in a file of its own");
}

#[tokio::test]
async fn nothing_to_do_touches_nothing() {
    let lake = Lake::new();
    load(&lake, 0, two_months()).await;
    let before = lake.snapshot();
    let empty = Script::new(place(1), Vec::new());
    let load = lake.destination().begin(empty.announced()).await.unwrap();
    load.commit(place(1)).await.unwrap();
    lake.destination().inspect().await.unwrap();
    assert_eq!(lake.snapshot(), before);
}

#[tokio::test]
async fn many_small_loads_leave_few_files() {
    let lake = Lake::new();
    for number in 0..20 {
        let time = format!("2026-01-{:02}T10:00:00Z", 28 - number);
        load(
            &lake,
            number,
            vec![Call::new(&format!("c{number}"), &time, number as u32 + 2).parts(&["x", "y"])],
        )
        .await;
    }
    assert_eq!(lake.table("calls").len(), 20);
    assert_eq!(lake.table("call_parts").len(), 40);
    assert!(data_files(&lake.root(), "calls").len() < 4);
}

#[tokio::test]
async fn change_sets_that_overlap_a_little_go_into_one_file() {
    let lake = Lake::new();
    let call = |n: u32| {
        Call::new(&format!("c{n:03}"), &format!("2026-01-01T{:02}:{:02}:00Z", n / 60, n % 60), n + 2)
    };
    // At each seam the last of a hundred changes places with the second of the next.
    let swapped = |n: u32| match n {
        99 | 199 | 299 => n + 2,
        101 | 201 | 301 => n - 2,
        _ => n,
    };
    let calls: Vec<Call> = (0..400).map(|n| call(swapped(n)).parts(&["x", "y"])).collect();
    let scripts: Vec<Script> = calls.chunks(100).map(|calls| Script::new(place(0), calls.to_vec())).collect();
    let announced = Script::new(place(0), calls.clone()).announced();
    let mut load = lake.destination().begin(announced).await.unwrap();
    for script in &scripts {
        load.write(script.change()).await.unwrap();
    }
    load.commit(place(1)).await.unwrap();
    assert_eq!(lake.table("calls").len(), calls.len());
    assert_eq!(lake.table("call_parts").len(), 2 * calls.len());
    assert_eq!(data_files(&lake.root(), "calls").len(), 1);
    assert_eq!(data_files(&lake.root(), "call_parts").len(), 1);
}

#[tokio::test]
async fn what_was_loaded_can_be_read_from_tables_too() {
    let lake = Lake::new();
    load(&lake, 0, two_months()).await;
    load(&lake, 1, vec![Call::new("z", JANUARY, 12)]).await;
    let loads = lake.table("_clarion_loads");
    let told: Vec<_> =
        loads.iter().map(|row| (row["table"].as_str().unwrap(), row["rows"].as_u64().unwrap())).collect();
    assert_eq!(told, [("call_parts", 3), ("calls", 2), ("calls", 1)]);
    let position = lake.table("_clarion_position");
    assert_eq!(position.iter().map(|row| &row["position"]).collect::<Vec<_>>(), [&json!(place(2).pack())]);
    assert_eq!(lake.table("_clarion_schema_changes").len(), 2, "two tables are new");
}

#[tokio::test]
async fn a_lake_of_before_journals_had_ids_learns_its_journal_with_the_next_load() {
    let lake = Lake::new();
    load(&lake, 0, two_months()).await;
    let manifest = lake.root().join("_clarion/manifest.json");
    let mut stored: serde_json::Value = serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    assert!(stored.as_object_mut().unwrap().remove("journal").is_some());
    fs::write(&manifest, stored.to_string()).unwrap();
    assert_eq!(lake.destination().inspect().await.unwrap().journal, None);
    load(&lake, 1, vec![Call::new("z", JANUARY, 12)]).await;
    assert_eq!(lake.destination().inspect().await.unwrap().journal, Some(journal(1)));
}

#[tokio::test]
async fn a_wiped_folder_is_loaded_from_the_start() {
    let lake = Lake::new();
    load(&lake, 0, two_months()).await;
    fs::remove_dir_all(lake.root()).unwrap();
    assert_eq!(lake.destination().inspect().await.unwrap().position, Position::START);
    load(&lake, 0, two_months()).await;
    assert_eq!(lake.table("calls").len(), 2);
}

#[tokio::test]
async fn data_that_outlived_the_manifest_is_replaced() {
    let lake = Lake::new();
    load(&lake, 0, two_months()).await;
    load(&lake, 1, vec![Call::new("old", JANUARY, 12)]).await;
    fs::remove_dir_all(lake.root().join("_clarion")).unwrap();
    assert_eq!(lake.destination().inspect().await.unwrap().position, Position::START);
    load(&lake, 0, two_months()).await;
    assert_eq!(lake.table("calls").len(), 2);
}

#[tokio::test]
async fn a_missing_a_changed_and_a_strange_file_are_named_and_a_rebuild_mends_them() {
    type Damage = fn(&Lake) -> PathBuf;
    let damages: [Damage; 4] = [
        |lake| {
            let path = data_files(&lake.root(), "calls").remove(0);
            fs::remove_file(&path).unwrap();
            path
        },
        |lake| {
            let path = data_files(&lake.root(), "calls").remove(1);
            fs::write(&path, b"PAR1").unwrap();
            path
        },
        |lake| {
            let path = data_files(&lake.root(), "calls").remove(0).with_file_name("data-77.parquet");
            fs::copy(data_files(&lake.root(), "calls").remove(0), &path).unwrap();
            path
        },
        |lake| {
            let path = lake.root().join("_clarion/manifest.json");
            fs::write(&path, b"{").unwrap();
            path
        },
    ];
    for damage in damages {
        let lake = Lake::new();
        load(&lake, 0, two_months()).await;
        let path = damage(&lake);
        let error = lake.destination().inspect().await.unwrap_err();
        assert_eq!(error.kind(), Kind::Corrupt);
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(error.way_out().unwrap().contains("clarion replay --destination lake"));
        let rebuilt = Script::new(Position::START, two_months()).replacing();
        run(&lake, &rebuilt, 1).await;
        assert_eq!(lake.destination().inspect().await.unwrap().position, place(1));
        assert_eq!((lake.table("calls").len(), lake.table("call_parts").len()), (2, 3));
    }
}

#[tokio::test]
async fn a_damaged_key_file_is_noticed() {
    let lake = Lake::new();
    load(&lake, 0, two_months()).await;
    let path = files(&lake.root().join("_clarion/keys")).remove(0);
    fs::write(&path, b"12345678").unwrap();
    let script = Script::new(place(1), two_months());
    let mut load = lake.destination().begin(script.announced()).await.unwrap();
    let error = load.write(script.change()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Corrupt);
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let lake = Lake::new();
    fs::write(lake.root(), b"in the way").unwrap();
    let destination = open(&lake.root().join("below"));
    let error = destination.begin(Script::new(place(0), Vec::new()).announced()).await.map(drop).unwrap_err();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.to_string().contains("below"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_second_load_at_the_same_time_is_refused_and_looking_disturbs_nobody() {
    let lake = Lake::new();
    load(&lake, 0, two_months()).await;
    let script = Script::new(place(1), vec![Call::new("n", JANUARY, 13)]);
    let (first, second) = (lake.destination(), lake.destination());
    let mut under_way = first.begin(script.announced()).await.unwrap();
    under_way.write(script.change()).await.unwrap();
    let refused = second.begin(script.announced()).await.map(drop).unwrap_err();
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(second.inspect().await.unwrap().position, place(1));
    under_way.commit(place(2)).await.unwrap();
    assert_eq!(lake.table("calls").len(), 3);
}

fn two_months() -> Vec<Call> {
    vec![Call::new("a", JANUARY, 2).parts(&["1", "2"]), Call::new("b", FEBRUARY, 3).parts(&["3"])]
}

async fn load(lake: &Lake, number: usize, calls: Vec<Call>) {
    run(lake, &Script::new(place(number), calls), number + 1).await;
}

async fn run(lake: &Lake, script: &Script, to: usize) {
    script.run(place(to), lake).await.unwrap();
}

fn inodes(lake: &Lake) -> BTreeMap<PathBuf, (u64, i64)> {
    let paths = ["call_parts", "calls"].into_iter().flat_map(|table| data_files(&lake.root(), table));
    let inode = |path: PathBuf| {
        let metadata = fs::metadata(&path).unwrap();
        (path, (metadata.ino(), metadata.mtime_nsec()))
    };
    paths.map(inode).collect()
}

fn place(number: usize) -> Position {
    if number == 0 { Position::START } else { Position::new(number as u64, 99) }
}
