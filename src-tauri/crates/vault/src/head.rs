//! The first line of what we store: which generation, how long, and where the bytes are.
//!
//! `{"v":1,"gen":7,"len":900}` and a line feed, then the secret; or, if it did not fit, a line that also has
//! `"chunks":3,"sha256":"…"`, alone. UTF-8 as long as the secret is, because KWallet takes nothing else. The length
//! tells a value that some store cut short.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Generation};

/// Of the layout. A higher one is refused and left alone.
const VERSION: u32 = 1;

/// Longer first lines are none of ours.
const LONGEST_LINE: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) generation: Generation,
    pub(crate) length: usize,
    pub(crate) chunks: Option<Chunks>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunks {
    pub(crate) count: u32,
    pub(crate) sha256: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    v: u32,
    #[serde(rename = "gen")]
    generation: Generation,
    len: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chunks: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Head {
    pub(crate) fn inline(generation: Generation, secret: &[u8]) -> Self {
        Self { generation, length: secret.len(), chunks: None }
    }

    pub(crate) fn chunked(generation: Generation, secret: &[u8], count: u32) -> Self {
        Self { generation, length: secret.len(), chunks: Some(Chunks { count, sha256: digest(secret) }) }
    }

    /// The line, with its line feed.
    pub(crate) fn line(&self) -> Vec<u8> {
        let (chunks, sha256) = self.chunks.clone().map(|chunks| (chunks.count, chunks.sha256)).unzip();
        let line = Line { v: VERSION, generation: self.generation, len: self.length, chunks, sha256 };
        let mut line = serde_json::to_vec(&line).expect("numbers and strings are always JSON");
        line.push(b'\n');
        line
    }

    /// Whether `stored`, the whole item of which this is the head, holds this secret, or points to it.
    pub(crate) fn is_of(&self, stored: &[u8], secret: &[u8]) -> bool {
        match &self.chunks {
            None => stored.ends_with(secret) && self.length == secret.len(),
            Some(chunks) => chunks.sha256 == digest(secret),
        }
    }

    /// Head and what follows it, which is the secret if there are no chunks. `name` is for the error.
    pub(crate) fn split<'a>(name: &str, bytes: &'a [u8]) -> Result<(Head, &'a [u8]), Error> {
        let corrupt = || Error::Corrupt { key: name.to_owned() };
        let end = bytes.iter().take(LONGEST_LINE).position(|b| *b == b'\n').ok_or_else(corrupt)?;
        let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
        let Version { v } = serde_json::from_slice(line).map_err(|_| corrupt())?;
        if v > VERSION {
            return Err(Error::Newer { key: name.to_owned() });
        }
        let line: Line = serde_json::from_slice(line).map_err(|_| corrupt())?;
        let chunks = match (line.chunks, line.sha256) {
            (None, None) if rest.len() == line.len => None,
            (Some(count), Some(sha256)) if rest.is_empty() => Some(Chunks { count, sha256 }),
            _ => return Err(corrupt()),
        };
        Ok((Head { generation: line.generation, length: line.len, chunks }, rest))
    }
}

/// What a secret in chunks is compared with.
pub(crate) fn digest(secret: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn whole(head: &Head, secret: &[u8]) -> Vec<u8> {
        [head.line().as_slice(), secret].concat()
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let inline = Head::inline(Generation::new(7), b"se\ncret");
        assert_eq!(inline.line(), b"{\"v\":1,\"gen\":7,\"len\":7}\n");
        let stored = whole(&inline, b"se\ncret");
        assert_eq!(Head::split("n", &stored).unwrap(), (inline, &b"se\ncret"[..]));
        let chunked = Head::chunked(Generation::new(8), b"secret", 2);
        assert_eq!(Head::split("n", &chunked.line()).unwrap(), (chunked, &b""[..]));
    }

    #[test]
    fn nothing_cut_short_or_changed_passes_for_whole() {
        let corrupt = Err(Error::Corrupt { key: "n".into() });
        let stored = whole(&Head::inline(Generation::new(7), b"secret"), b"secret");
        for end in 0..stored.len() {
            assert_eq!(Head::split("n", &stored[..end]), corrupt, "cut at {end}");
        }
        let chunked = Head::chunked(Generation::new(8), b"secret", 2).line();
        for end in 0..chunked.len() {
            assert_eq!(Head::split("n", &chunked[..end]), corrupt, "cut at {end}");
        }
        for odd in [
            "{\"v\":1,\"gen\":1,\"len\":0,\"chunks\":1}\n",
            "{\"v\":1,\"gen\":1,\"len\":0,\"sha256\":\"x\"}\n",
            "{\"v\":1,\"gen\":1,\"len\":0,\"more\":1}\n",
            "{\"v\":1,\"gen\":-1,\"len\":0}\n",
            "[]\n",
            "\n",
            "secret",
        ] {
            assert_eq!(Head::split("n", odd.as_bytes()), corrupt, "{odd}");
        }
    }

    #[test]
    fn a_newer_layout_is_refused_by_its_version_alone() {
        let newer = b"{\"v\":2,\"somewhere\":\"else\"}\nrest";
        assert_eq!(Head::split("n", newer), Err(Error::Newer { key: "n".into() }));
    }
}
