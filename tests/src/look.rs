//! Looking at the views of the app's [`Window`]: pictures in light and dark, and what accessibility rules and the page's policy
//! say of each.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::desktop::{Desktop, Window};
use crate::screen::screenshots;
use crate::{axe, wait};

/// How the desktop is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// For names.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// What was found wrong, in all views: one run tells everything.
#[derive(Debug, Default)]
pub struct Findings(Vec<String>);

impl Findings {
    /// Looks at the view that is shown now, and keeps a picture of it.
    #[track_caller]
    pub fn look(&mut self, window: &Window, view: &str, theme: Theme) {
        let dark = window.run("return matchMedia('(prefers-color-scheme: dark)').matches", &json!([]));
        assert_eq!(dark, theme == Theme::Dark, "the window does not follow the desktop's theme");
        let place = format!("{view}-{}", theme.word());
        fs::write(screenshots().join(format!("{place}.png")), window.screenshot())
            .expect("a picture is kept");
        for violation in axe::violations(window).iter().filter(|found| found.is_serious()) {
            self.0.push(format!(
                "{place}: {} ({}): {}\n    {}",
                violation.rule,
                violation.impact,
                violation.help,
                violation.places.join("\n    ")
            ));
        }
        self.0.extend(
            window.policy_violations().into_iter().map(|refused| format!("{place}: policy: {refused}")),
        );
        let became = "return [typeof window.pwned, document.querySelectorAll('img').length]";
        if window.run(became, &json!([])) != json!(["undefined", 0]) {
            self.0.push(format!("{place}: a text became an element"));
        }
    }

    /// Panics with all of them, if there are any.
    #[track_caller]
    pub fn none(self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

impl Desktop {
    /// Sets the theme for programs that start from now on.
    pub fn set_theme(&self, theme: Theme) {
        let place = Path::new(self.session.get("XDG_CONFIG_HOME").expect("a session")).join("gtk-3.0");
        fs::create_dir_all(&place).expect("the session's directory");
        let dark = u8::from(theme == Theme::Dark);
        let text = format!("[Settings]\ngtk-application-prefer-dark-theme={dark}\n");
        fs::write(place.join("settings.ini"), text).expect("settings are written");
    }
}

impl Window {
    /// Goes to a view by its entry at the side.
    #[track_caller]
    pub fn go(&self, view: &str) {
        self.click(&format!("#nav-{view}"));
        self.find(&format!(".view-{view}"));
    }

    /// Goes to the accounts and chooses one by its name.
    #[track_caller]
    pub fn choose(&self, account: &str) {
        self.go("accounts");
        let script = "for (const row of document.querySelectorAll('[data-row^=\"account/\"]'))
            for (const name of row.querySelectorAll('bdi'))
                if (name.textContent === arguments[0]) { row.click(); return true; }
            return false;";
        wait::until(account, || (self.run(script, &json!([account])) == json!(true)).then_some(()));
        self.find(".detail");
    }
}
