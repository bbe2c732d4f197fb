//! A wire that answers by a rule, and a host that notes what it is sent.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use clarion_extractor::{Answer, Ask, Fault, Place, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

type Rule = Box<dyn FnMut(&Ask) -> (u16, String) + Send>;

/// Answers every ask by a rule.
pub(crate) struct Wire {
    rule: Mutex<Rule>,
    asked: Mutex<Vec<Ask>>,
    statuses: Mutex<Vec<u16>>,
}

impl Wire {
    pub(crate) fn new(rule: impl FnMut(&Ask) -> (u16, String) + Send + 'static) -> Arc<Self> {
        Arc::new(Self {
            rule: Mutex::new(Box::new(rule)),
            asked: Mutex::default(),
            statuses: Mutex::default(),
        })
    }

    /// How many answers had this status.
    pub(crate) fn answered(&self, status: u16) -> usize {
        self.statuses.lock().unwrap().iter().filter(|known| **known == status).count()
    }

    /// Each ask as `path?name=value&…`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(shown).collect()
    }
}

#[async_trait]
impl Transport for Wire {
    async fn get(&self, ask: &Ask) -> Result<Answer, Fault> {
        self.asked.lock().unwrap().push(ask.clone());
        let (status, body) = (self.rule.lock().unwrap())(ask);
        self.statuses.lock().unwrap().push(status);
        Ok(Answer { status, retry_after: None, body: body.into() })
    }
}

pub(crate) fn param(ask: &Ask, name: &str) -> Option<String> {
    ask.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

pub(crate) fn shown(ask: &Ask) -> String {
    let place = match &ask.place {
        Place::Path(path) => path.to_string(),
        Place::Url(url) => url.to_string(),
    };
    let pairs: Vec<String> = ask.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if pairs.is_empty() { place } else { format!("{place}?{}", pairs.join("&")) }
}

/// A host over real HTTP: notes each request as it came and answers by a rule.
pub(crate) struct Host {
    pub(crate) url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Host {
    /// `rule` takes the request's first line and gives status, further header lines and body.
    pub(crate) async fn start(rule: impl Fn(&str) -> (u16, String, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { break };
                    request.push(byte);
                }
                let request = String::from_utf8(request).unwrap();
                let (status, headers, body) = rule(request.lines().next().unwrap_or_default());
                notes.lock().unwrap().push(request);
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, heard }
    }

    /// The requests as they came, in small letters.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().iter().map(|request| request.to_lowercase()).collect()
    }
}
