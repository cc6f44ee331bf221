//! The text of a desktop entry and of an association list (Desktop Entry Specification 1.5, "Association between MIME
//! types and applications" 1.0).
//!
//! Problem: `xdg-open` without a desktop cannot read a quoted `Exec`, and `gio` passes no address where `%u` is missing.
//! Invariant: the program's path goes in unquoted or not at all; of a list that is a person's, one line changes.

/// A character that an `Exec` may hold outside quotes, and that no shell and no field code reads.
fn plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/._+-,:@".contains(&byte)
}

/// Whether a path can stand in an `Exec` as it is.
pub(super) fn fits(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(plain)
}

/// An entry that opens `scheme` with `program`, which [`fits`].
pub(super) fn text(program: &str, scheme: &str) -> String {
    format!(
        "[Desktop Entry]\n\
         Type=Application\n\
         Name=MCP Login\n\
         Comment=Finishes a sign-in that began in the browser\n\
         Exec={program} %u\n\
         MimeType=x-scheme-handler/{scheme};\n\
         NoDisplay=true\n\
         Terminal=false\n\
         StartupNotify=false\n"
    )
}

/// An entry that starts `program` at login.
pub(crate) fn autostart(program: &str) -> String {
    format!(
        "[Desktop Entry]\n\
         Type=Application\n\
         Name=MCP Login\n\
         Exec={program} --background\n\
         Terminal=false\n\
         StartupNotify=false\n"
    )
}

/// The program of an entry that was written here.
pub(super) fn program(entry: &str) -> Option<&str> {
    entry.lines().find_map(|line| line.strip_prefix("Exec="))?.split(' ').next()
}

/// The list with `entry` as the default for `scheme`: that line is set or added, and everything else stays as it is,
/// comments and order included.
pub(super) fn with_default(list: &str, scheme: &str, entry: &str) -> String {
    const GROUP: &str = "[Default Applications]";
    let key = format!("x-scheme-handler/{scheme}");
    let line = format!("{key}={entry}");
    let mut lines: Vec<String> = list.lines().map(str::to_owned).collect();
    let (mut group, mut here) = (None, false);
    for (at, text) in lines.iter_mut().enumerate() {
        let trimmed = text.trim();
        if trimmed.starts_with('[') {
            here = trimmed == GROUP;
            if here && group.is_none() {
                group = Some(at);
            }
        } else if here && trimmed.split_once('=').is_some_and(|(name, _)| name.trim() == key) {
            *text = line;
            return finish(lines);
        }
    }
    match group {
        Some(at) => lines.insert(at + 1, line),
        None => {
            if lines.last().is_some_and(|last| !last.is_empty()) {
                lines.push(String::new());
            }
            lines.extend([GROUP.to_owned(), line]);
        }
    }
    finish(lines)
}

fn finish(lines: Vec<String>) -> String {
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_unquoted_and_the_address_is_passed() {
        let entry = text("/opt/mcp-login/mcp-login-desktop", "a.b");
        assert!(entry.contains("\nExec=/opt/mcp-login/mcp-login-desktop %u\n"), "{entry}");
        assert!(entry.contains("\nMimeType=x-scheme-handler/a.b;\n"), "{entry}");
        assert_eq!(program(&entry), Some("/opt/mcp-login/mcp-login-desktop"));
        for bad in ["/home/ada/my programs/x", "/x\"y", "/100%/x", "relative/x", "/a;b", "/a$b", "/ä", ""] {
            assert!(!fits(bad), "{bad}");
        }
        assert!(fits("/usr/lib/x86_64-linux-gnu/mcp_login@2/a+b,c:d"));
    }

    #[test]
    fn one_line_of_a_persons_list_changes() {
        let set = |list: &str| with_default(list, "a.b", "ours.desktop");
        let ours = "x-scheme-handler/a.b=ours.desktop";
        assert_eq!(set(""), format!("[Default Applications]\n{ours}\n"));
        assert_eq!(
            set("# mine\n[Added Associations]\nx-scheme-handler/a.b=x.desktop;\n"),
            format!(
                "# mine\n[Added Associations]\nx-scheme-handler/a.b=x.desktop;\n\n[Default Applications]\n{ours}\n"
            )
        );
        assert_eq!(
            set("[Default Applications]\ntext/html=web.desktop\n\n[Removed Associations]\na/b=c.desktop\n"),
            format!(
                "[Default Applications]\n{ours}\ntext/html=web.desktop\n\n[Removed Associations]\na/b=c.desktop\n"
            )
        );
        assert_eq!(
            set(
                "[Default Applications]\nx-scheme-handler/a.b = other.desktop;\nx-scheme-handler/a=z.desktop\n"
            ),
            format!("[Default Applications]\n{ours}\nx-scheme-handler/a=z.desktop\n")
        );
        assert_eq!(set(&set("[X]\n")), set("[X]\n"));
    }
}
