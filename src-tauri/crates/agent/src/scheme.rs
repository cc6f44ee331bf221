//! Whether this user's system hands our custom scheme to our desktop app.
//!
//! Problem: a redirect to a scheme that nobody opens leaves a person before a blank tab, and any program may claim a
//! scheme (RFC 8252 §8.6). Invariant: `auto` chooses the scheme only when the system, asked without a shell, names a
//! program that lies beside this agent (or is the image that it runs from). Everything else counts as "not ours", and the
//! loopback is used.

use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
pub(crate) mod xdg;

#[cfg(target_os = "macos")]
mod launch_services;

#[cfg(windows)]
mod shell;

/// Who opens the scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opener {
    /// Our desktop app: installed with this agent.
    Ours(PathBuf),
    /// Another program has it.
    Foreign(PathBuf),
    /// Nobody.
    None,
}

/// Asks the system who opens `scheme`. Reads a few small files; not for the hot path.
#[must_use]
pub fn opener(scheme: &str) -> Opener {
    let program = {
        #[cfg(target_os = "linux")]
        {
            xdg::program(scheme, &xdg::Bases::of_this_user())
        }
        #[cfg(target_os = "macos")]
        {
            launch_services::program(scheme)
        }
        #[cfg(windows)]
        {
            shell::program(scheme)
        }
        #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
        {
            None::<PathBuf>
        }
    };
    let here = std::env::current_exe().ok();
    let image = std::env::var_os("APPIMAGE").map(PathBuf::from);
    judge(program, here.as_deref(), image.as_deref())
}

/// Ours is what lies in the directory (on macOS: the bundle) that this agent was installed in, or the image file that
/// it was mounted from.
fn judge(program: Option<PathBuf>, agent: Option<&Path>, image: Option<&Path>) -> Opener {
    let Some(program) = program else { return Opener::None };
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let found = real(&program);
    let beside = agent.is_some_and(|agent| {
        let agent = real(agent);
        // On macOS the system names the bundle directory, which has the agent somewhere inside.
        agent.parent().is_some_and(|dir| found.parent() == Some(dir))
            || found.is_dir() && agent.starts_with(&found)
    });
    if beside || image.is_some_and(|image| real(image) == found) {
        Opener::Ours(program)
    } else {
        Opener::Foreign(program)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ours_is_beside_the_agent_or_its_image() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, b"x").unwrap();
            path
        };
        let agent = at("bin/mcp-login-agent");
        let app = at("bin/mcp-login-desktop");
        let other = at("elsewhere/mcp-login-desktop");
        assert_eq!(judge(Some(app.clone()), Some(&agent), None), Opener::Ours(app));
        assert_eq!(judge(Some(other.clone()), Some(&agent), None), Opener::Foreign(other.clone()));
        assert_eq!(judge(Some(other.clone()), Some(&agent), Some(&other)), Opener::Ours(other));
        assert_eq!(judge(None, Some(&agent), None), Opener::None);
        let bundled = at("MCP Login.app/Contents/MacOS/mcp-login-agent");
        let bundle = dir.path().join("MCP Login.app");
        assert_eq!(judge(Some(bundle.clone()), Some(&bundled), None), Opener::Ours(bundle));
    }
}
