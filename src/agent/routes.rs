//! What there is to see over HTTP, path by path.

use std::sync::Arc;

use serde_json::json;

use super::activity;
use super::answer::Answer;
use crate::telemetry::http::Reply;
use crate::telemetry::{metrics, page};

/// For those who ask for something else.
pub(super) const KNOWN: &str = "try /, /metrics, /healthz, /readyz, /status or /activity";

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
const UNAVAILABLE: &str = "503 Service Unavailable";

/// The reply to those who ask for `path`; none if there is nothing.
pub(super) fn reply(answer: &Arc<Answer>, path: &str) -> Option<Reply> {
    Some(match path {
        "/" => page::reply(),
        "/activity" => Reply::ok(JSON, activity::json(answer)),
        "/status" => Reply::ok(JSON, serde_json::to_string(&answer.status()).unwrap_or_default()),
        "/metrics" => Reply::ok(metrics::CONTENT_TYPE, answer.metrics()),
        "/healthz" if answer.is_alive() => Reply::ok(TEXT, "ok\n".to_owned()),
        "/healthz" => Reply::with_status(UNAVAILABLE, TEXT, "nothing has been decided for minutes\n".to_owned()),
        "/readyz" => readiness(&answer.hindrances()),
        _ => return None,
    })
}

fn readiness(hindrances: &[String]) -> Reply {
    let body = format!("{}\n", json!({ "ready": hindrances.is_empty(), "why_not": hindrances }));
    if hindrances.is_empty() { Reply::ok(JSON, body) } else { Reply::with_status(UNAVAILABLE, JSON, body) }
}
