//! HTTP by hand, and the signature of a notification by its specification.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::KEY;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

pub(crate) fn get(url: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    send(url, "GET", path, headers, b"")
}

/// One request on a connection of its own.
pub(crate) fn send(url: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let address = url.strip_prefix("http://").expect("an http address");
    let mut stream = TcpStream::connect(address).expect("the service listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all((head + "\r\n").as_bytes()).unwrap();
    // A server that refuses may close before it has read everything.
    let _ = stream.write_all(body);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("headers and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer { status: status.expect("a status"), body: body.to_owned() }
}

/// A notification as a sender makes it; what is wrong with it is changed by the test.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) id: String,
    pub(crate) age_seconds: i64,
    pub(crate) key: Vec<u8>,
    pub(crate) body: String,
}

impl Message {
    pub(crate) fn about(id: &str, call: &str) -> Self {
        let body = serde_json::json!({ "call_id": call }).to_string();
        Self { id: id.to_owned(), age_seconds: 0, key: KEY.to_vec(), body }
    }

    /// Sends it and gives the status of the answer.
    pub(crate) fn post(&self, url: &str) -> u16 {
        let timestamp = (chrono::Utc::now().timestamp() - self.age_seconds).to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap();
        mac.update(format!("{}.{timestamp}.{}", self.id, self.body).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", &self.id),
            ("webhook-timestamp", &timestamp),
            ("webhook-signature", &signature),
        ];
        send(url, "POST", "/hooks/clari", &headers, self.body.as_bytes()).status
    }
}
