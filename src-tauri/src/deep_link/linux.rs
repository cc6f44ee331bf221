//! Our scheme on Linux: a desktop entry of this user, and the default for it.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{ClaimError, desktop_entry};
use mcp_login_ipc::identity;

/// Makes this program the one that opens our scheme, whoever did before.
///
/// # Errors
/// [`ClaimError`].
pub(crate) fn claim() -> Result<(), ClaimError> {
    let place = Place::of_this_user()?;
    place.write_entry()?;
    place.make_default()
}

/// Whether `program`, which opens the scheme, is what our own entry names, and a copy of this program.
pub(super) fn is_former_place(program: &Path) -> bool {
    Place::of_this_user().is_ok_and(|place| place.was_at(program))
}

/// The program that the desktop is to start: the image when we run from one, whose mount is gone with us.
pub(crate) fn own_program() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let image = std::env::var_os("APPIMAGE").map(PathBuf::from).filter(|image| image.is_file());
    let mount = std::env::var_os("APPDIR").map(PathBuf::from);
    Ok(match (image, mount) {
        (Some(image), Some(mount)) if image.is_absolute() && own.starts_with(&mount) => image,
        _ => own,
    })
}

/// The program's path in a form that an `Exec` takes: itself, or a link without a blank that leads to it.
///
/// # Errors
/// When the link cannot be made.
pub(crate) fn plain_path(program: &Path, data_home: &Path) -> Result<String, ClaimError> {
    if let Some(path) = program.to_str().filter(|path| desktop_entry::fits(path)) {
        return Ok(path.to_owned());
    }
    let dir = data_home.join(identity::DIRECTORY_NAME);
    let link = dir.join(identity::DESKTOP_NAME);
    if std::fs::read_link(&link).ok().as_deref() != Some(program) {
        let made = std::fs::create_dir_all(&dir).and_then(|()| {
            // made beside it and renamed: whoever opens the scheme meanwhile finds one or the other
            let beside = dir.join(".mcp-login-desktop.new");
            let _ = std::fs::remove_file(&beside);
            symlink(program, &beside)?;
            std::fs::rename(&beside, &link)
        });
        made.map_err(|error| unwritable(&link, &error))?;
    }
    // With a blank in the home's own path there is no such link; then only desktops that read quotes can start us.
    let path = link.to_string_lossy().into_owned();
    Ok(if desktop_entry::fits(&path) { path } else { format!("\"{path}\"") })
}

/// Where things lie.
#[derive(Debug)]
struct Place {
    data_home: PathBuf,
    config_home: PathBuf,
    program: PathBuf,
}

impl Place {
    fn entry_name() -> String {
        format!("{}-handler.desktop", identity::SCHEME)
    }

    fn entry(&self) -> PathBuf {
        self.data_home.join("applications").join(Self::entry_name())
    }

    fn of_this_user() -> Result<Self, ClaimError> {
        let bases = directories::BaseDirs::new().ok_or(ClaimError::NoHome)?;
        Ok(Self {
            data_home: bases.data_dir().to_owned(),
            config_home: bases.config_dir().to_owned(),
            program: own_program().map_err(|error| unwritable(Path::new("the program"), &error))?,
        })
    }

    fn was_at(&self, program: &Path) -> bool {
        let entry = read(&self.entry()).ok().flatten();
        let Some(named) = entry.as_deref().and_then(desktop_entry::program) else { return false };
        match (std::fs::canonicalize(named), std::fs::canonicalize(program)) {
            (Ok(named), Ok(program)) => named == program && named.file_name() == self.program.file_name(),
            _ => false,
        }
    }

    fn write_entry(&self) -> Result<(), ClaimError> {
        let text = desktop_entry::text(&plain_path(&self.program, &self.data_home)?, identity::SCHEME);
        if read(&self.entry())?.as_deref() == Some(&text) {
            return Ok(());
        }
        write(&self.entry(), &text)?;
        // the cache by which desktops find who else could open it; they do without where there is no such tool
        self.run("update-desktop-database", &[self.data_home.join("applications").as_os_str()]);
        Ok(())
    }

    /// By the desktop's own tool, which knows of lists that we do not; where that is missing or does nothing, in the list
    /// of the specification.
    fn make_default(&self) -> Result<(), ClaimError> {
        let key = format!("x-scheme-handler/{}", identity::SCHEME);
        let name = Self::entry_name();
        self.run("xdg-mime", &["default".as_ref(), name.as_ref(), key.as_ref()]);
        let list = self.config_home.join("mimeapps.list");
        let text = read(&list)?.unwrap_or_default();
        let wanted = desktop_entry::with_default(&text, identity::SCHEME, &name);
        let there = text.lines().any(|line| {
            line.split_once('=').is_some_and(|(left, right)| {
                left.trim() == key && right.split(';').next().is_some_and(|first| first.trim() == name)
            })
        });
        if there { Ok(()) } else { write(&list, &wanted) }
    }
}

impl Place {
    /// A tool of the desktop, if it is there; what it says is nobody's.
    fn run(&self, program: &str, arguments: &[&std::ffi::OsStr]) {
        let mut command = Command::new(program);
        command.env("XDG_DATA_HOME", &self.data_home).env("XDG_CONFIG_HOME", &self.config_home);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = command.status();
    }
}

/// No association list or desktop entry of a person comes near this.
const MAX_FILE: u64 = 4 * 1024 * 1024;

fn read(path: &Path) -> Result<Option<String>, ClaimError> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() > MAX_FILE => Err(unwritable(path, &io::ErrorKind::FileTooLarge.into())),
        Ok(_) => std::fs::read_to_string(path).map(Some).map_err(|error| unwritable(path, &error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unwritable(path, &error)),
    }
}

/// Written beside and renamed. A list that is a link stays one: people keep such files elsewhere.
fn write(path: &Path, text: &str) -> Result<(), ClaimError> {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let written = || -> io::Result<()> {
        let dir = real.parent().ok_or(io::ErrorKind::InvalidInput)?;
        std::fs::create_dir_all(dir)?;
        let name = real.file_name().unwrap_or_default().to_string_lossy();
        let beside = dir.join(format!(".{name}.{}", std::process::id()));
        std::fs::write(&beside, text)?;
        std::fs::rename(&beside, &real)
    };
    written().map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> ClaimError {
    ClaimError::Unwritable { what: path.display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn place(program: &str) -> (tempfile::TempDir, Place) {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join(program);
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, "").unwrap();
        let place =
            Place { data_home: dir.path().join("data"), config_home: dir.path().join("config"), program };
        (dir, place)
    }

    #[test]
    fn a_blank_in_the_path_becomes_a_link() {
        let (_dir, place) = place("my programs/mcp-login-desktop");
        place.write_entry().unwrap();
        let entry = read(&place.entry()).unwrap().unwrap();
        let link = desktop_entry::program(&entry).unwrap();
        assert!(desktop_entry::fits(link), "{link}");
        assert_eq!(std::fs::read_link(link).unwrap(), place.program);
        place.write_entry().unwrap();
    }

    #[test]
    fn a_copy_that_moved_is_known_and_another_program_is_left() {
        let (dir, place) = place("bin/mcp-login-desktop");
        let put = |name: &str| {
            let program = dir.path().join(name);
            std::fs::create_dir_all(program.parent().unwrap()).unwrap();
            std::fs::write(&program, "").unwrap();
            program
        };
        let (copy, other) = (put("old/mcp-login-desktop"), put("old/other"));
        assert!(!place.was_at(&copy), "there is no entry of ours");
        let name = |program: &Path| {
            write(&place.entry(), &desktop_entry::text(program.to_str().unwrap(), identity::SCHEME)).unwrap();
        };
        name(&copy);
        assert!(place.was_at(&copy));
        assert!(!place.was_at(&other), "another entry is the default");
        name(&other);
        assert!(!place.was_at(&other), "somebody wrote into our entry");
    }

    #[test]
    fn the_scheme_is_taken_whole() {
        let (_dir, place) = place("bin/mcp-login-desktop");
        write(&place.config_home.join("mimeapps.list"), "[Added Associations]\na/b=c.desktop;\n").unwrap();
        place.write_entry().unwrap();
        place.make_default().unwrap();
        let list = read(&place.config_home.join("mimeapps.list")).unwrap().unwrap();
        let line = format!("x-scheme-handler/{}={}", identity::SCHEME, Place::entry_name());
        assert!(list.contains("a/b=c.desktop;") && list.lines().any(|have| have == line), "{list}");
    }

    #[test]
    fn a_list_that_is_a_link_stays_one() {
        let (dir, _) = place("x");
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        std::fs::write(&real, "a").unwrap();
        symlink(&real, &link).unwrap();
        write(&link, "b").unwrap();
        assert_eq!(std::fs::read_link(&link).unwrap(), real);
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "b");
    }
}
