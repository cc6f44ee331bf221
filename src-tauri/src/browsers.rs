//! The browsers of this computer, for a person who has several and is signed in in one of them.
//!
//! Invariant: only what the system itself lists as a browser is offered, and a page names one by the id that it was given:
//! no page names a program.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use mcp_login_address::Address;

/// Browsers that are offered. Nobody has more; a system that lists more is odd.
const MAX: usize = 16;

/// A browser.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Browser {
    /// What a page names it by.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
    /// The program, and what goes before and after the address.
    #[serde(skip)]
    command: Vec<String>,
}

/// The place of the address in a command.
const ADDRESS: &str = "\0";

impl Browser {
    /// Opens an address in it.
    ///
    /// # Errors
    /// When it does not start.
    pub(crate) fn open(&self, address: &Address) -> std::io::Result<()> {
        let mut words = self.command.iter().map(|word| if word == ADDRESS { address.as_str() } else { word });
        let program = PathBuf::from(words.next().unwrap_or_default());
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        // so that it leaves no zombie when it ends before we do; without a thread it leaves one
        let _ = std::thread::Builder::new().name("browser's end".to_owned()).spawn(move || child.wait());
        Ok(())
    }
}

/// Them, the default one first.
pub(crate) fn list() -> Vec<Browser> {
    let mut list = system::list();
    list.truncate(MAX);
    list
}

/// What the desktop entries say that open `https`.
#[cfg(target_os = "linux")]
mod system {
    use super::{ADDRESS, Browser};
    use std::path::{Path, PathBuf};

    /// No desktop entry comes near this.
    const MAX_FILE: u64 = 256 * 1024;
    const MIME: &str = "x-scheme-handler/https";

    pub(super) fn list() -> Vec<Browser> {
        let default = default();
        let mut list: Vec<Browser> = Vec::new();
        for dir in directories() {
            let Ok(entries) = std::fs::read_dir(dir.join("applications")) else { continue };
            for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
                let id = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if list.iter().any(|known| known.id == id) {
                    continue;
                }
                list.extend(read(&path).and_then(|text| browser(id, &text)));
            }
        }
        list.sort_by(|a, b| {
            (Some(&a.id) != default.as_ref(), &a.name).cmp(&(Some(&b.id) != default.as_ref(), &b.name))
        });
        list
    }

    fn directories() -> Vec<PathBuf> {
        let own = directories::BaseDirs::new().map(|dirs| dirs.data_dir().to_owned());
        let system = std::env::var("XDG_DATA_DIRS").ok().filter(|dirs| !dirs.is_empty());
        let system = system.unwrap_or_else(|| "/usr/local/share:/usr/share".to_owned());
        own.into_iter().chain(std::env::split_paths(&system).filter(|dir| dir.is_absolute())).collect()
    }

    fn default() -> Option<String> {
        let said = std::process::Command::new("xdg-mime")
            .args(["query", "default", MIME])
            .stdin(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&said.stdout).trim().to_owned()).filter(|id| !id.is_empty())
    }

    fn read(path: &Path) -> Option<String> {
        let meta = std::fs::metadata(path).ok()?;
        (meta.is_file() && meta.len() <= MAX_FILE).then(|| std::fs::read_to_string(path).ok())?
    }

    pub(super) fn browser(id: String, entry: &str) -> Option<Browser> {
        let group = entry.split("[Desktop Entry]").nth(1)?.split("\n[").next()?;
        let value = |key: &str| {
            group.lines().find_map(|line| Some(line.split_once('=')?).filter(|(name, _)| name.trim() == key))
        };
        let text = |key: &str| value(key).map(|(_, value)| value.trim());
        let opens = text("MimeType")?.split(';').any(|kind| kind == MIME);
        if !opens || text("Hidden") == Some("true") || text("NoDisplay") == Some("true") {
            return None;
        }
        let mut command = words(text("Exec")?)?;
        let program = find(command.first()?)?;
        command[0] = program.to_str()?.to_owned();
        if !command.iter().any(|word| word == ADDRESS) {
            command.push(ADDRESS.to_owned());
        }
        Some(Browser { id, name: text("Name")?.to_owned(), command })
    }

    /// The words of an `Exec`, field codes taken out or, for the address, marked.
    fn words(exec: &str) -> Option<Vec<String>> {
        let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
        let unescaped = exec.replace("\\\\", "\\");
        let mut chars = unescaped.chars();
        loop {
            match chars.next() {
                Some('"') => (quoted, any) = (!quoted, true),
                Some('\\') if quoted => word.push(chars.next()?),
                Some('%') if !quoted => match chars.next()? {
                    'u' | 'U' | 'f' | 'F' => word.push_str(ADDRESS),
                    '%' => word.push('%'),
                    _ => {}
                },
                Some(c) if quoted || !c.is_whitespace() => word.push(c),
                end => {
                    if any || !word.is_empty() {
                        words.push(std::mem::take(&mut word));
                    }
                    any = false;
                    if end.is_none() {
                        return (!quoted && !words.is_empty()).then_some(words);
                    }
                }
            }
        }
    }

    fn find(program: &str) -> Option<PathBuf> {
        let path = PathBuf::from(program);
        if path.is_absolute() {
            return path.is_file().then_some(path);
        }
        if program.contains('/') {
            return None;
        }
        let dirs = std::env::var_os("PATH")?;
        std::env::split_paths(&dirs).map(|dir| dir.join(program)).find(|path| path.is_file())
    }

    #[cfg(test)]
    #[allow(clippy::unwrap_used)]
    mod tests {
        use super::*;

        #[test]
        fn an_entry_becomes_a_command() {
            let entry = |exec: &str| {
                format!(
                    "[Desktop Entry]\nName=Web\nExec={exec}\nMimeType=text/html;{MIME};\n[Desktop Action new]\nExec=no\n"
                )
            };
            let command =
                |exec: &str| browser("web.desktop".to_owned(), &entry(exec)).map(|found| found.command);
            assert_eq!(
                command("/bin/sh --new %U"),
                Some(vec!["/bin/sh".into(), "--new".into(), ADDRESS.into()])
            );
            assert_eq!(command("/bin/sh"), Some(vec!["/bin/sh".into(), ADDRESS.into()]));
            assert_eq!(
                command(r#""/bin/sh" "a \"b" %i --url=x %u"#),
                Some(vec!["/bin/sh".into(), "a \"b".into(), "--url=x".into(), ADDRESS.into()])
            );
            assert_eq!(command("/nowhere/web %u"), None);
            assert_eq!(command("\"/bin/sh"), None);
            let other = entry("/bin/sh").replace(MIME, "text/plain");
            assert!(browser("web.desktop".to_owned(), &other).is_none());
        }
    }
}

/// The usual ones, where they usually lie; the system's own choice goes first, under its own name.
#[cfg(target_os = "macos")]
mod system {
    use super::{ADDRESS, Browser};
    use std::path::PathBuf;

    const KNOWN: &[&str] = &[
        "Safari",
        "Google Chrome",
        "Firefox",
        "Microsoft Edge",
        "Brave Browser",
        "Arc",
        "Vivaldi",
        "Opera",
        "Chromium",
        "Orion",
        "Zen",
        "DuckDuckGo",
    ];

    pub(super) fn list() -> Vec<Browser> {
        let mut places = vec![PathBuf::from("/Applications")];
        places.extend(directories::BaseDirs::new().map(|dirs| dirs.home_dir().join("Applications")));
        let open =
            |words: &[&str]| words.iter().chain(&[ADDRESS]).map(|&word| word.to_owned()).collect::<Vec<_>>();
        let default = Browser {
            id: "default".to_owned(),
            name: "Default browser".to_owned(),
            command: open(&["/usr/bin/open"]),
        };
        let there = KNOWN.iter().filter_map(|name| {
            let bundle =
                places.iter().map(|dir| dir.join(format!("{name}.app"))).find(|path| path.is_dir())?;
            Some(Browser {
                id: (*name).to_owned(),
                name: (*name).to_owned(),
                command: open(&["/usr/bin/open", "-a", bundle.to_str()?]),
            })
        });
        std::iter::once(default).chain(there).collect()
    }
}

/// What is registered as a browser, for the machine and for the user.
#[cfg(windows)]
mod system {
    use super::{ADDRESS, Browser};
    use windows_registry::{CURRENT_USER, Key, LOCAL_MACHINE};

    const CLIENTS: &str = "Software\\Clients\\StartMenuInternet";
    const CHOICE: &str =
        "Software\\Microsoft\\Windows\\Shell\\Associations\\UrlAssociations\\https\\UserChoice";

    pub(super) fn list() -> Vec<Browser> {
        let chosen = CURRENT_USER.open(CHOICE).and_then(|key| key.get_string("ProgId")).unwrap_or_default();
        let mut list: Vec<(bool, Browser)> = Vec::new();
        for root in [CURRENT_USER, LOCAL_MACHINE] {
            let Ok(clients) = root.open(CLIENTS) else { continue };
            let Ok(names) = clients.keys() else { continue };
            for id in names {
                if list.iter().any(|(_, known)| known.id == id) {
                    continue;
                }
                if let Some(found) = clients.open(&id).ok().and_then(|client| browser(&id, &client, &chosen))
                {
                    list.push(found);
                }
            }
        }
        list.sort_by(|a, b| (!a.0, &a.1.name).cmp(&(!b.0, &b.1.name)));
        list.into_iter().map(|(_, browser)| browser).collect()
    }

    fn browser(id: &str, client: &Key, chosen: &str) -> Option<(bool, Browser)> {
        let command = client.open("shell\\open\\command").and_then(|key| key.get_string("")).ok()?;
        // the path alone: what follows it is for a start without an address
        let program = match command.strip_prefix('"') {
            Some(rest) => rest.split('"').next()?.to_owned(),
            None => command.clone(),
        };
        if !std::path::Path::new(&program).is_file() {
            return None;
        }
        let name =
            client.get_string("").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| id.to_owned());
        let kinds = client.open("Capabilities\\URLAssociations").and_then(|key| key.get_string("https"));
        let default = kinds.is_ok_and(|kind| kind == chosen);
        Some((default, Browser { id: id.to_owned(), name, command: vec![program, ADDRESS.to_owned()] }))
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
mod system {
    pub(super) fn list() -> Vec<super::Browser> {
        Vec::new()
    }
}
