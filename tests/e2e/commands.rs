//! The other commands, as a person sees them.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::harness::{Layout, Ran, Running, Workspace, simulate, small};

#[tokio::test]
async fn a_check_costs_one_request_and_names_each_thing() {
    let simulator = simulate(small(10)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    let ran = workspace.run_plain(&["check"]).expect(0);
    for what in ["credentials", "quota", "state store", "journal", "destination lake"] {
        assert!(says(&ran, what), "{what} is not checked\n{}", ran.stdout);
    }
    assert_eq!(control.count(), 1);

    // A destination that cannot work fails the check, and the other lines are there all the same.
    let ran = {
        let blocked = Workspace::new(&simulator.url(), Layout::default());
        std::fs::create_dir_all(blocked.path().join("data")).unwrap();
        std::fs::write(blocked.lake(), "a file in the place of the folder").unwrap();
        blocked.run_plain(&["check"]).expect(2)
    };
    assert!(says(&ran, "destination lake") && says(&ran, "credentials"), "{}", ran.stdout);
}

#[tokio::test]
async fn a_sync_says_what_came_and_status_what_there_is() {
    let simulator = simulate(small(20)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    let ran = workspace.run_plain(&["sync"]).expect(0);
    assert!(says(&ran, "sync done") && says(&ran, "transcript_turns"), "{}", ran.stdout);
    let status = workspace.run_plain(&["status"]).expect(0);
    assert!(says(&status, "0 records behind the journal"), "{}", status.stdout);
    let streams = workspace.run(&["streams"]).expect(0);
    let rows = streams.json.as_array().unwrap().iter().map(|stream| stream["rows"].as_u64().unwrap());
    assert_eq!(rows.max(), Some(24), "the users of a generated workspace");
    let names: Vec<&Value> = streams.json.as_array().unwrap().iter().map(|stream| &stream["name"]).collect();
    assert_eq!(names[..4], ["calls", "call_details", "users", "teams"]);
    assert_eq!(names.len(), 17);
}

#[tokio::test]
async fn nothing_that_is_printed_or_written_shows_a_secret() {
    let simulator = simulate(small(10)).await;
    let layout =
        Layout { source: "headers = { \"X-Team\" = \"header-secret-1\" }".to_owned(), ..Layout::default() };
    let workspace = Workspace::new(&simulator.url(), layout);
    let secrets = [("CLARI_API_KEY", "key-secret-2"), ("CLARI_API_PASSWORD", "password-secret-3")];
    for arguments in [&["sync", "-vv"][..], &["check"], &["status"], &["config", "show"]] {
        let ran = workspace.run_with_env(&secrets, arguments);
        for secret in ["key-secret-1", "password-secret-2"] {
            assert!(!says(&ran, secret), "{arguments:?} shows a secret");
        }
    }
    for path in crate::harness::files(&workspace.path().join("data")) {
        let bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("-secret-"), "{} holds a secret", path.display());
    }
}

#[tokio::test]
async fn init_writes_a_configuration_that_works_and_overwrites_none() {
    let simulator = simulate(small(10)).await;
    let folder = tempfile::tempdir().unwrap();
    let url = simulator.url();
    let environment =
        [("CLARION__SOURCE__BASE_URL", url.as_str()), ("CLARION__SOURCE__REQUESTS_PER_SECOND", "0")];
    let run = |arguments: &[&str]| Running::start(folder.path(), &environment, arguments).wait();
    run(&["init"]).expect(0);
    let mode = std::fs::metadata(folder.path().join("clarion.toml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o022, 0, "others may write it: {mode:o}");
    run(&["sync"]).expect(0);
    let again = run(&["init"]).expect(2);
    assert!(says(&again, "--force"), "{}", again.stderr);

    let refused = [("CLARION__SOURCE__BASE_URL", url.as_str()), ("CLARI_API_KEY", "wrong")];
    let ran = Running::start(folder.path(), &refused, &["init", "--force"]).wait().expect(5);
    assert!(says(&ran, "CLARI_API_PASSWORD"), "{}", ran.stderr);
}

#[tokio::test]
async fn init_keeps_the_password_of_the_state_store_and_writes_none_that_comes_from_outside() {
    let Some(state) = crate::harness::Database::fresh().await else { return };
    // A password that the server does not ask for: what counts is that it is still there afterwards.
    let url = state.url().replacen("postgres://postgres@", "postgres://postgres:s3cret@", 1);
    assert_ne!(url, state.url(), "the server's URL has another form");
    let simulator = simulate(small(10)).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("clarion.toml");
    let base = simulator.url();
    let environment = [("CLARION__SOURCE__BASE_URL", base.as_str()), ("CLARION__STATE__URL", url.as_str())];
    let init = |environment: &[(&str, &str)]| {
        Running::start(folder.path(), environment, &["init", "--force"]).wait().expect(0);
        let mode = std::fs::metadata(&file).unwrap().permissions().mode();
        (std::fs::read_to_string(&file).unwrap(), mode & 0o777)
    };
    let (text, _) = init(&environment);
    assert!(!text.contains("s3cret") && !text.contains("***"), "{text}");

    std::fs::write(&file, format!("[source]\nbase_url = \"{base}\"\n[state]\nurl = \"{url}\"\n")).unwrap();
    let (text, mode) = init(&[]);
    assert!(text.contains(&url) && !text.contains("***"), "{text}");
    assert_eq!(mode, 0o600, "a secret is in it");
    Running::start(folder.path(), &[], &["sync"]).wait().expect(0);
}

#[tokio::test]
async fn the_configuration_is_shown_with_its_origin_and_its_schema() {
    let workspace = Workspace::new("http://127.0.0.1:9", Layout::default());
    let shown = workspace.run_plain(&["config", "show"]).expect(0);
    let line = shown.stdout.lines().find(|line| line.contains("source.base_url")).unwrap();
    assert!(line.contains("clarion.toml"), "{line}");
    let schema = workspace.run(&["config", "schema"]).expect(0);
    assert!(schema.json["properties"]["source"].is_object(), "{}", schema.stdout);
    let completion = workspace.run_plain(&["completions", "bash"]).expect(0);
    assert!(says(&completion, "_clarion"));
}

fn says(ran: &Ran, text: &str) -> bool {
    ran.stdout.contains(text) || ran.stderr.contains(text)
}
