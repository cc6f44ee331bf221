//! Sockets by user id.

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::{Distrust, PathError};
use crate::identity::DIRECTORY_NAME;

/// The socket's file.
const FILE_NAME: &str = "agent.sock";
/// Bytes of a socket address's path, its closing zero included (`sun_path`): 108 on Linux, 104 on macOS and the BSDs.
const SUN_PATH: usize = if cfg!(target_os = "linux") { 108 } else { 104 };

pub(super) fn own_socket() -> Result<PathBuf, PathError> {
    #[cfg(target_os = "linux")]
    {
        let uid = rustix::process::geteuid().as_raw();
        let runtime = PathBuf::from(format!("/run/user/{uid}"));
        if std::fs::symlink_metadata(&runtime).is_ok_and(|meta| distrust(&meta).is_none()) {
            return Ok(runtime.join(DIRECTORY_NAME).join(FILE_NAME));
        }
    }
    let under_home = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
    fits(home()?.join(under_home).join(DIRECTORY_NAME).join("run").join(FILE_NAME))
}

pub(super) fn socket_under(home: &Path) -> Result<PathBuf, PathError> {
    fits(home.join("run").join(FILE_NAME))
}

fn fits(path: PathBuf) -> Result<PathBuf, PathError> {
    if path.as_os_str().len() < SUN_PATH { Ok(path) } else { Err(PathError::TooLong { path }) }
}

/// `HOME` when it is an absolute directory of ours, else the password database's.
fn home() -> Result<PathBuf, PathError> {
    let own = |path: &Path| {
        path.is_absolute()
            && std::fs::metadata(path)
                .is_ok_and(|meta| meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw())
    };
    if let Some(home) = std::env::var_os("HOME").map(PathBuf::from).filter(|home| own(home)) {
        return Ok(home);
    }
    passwd_home().filter(|home| home.is_absolute()).ok_or(PathError::NoHome)
}

/// The home directory of the password database.
#[allow(unsafe_code)]
fn passwd_home() -> Option<PathBuf> {
    // 16 KiB: what sysconf(_SC_GETPW_R_SIZE_MAX) says is 1 KiB on Linux and 4 KiB on macOS
    let mut buffer = vec![0u8; 16 * 1024];
    let mut result = std::ptr::null_mut();
    // SAFETY: zero is a valid value of every field of this plain C struct.
    let mut entry: libc::passwd = unsafe { std::mem::zeroed() };
    // SAFETY: all pointers live through the call, and the length is the buffer's.
    let status = unsafe {
        libc::getpwuid_r(
            rustix::process::geteuid().as_raw(),
            &mut entry,
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            &mut result,
        )
    };
    if status != 0 || result.is_null() || entry.pw_dir.is_null() {
        return None;
    }
    // SAFETY: on success pw_dir points to a string with a closing zero inside `buffer`, which still lives.
    let dir = unsafe { std::ffi::CStr::from_ptr(entry.pw_dir) };
    Some(PathBuf::from(std::ffi::OsString::from_vec(dir.to_bytes().to_vec())))
        .filter(|p| !p.as_os_str().as_bytes().is_empty())
}

fn distrust(meta: &Metadata) -> Option<Distrust> {
    if meta.file_type().is_symlink() {
        Some(Distrust::Link)
    } else if !meta.is_dir() {
        Some(Distrust::NotADirectory)
    } else if meta.uid() != rustix::process::geteuid().as_raw() {
        Some(Distrust::Owner)
    } else if meta.mode() & 0o077 != 0 {
        Some(Distrust::Mode)
    } else {
        None
    }
}

/// Checks the socket's directory: ours, 0700, no link. A client does this before it connects.
///
/// # Errors
/// [`PathError::Unsafe`]; [`PathError::Io`] with `NotFound` when there is none yet.
pub fn check_run_dir(socket: &Path) -> Result<(), PathError> {
    let dir = socket.parent().unwrap_or(Path::new("/"));
    let meta =
        std::fs::symlink_metadata(dir).map_err(|source| PathError::Io { path: dir.to_owned(), source })?;
    match distrust(&meta) {
        None => Ok(()),
        Some(reason) => Err(PathError::Unsafe { path: dir.to_owned(), reason }),
    }
}

/// Makes the socket's directory (0700) when it is missing, and checks it. A directory that is already there is never
/// changed: whoever made it otherwise may hold files open in it.
///
/// # Errors
/// [`PathError`].
pub fn make_run_dir(socket: &Path) -> Result<(), PathError> {
    let dir = socket.parent().unwrap_or(Path::new("/"));
    let io = |source| PathError::Io { path: dir.to_owned(), source };
    if let Some(above) = dir.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(above).map_err(io)?;
    }
    match DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(error)),
    }
    check_run_dir(socket)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn refused(socket: &Path) -> Distrust {
        match check_run_dir(socket) {
            Err(PathError::Unsafe { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn made_private_whatever_the_umask() {
        let dir = tempfile::tempdir().unwrap();
        let socket = socket_under(dir.path()).unwrap();
        make_run_dir(&socket).unwrap();
        make_run_dir(&socket).unwrap();
        let mode = std::fs::metadata(socket.parent().unwrap()).unwrap().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn open_directory_and_links_are_refused_and_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let socket = socket_under(dir.path()).unwrap();
        let run = socket.parent().unwrap();
        std::fs::create_dir(run).unwrap();
        for mode in [0o755, 0o710, 0o701] {
            std::fs::set_permissions(run, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(refused(&socket), Distrust::Mode);
            assert!(make_run_dir(&socket).is_err());
            assert_eq!(std::fs::metadata(run).unwrap().mode() & 0o777, mode);
        }
        std::fs::remove_dir(run).unwrap();
        let real = dir.path().join("real");
        std::fs::create_dir(&real).unwrap();
        std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o700)).unwrap();
        symlink(&real, run).unwrap();
        assert_eq!(refused(&socket), Distrust::Link);
        assert!(make_run_dir(&socket).is_err());
        std::fs::remove_file(run).unwrap();
        std::fs::write(run, b"").unwrap();
        assert_eq!(refused(&socket), Distrust::NotADirectory);
    }

    #[test]
    fn another_users_directory_is_refused() {
        // only root can make one
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let socket = socket_under(dir.path()).unwrap();
        make_run_dir(&socket).unwrap();
        std::os::unix::fs::chown(socket.parent().unwrap(), Some(65_534), None).unwrap();
        assert_eq!(refused(&socket), Distrust::Owner);
    }

    #[test]
    fn a_path_that_does_not_fit_is_refused() {
        let long = PathBuf::from("/").join("x".repeat(120));
        assert!(matches!(socket_under(&long), Err(PathError::TooLong { .. })));
    }

    #[test]
    fn passwd_knows_us() {
        assert!(passwd_home().is_some());
    }
}
