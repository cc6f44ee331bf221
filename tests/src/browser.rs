//! A real browser: headless Chromium, driven through chromedriver's WebDriver over plain HTTP.
//!
//! It has a profile of its own that goes away with it, and a `PATH` on which the stand-in for the desktop comes first, so
//! that a redirect to our scheme leaves the browser the way it does for people.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::child::Running;
use crate::home::Home;
use crate::wait;

/// Why each flag: no display, no sandbox of its own as root, and not one connection that the test did not ask for.
const FLAGS: &[&str] = &[
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--password-store=basic",
    "--proxy-server=direct://",
];

/// The key of an element's id in WebDriver's answers (W3C WebDriver §12.2).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with one window. Dropped, it is closed.
#[derive(Debug)]
pub struct Browser {
    driver: Running,
    session: String,
    http: reqwest::blocking::Client,
    _profile: TempDir,
}

impl Browser {
    /// Starts one for this person. `origin` is the issuer's: its pages may hand our scheme to the desktop without a
    /// further question, as after "Always allow".
    pub fn start(home: &Home, origin: &str) -> Browser {
        let profile =
            tempfile::Builder::new().prefix("mcp-login-browser-").tempdir().expect("a temporary directory");
        let preferences = json!({ "protocol_handler": { "allowed_origin_protocol_pairs": { origin: {
            "io.github.mcp-login": true, "io.github.mcp-login.dev": true } } } });
        fs::create_dir(profile.path().join("Default")).expect("a fresh directory");
        fs::write(profile.path().join("Default/Preferences"), preferences.to_string())
            .expect("preferences are written");

        let mut command = home.program(find(&["chromedriver"], "chromium-driver"));
        let driver = Running::start("chromedriver", command.arg("--port=0"));
        let port = driver.line_with(|line| {
            line.split_once("started successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
        });

        let mut flags: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
        flags.push(format!("--user-data-dir={}", profile.path().display()));
        if is_root() {
            flags.push("--no-sandbox".to_owned());
        }
        let http = crate::http_client(|client| client);
        let chromium = find(&["chromium", "chromium-browser", "google-chrome"], "chromium");
        let options = json!({ "binary": chromium, "args": flags });
        let wanted = json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options, "acceptInsecureCerts": true } } });
        let mut browser =
            Browser { driver, session: format!("http://127.0.0.1:{port}"), http, _profile: profile };
        let answer =
            browser.ask("POST", "/session", &wanted).unwrap_or_else(|error| panic!("no browser: {error}"));
        let id = answer["sessionId"].as_str().expect("a session has an id");
        browser.session = format!("{}/session/{id}", browser.session);
        browser
    }

    /// Goes to an address.
    pub fn open(&self, url: &str) {
        self.demand("POST", "/url", &json!({ "url": url }));
    }

    /// Clicks an element, once it is there.
    pub fn click(&self, css: &str) {
        let element = self.find(css);
        self.demand("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Chooses who signs in on the consent page, whatever form the choice has.
    pub fn choose(&self, person: &str) {
        let script = "const n = arguments[0];
            for (const o of document.querySelectorAll('option')) if (o.value === n) o.selected = true;
            for (const r of document.querySelectorAll('input[type=radio]')) if (r.value === n) r.checked = true;
            for (const t of document.querySelectorAll('input[type=text][name=user]')) t.value = n;";
        self.demand("POST", "/execute/sync", &json!({ "script": script, "args": [person] }));
    }

    /// The address in the window.
    pub fn address(&self) -> String {
        self.demand("GET", "/url", &Value::Null).as_str().unwrap_or_default().to_owned()
    }

    /// The text of an element, once it is there.
    pub fn text(&self, css: &str) -> String {
        let element = self.find(css);
        self.demand("GET", &format!("/element/{element}/text"), &Value::Null)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits until the window shows this text.
    pub fn wait_for_text(&self, text: &str) {
        wait::until(text, || {
            let element =
                self.ask("POST", "/element", &json!({ "using": "css selector", "value": "body" })).ok()?;
            let id = element[ELEMENT].as_str()?;
            let shown = self.ask("GET", &format!("/element/{id}/text"), &Value::Null).ok()?;
            shown.as_str()?.contains(text).then_some(())
        });
    }

    /// Waits until the address in the window starts so.
    pub fn wait_for_address(&self, start: &str) -> String {
        wait::until(start, || Some(self.address()).filter(|address| address.starts_with(start)))
    }

    fn find(&self, css: &str) -> String {
        wait::until(css, || {
            let answer =
                self.ask("POST", "/element", &json!({ "using": "css selector", "value": css })).ok()?;
            answer[ELEMENT].as_str().map(str::to_owned)
        })
    }

    fn demand(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, path, body).unwrap_or_else(|error| panic!("the browser, {method} {path}: {error}"))
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let url = format!("{}{path}", self.session);
        let request = match method {
            "GET" => self.http.get(url),
            "DELETE" => self.http.delete(url),
            _ => self.http.post(url).json(body),
        };
        let answer = request.send().map_err(|error| error.to_string())?;
        let succeeded = answer.status().is_success();
        let body: Value = answer.json().map_err(|error| error.to_string())?;
        if succeeded { Ok(body["value"].clone()) } else { Err(body["value"]["message"].to_string()) }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium is chromedriver's child: asked to close the session, it ends it.
        let _ = self.ask("DELETE", "", &Value::Null);
        self.driver.terminate();
    }
}

fn find(names: &[&str], package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places: Vec<PathBuf> = std::env::split_paths(&path).chain([PathBuf::from("/usr/bin")]).collect();
    let found = names
        .iter()
        .flat_map(|name| places.iter().map(move |place| place.join(name)))
        .find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("this test needs the package {package} (scripts/test installs it)"))
}

fn is_root() -> bool {
    #[cfg(unix)]
    let root = rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    let root = false;
    root
}
