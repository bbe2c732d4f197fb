//! Settings that cannot be used: exit code 2, and the key or the variable is named.

use std::fs;

use super::{assert_named, scene};

#[tokio::test(flavor = "multi_thread")]
async fn missing_credentials_name_the_variable() {
    let (simulator, workspace) = scene(5).await;
    for variable in ["CLARI_API_KEY", "CLARI_API_PASSWORD"] {
        let ran = workspace.run_with_env(&[(variable, "")], &["sync"]);
        assert_named(&ran, 2, &[&format!("missing: {variable}")]);
    }
    assert_eq!(simulator.control().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let (simulator, workspace) = scene(5).await;
    let good = workspace.config();
    for (from, to, unknown, nearest) in [
        ("concurrency", "concurency", "source.concurency", "`concurrency`"),
        ("[source]", "[sourse]", "sourse", "`source`"),
        ("relist", "re_list", "streams.calls.re_list", "`relist`"),
        ("kind = \"parquet\"", "knid = \"parquet\"", "destinations[0].knid", "`kind`"),
    ] {
        workspace.write_config(&good.replace(from, to));
        assert_named(&workspace.run(&["sync"]), 2, &[unknown, nearest]);
    }
    workspace.write_config(&good);
    let ran = workspace.run_with_env(&[("CLARION__SOURCE__WEEKLY_REQUEST", "5")], &["sync"]);
    assert_named(&ran, 2, &["source.weekly_request", "`weekly_requests`"]);
    assert_eq!(simulator.control().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_the_wrong_type_is_named_with_its_key() {
    let (simulator, workspace) = scene(5).await;
    let good = workspace.config();
    for (from, to, key) in [
        ("concurrency = 16", "concurrency = \"many\"", "concurrency"),
        ("concurrency = 16", "concurrency = 0", "source.concurrency"),
        ("requests_per_second = 0.0", "requests_per_second = \"fast\"", "requests_per_second"),
        ("rate_limit_wait = \"1s\"", "rate_limit_wait = \"a while\"", "rate_limit_wait"),
        ("history_start = \"2020-01-01\"", "history_start = \"yesterday\"", "source.history_start"),
        ("base_url = \"http", "base_url = \"nothttp", "source.base_url"),
        ("kind = \"parquet\"", "kind = \"mysql\"", "mysql"),
        ("relist = \"500d\"", "relist = \"long\"", "long"),
        ("[source]", "[source", "clarion.toml"),
    ] {
        workspace.write_config(&good.replacen(from, to, 1));
        assert_named(&workspace.run(&["sync"]), 2, &[key]);
    }
    assert_eq!(simulator.control().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_written_is_named() {
    // Tests may run as root, whom no permission stops: a file stands where the folder should be.
    let places = [
        ("data", "data", 1),
        ("data/journal", "data/journal", 1),
        ("data/journal/segments", "data/journal", 1),
    ];
    for (place, named, code) in places.into_iter().chain([("data/lake", "data/lake", 2)]) {
        let (simulator, workspace) = scene(5).await;
        let path = workspace.path().join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "not a folder").unwrap();
        assert_named(&workspace.run(&["sync"]), code, &[named]);
        fs::remove_file(&path).unwrap();
        workspace.sync();
        super::assert_good(place, &workspace, &simulator).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_folder_that_cannot_be_written_stops_the_lake_alone() {
    let (simulator, workspace) = scene(5).await;
    let path = workspace.lake().join("call_details");
    fs::create_dir_all(workspace.lake()).unwrap();
    fs::write(&path, "not a folder").unwrap();
    let ran = workspace.run(&["sync"]);
    assert_named(&ran, 1, &["call_details", "lake"]);
    if workspace.warehouse().is_some() {
        let audited = crate::audit::audit_of(&workspace, &["warehouse"], &simulator).await;
        crate::audit::assert_clean("the warehouse beside a broken lake", audited);
    }
    fs::remove_file(&path).unwrap();
    workspace.run(&["load"]).expect(0);
    super::assert_good("the lake once it can be written", &workspace, &simulator).await;
}
