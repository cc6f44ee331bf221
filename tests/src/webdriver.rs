//! W3C WebDriver over plain HTTP, as far as the tests need it: for Chromium behind chromedriver, and for our own window
//! behind WebKitWebDriver.

use std::net::TcpListener;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::child::Running;
use crate::wait;

/// The key of an element's id in WebDriver's answers (W3C WebDriver §12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys by the code points that WebDriver gives them (W3C WebDriver §17.4.2).
pub mod keys {
    /// The tabulator.
    pub const TAB: &str = "\u{e004}";
    /// Enter.
    pub const ENTER: &str = "\u{e007}";
    /// Shift; held by [`super::WebDriver::chord`].
    pub const SHIFT: &str = "\u{e008}";
    /// Control; held by [`super::WebDriver::chord`].
    pub const CONTROL: &str = "\u{e009}";
    /// Escape.
    pub const ESCAPE: &str = "\u{e00c}";
    /// The space bar.
    pub const SPACE: &str = " ";
    /// Left.
    pub const LEFT: &str = "\u{e012}";
    /// Up.
    pub const UP: &str = "\u{e013}";
    /// Right.
    pub const RIGHT: &str = "\u{e014}";
    /// Down.
    pub const DOWN: &str = "\u{e015}";
}

/// A driver that listens, for one session or several. Dropped, it is ended, and its sessions with it.
#[derive(Debug)]
pub struct Driver {
    running: Running,
    address: String,
}

impl Driver {
    /// Starts one at a free port. Another program may take the port first (chromedriver, that could look for one itself, wants
    /// it twice, for IPv4 and IPv6): then the next one is tried.
    pub(crate) fn start(name: &str, command: impl Fn() -> Command) -> Driver {
        let http = crate::http_client(|client| client);
        for _ in 0..8 {
            let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
            let port = free.expect("a free port").port();
            let mut running = Running::start(name, command().arg(format!("--port={port}")));
            let address = format!("http://127.0.0.1:{port}");
            let up = wait::until(name, || {
                if running.ended().is_some() {
                    return Some(false);
                }
                let answer = http.get(format!("{address}/status")).send().ok()?;
                answer.status().is_success().then_some(true)
            });
            if up {
                return Driver { running, address };
            }
        }
        panic!("{name} found no port")
    }

    /// A new session; `Err` says why there is none.
    pub(crate) fn session(&self, capabilities: &Value) -> Result<WebDriver, String> {
        let http = crate::http_client(|client| client);
        let mut session = WebDriver { session: self.address.clone(), http };
        let wanted = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let answer = session.ask("POST", "/session", &wanted)?;
        let id = answer["sessionId"].as_str().expect("a session has an id");
        session.session = format!("{}/session/{id}", session.session);
        Ok(session)
    }

    /// The process.
    pub(crate) fn running(&mut self) -> &mut Running {
        &mut self.running
    }
}

/// A window that is driven.
#[derive(Debug)]
pub struct WebDriver {
    session: String,
    http: reqwest::blocking::Client,
}

/// An element that was found. It is lost when the page makes it anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Element(String);

impl WebDriver {
    /// Goes to an address.
    pub fn open(&self, url: &str) {
        self.demand("POST", "/url", &json!({ "url": url }));
    }

    /// The address in the window.
    pub fn address(&self) -> String {
        self.demand("GET", "/url", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// The element that a selector finds first, once it is there.
    #[track_caller]
    pub fn find(&self, css: &str) -> Element {
        wait::until(css, || self.look_for(css))
    }

    /// The same, without waiting.
    pub fn look_for(&self, css: &str) -> Option<Element> {
        let answer = self.ask("POST", "/element", &json!({ "using": "css selector", "value": css })).ok()?;
        answer[ELEMENT].as_str().map(|id| Element(id.to_owned()))
    }

    /// Clicks an element, once it is there and can be clicked: a list may be drawn anew under the pointer.
    #[track_caller]
    pub fn click(&self, css: &str) {
        let mut why = String::new();
        let clicked = wait::within(wait::LONG, || {
            let Element(id) = self.look_for(css)?;
            match self.ask("POST", &format!("/element/{id}/click"), &json!({})) {
                Ok(_) => Some(()),
                Err(error) => {
                    why = error;
                    None
                }
            }
        });
        assert!(clicked.is_some(), "{css} cannot be clicked: {why}\n{}", self.body());
    }

    /// Presses the button with these words, or with this spoken name, once it is there.
    #[track_caller]
    pub fn press_button(&self, words: &str) {
        let mut why = "there is none".to_owned();
        let pressed = wait::within(wait::LONG, || {
            let Element(id) = self.button(words)?;
            match self.ask("POST", &format!("/element/{id}/click"), &json!({})) {
                Ok(_) => Some(()),
                Err(error) => {
                    why = error;
                    None
                }
            }
        });
        assert!(pressed.is_some(), "the button {words:?} cannot be pressed: {why}\n{}", self.body());
    }

    /// The button with these words, or with this spoken name.
    pub fn button(&self, words: &str) -> Option<Element> {
        let path = format!("//button[normalize-space(.)='{words}' or @aria-label='{words}']");
        let answer = self.ask("POST", "/element", &json!({ "using": "xpath", "value": path })).ok()?;
        answer[ELEMENT].as_str().map(|id| Element(id.to_owned()))
    }

    /// Types into an element, once it is there.
    #[track_caller]
    pub fn fill_in(&self, css: &str, text: &str) {
        wait::until(css, || {
            let Element(id) = self.look_for(css)?;
            self.ask("POST", &format!("/element/{id}/clear"), &json!({})).ok()?;
            self.ask("POST", &format!("/element/{id}/value"), &json!({ "text": text })).ok()
        });
    }

    /// The text of an element as it is rendered, once it is there.
    #[track_caller]
    pub fn text(&self, css: &str) -> String {
        wait::until(css, || self.text_now(css))
    }

    /// The same, without waiting.
    pub fn text_now(&self, css: &str) -> Option<String> {
        let Element(id) = self.look_for(css)?;
        let text = self.ask("GET", &format!("/element/{id}/text"), &Value::Null).ok()?;
        text.as_str().map(str::to_owned)
    }

    /// All the text that can be read in the window.
    pub fn body(&self) -> String {
        self.text_now("body").unwrap_or_default()
    }

    /// Waits until the window shows this text.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) {
        let there = wait::within(wait::LONG, || self.body().contains(text).then_some(()));
        assert!(there.is_some(), "waited in vain for {text:?}. There is:\n{}", self.body());
    }

    /// Waits until an element is gone.
    #[track_caller]
    pub fn wait_until_gone(&self, css: &str) {
        wait::until(&format!("no {css}"), || self.look_for(css).is_none().then_some(()));
    }

    /// Waits until the address in the window starts so.
    pub fn wait_for_address(&self, start: &str) -> String {
        wait::until(start, || Some(self.address()).filter(|address| address.starts_with(start)))
    }

    /// Waits until the page is whole: before, a click may miss.
    pub fn wait_until_loaded(&self) {
        wait::until("a whole page", || {
            let script = json!({ "script": "return document.readyState", "args": [] });
            self.ask("POST", "/execute/sync", &script).is_ok_and(|state| state == "complete").then_some(())
        });
    }

    /// Runs the body of a function in the page, and returns what it returns.
    #[track_caller]
    pub fn run(&self, script: &str, arguments: &Value) -> Value {
        self.demand("POST", "/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// The same for a function that calls its last argument with what it returns.
    #[track_caller]
    pub fn run_until_called(&self, script: &str, arguments: &Value) -> Value {
        self.demand("POST", "/execute/async", &json!({ "script": script, "args": arguments }))
    }

    /// Presses keys, one after the other, wherever the focus is.
    #[track_caller]
    pub fn press(&self, keys: &[&str]) {
        let strokes = keys.iter().flat_map(|key| [stroke("keyDown", key), stroke("keyUp", key)]);
        self.strike(strokes.collect());
    }

    /// Types text, wherever the focus is.
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        let letters = text.chars().map(|letter| letter.to_string());
        self.strike(letters.flat_map(|key| [stroke("keyDown", &key), stroke("keyUp", &key)]).collect());
    }

    /// Presses a key while another is held.
    #[track_caller]
    pub fn chord(&self, held: &str, key: &str) {
        self.strike(vec![
            stroke("keyDown", held),
            stroke("keyDown", key),
            stroke("keyUp", key),
            stroke("keyUp", held),
        ]);
    }

    /// What has the focus, as an outline of its element: `button#add` or `input[name=address]`.
    pub fn focus(&self) -> String {
        let script = "const e = document.activeElement;
            if (!e || e === document.body) return '';
            const name = e.getAttribute('aria-label') || e.getAttribute('name') || e.innerText || e.value || '';
            return e.localName + (e.id ? '#' + e.id : '') + ' ' + name.trim().slice(0, 80);";
        self.run(script, &json!([])).as_str().unwrap_or_default().to_owned()
    }

    /// A picture of the page, as PNG, once what was changed last has been drawn.
    #[track_caller]
    pub fn screenshot(&self) -> Vec<u8> {
        let frames = "const told = arguments[arguments.length - 1];
            requestAnimationFrame(() => requestAnimationFrame(() => told(null)));";
        self.run_until_called(frames, &json!([]));
        let mut last = Value::Null;
        // What turns while somebody waits never stands still.
        for _ in 0..8 {
            let shown = self.demand("GET", "/screenshot", &Value::Null);
            if shown == last {
                break;
            }
            last = shown;
        }
        BASE64.decode(last.as_str().unwrap_or_default()).expect("WebDriver sends pictures in base64")
    }

    /// The size of the window, in CSS pixels.
    pub fn resize(&self, width: u32, height: u32) {
        self.demand("POST", "/window/rect", &json!({ "width": width, "height": height }));
    }

    /// The ids of the windows and tabs.
    pub fn windows(&self) -> Vec<String> {
        let handles = self.demand("GET", "/window/handles", &Value::Null);
        handles.as_array().into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)).collect()
    }

    /// Goes to another window or tab.
    pub fn switch_to(&self, window: &str) {
        self.demand("POST", "/window", &json!({ "handle": window }));
    }

    /// Ends the session, and what it started.
    pub fn close(&self) {
        let _ = self.ask("DELETE", "", &Value::Null);
    }

    fn strike(&self, strokes: Vec<Value>) {
        let actions = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] });
        self.demand("POST", "/actions", &actions);
    }

    #[track_caller]
    fn demand(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, path, body).unwrap_or_else(|error| panic!("the window, {method} {path}: {error}"))
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let request = match method {
            "GET" => self.http.get(url),
            "DELETE" => self.http.delete(url),
            _ => self.http.post(url).json(body),
        };
        let answer = request.send().map_err(|error| error.to_string())?;
        let succeeded = answer.status().is_success();
        let body: Value = answer.json().map_err(|error| error.to_string())?;
        if succeeded { Ok(body["value"].clone()) } else { Err(format!("{}", body["value"])) }
    }
}

fn stroke(kind: &str, key: &str) -> Value {
    json!({ "type": kind, "value": key })
}
