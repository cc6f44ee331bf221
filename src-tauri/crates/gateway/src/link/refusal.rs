//! Answers that say no by their status.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::streamable::error_answer;
use crate::fault::Fault;
use crate::frame::Frame;

/// An answer that is a refusal by its status.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RpcError<'a> {
    pub(super) code: i64,
    #[serde(borrow, default)]
    pub(super) data: Option<&'a RawValue>,
}

impl Refusal {
    /// The JSON-RPC error in it, as JSON.
    pub(super) fn error_json(&self) -> Option<&str> {
        Frame::read(&self.body)?.error.map(RawValue::get)
    }

    pub(super) fn error(&self) -> Option<RpcError<'_>> {
        serde_json::from_str(self.error_json()?).ok()
    }

    /// Whether it is an error that only servers of 2026-07-28 have (Backward Compatibility).
    pub(super) fn is_modern(&self) -> bool {
        self.error().is_some_and(|error| match error.code {
            -32_022..=-32_020 => true,
            -32_601 => self.status == 404,
            _ => false,
        })
    }

    /// Whether it answers a request, and not just the HTTP exchange.
    pub(super) fn answers_a_request(&self) -> bool {
        Frame::read(&self.body).is_some_and(|frame| frame.error.is_some() && frame.id.is_some())
    }

    /// The answer for the client.
    pub(super) fn answer(&self, id: &str) -> Vec<u8> {
        match self.error_json() {
            Some(error) => error_answer(id, error),
            None => Fault::Status(self.status).answer(id),
        }
    }
}
