//! What the client has asked for and not been answered, so that each request gets exactly one answer whatever becomes of
//! the agent: a request that is safe is asked again over the next link, any other is answered with an error that says that
//! it may have been carried out.

use super::scan::Frame;
use crate::failure::Failure;
use serde_json::{Value, json};

/// Methods that change nothing at the server: asking twice is asking once (MCP, the client's requests of all revisions).
const SAFE: [&str; 12] = [
    "initialize",
    "server/discover",
    "ping",
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
];
/// How often a request is asked again. An agent that ends each time is ended by this one, perhaps.
const MOST_AGAIN: u8 = 3;
/// Our errors to the client, as the gateway numbers them: outside of what JSON-RPC and MCP reserve.
const ERROR: i64 = -31_000;

/// Whether it went out over the link that there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Went {
    /// Not yet: it waits for a link.
    No,
    /// It did, perhaps in part.
    Yes,
}

/// A request without an answer.
#[derive(Debug)]
pub(super) struct Request {
    /// As the client wrote it.
    pub(super) id: Vec<u8>,
    pub(super) went: Went,
    /// The whole line, to ask again; only of a safe one.
    pub(super) line: Option<Vec<u8>>,
    /// How often it was asked again.
    again: u8,
}

/// The requests without an answer, oldest first.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: Vec<Request>,
    /// The `initialize` line, and how far the client has come with it.
    greeting: Option<Greeting>,
}

#[derive(Debug)]
struct Greeting {
    id: Vec<u8>,
    line: Vec<u8>,
    answered: bool,
    initialized: bool,
}

impl Requests {
    /// The client said this line.
    pub(super) fn said(&mut self, frame: &Frame, line: &[u8]) {
        if frame.is("notifications/initialized")
            && let Some(greeting) = &mut self.greeting
        {
            greeting.initialized = true;
        }
        let Some(id) = frame.asks() else { return };
        if frame.is("initialize") {
            let (id, line) = (id.to_vec(), line.to_vec());
            self.greeting = Some(Greeting { id, line, answered: false, initialized: false });
        }
        let safe = SAFE.iter().any(|method| frame.is(method));
        let line = safe.then(|| line.to_vec());
        self.open.push(Request { id: id.to_vec(), went: Went::No, line, again: 0 });
    }

    /// The client said a line that was too long to keep.
    pub(super) fn said_at_length(&mut self, frame: &Frame) {
        if let Some(id) = frame.asks() {
            self.open.push(Request { id: id.to_vec(), went: Went::Yes, line: None, again: 0 });
        }
    }

    /// An answer has come by.
    pub(super) fn answered(&mut self, frame: &Frame) {
        let Some(id) = frame.answers() else { return };
        if let Some(at) = self.open.iter().position(|request| same(&request.id, id)) {
            self.open.remove(at);
        }
        if let Some(greeting) = &mut self.greeting
            && same(&greeting.id, id)
        {
            greeting.answered |= !frame.error;
        }
    }

    /// Somebody else answers this one; false when it has been answered.
    pub(super) fn forget(&mut self, id: &[u8]) -> bool {
        let at = self.open.iter().position(|request| request.id == id);
        at.map(|at| self.open.remove(at)).is_some()
    }

    /// What waited has gone out.
    pub(super) fn went(&mut self) {
        for request in &mut self.open {
            request.went = Went::Yes;
        }
    }

    /// After a link broke: what to ask again, and whom to tell that it is lost.
    pub(super) fn after_a_break(&mut self) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (mut again, mut lost) = (Vec::new(), Vec::new());
        self.open.retain_mut(|request| match (request.went, &request.line) {
            (Went::No, _) => true,
            (Went::Yes, Some(line)) if request.again < MOST_AGAIN => {
                again.extend_from_slice(line);
                request.again += 1;
                true
            }
            (Went::Yes, _) => {
                lost.push(request.id.clone());
                false
            }
        });
        (again, lost)
    }

    /// Nobody will answer them.
    pub(super) fn give_up(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.open).into_iter().map(|request| request.id).collect()
    }

    /// What a new link has to make up for: the `initialize` line, when it was answered, and whether `initialized` followed.
    pub(super) fn resume(&self) -> Option<(&[u8], bool)> {
        let greeting = self.greeting.as_ref().filter(|greeting| greeting.answered)?;
        Some((&greeting.line, greeting.initialized))
    }

    /// Whether everybody was answered.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

/// Ids as JSON values: a server may write a string with other escapes.
fn same(a: &[u8], b: &[u8]) -> bool {
    let value = |id| serde_json::from_slice::<Value>(id).ok();
    a == b || value(a).is_some_and(|a| Some(a) == value(b))
}

/// The line that answers a request with an error.
pub(super) fn refusal(id: &[u8], failure: &Failure) -> Vec<u8> {
    let error = json!({
        "code": ERROR,
        "message": format!("MCP Login: {} {}", failure.fact, failure.next),
        "data": { "code": failure.code, "next": failure.next, "from": "mcp-login" },
    });
    let mut line = b"{\"jsonrpc\":\"2.0\",\"id\":".to_vec();
    line.extend_from_slice(id);
    line.extend_from_slice(b",\"error\":");
    line.extend_from_slice(error.to_string().as_bytes());
    line.extend_from_slice(b"}\n");
    line
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::proxy::scan::Scan;

    fn frame(line: &str) -> Frame {
        let mut scan = Scan::default();
        scan.see(line.trim_end().as_bytes());
        scan.end()
    }

    fn say(requests: &mut Requests, line: &str) {
        requests.said(&frame(line), line.as_bytes());
    }

    #[test]
    fn a_break_repeats_what_is_safe_and_tells_of_the_rest() {
        let mut requests = Requests::default();
        say(&mut requests, "{\"id\":1,\"method\":\"initialize\"}\n");
        assert_eq!(requests.resume(), None, "not answered yet: it is asked again instead");
        requests.went();
        assert_eq!(requests.after_a_break().0, b"{\"id\":1,\"method\":\"initialize\"}\n");
        requests.answered(&frame(r#"{"id":1,"result":{}}"#));
        say(&mut requests, "{\"method\":\"notifications/initialized\"}\n");
        assert_eq!(requests.resume(), Some((&b"{\"id\":1,\"method\":\"initialize\"}\n"[..], true)));
        say(&mut requests, "{\"id\":\"a\",\"method\":\"tools/list\"}\n");
        say(&mut requests, "{\"id\":3,\"method\":\"tools/call\"}\n");
        requests.went();
        say(&mut requests, "{\"id\":4,\"method\":\"tools/call\"}\n");
        let (again, lost) = requests.after_a_break();
        assert_eq!(again, b"{\"id\":\"a\",\"method\":\"tools/list\"}\n");
        assert_eq!(lost, [b"3"]);
        requests.answered(&frame(r#"{"id":"\u0061","result":{}}"#));
        assert_eq!(requests.give_up(), [b"4"], "what had not gone out still waits");
        assert!(requests.is_empty());
    }

    #[test]
    fn an_initialize_that_was_refused_is_no_greeting() {
        let mut requests = Requests::default();
        say(&mut requests, "{\"id\":1,\"method\":\"initialize\"}\n");
        requests.answered(&frame(r#"{"id":1,"error":{}}"#));
        assert!(requests.is_empty() && requests.resume().is_none());
    }
}
