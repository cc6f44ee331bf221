//! The consent window before a person: it is read by looking, and answered with the mouse and the keyboard, since nothing can
//! drive it from inside. What the keys reach in which order is what ui/js/consent.js promises.

use crate::desktop::Desktop;
use crate::screen::{Patch, XWindow};
use crate::wait;

/// The accent of the light theme and of the dark one (ui/css/base.css): of all in the window only the button "Allow" is a field of it, and only
/// when it is alive; before, it is pale.
const ALLOW: [[u8; 3]; 2] = [[0x0b, 0x6e, 0x69], [0x4f, 0xc3, 0xb8]];

/// A question that is shown.
#[derive(Debug)]
pub struct Question<'a> {
    desktop: &'a Desktop,
    /// The window's process.
    pub pid: u32,
    window: XWindow,
}

/// For how long a person says yes: the choices in their order on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// "This once".
    Once,
    /// "Until I quit", which is chosen when the window opens.
    UntilQuit,
    /// "Always".
    Always,
}

impl Desktop {
    /// Waits for the agent to ask, and for the window's buttons to be alive.
    #[track_caller]
    pub fn question(&self) -> Question<'_> {
        let pid = self.consent_window();
        let window = self.session.window_of(pid);
        self.session.activate(&window);
        let question = Question { desktop: self, pid, window };
        question.allow_button();
        question
    }
}

impl Question<'_> {
    /// Clicks on "Allow" with the mouse.
    pub fn allow(self) {
        let button = self.allow_button();
        self.desktop.session.click_on(&self.window, button);
    }

    /// Chooses how long with the arrows, goes to "Allow" with Tab, and presses it with the space bar.
    pub fn allow_for(self, choice: Choice) {
        let arrow = match choice {
            Choice::Once => Some("Left"),
            Choice::UntilQuit => None,
            Choice::Always => Some("Right"),
        };
        let keys: Vec<&str> =
            std::iter::once("Tab").chain(arrow).chain(["Tab", "Tab", "Tab", "space"]).collect();
        self.press(&keys);
    }

    /// Presses keys.
    pub fn press(&self, keys: &[&str]) {
        self.desktop.session.activate(&self.window);
        self.desktop.session.press(keys);
    }

    /// "Never", by the keyboard.
    pub fn never(self) {
        self.press(&["Tab", "Tab", "space"]);
    }

    /// "Not now", by the key for it.
    pub fn not_now(self) {
        self.press(&["Escape"]);
    }

    /// Closes the window.
    pub fn close(self) {
        self.desktop.session.close(&self.window);
    }

    /// Keeps a picture of it.
    pub fn keep(&self, name: &str) {
        self.desktop.session.keep_window(&self.window, name);
    }

    /// Where "Allow" is, once it is alive.
    #[track_caller]
    fn allow_button(&self) -> Patch {
        // The pointer may lie where the button appears, and shade it.
        self.desktop.session.rest_pointer();
        wait::until("a button to allow", || {
            let first = self.looked_for()?;
            // A window that is not drawn yet shows what lies below it: what is there must stay there.
            (self.looked_for() == Some(first)).then_some(first)
        })
    }

    /// It lies at the lower right.
    fn looked_for(&self) -> Option<Patch> {
        let picture = self.desktop.session.picture(&self.window)?;
        let (right, low) = (picture.width / 2, picture.height * 3 / 4);
        let mut fields = ALLOW.iter().flat_map(|&accent| picture.patches(accent));
        fields.find(|field| field.width > 40 && field.height > 16 && field.x > right && field.y > low)
    }
}
