//! A real browser: Chromium, driven through chromedriver. Headless for a test that opens its own addresses; or, in a session
//! with a screen, the desktop's default browser, which whoever calls `xdg-open` starts and the test takes hold of then.
//!
//! It has a profile of its own that goes away with it. A redirect to our scheme leaves it the way it does for people.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::home::Home;
use crate::wait;
use crate::webdriver::{Driver, WebDriver};

/// Why each flag: no sandbox of its own as root, and not one connection that the test did not ask for.
const FLAGS: &[&str] = &[
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

/// A browser; what it can be asked, [`WebDriver`] says. Dropped, it is closed.
#[derive(Debug)]
pub struct Browser {
    driver: Driver,
    window: WebDriver,
    _profile: Option<TempDir>,
}

impl Browser {
    /// Starts one for this person. `origin` is the issuer's: its pages may hand our scheme to the desktop without a
    /// further question, as after "Always allow".
    pub fn start(home: &Home, origin: &str) -> Browser {
        let profile =
            tempfile::Builder::new().prefix("mcp-login-browser-").tempdir().expect("a temporary directory");
        prefer(profile.path(), &[origin]);
        let driver = driver(home);
        let mut flags = flags(profile.path());
        flags.push("--headless".to_owned());
        let options = json!({ "binary": chromium(), "args": flags });
        let wanted = json!({ "goog:chromeOptions": options, "acceptInsecureCerts": true });
        let window = driver.session(&wanted).unwrap_or_else(|error| panic!("no browser: {error}"));
        Browser { driver, window, _profile: Some(profile) }
    }

    /// Takes hold of the default browser that was started with this profile, once it is up.
    pub(crate) fn take_hold(home: &Home, profile: &Path) -> Browser {
        // Chromium writes the port that it chose, when it listens.
        let port = wait::until("the default browser", || {
            let said = fs::read_to_string(profile.join("DevToolsActivePort")).ok()?;
            said.lines().next()?.parse::<u16>().ok()
        });
        let driver = driver(home);
        let options = json!({ "debuggerAddress": format!("127.0.0.1:{port}") });
        let window = driver.session(&json!({ "goog:chromeOptions": options }));
        let window = window.unwrap_or_else(|error| panic!("no browser: {error}"));
        Browser { driver, window, _profile: None }
    }

    /// Goes to the window or tab whose address starts so, once there is one.
    #[track_caller]
    pub fn go_to_window_at(&self, start: &str) {
        self.go_to_window(start, |address| address.starts_with(start));
    }

    /// Goes to the window or tab whose address holds this, once there is one.
    #[track_caller]
    pub fn go_to_window_with(&self, part: &str) {
        self.go_to_window(part, |address| address.contains(part));
    }

    #[track_caller]
    fn go_to_window(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        wait::until(what, || {
            self.windows().into_iter().find(|window| {
                self.ask("POST", "/window", &json!({ "handle": window })).is_ok()
                    && self
                        .ask("GET", "/url", &Value::Null)
                        .is_ok_and(|url| url.as_str().is_some_and(&wanted))
            })
        });
    }

    /// Chooses who signs in on the consent page, whatever form the choice has.
    pub fn choose(&self, person: &str) {
        let script = "const n = arguments[0];
            for (const o of document.querySelectorAll('option')) if (o.value === n) o.selected = true;
            for (const r of document.querySelectorAll('input[type=radio]')) if (r.value === n) r.checked = true;
            for (const t of document.querySelectorAll('input[type=text][name=user]')) t.value = n;";
        self.run(script, &json!([person]));
    }
}

impl Deref for Browser {
    type Target = WebDriver;
    fn deref(&self) -> &WebDriver {
        &self.window
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium is chromedriver's child: asked to close the session, it ends it. One that was taken hold of stays, and
        // ends with its desktop session.
        self.window.close();
        self.driver.running().terminate();
    }
}

fn driver(home: &Home) -> Driver {
    Driver::start("chromedriver", || home.program(find(&["chromedriver"], "chromium-driver")))
}

/// What every Chromium of ours is started with.
pub(crate) fn flags(profile: &Path) -> Vec<String> {
    let mut flags: Vec<String> = FLAGS.iter().map(|&flag| flag.to_owned()).collect();
    flags.push(format!("--user-data-dir={}", profile.display()));
    if is_root() {
        // With the second it does not warn of the first above every page.
        flags.extend(["--no-sandbox", "--test-type"].map(str::to_owned));
    }
    flags
}

/// Lets pages of these origins hand our scheme to the desktop without a question.
pub(crate) fn prefer(profile: &Path, origins: &[&str]) {
    let schemes = json!({ "io.github.mcp-login": true, "io.github.mcp-login.dev": true });
    let pairs: serde_json::Map<String, Value> =
        origins.iter().map(|&origin| (origin.to_owned(), schemes.clone())).collect();
    let preferences = json!({ "protocol_handler": { "allowed_origin_protocol_pairs": pairs } });
    fs::create_dir_all(profile.join("Default")).expect("a fresh directory");
    fs::write(profile.join("Default/Preferences"), preferences.to_string()).expect("preferences are written");
}

/// The browser's program.
pub(crate) fn chromium() -> PathBuf {
    find(&["chromium", "chromium-browser", "google-chrome"], "chromium")
}

/// A program on `PATH` or in `/usr/bin`, or which package is missing.
pub(crate) fn find(names: &[&str], package: &str) -> PathBuf {
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
