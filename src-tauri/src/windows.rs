//! The windows: what they load, where they may go, how they come and go.
//!
//! Invariants: a window shows the app's own pages and nothing else, wherever a page tries to lead it; closed means gone,
//! page and webview with it; a released build has no developer's tools.

use std::path::Path;
use std::sync::Mutex;

use tauri::webview::{NewWindowResponse, PageLoadEvent};
use tauri::{
    AppHandle, Manager as _, Url, WebviewUrl, WebviewWindow, WebviewWindowBuilder, WindowEvent, Wry,
};

use crate::settings::Settings;
use crate::shell::Shell;
use crate::subscribers::Subscribers;

/// The main window's label, which its capability names.
pub(crate) const MAIN: &str = "main";
/// The consent window's label, which its capability names.
pub(crate) const CONSENT: &str = "consent";

/// The main window at its smallest, in logical pixels: its pages are made for that.
const SMALLEST: (f64, f64) = (640.0, 480.0);
/// The consent window, in logical pixels.
const CONSENT_SIZE: (f64, f64) = (480.0, 560.0);

/// One opens at a time: two threads would make two of one label.
static OPENING: Mutex<()> = Mutex::new(());

/// Whether a page is one of ours. `tauri:` on macOS and Linux; Windows knows only `http` for it.
fn ours(url: &Url) -> bool {
    match url.scheme() {
        "tauri" => url.host_str() == Some("localhost"),
        "http" | "https" => cfg!(windows) && url.host_str() == Some("tauri.localhost"),
        _ => false,
    }
}

fn builder<'a>(
    app: &'a AppHandle,
    label: &str,
    page: &str,
    title: &str,
) -> WebviewWindowBuilder<'a, Wry, AppHandle> {
    WebviewWindowBuilder::new(app, label, WebviewUrl::App(page.into()))
        .title(title)
        .devtools(cfg!(debug_assertions))
        .disable_drag_drop_handler()
        .on_navigation(ours)
        .on_new_window(|_, _| NewWindowResponse::Deny)
        // shown when it has something to show: no white flash in a dark room
        .visible(false)
        .on_page_load(|window, payload| {
            if payload.event() == PageLoadEvent::Finished {
                let _ = window.show();
                let _ = window.set_focus();
            }
        })
}

/// Opens the main window, or brings it to the front; and has it show a view. On a thread of its own: this may be called
/// from where the toolkit waits for us.
pub(crate) fn open_soon(app: &AppHandle, view: Option<&str>) {
    if let Some(view) = view {
        app.state::<Subscribers>().show(view);
    }
    let app = app.clone();
    let run = move || {
        let _one = OPENING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = open(&app) {
            eprintln!("mcp-login-desktop: the window could not be opened: {error}");
        }
    };
    let _ = std::thread::Builder::new().name("window".to_owned()).spawn(run);
}

/// Does something while no window can be opened.
#[cfg(target_os = "linux")]
pub(crate) fn while_none_opens(work: impl FnOnce()) {
    let _one = OPENING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    work();
}

fn open(app: &AppHandle) -> tauri::Result<()> {
    if let Some(window) = app.get_webview_window(MAIN) {
        return raise(&window);
    }
    #[cfg(target_os = "macos")]
    app.set_activation_policy(tauri::ActivationPolicy::Regular)?;
    let remembered = app.state::<Settings>().now();
    let window = builder(app, MAIN, "index.html", "MCP Login")
        .inner_size(remembered.width, remembered.height)
        .min_inner_size(SMALLEST.0, SMALLEST.1)
        .maximized(remembered.maximized)
        .data_directory(app.state::<Shell>().webview_dir())
        .build()?;
    let app = app.clone();
    window.on_window_event(move |event| watch(&app, event));
    Ok(())
}

fn raise(window: &WebviewWindow) -> tauri::Result<()> {
    window.unminimize()?;
    window.show()?;
    window.set_focus()
}

fn watch(app: &AppHandle, event: &WindowEvent) {
    match event {
        WindowEvent::CloseRequested { .. } => {
            if let Some(window) = app.get_webview_window(MAIN) {
                remember(app, &window);
            }
        }
        WindowEvent::Destroyed => {
            app.state::<Subscribers>().clear();
            #[cfg(target_os = "macos")]
            let _ = app.set_activation_policy(tauri::ActivationPolicy::Accessory);
        }
        _ => {}
    }
}

fn remember(app: &AppHandle, window: &WebviewWindow) {
    let (Ok(size), Ok(scale)) = (window.inner_size(), window.scale_factor()) else { return };
    let maximized = window.is_maximized().unwrap_or_default();
    app.state::<Settings>().change(|now| {
        now.maximized = maximized;
        // the size to come back to, not the screen's
        if !maximized {
            let size = size.to_logical::<f64>(scale);
            (now.width, now.height) = (size.width, size.height);
        }
    });
}

/// Remembers the window's size when the program ends with the window open.
pub(crate) fn remember_open(app: &AppHandle) {
    if let Some(window) = app.get_webview_window(MAIN) {
        remember(app, &window);
    }
}

/// The consent window: in front of everything, in the middle, and of one size.
///
/// # Errors
/// What the toolkit says.
pub(crate) fn consent(app: &AppHandle, data_dir: &Path) -> tauri::Result<WebviewWindow> {
    builder(app, CONSENT, "consent.html", "MCP Login asks")
        .inner_size(CONSENT_SIZE.0, CONSENT_SIZE.1)
        .resizable(false)
        .maximizable(false)
        .minimizable(false)
        .always_on_top(true)
        .visible_on_all_workspaces(true)
        .skip_taskbar(false)
        .center()
        .focused(true)
        // what the toolkit cannot help writing, where ours lies and not under its own name
        .data_directory(data_dir.join("webview-consent"))
        .build()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_apps_own_pages_are_shown() {
        let own =
            if cfg!(windows) { "http://tauri.localhost/index.html" } else { "tauri://localhost/index.html" };
        assert!(ours(&own.parse().unwrap()));
        for other in [
            "https://example.com/",
            "http://localhost/index.html",
            "http://127.0.0.1:1430/",
            "tauri://elsewhere/index.html",
            "data:text/html,x",
            "about:blank",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://tauri.localhost.example.com/",
        ] {
            assert!(!ours(&other.parse().unwrap()), "{other}");
        }
    }
}
