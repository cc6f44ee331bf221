//! The page a person sees after the browser came back to the loopback listener.
//!
//! Problem: whoever can make a browser open our callback chooses its parameters. Invariant: the page is one of a few
//! constant texts; nothing of the request is in it; it runs no script and loads nothing.

use base64::Engine as _;
use sha2::{Digest, Sha256};

const TEMPLATE: &str = include_str!("../ui/landing.html");

/// What became of a callback, as far as the page tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landing {
    /// Signed in.
    Done,
    /// The callback was right, the code is being exchanged and takes long.
    UnderWay,
    /// The callback was right, but no sign-in came of it: refused, cancelled, or the exchange failed.
    NotDone,
    /// This callback was here before.
    Used,
    /// It belongs to no sign-in that is waiting.
    Unmatched,
    /// No GET, no such path, wrong host, not HTTP. The number is the status.
    BadRequest(u16),
}

impl Landing {
    /// The HTTP status: 200 for what a person's own sign-in leads to.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Landing::Done | Landing::UnderWay | Landing::NotDone => 200,
            Landing::Used => 410,
            Landing::Unmatched => 400,
            Landing::BadRequest(status) => status,
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Landing::Done => {
                ("You are signed in", "You can close this page and return to where you started.")
            }
            Landing::UnderWay => (
                "Almost there",
                "The server is taking its time. You can close this page; MCP Login finishes the sign-in.",
            ),
            Landing::NotDone => (
                "The sign-in was not completed",
                "You can close this page. The reason is where you started the sign-in.",
            ),
            Landing::Used => {
                ("This page has done its work", "The sign-in that led here is over. You can close this page.")
            }
            Landing::Unmatched => (
                "This is not an answer to a sign-in",
                "MCP Login is waiting for a different one, and nothing was changed. If you did not sign in just now, \
                 close this page.",
            ),
            Landing::BadRequest(_) => {
                ("There is nothing here", "MCP Login waits here for a sign-in to come back.")
            }
        }
    }

    /// The whole HTTP/1.1 response.
    #[must_use]
    pub fn response(self) -> Vec<u8> {
        let (title, text) = self.words();
        let body = TEMPLATE.replace("{{title}}", title).replace("{{text}}", text);
        let reason = match self.status() {
            200 => "OK",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            408 => "Request Timeout",
            410 => "Gone",
            431 => "Request Header Fields Too Large",
            _ => "Bad Request",
        };
        let allow = if self.status() == 405 { "Allow: GET\r\n" } else { "" };
        format!(
            "HTTP/1.1 {} {reason}\r\n\
             Content-Type: text/html; charset=utf-8\r\n\
             Content-Length: {}\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'; sandbox\r\n\
             Cache-Control: no-store\r\n\
             Referrer-Policy: no-referrer\r\n\
             X-Content-Type-Options: nosniff\r\n\
             X-Frame-Options: DENY\r\n\
             Cross-Origin-Opener-Policy: same-origin\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\n\
             {allow}Connection: close\r\n\r\n{body}",
            self.status(),
            body.len(),
            style_hash(),
        )
        .into_bytes()
    }
}

/// The one style block is allowed by its hash, so no other can come in.
fn style_hash() -> String {
    let style = TEMPLATE
        .split_once("<style>")
        .and_then(|(_, rest)| rest.split_once("</style>"))
        .map_or("", |(s, _)| s);
    base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ALL: [Landing; 6] = [
        Landing::Done,
        Landing::UnderWay,
        Landing::NotDone,
        Landing::Used,
        Landing::Unmatched,
        Landing::BadRequest(404),
    ];

    #[test]
    fn every_page_is_whole_and_inert() {
        for landing in ALL {
            let text = String::from_utf8(landing.response()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(!body.contains("{{"), "{landing:?} leaves a blank unfilled");
            let lower = body.to_lowercase();
            for bad in
                ["<script", "javascript:", "http:", "https:", "<form", "<img", "<link", "@import", "url("]
            {
                assert!(!lower.contains(bad), "{landing:?} contains {bad}");
            }
            assert!(head.contains("default-src 'none'"));
            assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())));
            assert!(!head.to_lowercase().contains("access-control"));
        }
    }

    #[test]
    fn the_style_is_found() {
        assert!(TEMPLATE.contains("<style>"));
        assert_ne!(style_hash(), base64::engine::general_purpose::STANDARD.encode(Sha256::digest("")));
    }
}
