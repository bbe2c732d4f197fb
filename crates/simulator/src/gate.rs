//! The way of every request: credentials, limits, hook, fault, endpoint, size.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State as Extract};
use axum::http::{HeaderMap, Method};
use axum::response::Response;

use crate::answer::{Answer, accepts_gzip};
use crate::control::Control;
use crate::faults::Fault;
use crate::limits::Refusal;
use crate::log::RequestLog;
use crate::params::Params;
use crate::state::Shared;
use crate::{control_http, endpoints};

/// Answers a request, to the vendor's API or to the control endpoint.
pub(crate) async fn handle(Extract(shared): Extract<Arc<Shared>>, request: Request) -> Response {
    if request.uri().path().starts_with(control_http::PREFIX) {
        return control_http::handle(Control::new(shared), request).await;
    }
    let gzip = shared.options.gzip && accepts_gzip(request.headers());
    let params = Params::of(request.uri());
    let mut entry = RequestLog {
        number: 0,
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        query: params.as_ref().map(|params| params.pairs().to_vec()).unwrap_or_default(),
        status: 0,
        at: shared.lock().now(),
        fault: None,
    };
    let (answer, fault) = match admit(&shared, &mut entry, request.headers()) {
        Ok(()) => answer(&shared, &mut entry, params.as_ref(), request.method()),
        Err(refusal) => (refusal, None),
    };
    let answer = with_retry_after(&shared, answer);
    entry.status = answer.status;
    shared.lock().log.push(entry);
    answer.into_response(gzip, fault)
}

/// Credentials, then the limits, then the hook of a test.
fn admit(shared: &Arc<Shared>, entry: &mut RequestLog, headers: &HeaderMap) -> Result<(), Answer> {
    let is = |name: &str, expected: &str| headers.get(name).is_some_and(|value| value == expected);
    let authorised =
        is("x-api-key", &shared.options.api_key) && is("x-api-password", &shared.options.api_password);
    let mut state = shared.lock();
    entry.number = state.log.next_number();
    if !authorised {
        return Err(Answer::error(401, "Unauthorized: invalid api key or password"));
    }
    state.limits.admit(Instant::now(), entry.at).map_err(|refusal| match refusal {
        Refusal::Rate => Answer::empty(429),
        Refusal::Quota => Answer::html(429, "429 Too Many Requests"),
    })?;
    // The hook takes the lock itself, by way of its control.
    let hook = state.hook.clone();
    drop(state);
    if let Some(hook) = hook {
        hook(entry, &Control::new(Arc::clone(shared)));
    }
    Ok(())
}

fn answer(
    shared: &Shared,
    entry: &mut RequestLog,
    params: Result<&Params, &String>,
    method: &Method,
) -> (Answer, Option<Fault>) {
    let fault = choose_fault(shared, entry);
    entry.fault = fault.map(Fault::name);
    if let Some(Fault::Status(status)) = fault {
        return (Answer::injected(status), fault);
    }
    let answer = match params {
        Err(bad) => Answer::error(400, bad),
        Ok(_) if method != Method::GET => Answer::error(405, "only reading is simulated"),
        Ok(params) => endpoints::answer(shared, &entry.path, params),
    };
    let answer = if answer.body.len() > shared.options.page_cap_bytes {
        Answer::html(502, "502 Bad Gateway")
    } else if shared.lock().quirks.pretty_json && answer.is_json() {
        answer.indented()
    } else {
        answer
    };
    (answer.spoiled(fault), fault)
}

fn choose_fault(shared: &Shared, entry: &RequestLog) -> Option<Fault> {
    let mut state = shared.lock();
    let scripted = match entry.param("id") {
        Some(id) if entry.path == endpoints::DETAILS => state.take_failure(id).map(Fault::Status),
        _ => None,
    };
    let drawn = state.faults.next(&entry.path);
    scripted.or(drawn)
}

fn with_retry_after(shared: &Shared, mut answer: Answer) -> Answer {
    if answer.status == 429 {
        answer.retry_after = shared.lock().quirks.retry_after;
    }
    answer
}
