//! The first line of what we store: which generation, and where the bytes are.
//!
//! `{"v":1,"gen":7}` and a line feed, then the secret; or, if it did not fit, `{"v":1,"gen":7,"chunks":3,
//! "sha256":"…"}` alone. UTF-8 as long as the secret is, because KWallet takes nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Generation};

/// Of the layout. A higher one is refused and left alone.
const VERSION: u32 = 1;

/// Longer first lines are none of ours.
const LONGEST: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    v: u32,
    #[serde(rename = "gen")]
    pub(crate) generation: Generation,
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) chunks: Option<Chunks>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chunks {
    #[serde(rename = "chunks")]
    pub(crate) count: u32,
    pub(crate) sha256: String,
}

#[derive(Deserialize)]
struct Version {
    v: u32,
}

impl Head {
    pub(crate) fn inline(generation: Generation) -> Self {
        Self { v: VERSION, generation, chunks: None }
    }

    pub(crate) fn chunked(generation: Generation, count: u32, secret: &[u8]) -> Self {
        Self { v: VERSION, generation, chunks: Some(Chunks { count, sha256: digest(secret) }) }
    }

    /// The line, with its line feed.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("numbers and strings are always JSON");
        line.push(b'\n');
        line
    }

    /// Head and what follows it. `name` is for the error.
    pub(crate) fn split<'a>(name: &str, bytes: &'a [u8]) -> Result<(Head, &'a [u8]), Error> {
        let corrupt = || Error::Corrupt { key: name.to_owned() };
        let end = bytes.iter().take(LONGEST).position(|b| *b == b'\n').ok_or_else(corrupt)?;
        let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
        let Version { v } = serde_json::from_slice(line).map_err(|_| corrupt())?;
        if v > VERSION {
            return Err(Error::Newer { key: name.to_owned() });
        }
        let head: Head = serde_json::from_slice(line).map_err(|_| corrupt())?;
        if head.chunks.is_some() && !rest.is_empty() {
            return Err(corrupt());
        }
        Ok((head, rest))
    }
}

/// What a secret in chunks is compared with.
pub(crate) fn digest(secret: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret))
}
