//! A person before a consent page, played over HTTP: fetches the authorization request, follows redirects within the
//! issuer with its cookies, fills in the form, and holds the redirect that a browser would follow. Quick, and enough for
//! every test but those of a browser's own ways: see [`crate::Browser`].

use std::collections::BTreeMap;

use reqwest::blocking::{Client, Response};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use url::Url;

/// A person with a name that the consent page knows.
#[derive(Debug, Clone)]
pub struct Person {
    name: String,
    http: Client,
}

/// The redirect back to the client: the authorization response in an address.
#[derive(Debug, Clone)]
pub struct Redirect {
    /// The whole address, byte for byte as the server gave it.
    pub url: String,
    http: Client,
}

/// What the landing page said.
#[derive(Debug, Clone)]
pub struct Landing {
    /// The HTTP status.
    pub status: u16,
    /// The page.
    pub body: String,
}

impl Person {
    /// `alice` or `bob`.
    pub fn named(name: &str) -> Person {
        // A person believes the certificates of tests.
        Person {
            name: name.to_owned(),
            http: crate::http_client(|client| client.tls_danger_accept_invalid_certs(true)),
        }
    }

    /// The same person, whose browser goes to the internet through a proxy.
    #[must_use]
    pub fn behind(self, proxy: &crate::Proxy) -> Person {
        let direct = reqwest::NoProxy::from_string("127.0.0.1,localhost");
        let proxy = reqwest::Proxy::all(proxy.url()).expect("a proxy's address").no_proxy(direct);
        let http = crate::http_client(|client| client.tls_danger_accept_invalid_certs(true).proxy(proxy));
        Person { http, ..self }
    }

    /// Opens the request and says yes.
    pub fn allow(&self, authorization_request: &str) -> Redirect {
        self.answer(authorization_request, "allow")
    }

    /// Opens the request and says no.
    pub fn cancel(&self, authorization_request: &str) -> Redirect {
        self.answer(authorization_request, "cancel")
    }

    fn answer(&self, request: &str, button: &str) -> Redirect {
        let asked = Url::parse(request).unwrap_or_else(|error| panic!("no address ({error}): {request}"));
        let redirect_uri =
            asked.query_pairs().find(|(name, _)| name == "redirect_uri").map(|(_, uri)| uri.into_owned());
        let back = redirect_uri
            .unwrap_or_else(|| panic!("an authorization request without redirect_uri: {request}"));
        let mut cookies = BTreeMap::new();
        let mut page = asked;
        let mut form = None;
        // Login, consent, and a hop between them: eight is more than any server here needs.
        for _ in 0..8 {
            let answer = self.send(&page, form.take(), &mut cookies);
            if let Some(next) = answer.headers().get(LOCATION) {
                let next = next.to_str().expect("an address in ASCII").to_owned();
                if next.starts_with(&back) {
                    return Redirect { url: next, http: self.http.clone() };
                }
                page = page.join(&next).unwrap_or_else(|error| panic!("redirected to {next}: {error}"));
                continue;
            }
            let status = answer.status();
            let body = answer.text().unwrap_or_default();
            assert!(status.is_success(), "the authorization server answers {status}: {body}");
            let (action, fields) = fill_in(&body, button, &self.name);
            page = page.join(&action).unwrap_or_else(|error| panic!("a form to {action}: {error}"));
            form = Some(fields);
        }
        panic!("no redirect to {back} after eight pages");
    }

    fn send(
        &self,
        page: &Url,
        form: Option<Vec<(String, String)>>,
        cookies: &mut BTreeMap<String, String>,
    ) -> Response {
        let request = match form {
            None => self.http.get(page.clone()),
            Some(fields) => {
                let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                let origin = page.origin().ascii_serialization();
                let form = "application/x-www-form-urlencoded";
                self.http.post(page.clone()).header("content-type", form).header("origin", origin).body(body)
            }
        };
        let jar =
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let request = if jar.is_empty() { request } else { request.header(COOKIE, jar) };
        let answer = request
            .send()
            .unwrap_or_else(|error| panic!("the authorization server does not answer: {error}"));
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                cookies.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        answer
    }
}

impl Redirect {
    /// Follows the redirect to the loopback listener, as a browser does.
    pub fn deliver(&self) -> Landing {
        self.try_deliver().unwrap_or_else(|| panic!("nobody listens at {}", without_query(&self.url)))
    }

    /// The same, when it may be that nobody listens any more.
    pub fn try_deliver(&self) -> Option<Landing> {
        let answer = self.http.get(&self.url).send().ok()?;
        let status = answer.status().as_u16();
        Some(Landing { status, body: answer.text().unwrap_or_default() })
    }

    /// A parameter of the response.
    pub fn param(&self, name: &str) -> Option<String> {
        let query = self.url.split_once('?')?.1;
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The same redirect with one parameter changed or added, as an attacker would send it.
    pub fn with(&self, name: &str, value: &str) -> Redirect {
        let (head, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        let mut set = false;
        for (key, old) in url::form_urlencoded::parse(query.as_bytes()) {
            let changed = key == name;
            set |= changed;
            out.append_pair(&key, if changed { value } else { &old });
        }
        if !set {
            out.append_pair(name, value);
        }
        Redirect { url: format!("{head}?{}", out.finish()), http: self.http.clone() }
    }
}

fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}

/// The form that holds the button: where it goes, and its fields with the button's own.
fn fill_in(page: &str, button: &str, person: &str) -> (String, Vec<(String, String)>) {
    let forms = page.split("<form").skip(1).map(|rest| rest.split("</form").next().unwrap_or(rest));
    let mark = format!("id=\"{button}\"");
    let Some(form) = forms.into_iter().find(|form| form.contains(&mark)) else {
        panic!("no form with a button #{button} on the page:\n{page}");
    };
    let action = attribute(form.split('>').next().unwrap_or_default(), "action").unwrap_or_default();
    let mut fields = Vec::new();
    let (mut chosen, mut asks_name) = (false, None);
    for tag in form.split('<').skip(1) {
        let tag_text = tag.split('>').next().unwrap_or_default();
        let kind = tag_text.split_whitespace().next().unwrap_or_default();
        let name = attribute(tag_text, "name");
        let value = attribute(tag_text, "value").unwrap_or_default();
        match (kind, name) {
            ("button", Some(name)) if tag_text.contains(&mark) => fields.push((name, value)),
            ("input", Some(name)) => match attribute(tag_text, "type").as_deref() {
                Some("radio") if value == person => {
                    chosen = true;
                    fields.push((name, value));
                }
                Some("radio") => {}
                Some("checkbox") if !tag_text.contains("checked") => {}
                Some("submit") if !tag_text.contains(&mark) => {}
                _ => fields.push((name, value)),
            },
            ("select", Some(name)) => asks_name = Some(name),
            _ => {}
        }
    }
    if let (false, Some(name)) = (chosen, asks_name) {
        fields.push((name, person.to_owned()));
    }
    (action, fields)
}

/// The value of an attribute in a tag, with the entities of HTML undone.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\"")).map(|at| at + name.len() + 3)?;
    let value = tag[start..].split('"').next()?;
    let plain = value.replace("&quot;", "\"").replace("&#39;", "'").replace("&#x27;", "'");
    Some(plain.replace("&lt;", "<").replace("&gt;", ">").replace("&#x2F;", "/").replace("&amp;", "&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_filled_in() {
        let page = r#"<form method="post" action="/go?a=1&amp;b=2"><input type="hidden" name="t" value="x&quot;y">
            <label><input type="radio" name="user" value="alice" checked></label><input type="radio" name="user" value="bob">
            <button id="allow" name="answer" value="yes">Allow</button><button id="cancel" name="answer" value="no">Cancel</button></form>"#;
        let (action, fields) = fill_in(page, "cancel", "bob");
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(action, "/go?a=1&b=2");
        assert_eq!(fields, [pair("t", "x\"y"), pair("user", "bob"), pair("answer", "no")]);
    }

    #[test]
    fn a_redirect_can_be_forged() {
        let http = crate::http_client(|client| client);
        let redirect = Redirect { url: "http://127.0.0.1:1/callback?code=a&state=b".into(), http };
        assert_eq!(redirect.with("state", "x&y").url, "http://127.0.0.1:1/callback?code=a&state=x%26y");
        assert_eq!(redirect.with("iss", "i").param("iss").as_deref(), Some("i"));
    }
}
