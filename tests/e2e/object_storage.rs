//! Journal and lake in buckets of an S3 server, the state on the own disk.

use std::path::Path;

use chrono::Utc;
use clarion_simulator::{Control, Edit, Simulator};
use serde_json::json;

use crate::harness::{
    Buckets, Tables, Workspace, assert_truth, files, lake_tables, outside_reader, problems, simulate, small,
    without, write_truth,
};

struct Scene {
    simulator: Simulator,
    workspace: Workspace,
    buckets: Buckets,
}

impl Scene {
    async fn set(calls: usize) -> Option<Self> {
        let buckets = Buckets::fresh()?;
        let simulator = simulate(small(calls)).await;
        let layout = buckets.layout("[streams.calls]\nrelist = \"500d\"\n");
        let workspace = Workspace::new(&simulator.url(), layout);
        Some(Self { simulator, workspace, buckets })
    }

    fn control(&self) -> Control {
        self.simulator.control()
    }

    fn edit(&self, title: &str) {
        let control = self.control();
        for id in control.call_ids().into_iter().step_by(3) {
            control.edit(Edit::Patch { id: id.clone(), merge: json!({ "title": title }) });
            control.edit(Edit::SetStatus { id, status: "PROCESSED".to_owned(), at: Utc::now() });
        }
    }

    /// The lake's rows as a plain glob sees them, and every one of them as the vendor has it.
    async fn assert_whole(&self) -> Tables {
        self.buckets.mirror(&self.workspace);
        assert_truth(&self.workspace, &self.control()).await;
        let verified = self.workspace.run(&["verify", "--sample", "1000"]).expect(0);
        assert_eq!(verified.json["agrees"], json!(true), "{}", verified.stdout);
        without(&lake_tables(&self.workspace.lake()), "_loaded_at")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn journal_and_lake_in_buckets_are_all_that_folders_are() {
    let Some(scene) = Scene::set(24).await else { return };
    let workspace = &scene.workspace;
    let checked = workspace.run_plain(&["check"]).expect(0);
    assert!(checked.stdout.contains("s3://clarion-test/"), "{}", checked.stdout);
    assert!(!checked.stdout.contains("without conditional writes"), "{}", checked.stdout);

    workspace.sync();
    scene.assert_whole().await;
    let before = scene.buckets.snapshot();
    workspace.sync();
    assert!(scene.buckets.snapshot() == before, "nothing new was written all the same");

    scene.edit("second version");
    workspace.sync();
    scene.edit("third version");
    workspace.sync();
    let tables = scene.assert_whole().await;
    scene.control().reset_log();
    workspace.run(&["replay", "--destination", "lake"]).expect(0);
    assert_eq!(scene.control().count(), 0, "a replay costs no request");
    assert!(scene.assert_whole().await == tables, "a replay gives the same");

    let compacted = workspace.run(&["journal", "compact"]).expect(0);
    assert!(compacted.stdout.contains("records"), "{}", compacted.stdout);
    workspace.run(&["replay", "--destination", "lake"]).expect(0);
    assert!(scene.assert_whole().await == tables, "a replay of what is left gives the same");

    workspace.delete_state();
    workspace.sync();
    assert!(scene.assert_whole().await == tables, "the state is rebuilt from the journal");
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_that_are_copied_into_buckets_go_on_there() {
    let Some(scene) = Scene::set(12).await else { return };
    let in_buckets = scene.workspace.config();
    let in_folders = in_buckets.split("[journal]").next().unwrap();
    scene.workspace.write_config(&format!("{in_folders}[streams.calls]\nrelist = \"500d\"\n"));
    scene.workspace.sync();
    scene.buckets.fill(&scene.workspace);
    scene.workspace.write_config(&in_buckets);
    scene.control().reset_log();
    scene.workspace.sync();
    assert_eq!(scene.control().count_of("/call-details"), 0, "nothing is fetched again");
    scene.assert_whole().await;
    scene.edit("after the move");
    scene.workspace.sync();
    scene.assert_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_readers_read_the_lake_from_the_bucket() {
    let Some(scene) = Scene::set(24).await else { return };
    scene.workspace.sync();
    scene.edit("second version");
    scene.workspace.sync();
    let truth = write_truth(&scene.control());
    let lake = scene.buckets.lake_path();
    let arguments = [truth.path(), Path::new("pyarrow-s3"), Path::new(&lake)];
    let Some(result) = outside_reader("compare.py", &arguments) else { return };
    assert_eq!(problems("pyarrow", &result), Vec::<String>::new());
    assert_eq!(result["rows"]["calls"], json!(scene.control().call_ids().len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_purge_no_object_has_the_call() {
    let Some(scene) = Scene::set(8).await else { return };
    let call = scene.control().call_ids().remove(0);
    scene.edit("the canary sings");
    scene.workspace.sync();
    // What a killed load left in the bucket and on the own disk goes, too.
    scene.edit("the canary sings again");
    let killed = scene.workspace.run_with_env(&[("FAILPOINTS", "parquet.staged=return")], &["sync"]);
    assert_eq!(killed.signal, Some(9));
    assert!(!scene.buckets.lake().list("_clarion/staging").unwrap().is_empty());
    assert!(!found(&scene, &call).is_empty());
    scene.workspace.run(&["purge", "--call", &call]).expect(0);
    assert_eq!(found(&scene, &call), Vec::<String>::new());
    scene.workspace.sync();
    assert_eq!(found(&scene, &call), Vec::<String>::new());
}

/// Objects, files of the own disk and tables that have a text, as it is or compressed.
fn found(scene: &Scene, text: &str) -> Vec<String> {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    let mut found = Vec::new();
    for (name, bytes) in scene.buckets.snapshot() {
        let plain = if name.ends_with(".zst") { zstd::decode_all(&bytes[..]).unwrap() } else { Vec::new() };
        if holds(&bytes) || holds(&plain) {
            found.push(name);
        }
    }
    for path in files(&scene.workspace.path().join("data/buckets")) {
        if holds(&std::fs::read(&path).unwrap()) {
            found.push(path.display().to_string());
        }
    }
    scene.buckets.mirror(&scene.workspace);
    for (table, rows) in lake_tables(&scene.workspace.lake()) {
        if holds(json!(rows).to_string().as_bytes()) {
            found.push(table);
        }
    }
    found
}

const POINTS: [&str; 7] = [
    "journal.written",
    "journal.renamed",
    "journal.spool_removed",
    "parquet.staged",
    "parquet.manifest",
    "parquet.op",
    "parquet.done",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_killed_at_any_step_is_made_good_by_the_next() {
    for point in POINTS {
        let Some(scene) = Scene::set(12).await else { return };
        let death = format!("{point}=return");
        let killed = scene.workspace.run_with_env(&[("FAILPOINTS", &death)], &["sync"]);
        assert_eq!(killed.signal, Some(9), "{point}: {}", killed.stderr);
        scene.workspace.sync();
        scene.assert_whole().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_or_a_purge_killed_at_any_step_is_finished_by_the_next() {
    for point in ["journal.rewriting", "journal.rewritten", "parquet.manifest", "parquet.op"] {
        let Some(scene) = Scene::set(12).await else { return };
        scene.workspace.sync();
        scene.edit("second version");
        scene.workspace.sync();
        let call = scene.control().call_ids().remove(0);
        let purge = ["purge", "--call", &call];
        let command = if point.starts_with("journal") { &["journal", "compact"][..] } else { &purge };
        let death = format!("{point}=return");
        let killed = scene.workspace.run_with_env(&[("FAILPOINTS", &death)], command);
        assert_eq!(killed.signal, Some(9), "{point}: {}", killed.stderr);
        scene.workspace.run(command).expect(0);
        scene.workspace.run(&purge).expect(0);
        assert_eq!(found(&scene, &call), Vec::<String>::new(), "{point}");
        scene.control().edit(Edit::Delete(call));
        scene.workspace.sync();
        scene.assert_whole().await;
    }
}

/// The tests above must be able to fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_never_came_into_the_bucket_is_found_out() {
    let Some(scene) = Scene::set(12).await else { return };
    let defect = [("FAILPOINTS", "journal.not_named=return")];
    let synced = scene.workspace.run_with_env(&defect, &["sync"]);
    let verified = scene.workspace.run(&["verify", "--sample", "1000"]);
    assert!(synced.code != 0 || verified.code != 0, "it went unnoticed\n{}", verified.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_named_with_the_way_out() {
    let Some(scene) = Scene::set(4).await else { return };
    let config = scene.workspace.config().replace("s3://clarion-test/", "s3://no-such-bucket/");
    scene.workspace.write_config(&config);
    let ran = scene.workspace.run(&["check"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("s3://no-such-bucket/") && ran.stdout.contains("make the bucket"),
        "{}",
        ran.stdout
    );
    let shown = scene.workspace.run(&["config", "show"]).expect(0);
    assert!(!shown.stdout.contains("AWS_SECRET"), "{}", shown.stdout);
}
