//! What a person sees and does on the screen of a [`Session`]: windows, the mouse, the keyboard, pictures. The consent window
//! is reached in no other way: the agent starts it with an environment made new, and nothing can drive it from inside.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::programs::artifacts;
use crate::session::Session;
use crate::wait;

/// How long the window manager may take to do what a key says before the key counts as lost.
const SOON: Duration = Duration::from_secs(5);

/// A window of the X server, by its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct XWindow(String);

/// What a window or the screen looks like.
#[derive(Clone)]
pub struct Picture {
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
    rgb: Vec<u8>,
}

/// A rectangle in a [`Picture`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patch {
    /// From the left.
    pub x: usize,
    /// From the top.
    pub y: usize,
    /// In pixels.
    pub width: usize,
    /// In pixels.
    pub height: usize,
}

impl Session {
    /// The windows of a process that can be seen.
    pub fn windows_of(&self, pid: u32) -> Vec<XWindow> {
        let found = self.run("xdotool", &["search", "--onlyvisible", "--pid", &pid.to_string()]);
        let mut windows: Vec<_> = found.stdout.lines().map(|id| XWindow(id.to_owned())).collect();
        // Toolkits keep a window of ten pixels for themselves.
        windows.retain(|window| self.size(window).is_some_and(|(width, height)| width > 50 && height > 50));
        windows
    }

    /// Waits for a process to show a window.
    #[track_caller]
    pub fn window_of(&self, pid: u32) -> XWindow {
        wait::until("a window on the screen", || self.windows_of(pid).into_iter().next())
    }

    /// What stands in a window's title.
    pub fn title(&self, window: &XWindow) -> String {
        self.run("xdotool", &["getwindowname", &window.0]).text().to_owned()
    }

    /// Width and height, while the window is there.
    pub fn size(&self, window: &XWindow) -> Option<(u32, u32)> {
        let told = self.run("xdotool", &["getwindowgeometry", "--shell", &window.0]);
        let number = |name: &str| {
            told.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
        };
        Some((number("WIDTH")?, number("HEIGHT")?))
    }

    /// Brings a window to the front and gives it the keyboard.
    pub fn activate(&self, window: &XWindow) {
        self.run("xdotool", &["windowactivate", "--sync", &window.0]);
    }

    /// The window that has the keyboard.
    pub fn active(&self) -> Option<XWindow> {
        let told = self.run("xdotool", &["getactivewindow"]);
        (told.code == 0).then(|| XWindow(told.text().to_owned()))
    }

    /// Clicks into the middle of a patch of a window, as a person does: the pointer goes there, and presses.
    pub fn click_on(&self, window: &XWindow, patch: Patch) {
        let (x, y) = (patch.x + patch.width / 2, patch.y + patch.height / 2);
        let place = ["mousemove", "--sync", "--window", &window.0, &x.to_string(), &y.to_string()];
        self.run("xdotool", &place).ok();
        self.run("xdotool", &["click", "1"]).ok();
    }

    /// Lays the pointer into a corner, where it shades nothing.
    pub fn rest_pointer(&self) {
        self.run("xdotool", &["mousemove", "--sync", "1", "1"]).ok();
    }

    /// Presses keys, as `Tab` or `ctrl+w`, for whoever has the keyboard.
    pub fn press(&self, keys: &[&str]) {
        self.run("xdotool", &[&["key", "--delay", "30"], keys].concat()).ok();
    }

    /// Closes a window, as the window manager does for its key. A window that has just come may not hear the key.
    #[track_caller]
    pub fn close(&self, window: &XWindow) {
        wait::until("a window to close", || {
            self.activate(window);
            self.press(&["alt+F4"]);
            // A window manager may go on calling active what is gone.
            wait::within(SOON, || (!self.is_visible(window)).then_some(()))
        });
    }

    fn is_visible(&self, window: &XWindow) -> bool {
        let owner = self.run("xdotool", &["getwindowpid", &window.0]);
        owner.text().parse().is_ok_and(|pid| self.windows_of(pid).contains(window))
    }

    /// What a window looks like now; `None` when it is gone.
    pub fn picture(&self, window: &XWindow) -> Option<Picture> {
        let (width, height) = self.size(window)?;
        let output = Command::new("import")
            .envs(self.environment())
            .args(["-window", &window.0, "-depth", "8", "rgb:-"])
            .stdin(Stdio::null())
            .output()
            .expect("this test needs the package imagemagick (scripts/test installs it)");
        let (width, height) = (width as usize, height as usize);
        (output.stdout.len() == width * height * 3).then_some(Picture { width, height, rgb: output.stdout })
    }

    /// Keeps what the whole screen shows in `target/screenshots/<name>.png`.
    pub fn keep_screen(&self, name: &str) {
        let file = screenshots().join(format!("{name}.png"));
        let file = file.display().to_string();
        self.run("import", &["-window", "root", &file]).ok();
    }

    /// Keeps what a window shows.
    pub fn keep_window(&self, window: &XWindow, name: &str) {
        let file = screenshots().join(format!("{name}.png"));
        let file = file.display().to_string();
        self.run("import", &["-window", &window.0, &file]).ok();
    }
}

/// `<target>/screenshots`: for people to look at.
pub fn screenshots() -> PathBuf {
    let place = artifacts().with_file_name("screenshots");
    fs::create_dir_all(&place).expect("the target directory is writable");
    place
}

impl Picture {
    /// The pixel there.
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let start = (y * self.width + x) * 3;
        [self.rgb[start], self.rgb[start + 1], self.rgb[start + 2]]
    }

    /// The largest patches of one colour, the largest first: a button stands out so. Each is the rectangle around pixels of
    /// that colour that touch one another.
    pub fn patches(&self, colour: [u8; 3]) -> Vec<Patch> {
        let mut seen = vec![false; self.width * self.height];
        let mut found: Vec<(usize, Patch)> = Vec::new();
        for start in 0..seen.len() {
            if seen[start] || !self.is(start, colour) {
                continue;
            }
            let (mut left, mut top, mut right, mut bottom) = (self.width, self.height, 0, 0);
            let mut count = 0;
            let mut open = vec![start];
            seen[start] = true;
            while let Some(here) = open.pop() {
                count += 1;
                let (x, y) = (here % self.width, here / self.width);
                (left, top, right, bottom) = (left.min(x), top.min(y), right.max(x), bottom.max(y));
                let mut go = |there: usize| {
                    if !seen[there] && self.is(there, colour) {
                        seen[there] = true;
                        open.push(there);
                    }
                };
                if x > 0 {
                    go(here - 1);
                }
                if x + 1 < self.width {
                    go(here + 1);
                }
                if y > 0 {
                    go(here - self.width);
                }
                if y + 1 < self.height {
                    go(here + self.width);
                }
            }
            let patch = Patch { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
            found.push((count, patch));
        }
        found.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        found.into_iter().map(|(_, patch)| patch).collect()
    }

    /// Whether anything at all is drawn: a page that does not load leaves one colour.
    pub fn is_blank(&self) -> bool {
        let first = self.at(self.width / 2, 0);
        (0..self.width * self.height).all(|pixel| self.is(pixel, first))
    }

    fn is(&self, pixel: usize, colour: [u8; 3]) -> bool {
        self.rgb[pixel * 3..pixel * 3 + 3] == colour
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} × {} pixels", self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_found_largest_first() {
        let mut rgb = vec![0; 8 * 4 * 3];
        let mut paint = |x: usize, y: usize| rgb[(y * 8 + x) * 3] = 9;
        paint(0, 0);
        for x in 3..6 {
            paint(x, 2);
            paint(x, 3);
        }
        let picture = Picture { width: 8, height: 4, rgb };
        let patches = picture.patches([9, 0, 0]);
        assert_eq!(patches[0], Patch { x: 3, y: 2, width: 3, height: 2 });
        assert_eq!(patches.len(), 2);
        assert!(!picture.is_blank());
        assert_eq!(picture.patches([1, 1, 1]), []);
    }
}
