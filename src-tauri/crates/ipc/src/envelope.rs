//! JSON-RPC 2.0, one message a line.
//!
//! Problem: anything can come through the socket. Invariant: a line that is no request costs one error answer and the
//! connection goes on; nothing is read that is longer than [`MAX_LINE`] or nested deeper than [`MAX_DEPTH`].

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::api::Notification;
use crate::codes::Code;
use crate::fault::Fault;
use crate::method::{Method, Request};
use crate::secret::Line;

/// Bytes of one line, the line feed included. The longest honest message is an account list: 1 KB an account.
pub const MAX_LINE: usize = 256 * 1024;
/// Brackets inside brackets. Our deepest message has 6.
pub const MAX_DEPTH: usize = 32;
/// Bytes of a string id: a UUID and a prefix fit.
pub const MAX_ID: usize = 128;

/// A request's id: a string or an integer (JSON-RPC 2.0 §4).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// An integer.
    Number(i64),
    /// A string.
    Text(String),
}

/// What a line turned out to be.
#[derive(Debug)]
pub enum Incoming {
    /// A request: answer it.
    Request {
        /// To answer with.
        id: Id,
        /// What is wanted.
        request: Request,
    },
    /// Answer this error; with no id when the line had none that can be read.
    Bad {
        /// To answer with.
        id: Option<Id>,
        /// What is wrong.
        fault: Fault,
    },
    /// A notification: we know none, and they are not answered (JSON-RPC 2.0 §4.1).
    Ignored,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(borrow)]
    jsonrpc: Option<std::borrow::Cow<'a, str>>,
    /// Kept apart from a missing one when it is null.
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<std::borrow::Cow<'a, str>>,
    #[serde(borrow)]
    params: Option<&'a RawValue>,
}

fn present<'de: 'a, 'a, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads one line, without its line feed.
#[must_use]
pub fn read_request(line: &[u8]) -> Incoming {
    let bad = |id, fault| Incoming::Bad { id, fault };
    if depth(line) > MAX_DEPTH {
        return bad(None, Fault::new(Code::BadJson).detail("reason", "it is nested too deeply"));
    }
    let frame: Frame<'_> = match serde_json::from_slice(line) {
        Ok(frame) => frame,
        Err(error) if error.is_data() => {
            return bad(None, Fault::new(Code::BadMessage).detail("reason", explain(&error)));
        }
        Err(error) => return bad(None, Fault::new(Code::BadJson).detail("reason", explain(&error))),
    };
    let wanted_answer = frame.id.is_some();
    let id = match frame.id.map(|raw| serde_json::from_str::<Id>(raw.get())) {
        None => None,
        Some(Ok(Id::Text(text))) if text.len() > MAX_ID => {
            return bad(None, Fault::new(Code::BadMessage).detail("reason", "its id is too long"));
        }
        Some(Ok(id)) => Some(id),
        Some(Err(_)) => {
            return bad(
                None,
                Fault::new(Code::BadMessage).detail("reason", "its id is neither string nor integer"),
            );
        }
    };
    if frame.jsonrpc.as_deref() != Some("2.0") {
        return bad(id, Fault::new(Code::BadMessage).detail("reason", "\"jsonrpc\" is not \"2.0\""));
    }
    let Some(name) = frame.method else {
        return bad(id, Fault::new(Code::BadMessage).detail("reason", "it has no method"));
    };
    let Some(id) = id else {
        debug_assert!(!wanted_answer);
        return Incoming::Ignored;
    };
    let Some(method) = Method::from_name(&name) else {
        return bad(Some(id), Fault::new(Code::UnknownMethod).detail("method", name.into_owned()));
    };
    match Request::read(method, frame.params.map(RawValue::get)) {
        Ok(request) => Incoming::Request { id, request },
        Err(error) => {
            let fault = Fault::new(Code::BadParameters).detail("method", method.name());
            bad(Some(id), fault.detail("reason", explain(&error)))
        }
    }
}

/// serde's own words hold a value now and then ("invalid type: string \"…\""), and a value may be a secret.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split_once(": ") {
        Some((kind @ ("invalid type" | "invalid value"), rest)) => match rest.rsplit_once(", expected ") {
            Some((_, expected)) => format!("{kind}, expected {expected}"),
            None => kind.to_owned(),
        },
        _ => text,
    }
}

/// The deepest nesting of brackets, strings left out. A scan over bytes: UTF-8 never holds a bracket inside a letter.
fn depth(line: &[u8]) -> usize {
    let (mut deepest, mut now, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in line {
        if in_string {
            match (escaped, byte) {
                (true, _) => escaped = false,
                (false, b'\\') => escaped = true,
                (false, b'"') => in_string = false,
                _ => {}
            }
        } else {
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => {
                    now += 1;
                    deepest = deepest.max(now);
                }
                b'}' | b']' => now = now.saturating_sub(1),
                _ => {}
            }
        }
    }
    deepest
}

#[derive(Serialize)]
struct ResultFrame<'a, T> {
    jsonrpc: &'static str,
    id: &'a Id,
    result: &'a T,
}

#[derive(Serialize)]
struct ErrorFrame<'a> {
    jsonrpc: &'static str,
    id: Option<&'a Id>,
    error: &'a Fault,
}

#[derive(Serialize)]
struct NotificationFrame<'a> {
    jsonrpc: &'static str,
    #[serde(flatten)]
    body: &'a Notification,
}

#[derive(Serialize)]
struct RequestFrame<'a, T> {
    jsonrpc: &'static str,
    id: u64,
    method: &'static str,
    params: &'a T,
}

/// The line of a request.
///
/// # Errors
/// None that our types can cause.
pub fn write_request<C: crate::method::Call>(id: u64, params: &C) -> Result<Line, serde_json::Error> {
    write(&RequestFrame { jsonrpc: "2.0", id, method: C::METHOD.name(), params })
}

/// The line of an answer. One that would be longer than [`MAX_LINE`] becomes an error.
#[must_use]
pub fn write_result<T: Serialize>(id: &Id, result: &T) -> Line {
    match write(&ResultFrame { jsonrpc: "2.0", id, result }) {
        Ok(line) if line.as_bytes().len() <= MAX_LINE => line,
        Ok(_) | Err(_) => write_error(Some(id), &Fault::new(Code::AnswerTooLong)),
    }
}

/// The line of an error.
#[must_use]
pub fn write_error(id: Option<&Id>, error: &Fault) -> Line {
    write(&ErrorFrame { jsonrpc: "2.0", id, error }).unwrap_or_default()
}

/// The line of a notification.
#[must_use]
pub fn write_notification(body: &Notification) -> Line {
    write(&NotificationFrame { jsonrpc: "2.0", body }).unwrap_or_default()
}

/// Room for an honest token at once, so that growing leaves no copy of it behind.
const FIRST_ROOM: usize = 8 * 1024;

fn write<T: Serialize>(frame: &T) -> Result<Line, serde_json::Error> {
    let mut bytes = Vec::with_capacity(FIRST_ROOM);
    serde_json::to_writer(&mut bytes, frame)?;
    bytes.push(b'\n');
    Ok(Line::new(bytes))
}

/// What a client reads: an answer or a notification.
#[derive(Debug)]
pub enum Answer<'a> {
    /// To the request of that id.
    Result {
        /// Which.
        id: u64,
        /// As text, to be read as the method's result.
        result: &'a RawValue,
    },
    /// To the request of that id; none when the agent could not read it.
    Error {
        /// Which.
        id: Option<u64>,
        /// What.
        fault: Fault,
    },
    /// Unasked. None when a newer agent sends one that we do not know.
    Notification(Option<Notification>),
}

#[derive(Deserialize)]
struct AnswerFrame<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<Fault>,
    #[serde(borrow)]
    method: Option<std::borrow::Cow<'a, str>>,
}

/// Reads one line from the agent, without its line feed.
///
/// # Errors
/// When it is none of ours.
pub fn read_answer(line: &[u8]) -> Result<Answer<'_>, serde_json::Error> {
    let frame: AnswerFrame<'_> = serde_json::from_slice(line)?;
    match frame {
        AnswerFrame { method: Some(_), .. } => Ok(Answer::Notification(serde_json::from_slice(line).ok())),
        AnswerFrame { id: Some(id), result: Some(result), error: None, .. } => {
            Ok(Answer::Result { id, result })
        }
        AnswerFrame { id, error: Some(fault), .. } => Ok(Answer::Error { id, fault }),
        _ => Err(serde::de::Error::custom("neither result nor error")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fault;

    fn refused(line: &str) -> (Option<Id>, Fault) {
        match read_request(line.as_bytes()) {
            Incoming::Bad { id, fault } => (id, fault),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_request_is_read() {
        let line = r#"{"jsonrpc":"2.0","id":7,"method":"token.get","params":{"account":"work"}}"#;
        let Incoming::Request { id, request: Request::TokenGet(get) } = read_request(line.as_bytes()) else {
            panic!()
        };
        assert_eq!((id, get.account.as_str()), (Id::Number(7), "work"));
        let line = r#"{"jsonrpc":"2.0","id":"a","method":"agent.status"}"#;
        assert!(matches!(read_request(line.as_bytes()), Incoming::Request { id: Id::Text(_), .. }));
    }

    #[test]
    fn what_is_no_request_gets_the_right_number() {
        assert_eq!(refused("").1.code, fault::PARSE_ERROR);
        assert_eq!(refused("{").1.code, fault::PARSE_ERROR);
        assert_eq!(refused("\u{0}").1.code, fault::PARSE_ERROR);
        assert_eq!(refused("[]").1.code, fault::INVALID_REQUEST);
        assert_eq!(refused("7").1.code, fault::INVALID_REQUEST);
        assert_eq!(refused(r#"{"jsonrpc":"1.0","id":1,"method":"hello"}"#).1.code, fault::INVALID_REQUEST);
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":{},"method":"hello"}"#).1.code, fault::INVALID_REQUEST);
        assert_eq!(refused(r#"{"jsonrpc":"2.0","id":1.5,"method":"hello"}"#).1.code, fault::INVALID_REQUEST);
        let (id, fault) = refused(r#"{"jsonrpc":"2.0","id":1,"method":"token.steal"}"#);
        assert_eq!((id, fault.code), (Some(Id::Number(1)), fault::METHOD_NOT_FOUND));
        let (id, fault) = refused(r#"{"jsonrpc":"2.0","id":1,"method":"token.get","params":[1]}"#);
        assert_eq!((id, fault.code), (Some(Id::Number(1)), fault::INVALID_PARAMS));
    }

    #[test]
    fn a_notification_is_not_answered() {
        let line = r#"{"jsonrpc":"2.0","method":"token.get","params":{"account":"work"}}"#;
        assert!(matches!(read_request(line.as_bytes()), Incoming::Ignored));
    }

    #[test]
    fn nesting_is_bounded_and_brackets_in_strings_are_not_counted() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(refused(&deep).1.code, fault::PARSE_ERROR);
        assert_eq!(depth(br#"{"a":"[[[[\"[[["}"#), 1);
    }

    #[test]
    fn a_refused_parameter_shows_no_value() {
        let line = r#"{"jsonrpc":"2.0","id":1,"method":"account.status","params":{"account":"a","verify":"canary, expected x"}}"#;
        let (_, fault) = refused(line);
        assert!(!serde_json::to_string(&fault).unwrap().contains("canary"), "{fault:?}");
    }

    #[test]
    fn answers_are_read_back() {
        let line = write_result(&Id::Number(3), &crate::api::Empty {});
        assert!(line.as_bytes().ends_with(b"\n"));
        assert!(matches!(read_answer(line.as_bytes()).unwrap(), Answer::Result { id: 3, .. }));
        let line = write_error(None, &Fault::new(Code::BadJson));
        assert!(matches!(read_answer(line.as_bytes()).unwrap(), Answer::Error { id: None, .. }));
        let event = Notification::Event(crate::api::Event::AgentStopping);
        let Answer::Notification(read) = read_answer(write_notification(&event).as_bytes()).unwrap() else {
            panic!()
        };
        assert_eq!(read, Some(event));
        let unknown = br#"{"jsonrpc":"2.0","method":"weather","params":{}}"#;
        assert!(matches!(read_answer(unknown).unwrap(), Answer::Notification(None)));
    }
}
