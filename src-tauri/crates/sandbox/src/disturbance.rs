//! The faults that lie in an answer as a whole, before the request is looked at and after it was answered.

use crate::body;
use crate::endpoint::Endpoint;
use crate::fault::Fault;
use crate::problem::Problem;
use crate::site::Site;
use crate::wire::{Answer, Ask, Outcome, answer, empty, json, with};
use axum::http::HeaderValue;
use serde_json::json;
use std::time::Duration;

/// Largest body that `truncated` cuts.
const MOST_CUT: usize = 1024 * 1024;

/// What takes the place of the answer, if a fault does.
pub(crate) async fn before(site: &Site, ask: &Ask, at: Endpoint) -> Option<Outcome> {
    let number = |fault| site.fault(fault, at).and_then(|v| v.parse::<u64>().ok());
    if let Some(milliseconds) = number(Fault::Slow) {
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    }
    if site.on(Fault::Hang, at) {
        return Some(Outcome::Hang);
    }
    if site.on(Fault::Drop, at) {
        return Some(Outcome::Drop);
    }
    replaced(site, ask, at).map(Outcome::Reply)
}

fn replaced(site: &Site, ask: &Ask, at: Endpoint) -> Option<Answer> {
    let number = |fault| site.fault(fault, at).and_then(|v| v.parse::<u64>().ok());
    if let Some(status) = number(Fault::Status) {
        return Some(empty(u16::try_from(status).unwrap_or(503)));
    }
    if let Some(seconds) = number(Fault::TooMany) {
        return Some(with(empty(429), "retry-after", &seconds.to_string()));
    }
    if site.on(Fault::Empty400, at) {
        return Some(empty(400));
    }
    if let Some(status) = number(Fault::Html) {
        let page = "<!doctype html><title>Please sign in to the network</title><h1>Welcome</h1>";
        return Some(answer(u16::try_from(status).unwrap_or(200), "text/html", page));
    }
    if let Some(mebibytes) = number(Fault::Giant) {
        return Some(answer(200, "application/json", body::giant(mebibytes.saturating_mul(1024 * 1024))));
    }
    if let Some(levels) = number(Fault::DeepJson) {
        let levels = usize::try_from(levels).unwrap_or(usize::MAX).min(10_000_000);
        return Some(answer(200, "application/json", "[".repeat(levels)));
    }
    if let Some(milliseconds) = number(Fault::Drip) {
        return Some(answer(200, "application/json", body::drip(Duration::from_millis(milliseconds.max(1)))));
    }
    if let Some(url) = site.fault(Fault::Redirect, at) {
        return Some(with(empty(307), "location", &url));
    }
    if site.on(Fault::EndlessRedirect, at) {
        let n = ask.query.get("n").and_then(|n| n.parse::<u64>().ok()).unwrap_or(0).wrapping_add(1);
        return Some(with(empty(307), "location", &format!("{}{}?n={n}", site.origin, ask.path)));
    }
    // At the authorization endpoint the refusal goes to the client, by a redirect.
    if at != Endpoint::Authorize
        && let Some(error) = site.fault(Fault::Refuse, at)
    {
        let status = if error == "invalid_client" { 401 } else { 400 };
        return Some(Problem::new(status, &error, "the fault switch says so").answer(site, at));
    }
    if let Some(error) = site.fault(Fault::Error200, at) {
        let body = json!({"error": error, "error_description": "an error with status 200"});
        return Some(json(200, &body));
    }
    None
}

/// What becomes of an answer that is ready.
pub(crate) async fn after(site: &Site, at: Endpoint, outcome: Outcome) -> Outcome {
    let Outcome::Reply(mut answer) = outcome else { return outcome };
    if site.on(Fault::LostAnswer, at) {
        return Outcome::Drop;
    }
    if site.on(Fault::WrongType, at) {
        answer.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    }
    if site.on(Fault::Truncated, at) {
        let (mut head, body) = answer.into_parts();
        let whole = axum::body::to_bytes(body, MOST_CUT).await.unwrap_or_default();
        body::promise(&mut head.headers, whole.len() + 64);
        return Outcome::Reply(Answer::from_parts(head, body::truncated(whole)));
    }
    Outcome::Reply(answer)
}
