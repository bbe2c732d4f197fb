//! Damage to a lake by hand.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Int64Type;
use clarion_simulator::Edit;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{assert_found, count, findings, scene, verify};
use crate::harness::files;

fn read(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

fn write(path: &Path, rows: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

fn first_file(table: &Path) -> PathBuf {
    files(table).into_iter().next().unwrap()
}

fn text(rows: &RecordBatch, column: &str, row: usize) -> String {
    rows.column_by_name(column).unwrap().as_string::<i32>().value(row).to_owned()
}

/// Keeps the rows for which `keep` is true.
fn filter(rows: &RecordBatch, keep: impl Fn(usize) -> bool) -> RecordBatch {
    let keep: BooleanArray = (0..rows.num_rows()).map(|row| Some(keep(row))).collect();
    filter_record_batch(rows, &keep).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_there_twice_is_doubled_whatever_its_file_is_called() {
    for name in ["data-77.parquet", "copy of data.parquet"] {
        let (_simulator, workspace) = scene(30).await;
        let file = first_file(&workspace.lake().join("calls"));
        let row = read(&file).slice(0, 1);
        write(&file.with_file_name(name), &row);
        let doubled = format!("lake calls doubled {}", text(&row, "id", 0));
        let ran = assert_found(&workspace, 1, &[&doubled, "lake as it was left damaged calls/"]);
        assert_eq!(count(&ran, "doubled"), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_is_there_twice_is_named() {
    let (_simulator, workspace) = scene(30).await;
    let file = first_file(&workspace.lake().join("transcript_turns"));
    let row = read(&file).slice(2, 1);
    write(&file.with_file_name("more.parquet"), &row);
    let index = row.column_by_name("idx").unwrap().as_primitive::<Int64Type>().value(0);
    let wanted = format!("lake transcript_turns extra {}/{index}", text(&row, "call_id", 0));
    assert_found(&workspace, 1, &[&wanted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_gone_or_do_not_belong_there_are_named() {
    let (_simulator, workspace) = scene(30).await;
    let calls = first_file(&workspace.lake().join("calls"));
    let rows = read(&calls);
    write(&calls, &rows.slice(1, rows.num_rows() - 1));
    let turns = first_file(&workspace.lake().join("transcript_turns"));
    let children = read(&turns);
    let index = children.column_by_name("idx").unwrap().as_primitive::<Int64Type>().clone();
    let lost = (0..children.num_rows()).find(|row| index.value(*row) == 4).unwrap();
    write(&turns, &filter(&children, |row| row != lost));
    let wanted = [
        format!("lake calls missing {}", text(&rows, "id", 0)),
        format!("lake transcript_turns missing {}/4", text(&children, "call_id", lost)),
        "lake as it was left damaged calls/".to_owned(),
        "lake as it was left damaged transcript_turns/".to_owned(),
    ];
    assert_found(&workspace, 1, &wanted.each_ref().map(String::as_str));
    // Also without looking at that call closely: its turns are not numbered without gaps any more.
    let ran = workspace.run(&["verify", "--sample", "0"]).expect(1);
    assert!(findings(&ran).contains(&wanted[1]), "{:?}", findings(&ran));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_file_put_back_holds_stale_rows() {
    let (simulator, workspace) = scene(30).await;
    let control = simulator.control();
    let folder = workspace.lake().join("users");
    let old = first_file(&folder);
    let bytes = fs::read(&old).unwrap();
    let mut user = control.collection("users")[0].clone();
    user["name"] = serde_json::json!("Somebody Else");
    assert!(control.edit(Edit::AddUser(user.clone())));
    workspace.sync();
    verify(&workspace).expect(0);
    fs::write(first_file(&folder), bytes).unwrap();
    let wanted = format!("lake users stale {} from ", user["id"].as_str().unwrap());
    assert_found(&workspace, 1, &[&wanted]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_is_damaged_and_its_rows_are_missing() {
    let (_simulator, workspace) = scene(30).await;
    let file = first_file(&workspace.lake().join("users"));
    fs::write(&file, "not a Parquet file").unwrap();
    let ran =
        assert_found(&workspace, 1, &["lake as it was left damaged users/data-", "lake users missing "]);
    assert!(ran.stdout.contains("a data file cannot be read"), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_is_behind_or_wiped_is_compared_as_of_its_own_position() {
    let (simulator, workspace) = scene(30).await;
    let control = simulator.control();
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&workspace.lake(), copy.path());
    let time = chrono::Utc::now();
    for id in control.call_ids().into_iter().take(3) {
        control.edit(Edit::SetStatus { id, status: "PROCESSED".to_owned(), at: time });
    }
    workspace.sync();
    fs::remove_dir_all(workspace.lake()).unwrap();
    copy_folder(copy.path(), &workspace.lake());
    let ran = verify(&workspace).expect(0);
    assert!(count(&ran, "waiting") > 0, "{}", ran.stdout);
    assert!(ran.stdout.contains("clarion load"), "{}", ran.stdout);
    fs::remove_dir_all(workspace.lake()).unwrap();
    assert!(count(&verify(&workspace).expect(0), "waiting") > 30);
    workspace.run(&["load"]).expect(0);
    assert_eq!(count(&verify(&workspace).expect(0), "waiting"), 0);
}

fn copy_folder(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&path, target).unwrap();
    }
}
