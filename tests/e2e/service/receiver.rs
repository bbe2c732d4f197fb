//! Where alerts arrive.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

pub(crate) struct AlertReceiver {
    pub(crate) url: String,
    bodies: Receiver<Value>,
}

impl AlertReceiver {
    /// Answers with these statuses in turn, and with 200 after them.
    pub(crate) fn answering(statuses: Vec<u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/services/s3cret-path", listener.local_addr().unwrap());
        let (send, bodies) = channel();
        let mut statuses = statuses.into_iter();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                take(stream, statuses.next().unwrap_or(200), &send);
            }
        });
        Self { url, bodies }
    }

    /// The body of the next request, refused ones included.
    #[track_caller]
    pub(crate) fn next(&self) -> Value {
        self.bodies.recv_timeout(Duration::from_secs(60)).expect("an alert")
    }

    /// What has come and was not looked at.
    pub(crate) fn rest(&self) -> Vec<Value> {
        self.bodies.try_iter().collect()
    }
}

fn take(stream: TcpStream, status: u16, send: &Sender<Value>) {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    let _ = reader.read_exact(&mut body);
    let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = reader.get_mut().write_all(answer.as_bytes());
    let _ = send.send(serde_json::from_slice(&body).unwrap_or(Value::Null));
}
