//! A link in `/usr/local/bin`, which every shell searches, or where that is not ours to write in `~/.local/bin`.

use super::{Done, Trouble};
use mcp_login_ipc::identity::COMMAND_NAME;
use std::path::{Path, PathBuf};

const SYSTEM_WIDE: &str = "/usr/local/bin";

pub(super) fn add(program: &Path) -> Result<Done, Trouble> {
    add_in(program, &places(), &search_path())
}

pub(super) fn remove(program: &Path) -> Result<Done, Trouble> {
    remove_in(program, &places())
}

fn places() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    std::iter::once(SYSTEM_WIDE.into()).chain(home.map(|home| home.join(".local/bin"))).collect()
}

fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// In the first place that can be written; the last one is the person's own and is made.
fn add_in(program: &Path, places: &[PathBuf], searched: &[PathBuf]) -> Result<Done, Trouble> {
    let found = searched.iter().map(|dir| dir.join(COMMAND_NAME)).find(|file| file.exists());
    if let Some(found) = found {
        return match same(&found, program) {
            true => Ok(Done { place: Some(found), changed: false, hint: None }),
            // a link of ours to where the app was is put right below
            false if is_former(&found) => relink(&found, program),
            false => Err(Trouble::Another(found)),
        };
    }
    let Some((own, shared)) = places.split_last() else { return Err(Trouble::NoHome) };
    for dir in shared.iter().filter(|dir| dir.is_dir()) {
        if let Ok(done) = relink(&dir.join(COMMAND_NAME), program) {
            return Ok(done);
        }
    }
    std::fs::create_dir_all(own).map_err(|why| unwritable(own, &why))?;
    let mut done = relink(&own.join(COMMAND_NAME), program)?;
    if !searched.contains(own) {
        let profile = if cfg!(target_os = "macos") { "~/.zprofile" } else { "~/.profile" };
        done.hint = Some(format!(
            "Your shell does not search {}: add  export PATH=\"$HOME/.local/bin:$PATH\"  to {profile}.",
            own.display()
        ));
    }
    Ok(done)
}

fn remove_in(program: &Path, places: &[PathBuf]) -> Result<Done, Trouble> {
    let mut done = Done { place: None, changed: false, hint: None };
    for link in places.iter().map(|dir| dir.join(COMMAND_NAME)) {
        let Ok(target) = std::fs::read_link(&link) else { continue };
        if target == program || same(&link, program) {
            std::fs::remove_file(&link).map_err(|why| unwritable(&link, &why))?;
            done = Done { place: Some(link), changed: true, hint: None };
        }
    }
    Ok(done)
}

/// Makes the link, in place of one of ours that leads elsewhere. Never over anything else.
fn relink(link: &Path, program: &Path) -> Result<Done, Trouble> {
    match std::fs::symlink_metadata(link) {
        Ok(_) if same(link, program) => {
            return Ok(Done { place: Some(link.to_owned()), changed: false, hint: None });
        }
        Ok(_) if is_former(link) => std::fs::remove_file(link).map_err(|why| unwritable(link, &why))?,
        Ok(_) => return Err(Trouble::Another(link.to_owned())),
        Err(_) => {}
    }
    std::os::unix::fs::symlink(program, link).map_err(|why| unwritable(link, &why))?;
    Ok(Done { place: Some(link.to_owned()), changed: true, hint: None })
}

/// A link to a program of our name inside an app, or to nothing any more.
fn is_former(link: &Path) -> bool {
    std::fs::read_link(link).is_ok_and(|target| {
        target.file_name().is_some_and(|name| name == COMMAND_NAME)
            && (!target.exists() || target.components().any(|part| part.as_os_str() == "Contents"))
    })
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

fn unwritable(what: &Path, why: &std::io::Error) -> Trouble {
    Trouble::Unwritable { what: what.display().to_string(), why: why.to_string() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    struct Place {
        dir: tempfile::TempDir,
        program: PathBuf,
        places: Vec<PathBuf>,
    }

    fn place() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("MCP Login.app/Contents/MacOS/mcp-login");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, "").unwrap();
        let places = vec![dir.path().join("shared"), dir.path().join("home/.local/bin")];
        Place { dir, program, places }
    }

    #[test]
    fn the_shared_place_first_and_no_trace_after() {
        let Place { dir: _dir, program, places } = place();
        fs::create_dir(&places[0]).unwrap();
        let done = add_in(&program, &places, &places).unwrap();
        assert_eq!(done, Done { place: Some(places[0].join("mcp-login")), changed: true, hint: None });
        assert!(same(&places[0].join("mcp-login"), &program));
        assert!(!add_in(&program, &places, &places).unwrap().changed);
        assert!(remove_in(&program, &places).unwrap().changed);
        assert_eq!(fs::read_dir(&places[0]).unwrap().count(), 0);
        assert!(!remove_in(&program, &places).unwrap().changed);
    }

    #[test]
    fn the_own_place_is_made_and_a_shell_that_does_not_search_it_is_told() {
        let Place { dir: _dir, program, places } = place();
        let done = add_in(&program, &places, &[]).unwrap();
        assert_eq!(done.place, Some(places[1].join("mcp-login")));
        assert!(done.hint.unwrap().contains("export PATH"));
    }

    #[test]
    fn an_app_that_moved_is_followed_and_a_stranger_left_alone() {
        let Place { dir, program, places } = place();
        fs::create_dir(&places[0]).unwrap();
        let link = places[0].join("mcp-login");
        std::os::unix::fs::symlink(dir.path().join("gone/mcp-login"), &link).unwrap();
        assert!(add_in(&program, &places, &places).unwrap().changed);
        assert!(same(&link, &program));
        fs::remove_file(&link).unwrap();
        fs::write(&link, "a stranger").unwrap();
        assert!(matches!(add_in(&program, &places, &places), Err(Trouble::Another(_))));
        assert!(!remove_in(&program, &places).unwrap().changed);
        assert_eq!(fs::read_to_string(&link).unwrap(), "a stranger");
    }
}
