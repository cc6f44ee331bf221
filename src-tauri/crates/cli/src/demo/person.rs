//! Plays the person before the consent page: reads the form as a browser would, presses Allow, and follows
//! the way back to the local port. So the pages are really served, the form is really posted, and the
//! callback really arrives; only the clicking is done for you.

use super::http::{self, Failed};
use url::Url;

/// Pages from the authorization request to the callback: sign-in, consent, and some to spare.
const PAGES: usize = 8;

/// What stopped the walk.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// A page could not be fetched.
    #[error("a page of the sign-in could not be fetched")]
    Page(#[from] Failed),
    /// No form and no way on.
    #[error("the consent page has no form with an Allow button (status {0})")]
    NoForm(u16),
    /// Round and round.
    #[error("the sign-in pages led round in a circle")]
    Circle,
}

/// Signs in as `who` from the authorization address on; ends when the local port has the callback.
///
/// # Errors
/// [`Lost`]
pub(super) fn sign_in(address: &Url, who: &str) -> Result<(), Lost> {
    let mut url = address.clone();
    let mut answer = http::get(&url, &[])?;
    let mut cookies: Vec<String> = Vec::new();
    for _ in 0..PAGES {
        if let Some(cookie) = answer.header("set-cookie").and_then(|c| c.split(';').next()) {
            cookies.push(cookie.to_owned());
        }
        let cookie = cookies.join("; ");
        let headers: &[(&str, &str)] = if cookie.is_empty() { &[] } else { &[("Cookie", &cookie)] };
        if let Some(to) = answer.header("location").and_then(|l| url.join(l).ok()) {
            let leaving = to.origin() != url.origin();
            url = to;
            answer = http::get(&url, if leaving { &[] } else { headers })?;
            if leaving && answer.header("location").is_none() {
                return Ok(());
            }
            continue;
        }
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        let form = Form::read(&page, who).ok_or(Lost::NoForm(answer.status))?;
        let origin = url.origin().ascii_serialization();
        let to = url.join(&form.action).map_err(|_| Lost::NoForm(answer.status))?;
        let mut with: Vec<(&str, &str)> = headers.to_vec();
        with.push(("Origin", &origin));
        if form.post {
            let body =
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish();
            answer = http::post(&to, &with, "application/x-www-form-urlencoded", &body)?;
            url = to;
        } else {
            url = to;
            url.query_pairs_mut().extend_pairs(&form.fields);
            answer = http::get(&url, &with)?;
        }
    }
    Err(Lost::Circle)
}

/// A form as a browser would send it after a click on Allow.
#[derive(Debug, PartialEq, Eq)]
struct Form {
    action: String,
    post: bool,
    fields: Vec<(String, String)>,
}

impl Form {
    /// The first form that has an element with the id `allow`, or else the first that has a button.
    fn read(page: &str, who: &str) -> Option<Self> {
        page.split("<form")
            .skip(1)
            .map(|f| f.split("</form").next().unwrap_or(f))
            .find_map(|f| Self::one(f, who))
    }

    fn one(form: &str, who: &str) -> Option<Self> {
        let (head, inside) = form.split_once('>')?;
        let mut fields: Vec<(String, String)> = Vec::new();
        let mut allow = false;
        let mut select: Option<String> = None;
        for tag in inside.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or(tag);
            let name = attribute(tag, "name");
            let value = attribute(tag, "value").unwrap_or_default();
            if tag.starts_with("select") {
                select = name;
            } else if tag.starts_with("option") {
                if let Some(name) = select.as_ref().filter(|_| value == who) {
                    fields.push((name.clone(), value));
                }
            } else if tag.starts_with("input") {
                let kind = attribute(tag, "type").unwrap_or_else(|| "text".into());
                let chosen = match kind.as_str() {
                    "radio" => value == who,
                    "checkbox" => has(tag, "checked"),
                    "submit" | "button" | "reset" => false,
                    _ => true,
                };
                if let Some(name) = name.filter(|_| chosen) {
                    fields.push((name, value));
                }
            } else if tag.starts_with("button") && attribute(tag, "id").as_deref() == Some("allow") {
                allow = true;
                if let Some(name) = name {
                    fields.push((name, value));
                }
            }
        }
        allow.then(|| Self {
            action: attribute(head, "action").unwrap_or_default(),
            post: attribute(head, "method").is_some_and(|m| m.eq_ignore_ascii_case("post")),
            fields,
        })
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let at = tag.match_indices(name).find(|(at, _)| {
        tag[..*at].ends_with(char::is_whitespace) && tag[at + name.len()..].starts_with('=')
    })?;
    let rest = &tag[at.0 + name.len() + 1..];
    let value = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
        _ => rest.split(|c: char| c.is_whitespace() || c == '/').next()?,
    };
    Some(
        value
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&quot;", "\"")
            .replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&#x27;", "'")
            .replace("&#x2F;", "/")
            .replace("&amp;", "&"),
    )
}

fn has(tag: &str, name: &str) -> bool {
    tag.split_whitespace().any(|w| w.trim_end_matches('/') == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_read_as_a_browser_would() {
        let page = r#"<!doctype html><form method="get" action="/search"><input name=q></form>
            <form method="post" action="/consent?a=1&amp;b=2">
            <input type="hidden" name="request" value="r&quot;1"/>
            <input type="radio" name="user" value="alice" checked> <input type='radio' name='user' value='bob'>
            <input type="checkbox" name="scope" value="s1" checked><input type="checkbox" name="scope" value="s2">
            <button id="allow" name="decision" value="allow">Allow</button>
            <button id="cancel" name="decision" value="cancel">Cancel</button></form>"#;
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(
            Form::read(page, "bob"),
            Some(Form {
                action: "/consent?a=1&b=2".into(),
                post: true,
                fields: vec![
                    pair("request", "r\"1"),
                    pair("user", "bob"),
                    pair("scope", "s1"),
                    pair("decision", "allow")
                ],
            })
        );
        assert_eq!(Form::read("<form><button id=no></form>", "bob"), None);
        assert_eq!(Form::read("nothing", "bob"), None);
    }
}
