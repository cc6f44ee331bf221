//! The log: what the agent did, for a person who looks for a fault.
//!
//! Problem: logs get pasted into bug reports, and a library may log a whole URL or body. Invariant: our own crates log
//! at the chosen level, everybody else at `warn` at most; every line passes [`redact`], which cuts URL queries and
//! anything shaped like a token; the files are bounded.

use crate::rotate::RotatingFile;
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{Layer as _, Registry};

/// Bytes in one log file: a week of a noisy network at `info`, and small enough to attach to a report.
const MAX_FILE: u64 = 1024 * 1024;
/// Files kept, the newest included.
const KEEP: u32 = 2;
/// The longest line; what is beyond it is cut. A log line is a sentence, not a body.
const MAX_LINE: usize = 4096;
/// The file's name in the data directory.
pub const FILE_NAME: &str = "agent.log";

/// How much our own crates say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLevel(LevelFilter);

impl Default for LogLevel {
    fn default() -> Self {
        Self(LevelFilter::INFO)
    }
}

/// A word that is no level.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no log level; use off, error, warn, info, debug or trace")]
pub struct NoSuchLevel(String);

impl FromStr for LogLevel {
    type Err = NoSuchLevel;

    fn from_str(word: &str) -> Result<Self, NoSuchLevel> {
        Ok(Self(match word.to_ascii_lowercase().as_str() {
            "off" => LevelFilter::OFF,
            "error" => LevelFilter::ERROR,
            "warn" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            _ => return Err(NoSuchLevel(word.chars().take(40).collect())),
        }))
    }
}

impl LogLevel {
    fn lets_through(self, meta: &Metadata<'_>) -> bool {
        let ours = meta.target().starts_with("mcp_login");
        let limit = if ours { self.0 } else { self.0.min(LevelFilter::WARN) };
        *meta.level() <= limit
    }
}

/// Where the lines go besides the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Echo {
    /// To standard error too: `--foreground`.
    Stderr,
    /// Only into the file.
    None,
}

/// Starts logging for the whole process.
///
/// # Errors
/// When the file cannot be opened. Nothing is logged then.
pub fn start(dir: &Path, level: LogLevel, echo: Echo) -> io::Result<()> {
    let sink =
        Sink { file: Arc::new(Mutex::new(RotatingFile::open(&dir.join(FILE_NAME), MAX_FILE, KEEP)?)), echo };
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(true)
        .with_timer(UtcSeconds)
        .with_writer(sink)
        .with_filter(filter_fn(move |meta| level.lets_through(meta)).with_max_level_hint(level.0));
    // Fails only when a subscriber is set already, which happens in tests that start twice.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(layer));
    Ok(())
}

/// Unix seconds: the same times as in the audit log and the local API.
struct UtcSeconds;

impl tracing_subscriber::fmt::time::FormatTime for UtcSeconds {
    fn format_time(&self, w: &mut tracing_subscriber::fmt::format::Writer<'_>) -> std::fmt::Result {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        write!(w, "{}.{:03}", now.as_secs(), now.subsec_millis())
    }
}

#[derive(Clone)]
struct Sink {
    file: Arc<Mutex<RotatingFile>>,
    echo: Echo,
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { sink: self, text: Vec::new() }
    }
}

/// Collects one event, so that a secret cannot slip through between two writes.
struct Line<'a> {
    sink: &'a Sink,
    text: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = MAX_LINE.saturating_sub(self.text.len());
        self.text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let text = String::from_utf8_lossy(&self.text);
        // One event, one line: a value with a line break must not forge a second entry.
        let one_line: String =
            text.trim_end().chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect();
        let mut safe = redact(&one_line).into_owned();
        safe.push('\n');
        if self.sink.echo == Echo::Stderr {
            let _ = io::stderr().write_all(safe.as_bytes());
        }
        if let Ok(mut file) = self.sink.file.lock() {
            let _ = file.append(safe.as_bytes());
        }
    }
}

/// Parameters whose value is a secret or as good as one, wherever they stand.
const SECRET_WORDS: &[&str] = &[
    "access_token",
    "refresh_token",
    "id_token",
    "client_secret",
    "registration_access_token",
    "code_verifier",
    "code",
    "state",
    "nonce",
    "token",
    "assertion",
    "password",
    "bearer",
    "basic",
];
/// No host, path or sentence has a run of this many of base64url's characters; tokens and verifiers do (RFC 7636: 43).
const LONG_RUN: usize = 40;
const MASK: &str = "[…]";

/// Cuts what must not be in a log: the query and fragment of a URL, the value after a secret's name, and any long run of
/// token characters. Errs on the side of cutting.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if is_token_char(first) {
            let end = rest.find(|c| !is_token_char(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let long = word.split('.').any(|part| part.len() >= LONG_RUN);
            out.push_str(if long { MASK } else { word });
            rest = after;
            if let Some((gap, value)) = secret_after(word, rest) {
                out.push_str(&rest[..gap]);
                out.push_str(MASK);
                rest = &rest[gap + value..];
            }
        } else if matches!(first, '?' | '#') && inside_url(&out) {
            let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | ']' | '}');
            let end = rest.find(ends).unwrap_or(rest.len());
            out.push(first);
            if end > 1 {
                out.push_str(MASK);
            }
            rest = &rest[end..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~')
}

/// Whether the text so far ends inside something with a scheme.
fn inside_url(out: &str) -> bool {
    let start = out
        .rfind(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | '<' | '='))
        .map_or(0, |i| i + 1);
    out[start..].contains(":/")
}

/// If `word` names a secret and `rest` goes on with its value: the bytes up to the value, and the value's length.
fn secret_after(word: &str, rest: &str) -> Option<(usize, usize)> {
    let lower = word.to_ascii_lowercase();
    if !SECRET_WORDS.contains(&lower.as_str()) {
        return None;
    }
    let is_scheme = matches!(lower.as_str(), "bearer" | "basic");
    let joint = |c: char| matches!(c, '"' | '\'' | '=' | ':' | ' ' | '\\');
    let gap = rest.find(|c| !joint(c))?;
    let joined = &rest[..gap];
    if !(joined.contains(['=', ':']) || is_scheme && joined.contains(' ')) {
        return None;
    }
    let ends =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ',' | ';' | '}' | ')' | ']' | '\\');
    let value = &rest[gap..][..rest[gap..].find(ends).unwrap_or(rest.len() - gap)];
    // Our own error codes and states are plain lower-case words, and a log without them is of no use.
    let plain = matches!(lower.as_str(), "code" | "state")
        && value.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    (!value.is_empty() && !plain).then_some((gap, value.len()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn cuts_queries_secrets_and_long_runs() {
        let token = "Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFyYmF6Zm9vYmFy";
        for (given, wanted) in [
            (
                "GET https://as.example/authorize?client_id=x&state=y done",
                "GET https://as.example/authorize?[…] done",
            ),
            ("at http://127.0.0.1:4000/callback#frag", "at http://127.0.0.1:4000/callback#[…]"),
            ("io.github.mcp-login:/oauth/callback?code=abc", "io.github.mcp-login:/oauth/callback?[…]"),
            ("what now? nothing", "what now? nothing"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer […]"),
            (r#"{"refresh_token":"r1","x":1}"#, r#"{"refresh_token":"[…]","x":1}"#),
            ("code=AbC9 state=ready code=invalid_grant", "code=[…] state=ready code=invalid_grant"),
            (&format!("odd {token} end"), "odd […] end"),
            (&format!("eyJhbGciOi.{token}.sig"), "[…]"),
            ("mcp_login_agent::login: issuer changed", "mcp_login_agent::login: issuer changed"),
        ] {
            assert_eq!(redact(given), wanted);
        }
    }

    #[test]
    fn level_words() {
        assert_eq!("DEBUG".parse::<LogLevel>().unwrap(), LogLevel(LevelFilter::DEBUG));
        assert!("loud".parse::<LogLevel>().unwrap_err().to_string().contains("`loud`"));
    }

    #[test]
    fn a_line_break_in_a_value_stays_in_one_line_and_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let sink = Sink {
            file: Arc::new(Mutex::new(RotatingFile::open(&path, MAX_FILE, KEEP).unwrap())),
            echo: Echo::None,
        };
        let mut line = sink.make_writer();
        line.write_all(b"one\n2026 forged\r\n").unwrap();
        line.write_all(&vec![b' '; MAX_LINE * 2]).unwrap();
        drop(line);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.len() <= MAX_LINE + 1);
    }

    #[test]
    fn dependencies_are_held_at_warn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let sink = Sink {
            file: Arc::new(Mutex::new(RotatingFile::open(&path, MAX_FILE, KEEP).unwrap())),
            echo: Echo::None,
        };
        let level: LogLevel = "trace".parse().unwrap();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(sink)
            .with_filter(filter_fn(move |m| level.lets_through(m)));
        tracing::subscriber::with_default(Registry::default().with(layer), || {
            tracing::debug!(target: "hyper::client", "the body of a token answer");
            tracing::warn!(target: "hyper::client", "a dropped connection");
            tracing::trace!(target: "mcp_login_agent::http", "ours");
        });
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("body") && text.contains("dropped") && text.contains("ours"), "{text}");
    }
}
