//! The page on which a person says yes or no. No script, no outside resource, nothing unescaped; the form may lead
//! to ourselves and to this client's redirect only, since browsers hold redirects after a form against
//! `form-action` too.

use crate::client::{Client, Origin};
use crate::site::{Pending, Site};
use crate::user::User;
use crate::wire::{Answer, answer, with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use url::{Host, Url};

const STYLE: &str = include_str!("consent.css");

/// Text for HTML, in elements and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Characters that turn the direction of text could make one name look like another.
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The CSP source for a redirect: its origin, or its scheme where CSP has no word for the origin.
fn source(redirect_uri: &str) -> Option<String> {
    let url = Url::parse(redirect_uri).ok()?;
    match (url.scheme(), url.host()) {
        // CSP's grammar knows no IPv6 address.
        ("http" | "https", Some(Host::Ipv6(_))) => Some(format!("{}:", url.scheme())),
        ("http" | "https", _) => Some(url.origin().ascii_serialization()),
        (scheme, _) => Some(format!("{scheme}:")),
    }
}

fn html(status: u16, title: &str, body: &str, form_action: &str) -> Answer {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    );
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n",
        escaped(title)
    );
    let out = answer(status, "text/html; charset=utf-8", page);
    let out = with(out, "content-security-policy", &policy);
    let out = with(out, "x-frame-options", "DENY");
    let out = with(out, "x-content-type-options", "nosniff");
    let out = with(out, "referrer-policy", "same-origin");
    with(out, "cache-control", "no-store")
}

/// What is wrong, for the person: the client cannot be told.
pub(crate) fn error_page(status: u16, error: &str, description: &str) -> Answer {
    let body = format!(
        "<h1>This sign-in cannot go on</h1>\n<p id=\"error\">{}</p>\n<p class=\"small\">{}</p>\n\
         <p class=\"small\">Nothing was sent to the program that asked. Close this page and start again there.</p>",
        escaped(description),
        escaped(error)
    );
    html(status, "Sandbox: sign-in stopped", &body, "'none'")
}

fn what_scope_means(scope: &str) -> &'static str {
    match scope {
        "mcp:read" => "use the tools that read",
        "mcp:write" => "use the tools that write",
        "mcp:admin" => "use the tools that administer",
        "openid" => "know who you are",
        "profile" => "see your name",
        "email" => "see your mail address",
        "offline_access" => "stay signed in while you are away",
        _ => "a scope of another server",
    }
}

/// The consent page. `fixed` is a person who is signed in already; without one, the person chooses.
pub(crate) fn page(
    site: &Site,
    client: &Client,
    pending: &Pending,
    id: &str,
    fixed: Option<User>,
    preset: User,
) -> Answer {
    let who = match fixed {
        Some(user) => format!(
            "<p>Signed in as <strong id=\"user\">{}</strong>, {}.</p>\n<input type=\"hidden\" name=\"user\" value=\"{}\">",
            user.full_name(),
            user.email(),
            user.name()
        ),
        None => {
            let choices: String = User::ALL
                .into_iter()
                .map(|user| {
                    format!(
                        "<label><input type=\"radio\" name=\"user\" id=\"{0}\" value=\"{0}\"{1}> {2} <span>{3}</span></label>\n",
                        user.name(),
                        if user == preset { " checked" } else { "" },
                        user.full_name(),
                        user.email()
                    )
                })
                .collect();
            format!("<fieldset>\n<legend>Who are you?</legend>\n{choices}</fieldset>")
        }
    };
    let scopes: String = pending
        .scope
        .iter()
        .map(|s| format!("<li><code>{}</code> {}</li>\n", escaped(s), what_scope_means(s)))
        .collect();
    let server = pending.resources.first().cloned().unwrap_or_else(|| site.mcp());
    let known = match client.origin {
        Origin::Configured => "It was set up here beforehand.",
        Origin::Dynamic => "It registered itself; its name is what it calls itself.",
        Origin::Document => "Its name comes from its metadata document.",
    };
    let body = format!(
        "<h1>{client_name} asks for access</h1>\n<p>to <code>{server}</code>. {known}</p>\n\
         <form method=\"post\" action=\"{action}\" id=\"consent\">\n\
         <input type=\"hidden\" name=\"request\" value=\"{id}\">\n{who}\n\
         <p>It wants to</p>\n<ul id=\"scopes\">\n{scopes}</ul>\n\
         <p class=\"small\">The answer goes to <code id=\"redirect\">{redirect}</code></p>\n\
         <div class=\"buttons\">\n\
         <button type=\"submit\" id=\"cancel\" name=\"decision\" value=\"cancel\">Cancel</button>\n\
         <button type=\"submit\" id=\"allow\" name=\"decision\" value=\"allow\">Allow</button>\n\
         </div>\n</form>\n<p class=\"small\">This is the sandbox of MCP Login, on your own machine. Nobody's real account is here.</p>",
        client_name = escaped(&client.name),
        server = escaped(&server),
        action = escaped(&site.places.consent),
        id = escaped(id),
        redirect = escaped(&pending.redirect_uri),
    );
    let sources =
        source(&pending.redirect_uri).map_or_else(|| "'self'".to_owned(), |s| format!("'self' {s}"));
    html(200, "Sandbox: allow access?", &body, &sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_through_unescaped() {
        let out = escaped("<b a='\"'>&\u{1b}\u{202e}");
        assert_eq!(out, "&lt;b a=&#39;&quot;&#39;&gt;&amp;\u{fffd}\u{fffd}");
    }

    #[test]
    fn the_form_may_lead_to_this_redirect() {
        assert_eq!(source("io.github.mcp-login:/x").as_deref(), Some("io.github.mcp-login:"));
        assert_eq!(source("http://127.0.0.1:81/x").as_deref(), Some("http://127.0.0.1:81"));
        assert_eq!(source("http://[::1]:81/x").as_deref(), Some("http:"));
    }
}
