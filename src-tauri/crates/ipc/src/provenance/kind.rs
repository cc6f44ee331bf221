//! What kind of program an executable is, by its name.
//!
//! A name proves nothing: a program that calls itself `bash` is passed over, and then whoever started it has to be
//! approved, which is no gain for it.

use std::path::Path;

use super::Kind;

/// Shells, and programs whose only work is to run another one: approving `timeout` would approve everything.
const SHELLS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "ash",
    "zsh",
    "fish",
    "ksh",
    "ksh93",
    "mksh",
    "oksh",
    "yash",
    "tcsh",
    "csh",
    "nu",
    "elvish",
    "rc",
    "busybox",
    "toybox",
    "pwsh",
    "powershell",
    "cmd",
    "conhost",
    "env",
    "timeout",
    "gtimeout",
    "xargs",
    "find",
    "parallel",
    "watch",
    "nice",
    "nohup",
    "setsid",
    "flock",
    "script",
    "expect",
    "strace",
    "ltrace",
    "time",
    "make",
    "gmake",
    "ninja",
    "just",
    "uv",
    "uvx",
    "npm",
    "npx",
    "pnpm",
    "yarn",
    "volta",
    "volta-shim",
    "mise",
    "asdf",
    "direnv",
    "doas",
    "sudo",
    "su",
    "runuser",
    "setpriv",
    "systemd-run",
    "bwrap",
    "firejail",
    "flatpak-spawn",
    "coreutils",
    "wine",
    "wine64",
    "start",
];
/// Programs that run scripts.
const INTERPRETERS: &[&str] = &[
    "python",
    "pythonw",
    "py",
    "pypy",
    "node",
    "nodejs",
    "deno",
    "bun",
    "ruby",
    "irb",
    "perl",
    "php",
    "lua",
    "luajit",
    "tclsh",
    "wish",
    "java",
    "javaw",
    "dotnet",
    "mono",
    "r",
    "rscript",
    "osascript",
    "wscript",
    "cscript",
    "mshta",
    "guile",
    "julia",
    "elixir",
    "erl",
    "beam.smp",
    "racket",
    "sbcl",
    "awk",
    "gawk",
    "mawk",
    "qemu-x86_64",
    "tsx",
    "rundll32",
];
/// Programs that start everything in a session.
const SESSIONS: &[&str] = &[
    "systemd",
    "init",
    "launchd",
    "openrc",
    "runit",
    "s6-svscan",
    "sshd",
    "sshd-session",
    "sshd-auth",
    "login",
    "gnome-shell",
    "gnome-session-binary",
    "plasmashell",
    "ksmserver",
    "kwin_wayland",
    "xfce4-session",
    "sway",
    "hyprland",
    "explorer",
    "winlogon",
    "userinit",
    "services",
    "svchost",
    "finder",
    "dock",
    "loginwindow",
    "containerd-shim",
    "containerd-shim-runc-v2",
    "conmon",
    "tini",
    "dumb-init",
    "catatonit",
    "cron",
    "crond",
    "wineserver",
    "winedevice",
];

pub(super) fn of(program: &Path) -> Kind {
    let name =
        program.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    // python3.13, lua5.4, ruby3.2, php8.3, tclsh8.6
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let listed = |list: &[&str]| list.contains(&name) || (!plain.is_empty() && list.contains(&plain));
    if listed(SESSIONS) {
        Kind::Session
    } else if listed(SHELLS) {
        Kind::Shell
    } else if listed(INTERPRETERS) {
        Kind::Interpreter
    } else {
        Kind::Program
    }
}

/// The script in the arguments of an interpreter or shell: the first that is no option. `-c`, `-e` and `-m` bring their
/// own code or module: no script.
pub(super) fn script<'a>(mut arguments: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    arguments.next()?;
    for argument in arguments {
        match argument {
            "-c" | "-e" | "-m" | "-p" | "--eval" | "--print" | "-" | "-jar" | "/c" | "/C" | "-Command" => {
                return None;
            }
            "run" => {} // deno run, bun run
            option if option.starts_with('-') => {}
            script => return Some(script),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_do_not_hide_an_interpreter() {
        for name in ["/usr/bin/python3.13", "python3", "PYTHON.EXE", "/opt/node", "lua5.4", "ruby3.2"] {
            assert_eq!(of(Path::new(name)), Kind::Interpreter, "{name}");
        }
        for name in ["/bin/bash", "sh", "C:/x/PowerShell.exe", "zsh-5.9"] {
            assert_eq!(of(Path::new(name)), Kind::Shell, "{name}");
        }
        assert_eq!(of(Path::new("/usr/lib/systemd/systemd")), Kind::Session);
        for name in ["/usr/bin/code", "claude", "/x/pythonista", "", "7"] {
            assert_eq!(of(Path::new(name)), Kind::Program, "{name}");
        }
    }

    #[test]
    fn scripts_are_found() {
        let found = |line: &'static str| script(line.split(' '));
        assert_eq!(found("python3 -u server.py --port 1"), Some("server.py"));
        assert_eq!(found("python3 -m http.server"), None);
        assert_eq!(found("sh -c ls"), None);
        assert_eq!(found("bash"), None);
        assert_eq!(found("deno run --allow-net a.ts"), Some("a.ts"));
    }
}
