//! A desktop of a test's own, as a person has it: a screen with a window manager, a bus, an unlocked keyring, Chromium as the
//! default browser, and our three programs beside one another. Nothing between the programs is faked: an address goes through
//! the system's `xdg-open`, a callback comes back through it.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::{self, Browser};
use crate::child::{self, Running, Watched};
use crate::home::Home;
use crate::place;
use crate::programs::desktop_app;
use crate::session::Session;
use crate::wait;
use crate::webdriver::{Driver, WebDriver};

/// Where a desktop's programs are.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A person's desktop. Dropped, everything on it ends.
#[derive(Debug)]
pub struct Desktop {
    /// The person's place. Its agent keeps tokens in the keyring, and nobody may use an account yet.
    pub home: Home,
    /// The session: the screen, the bus, the keyring.
    pub session: Session,
    profile: PathBuf,
}

/// Which of its two ways `xdg-open` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XdgOpen {
    /// On a desktop that it knows it asks the desktop's own program (`gio open`).
    Desktop,
    /// Elsewhere (sway, i3, a bare X) it reads the desktop entry itself, and knows no quotes.
    Generic,
}

impl Desktop {
    /// Starts one. `origins` are the issuers whose pages may hand our scheme to the desktop without a question.
    pub fn start(origins: &[&str]) -> Desktop {
        let session = Session::start_with(&["--wm"]);
        let mut home = Home::with_desktop(desktop_app());
        session.enter(&mut home);
        // The system's own programs: the stand-in for the desktop that lies first on the usual `PATH` is not wanted here.
        home.set("PATH", PATH);
        home.write_settings("");
        for (name, value) in [
            ("XDG_CURRENT_DESKTOP", "GNOME"),
            ("XDG_SESSION_TYPE", "x11"),
            // There is no accessibility bus and no portal here, and GTK would wait for them.
            ("NO_AT_BRIDGE", "1"),
            ("GTK_USE_PORTAL", "0"),
        ] {
            home.set(name, value);
        }
        let profile = home.path("person/chromium");
        browser::prefer(&profile, origins);
        let desktop = Desktop { home, session, profile };
        desktop.install_browser();
        desktop
    }

    /// Chooses how `xdg-open` works for everything that starts from now on.
    pub fn set_xdg_open(&mut self, way: XdgOpen) {
        match way {
            XdgOpen::Desktop => self.home.set("XDG_CURRENT_DESKTOP", "GNOME"),
            XdgOpen::Generic => self.home.unset("XDG_CURRENT_DESKTOP"),
        };
    }

    /// The app.
    pub fn program(&self) -> PathBuf {
        self.home.programs().agent.with_file_name("mcp-login-desktop")
    }

    /// Signs alice in at a server and returns the account's name; for tests of what comes after.
    pub fn signed_in(&mut self, url: &str, name: &str) -> String {
        self.with_quick_browser(|desktop| {
            let sign_in = desktop.home.add(url, &["--name", name, "--redirect", "loopback"]);
            crate::Person::named("alice").allow(&sign_in.address()).deliver();
            sign_in.finish().ok();
        });
        name.to_owned()
    }

    /// Does something with the stand-in for the browser in its place, and the person who fetches and posts: quick.
    pub fn with_quick_browser(&mut self, work: impl FnOnce(&mut Desktop)) {
        let path = format!("{}:{PATH}", self.home.path("bin").display());
        self.home.set("PATH", path);
        work(self);
        self.home.set("PATH", PATH);
    }

    /// Opens the app's window under WebDriver and waits until the page is there.
    #[track_caller]
    pub fn open_window(&self) -> Window {
        self.open_window_with(&[])
    }

    /// The same with arguments.
    #[track_caller]
    pub fn open_window_with(&self, arguments: &[&str]) -> Window {
        let options = json!({ "binary": self.program(), "args": arguments });
        let options = json!({ "webkitgtk:browserOptions": options });
        let mut driver = Driver::start("WebKitWebDriver", || {
            let mut command = self.home.program(browser::find(&["WebKitWebDriver"], "webkit2gtk-driver"));
            command.env("TAURI_WEBVIEW_AUTOMATION", "true");
            command
        });
        let page = driver.session(&options).unwrap_or_else(|error| {
            let (apps, said) = (self.running_apps(), driver.running().stderr());
            panic!("the window does not open: {error}\nthe app runs as {apps:?}, and says:\n{said}")
        });
        let app = started_by(driver.running().id());
        let window = Window { driver, page, app };
        window.find("body");
        window.run(LISTEN, &json!([]));
        window
    }

    /// Starts the app as a person does, with nobody who drives it.
    pub fn start_app(&self, arguments: &[&str]) -> Running {
        Running::start("mcp-login-desktop", self.home.program(self.program()).args(arguments))
    }

    /// Opens an address as any program on the desktop does. It may last as long as what it starts.
    pub fn xdg_open(&self, address: &str) -> Running {
        Running::start("xdg-open", self.home.program("xdg-open").arg(address))
    }

    /// Starts the app once, so that the desktop knows it as the handler of our scheme, and ends it.
    pub fn install_app(&self) {
        let mut app = self.start_app(&["--background"]);
        wait::until("the handler of our scheme", || {
            assert_eq!(app.ended(), None, "the app ended at once: {}", app.stderr());
            let ask = format!("x-scheme-handler/{}", mcp_login_ipc::identity::SCHEME);
            let told = self.session.run("xdg-mime", &["query", "default", &ask]);
            (!told.text().is_empty()).then_some(())
        });
        app.terminate();
    }

    /// Whether anybody has started the default browser.
    pub fn browser_was_started(&self) -> bool {
        self.profile.join("DevToolsActivePort").exists()
    }

    /// The default browser, once somebody has started it.
    pub fn browser(&self) -> Browser {
        Browser::take_hold(&self.home, &self.profile)
    }

    /// In the browser that opens: alice says yes to the issuer.
    pub fn allow_in_browser(&self, issuer: &str) -> Browser {
        let browser = self.browser();
        browser.go_to_window_at(issuer);
        browser.wait_until_loaded();
        browser.choose("alice");
        browser.click("#allow");
        browser
    }

    /// The app's processes here that show the window or the tray.
    pub fn running_apps(&self) -> Vec<u32> {
        self.of_app(|words| words != ["--consent"])
    }

    /// The processes of consent windows here. Such a window has nothing of the session in its environment: it is known by
    /// its parent, an agent of this place.
    pub fn consent_windows(&self) -> Vec<u32> {
        self.of_app(|words| words == ["--consent"])
    }

    /// Waits for the agent to start the consent window, and returns its process id.
    #[track_caller]
    pub fn consent_window(&self) -> u32 {
        wait::until("the consent window", || self.consent_windows().into_iter().next())
    }

    /// Waits until there is no consent window.
    #[track_caller]
    pub fn wait_for_no_consent_window(&self) {
        wait::until("the consent window to go", || self.consent_windows().is_empty().then_some(()));
    }

    fn of_app(&self, wanted: impl Fn(&[String]) -> bool) -> Vec<u32> {
        let program = self.program();
        let mine = format!("MCP_LOGIN_HOME={}", self.home.dir().display());
        let agents = self.home.agents();
        processes()
            .filter(|id| fs::read_link(format!("/proc/{id}/exe")).is_ok_and(|exe| exe == program))
            .filter(|id| {
                let environment = fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|variable| variable == mine.as_bytes())
                    || parent(*id).is_some_and(|parent| agents.contains(&parent))
            })
            .filter(|id| {
                let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
                let words = line.split(|byte| *byte == 0).skip(1).filter(|word| !word.is_empty());
                let words: Vec<_> = words.map(|word| String::from_utf8_lossy(word).into_owned()).collect();
                wanted(&words)
            })
            .collect()
    }

    /// Makes another program this person's handler for our scheme, as a later installation of something else would. Returns
    /// the file into which that program writes what it is given.
    pub fn take_scheme_over(&self) -> (PathBuf, PathBuf) {
        let program = self.home.path("person/other-app");
        let got = self.home.path("person/other-app.got");
        let script = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" >>'{}'\n", got.display());
        place::script(&program, &script);
        self.install_entry(
            "other-app",
            &format!("{} %u", program.display()),
            &[mcp_login_ipc::identity::SCHEME],
        );
        (program, got)
    }

    /// The secrets that our programs keep in the keyring.
    pub fn kept(&self) -> usize {
        self.session.items().len()
    }

    fn install_browser(&self) {
        let flags = browser::flags(&self.profile).join(" ");
        let exec = format!(
            "{} {flags} --remote-debugging-port=0 --window-size=900,700 %U",
            browser::chromium().display()
        );
        self.install_entry("test-browser", &exec, &["http", "https"]);
    }

    /// Writes a desktop entry and makes it the default for schemes, with the desktop's own tool.
    fn install_entry(&self, name: &str, exec: &str, schemes: &[&str]) {
        let data = self.session.get("XDG_DATA_HOME").expect("a session has directories");
        let types: String = schemes.iter().map(|scheme| format!("x-scheme-handler/{scheme};")).collect();
        let entry =
            format!("[Desktop Entry]\nType=Application\nName={name}\nExec={exec}\nMimeType={types}\n");
        let place = Path::new(data).join("applications");
        fs::create_dir_all(&place).expect("the session's directory");
        fs::write(place.join(format!("{name}.desktop")), entry).expect("a desktop entry is written");
        for scheme in schemes {
            let mut command = self.home.program("xdg-mime");
            command.args(["default", &format!("{name}.desktop"), &format!("x-scheme-handler/{scheme}")]);
            let status = command.status().expect("xdg-mime starts (package xdg-utils)");
            assert!(status.success(), "xdg-mime default: {status}");
        }
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let test = std::thread::current().name().unwrap_or("test").to_owned();
            self.session.keep_screen(&format!("failed-{test}"));
        }
        // The agent's own environment may be new: the consent window is known by its parent, while that lives.
        for id in self.consent_windows() {
            child::signal(id, rustix::process::Signal::KILL);
        }
    }
}

/// The app's window under WebDriver; what it can be asked, [`WebDriver`] says. Dropped, the app is ended.
#[derive(Debug)]
pub struct Window {
    driver: Driver,
    page: WebDriver,
    app: Option<u32>,
}

impl Window {
    /// The app's process, which the driver started.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.app.expect("the app lived when its window was there")
    }

    /// Presses "Open the browser", once what was found is shown. The page may be laid out anew under the pointer, and a click
    /// then miss its button: it is pressed again until the window says that it waits.
    #[track_caller]
    pub fn open_browser(&self) {
        self.wait_for_text("Is that where you want to sign in?");
        let waits = || self.body().contains("Waiting for you to sign in").then_some(());
        wait::until("the window to wait for the browser", || {
            self.click("#open-browser");
            wait::within(Duration::from_secs(5), waits)
        });
    }

    /// Calls a command of the shell from the page, as the page's own scripts do.
    #[track_caller]
    pub fn invoke(&self, command: &str, arguments: &Value) -> Result<Value, Value> {
        let script = "const told = arguments[arguments.length - 1];
            window.__TAURI__.core.invoke(arguments[0], arguments[1]).then(
                (ok) => told({ ok }), (error) => told({ error }));";
        let told = self.run_until_called(script, &json!([command, arguments]));
        if let Some(error) = told.get("error") { Err(error.clone()) } else { Ok(told["ok"].clone()) }
    }

    /// Violations of the page's content security policy, since the window was opened.
    pub fn policy_violations(&self) -> Vec<String> {
        let told = self.run("return window.violations ?? null", &json!([]));
        let list = told.as_array().expect("`open_window` listens").clone();
        list.iter().map(|entry| entry.as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// Keeps what the page's content security policy refuses. WebKit has no reporting observer: what was refused before this
/// ran is looked for in the files themselves.
const LISTEN: &str = "window.violations ??= [];
    document.addEventListener('securitypolicyviolation', (event) => window.violations.push(
        `${event.effectiveDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`));
    return null;";

impl Deref for Window {
    type Target = WebDriver;
    fn deref(&self) -> &WebDriver {
        &self.page
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "the window shows:\n{}\nthe app's errors:\n{}",
                self.body(),
                self.driver.running().stderr()
            );
        }
        let app = self.app.and_then(Watched::of);
        self.page.close();
        // An app outlives its window, and whether the driver ends it before it ends itself is chance. While it lives it is the
        // first of its kind here: one that is started then raises it and goes.
        if let Some(app) = app {
            app.terminate();
        }
        self.driver.running().terminate();
    }
}

/// The ids of all processes.
fn processes() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
}

fn started_by(id: u32) -> Option<u32> {
    processes().find(|child| parent(*child) == Some(id))
}

fn parent(id: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:")?.trim().parse().ok())
}
