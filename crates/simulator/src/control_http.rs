//! The control endpoint: [`Control`] over HTTP, for those outside the process.
//!
//! `GET log`, `GET counts`, `GET truth`, `POST edit` (an `Edit`), `POST faults` (`{"spec": "…"}`),
//! `POST quirks` (`Quirks`), `POST reset` (forgets the log), all below `/_control/`. No credentials, no
//! limits, not logged: it is meant for loopback.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::control::Control;

/// Paths of the control endpoint begin with this.
pub(crate) const PREFIX: &str = "/_control/";

/// An added call with a transcript may be long.
const BODY_LIMIT_BYTES: usize = 64 * 1024 * 1024;

#[derive(Deserialize)]
struct Spec {
    spec: String,
}

pub(crate) async fn handle(control: Control, request: Request) -> Response {
    let target = format!("{} {}", request.method(), request.uri().path().trim_start_matches(PREFIX));
    let answer = match respond(&control, &target, request.into_body()).await {
        Ok(value) => Answer::value(&value),
        Err(answer) => answer,
    };
    answer.into_response(false, None)
}

async fn respond(control: &Control, target: &str, body: Body) -> Result<Value, Answer> {
    match target {
        "GET log" => Ok(json!(control.requests())),
        "GET counts" => {
            let mut counts = json!(control.counts());
            counts["quota_used"] = control.quota_used().into();
            Ok(counts)
        }
        "GET truth" => Ok(json!({"calls": control.truth(), "private_call_ids": control.private_ids()})),
        "POST edit" => match control.edit(read(body).await?) {
            true => Ok(json!({})),
            false => Err(Answer::error(404, "no such call or user")),
        },
        "POST faults" => {
            let Spec { spec } = read(body).await?;
            control
                .set_faults(&spec)
                .map(|()| json!({}))
                .map_err(|error| Answer::error(400, &error.to_string()))
        }
        "POST quirks" => {
            control.set_quirks(read(body).await?);
            Ok(json!({}))
        }
        "POST reset" => {
            control.reset_log();
            Ok(json!({}))
        }
        _ => Err(Answer::error(404, "no such control")),
    }
}

async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Answer> {
    let bad = |reason: String| Answer::error(400, &reason);
    let bytes = to_bytes(body, BODY_LIMIT_BYTES).await.map_err(|error| bad(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))
}
