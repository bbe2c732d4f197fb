//! Who may ask what, and what keeps the service from starting.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};

use super::process::Service;
use super::wire::get;
use super::{HOURLY, scene};
use crate::harness::{Workspace, small};

const TOKEN: (&str, &str) = ("CLARION_SERVER_TOKEN", "t0ken");

#[tokio::test(flavor = "multi_thread")]
async fn with_a_token_only_probes_and_the_hook_are_open() {
    let (_simulator, workspace) = scene(small(5), HOURLY).await;
    let everywhere = workspace.config().replace("127.0.0.1:0\"\n[schedule]", "0.0.0.0:0\"\n[schedule]");
    assert_ne!(everywhere, workspace.config());
    workspace.write_config(&everywhere);
    assert_refused(&workspace, &[], "server.bind");

    let service = Service::start(&workspace, &[TOKEN]);
    assert_eq!(service.next_run().1, "done");
    let url = service.url.replace("0.0.0.0", "127.0.0.1");
    let status = |path: &str, token: &str| get(&url, path, &[("authorization", token)]).status;
    assert_eq!(get(&url, "/metrics", &[]).status, 401);
    assert_eq!(status("/metrics", "Bearer wrong"), 401);
    assert_eq!(status("/anything", "Bearer wrong"), 401);
    assert_eq!(status("/metrics", "Bearer t0ken"), 200);
    assert_eq!(status("/anything", "Bearer t0ken"), 404);
    for open in ["/healthz", "/readyz"] {
        assert_eq!(get(&url, open, &[]).status, 200, "{open}");
    }
    assert_eq!(get(&url, "/hooks/clari", &[]).status, 404, "no secret, no hook");
    assert_eq!(service.stop(), 0);

    let open = Service::start(&workspace, &[TOKEN, ("FAILPOINTS", "server.open_to_all=return")]);
    let url = open.url.replace("0.0.0.0", "127.0.0.1");
    assert_eq!(get(&url, "/metrics", &[]).status, 200, "the defect is not seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_ends_it_at_the_start_and_names_the_key() {
    let (simulator, workspace) = scene(small(5), HOURLY).await;
    let good = workspace.config();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (from, to, key) in [
        ("every = \"1h\"", "cron = \"hourly\"", "schedule.cron"),
        ("every = \"1h\"", "every = \"0s\"", "schedule.every"),
        ("every = \"1h\"", "cron = \"0 * * * *\"\ntimezone = \"Mars\"", "schedule.timezone"),
        ("127.0.0.1:0\"\n[schedule]", "localhost\"\n[schedule]", "server.bind"),
        ("127.0.0.1:0\"\n[schedule]", &format!("{taken}\"\n[schedule]"), "server.bind"),
        ("[schedule]", "[[alerts]]\nurl = \"ftp://x\"\n[schedule]", "alerts[0].url"),
        ("[schedule]", "[[alerts]]\nurl_env = \"NOT_SET\"\n[schedule]", "NOT_SET"),
    ] {
        workspace.write_config(&good.replacen(from, to, 1));
        assert_refused(&workspace, &[], key);
    }
    workspace.write_config(&good);
    assert_refused(&workspace, &[("CLARI_API_KEY", "")], "CLARI_API_KEY");
    assert_eq!(simulator.control().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_never_finish_their_request_keep_nobody_out() {
    let (_simulator, workspace) = scene(small(5), HOURLY).await;
    let service = Service::start(&workspace, &[]);
    let address = service.url.strip_prefix("http://").unwrap();
    let slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nx-slow: ").unwrap();
            stream
        })
        .collect();
    assert_eq!(service.get("/healthz").status, 200, "they are shown out after some seconds");
    drop(slow);
    let long = "x".repeat(40_000);
    assert_eq!(get(&service.url, "/healthz", &[("x-long", &long)]).status, 431);
    assert_eq!(service.stop(), 0);
}

#[track_caller]
fn assert_refused(workspace: &Workspace, environment: &[(&str, &str)], key: &str) {
    let ended = Service::try_start(workspace, environment).err().expect("it must not start");
    assert_eq!(ended.code, 2, "{key}: {}", ended.said);
    assert!(ended.said.contains(key), "{key} is not named: {}", ended.said);
}
