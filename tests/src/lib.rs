//! What the end-to-end tests share: the real programs, started as people start them, and everything around them — a
//! server to sign in at, a person, a browser, a proxy, certificates, a keyring. A test reads like this:
//!
//! ```no_run
//! use mcp_login_tests::{Home, Person, Sandbox};
//!
//! let sandbox = Sandbox::start();
//! let home = Home::new(); // its own settings, data and socket; the test program may use every account
//! let sign_in = home.add(sandbox.mcp(), &["--name", "work"]); // `mcp-login add`, up to the opened browser
//! Person::named("alice").allow(&sign_in.address()).deliver();
//! sign_in.finish().ok();
//! let token = home.run(&["token", "work"]).ok(); // its agent started by itself, and ends with `home`
//! assert_eq!(sandbox.mcp_answers(token.text()), 200);
//! assert_eq!(sandbox.at("code").len(), 1); // the sandbox's log, not our own counters
//! ```
//!
//! `home.signed_in(url, name)` is the middle of it in one call. [`Agent`] starts the agent by hand, to kill it;
//! [`Home::with_fault_points`] has one that kills itself. `tests/README.md` has the rest.
#![allow(clippy::unwrap_used)]

mod account;
mod agent;
#[cfg(target_os = "linux")]
pub mod axe;
#[cfg(target_os = "linux")]
mod browser;
#[cfg(target_os = "linux")]
mod cable;
pub mod child;
#[cfg(unix)]
mod client;
#[cfg(target_os = "linux")]
mod desktop;
mod home;
mod keyring;
#[cfg(target_os = "linux")]
mod look;
pub mod mcp_client;
pub mod npm;
mod oidc_provider;
mod page;
mod person;
pub mod place;
mod programs;
mod proxy;
#[cfg(target_os = "linux")]
mod question;
pub mod raw;
mod record;
mod releases;
mod sandbox;
#[cfg(target_os = "linux")]
mod screen;
mod session;
mod sign_in;
mod sources;
mod test_ca;
#[cfg(target_os = "linux")]
mod tray_host;
pub mod wait;
#[cfg(target_os = "linux")]
pub mod webdriver;
#[cfg(windows)]
pub mod win32;
#[cfg(unix)]
mod window;

pub use agent::Agent;
#[cfg(target_os = "linux")]
pub use browser::Browser;
#[cfg(target_os = "linux")]
pub use cable::Cable;
#[cfg(unix)]
pub use client::Client;
#[cfg(target_os = "linux")]
pub use desktop::{Desktop, Window, XdgOpen};
pub use home::{Home, SETTINGS, Said, policy_for};
pub use keyring::KeyringItem;
#[cfg(target_os = "linux")]
pub use look::{Findings, Theme};
pub use mcp_client::McpClient;
pub use oidc_provider::{Event, OidcProvider};
pub use page::Page;
pub use person::{Landing, Person, Redirect};
pub use programs::{BUILT, Build, Programs, artifacts, guarded_desktop_app, workspace};
pub use proxy::Proxy;
#[cfg(target_os = "linux")]
pub use question::{Choice, Question};
#[cfg(target_os = "linux")]
pub use record::peak_memory;
pub use releases::Releases;
pub use sandbox::{Request, Sandbox};
#[cfg(target_os = "linux")]
pub use screen::{Patch, Picture, XWindow, screenshots};
pub use session::Session;
pub use sign_in::SignIn;
pub use sources::{kept_files, sources};
pub use test_ca::{Certificate, TestCa};
#[cfg(target_os = "linux")]
pub use tray_host::{Entry, TrayHost, TrayItem};
#[cfg(target_os = "linux")]
pub use webdriver::{WebDriver, keys};
#[cfg(unix)]
pub use window::{Shown, Stage};

/// A client for the test's own requests: no redirects, no proxy, bounded in time.
pub fn http_client(
    set: impl FnOnce(reqwest::blocking::ClientBuilder) -> reqwest::blocking::ClientBuilder,
) -> reqwest::blocking::Client {
    // The first caller's provider stays; a second installation is refused, and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::blocking::Client::builder();
    let client = client.redirect(reqwest::redirect::Policy::none()).no_proxy().timeout(wait::LONG);
    set(client).build().expect("a client")
}
