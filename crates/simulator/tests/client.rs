//! A client that believes nothing: it sees heads, lengths and torn bodies as they are.

use std::collections::HashMap;
use std::io;

use clarion_simulator::{Control, Options, Simulator};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A simulator and its client.
pub(crate) struct Bench {
    pub(crate) simulator: Simulator,
    pub(crate) control: Control,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

pub(crate) const CREDENTIALS: &[(&str, &str)] = &[("X-Api-Key", "demo"), ("X-Api-Password", "demo")];

/// Few short calls and no limits.
pub(crate) fn small() -> Options {
    let as_of = "2026-11-13T16:20:00Z".parse().unwrap();
    Options { calls: 60, turns: 3, rate: 0, as_of: Some(as_of), ..Options::default() }
}

impl Bench {
    pub(crate) async fn start(options: Options) -> Self {
        let simulator = Simulator::start(options).await.unwrap();
        let control = simulator.control();
        Self { simulator, control }
    }

    /// A `GET` with valid credentials.
    pub(crate) async fn get(&self, target: &str) -> Reply {
        self.send("GET", target, CREDENTIALS, "").await.unwrap()
    }

    /// The JSON of a `GET` that succeeds.
    pub(crate) async fn json(&self, target: &str) -> Value {
        let reply = self.get(target).await;
        assert_eq!(reply.status, 200, "{target}: {}", String::from_utf8_lossy(&reply.body));
        assert!(reply.is_complete());
        reply.json()
    }

    /// Ids of the listed calls.
    pub(crate) async fn ids(&self, target: &str) -> Vec<String> {
        let page = self.json(target).await;
        page["calls"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Reply> {
        let url = self.simulator.url();
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await?;
        let length = body.len();
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n"
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).await?;
        let mut raw = Vec::new();
        stream.read_to_end(&mut raw).await?;
        Reply::parse(&raw).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

impl Reply {
    fn parse(raw: &[u8]) -> Option<Self> {
        let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&raw[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        Some(Self { status, headers, body: raw[end + 4..].to_vec() })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn promised(&self) -> usize {
        self.headers["content-length"].parse().unwrap()
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.body.len() == self.promised()
    }
}
