//! The scheme's default program by the freedesktop rules: "Association between MIME types and applications" 1.0 and the
//! Desktop Entry Specification, read from the files themselves.

use std::path::{Path, PathBuf};

/// No association list or desktop entry of a person comes near this.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// The directories and the desktop's name that the rules start from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bases {
    /// `XDG_CONFIG_HOME`, then `XDG_CONFIG_DIRS`.
    pub(crate) config: Vec<PathBuf>,
    /// `XDG_DATA_HOME`, then `XDG_DATA_DIRS`.
    pub(crate) data: Vec<PathBuf>,
    /// `XDG_CURRENT_DESKTOP`, lower case.
    pub(crate) desktops: Vec<String>,
    /// `PATH`, for an `Exec` that names no directory.
    pub(crate) path: Vec<PathBuf>,
}

impl Bases {
    /// From the environment, with the specification's defaults.
    pub(crate) fn of_this_user() -> Self {
        let var = |name: &str| std::env::var(name).ok().filter(|v| !v.is_empty());
        let list = |name: &str, default: &str| -> Vec<PathBuf> {
            let value = var(name).unwrap_or_else(|| default.to_owned());
            std::env::split_paths(&value).filter(|p| p.is_absolute()).collect()
        };
        let home = directories::BaseDirs::new();
        let mut config: Vec<PathBuf> = home.iter().map(|h| h.config_dir().to_owned()).collect();
        config.extend(list("XDG_CONFIG_DIRS", "/etc/xdg"));
        let mut data: Vec<PathBuf> = home.iter().map(|h| h.data_dir().to_owned()).collect();
        data.extend(list("XDG_DATA_DIRS", "/usr/local/share:/usr/share"));
        let desktops = var("XDG_CURRENT_DESKTOP").unwrap_or_default();
        Self {
            config,
            data,
            desktops: desktops.split(':').filter(|d| !d.is_empty()).map(str::to_lowercase).collect(),
            path: list("PATH", "/usr/local/bin:/usr/bin:/bin"),
        }
    }

    /// The association lists, the weightiest first.
    fn lists(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let applications = self.data.iter().map(|d| d.join("applications"));
        self.config.iter().cloned().chain(applications).flat_map(|dir| {
            let own = self
                .desktops
                .iter()
                .map(|d| format!("{d}-mimeapps.list"))
                .chain(["mimeapps.list".to_owned()]);
            own.map(|name| dir.join(name)).collect::<Vec<_>>()
        })
    }

    /// The file of a desktop entry id: a dash may stand for a directory.
    fn entry(&self, id: &str) -> Option<PathBuf> {
        if id.contains('/') || !id.ends_with(".desktop") {
            return None;
        }
        self.data.iter().map(|d| d.join("applications")).find_map(|dir| {
            let plain = dir.join(id);
            let nested = || dir.join(id.replacen('-', "/", 1));
            if plain.is_file() { Some(plain) } else { Some(nested()).filter(|p| p.is_file()) }
        })
    }
}

/// The program that the system starts for `scheme`.
pub(crate) fn program(scheme: &str, bases: &Bases) -> Option<PathBuf> {
    let key = format!("x-scheme-handler/{scheme}");
    let lists: Vec<String> = bases.lists().filter_map(|p| read(&p)).collect();
    let named =
        |group: &str| -> Vec<String> { lists.iter().flat_map(|text| values(text, group, &key)).collect() };
    let removed = named("Removed Associations");
    let cached = || -> Vec<String> {
        let caches = bases.data.iter().map(|d| d.join("applications/mimeinfo.cache"));
        caches.filter_map(|p| read(&p)).flat_map(|text| values(&text, "MIME Cache", &key)).collect()
    };
    let chosen = named("Default Applications").into_iter();
    let offered = named("Added Associations").into_iter().chain(cached()).filter(|id| !removed.contains(id));
    // The first one that is installed wins; a stale default is passed over, as the specification says.
    chosen.chain(offered).find_map(|id| exec_of(&read(&bases.entry(&id)?)?, bases))
}

/// The program of a desktop entry: `TryExec` must exist when it is there, `Exec` is split by the quoting rules.
fn exec_of(entry: &str, bases: &Bases) -> Option<PathBuf> {
    let one = |key: &str| value(entry, "Desktop Entry", key);
    if one("Hidden").is_some_and(|v| v.trim() == "true") {
        return None;
    }
    if let Some(wanted) = one("TryExec") {
        find(Path::new(wanted.trim()), bases)?;
    }
    let program = first_argument(&one("Exec")?)?;
    find(Path::new(&program), bases)
}

fn find(program: &Path, bases: &Bases) -> Option<PathBuf> {
    if program.is_absolute() {
        return program.is_file().then(|| program.to_owned());
    }
    let mut parts = program.components();
    parts.next()?;
    if parts.next().is_some() {
        return None;
    }
    bases.path.iter().map(|dir| dir.join(program)).find(|p| p.is_file())
}

/// The first argument of an `Exec` line: in double quotes a backslash escapes `"`, `` ` ``, `$` and itself; the string
/// value itself has escaped backslashes once more.
fn first_argument(exec: &str) -> Option<String> {
    let exec = exec.replace("\\\\", "\\");
    let mut chars = exec.trim_start().chars();
    let mut word = String::new();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => word.push(chars.next()?),
            c if c.is_whitespace() && !quoted => break,
            c => word.push(c),
        }
    }
    (!quoted && !word.is_empty()).then_some(word)
}

/// A `;` list under `key` in `[group]`.
fn values(text: &str, group: &str, key: &str) -> Vec<String> {
    let list = value(text, group, key).unwrap_or_default();
    list.split(';').map(str::trim).filter(|v| !v.is_empty()).map(str::to_owned).collect()
}

fn value(text: &str, group: &str, key: &str) -> Option<String> {
    let mut here = false;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            here = name == group;
        } else if here
            && !line.starts_with('#')
            && let Some((name, value)) = line.split_once('=')
            && name.trim() == key
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

fn read(path: &Path) -> Option<String> {
    let meta = std::fs::metadata(path).ok()?;
    (meta.is_file() && meta.len() <= MAX_FILE).then(|| std::fs::read_to_string(path).ok()).flatten()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    struct Home {
        dir: tempfile::TempDir,
        bases: Bases,
    }

    fn home() -> Home {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let bases = Bases {
            config: vec![at("config"), at("etc")],
            data: vec![at("data"), at("usr")],
            desktops: vec!["gnome".into()],
            path: vec![at("bin")],
        };
        Home { dir, bases }
    }

    impl Home {
        fn put(&self, name: &str, text: &str) -> PathBuf {
            let path = self.dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        }

        fn app(&self, id: &str) -> PathBuf {
            let program = self.put(&format!("opt/with space/{id}"), "");
            self.put(
                &format!("data/applications/{id}.desktop"),
                &format!(
                    "[Desktop Entry]\nType=Application\nExec=\"{}\" %u\n[Other]\nExec=x\n",
                    program.display()
                ),
            );
            program
        }
    }

    const KEY: &str = "x-scheme-handler/io.github.mcp-login";

    #[test]
    fn the_default_wins_and_a_stale_one_is_passed_over() {
        let home = home();
        assert_eq!(program("io.github.mcp-login", &home.bases), None);
        let one = home.app("one");
        let two = home.app("two");
        home.put("data/applications/mimeinfo.cache", &format!("[MIME Cache]\n{KEY}=one.desktop;\n"));
        assert_eq!(program("io.github.mcp-login", &home.bases), Some(one.clone()));
        home.put(
            "config/mimeapps.list",
            &format!("[Default Applications]\n{KEY}=gone.desktop;two.desktop;\n"),
        );
        assert_eq!(program("io.github.mcp-login", &home.bases), Some(two));
        home.put("config/gnome-mimeapps.list", &format!("[Default Applications]\n{KEY} = one.desktop\n"));
        assert_eq!(program("io.github.mcp-login", &home.bases), Some(one));
    }

    #[test]
    fn removed_associations_and_missing_programs_do_not_count() {
        let home = home();
        let one = home.app("one");
        home.put("data/applications/mimeinfo.cache", &format!("[MIME Cache]\n{KEY}=one.desktop;\n"));
        home.put("config/mimeapps.list", &format!("[Removed Associations]\n{KEY}=one.desktop;\n"));
        assert_eq!(program("io.github.mcp-login", &home.bases), None);
        home.put("config/mimeapps.list", &format!("[Default Applications]\n{KEY}=one.desktop;\n"));
        std::fs::remove_file(one).unwrap();
        assert_eq!(program("io.github.mcp-login", &home.bases), None);
    }

    #[test]
    fn ids_do_not_lead_out_of_the_directory() {
        let home = home();
        home.put("data/evil.desktop", "[Desktop Entry]\nExec=/bin/sh\n");
        home.put("config/mimeapps.list", &format!("[Default Applications]\n{KEY}=../evil.desktop\n"));
        assert_eq!(program("io.github.mcp-login", &home.bases), None);
    }

    #[test]
    fn exec_quoting() {
        for (exec, wanted) in [
            ("/usr/bin/app %u", Some("/usr/bin/app")),
            (r#""/opt/a b/app" %u"#, Some("/opt/a b/app")),
            (r#""/opt/a\\"b" %u"#, Some("/opt/a\"b")),
            (r#""/opt/a"#, None),
            ("", None),
        ] {
            assert_eq!(first_argument(exec).as_deref(), wanted, "{exec}");
        }
    }
}
