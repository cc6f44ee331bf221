//! A command line as one text, for clients that hand it to a shell.

/// For `sh`. What needs no quotes has none.
#[must_use]
pub fn posix(words: &[&str]) -> String {
    words.iter().map(|word| posix_word(word)).collect::<Vec<_>>().join(" ")
}

fn posix_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// For `cmd /c` and for programs that split their own command line: double quotes where there is more than plain
/// characters. A path has no double quote in it, and a name of an account has none either.
#[must_use]
pub fn windows(words: &[&str]) -> String {
    words.iter().map(|word| windows_word(word)).collect::<Vec<_>>().join(" ")
}

fn windows_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || r"\/._-+:@,~".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("\"{word}\"") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_shell() {
        assert_eq!(posix(&["/opt/mcp-login", "headers", "work"]), "/opt/mcp-login headers work");
        assert_eq!(posix(&["/My Apps/it's", "x"]), r"'/My Apps/it'\''s' x");
        assert_eq!(posix(&["$(x)", ""]), "'$(x)' ''");
    }

    #[test]
    fn words_of_windows() {
        let program = r"C:\Program Files\MCP Login\mcp-login.exe";
        assert_eq!(
            windows(&[program, "headers", "work"]),
            r#""C:\Program Files\MCP Login\mcp-login.exe" headers work"#
        );
        assert_eq!(windows(&[r"C:\mcp-login.exe", "a"]), r"C:\mcp-login.exe a");
        assert_eq!(windows(&[r"C:\a & b\x.exe"]), r#""C:\a & b\x.exe""#);
    }
}
