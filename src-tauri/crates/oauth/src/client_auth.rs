//! Client authentication (RFC 6749 §2.3, §3.2.1; RFC 7591 §2).
//!
//! Invariant: exactly one method is used in a request, and a public client names itself in the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;
use zeroize::Zeroize;

use crate::endpoint::Endpoint;
use crate::http::{HttpFailure, Purpose, ReachRule, Request, build, credential};
use crate::secret::ClientSecret;
use crate::values::ClientId;

/// `token_endpoint_auth_method` (RFC 7591 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AuthMethod {
    /// Public client: `client_id` in the body.
    #[serde(rename = "none")]
    None,
    /// `client_secret_basic`.
    #[serde(rename = "client_secret_basic")]
    Basic,
    /// `client_secret_post`.
    #[serde(rename = "client_secret_post")]
    Post,
}

impl AuthMethod {
    /// As RFC 7591 §2 spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            AuthMethod::None => "none",
            AuthMethod::Basic => "client_secret_basic",
            AuthMethod::Post => "client_secret_post",
        }
    }

    /// Reads the RFC's word; `None` for methods that we cannot do (`private_key_jwt`, `tls_client_auth` …).
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [AuthMethod::None, AuthMethod::Basic, AuthMethod::Post].into_iter().find(|m| m.as_str() == word)
    }
}

/// Who we are at an issuer, as requests to its endpoints need it.
#[derive(Clone, Debug)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// Its secret, if it is a confidential client.
    pub secret: Option<ClientSecret>,
    /// How it authenticates at the token endpoint.
    pub method: AuthMethod,
}

impl Client {
    /// The method for another endpoint: the registered one where the endpoint lists it or lists nothing, else the
    /// first of basic and post that it lists (RFC 8414 §2, `*_endpoint_auth_methods_supported`).
    fn method_at(&self, listed: Option<&[String]>) -> AuthMethod {
        let lists = |method: AuthMethod| listed.is_some_and(|list| list.iter().any(|m| m == method.as_str()));
        match (self.method, listed) {
            (method, None) => method,
            (AuthMethod::None, _) => AuthMethod::None,
            (method, _) if lists(method) => method,
            _ if lists(AuthMethod::Basic) => AuthMethod::Basic,
            _ if lists(AuthMethod::Post) => AuthMethod::Post,
            (method, _) => method,
        }
    }

    /// A form request with this client's authentication.
    pub(crate) fn request(
        &self,
        purpose: Purpose,
        reach: &ReachRule,
        endpoint: &Endpoint,
        listed: Option<&[String]>,
        parameters: &[(&str, &str)],
    ) -> Result<Request, HttpFailure> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(parameters);
        let mut builder = ::http::Request::post(endpoint.url().as_str())
            .header(::http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(::http::header::ACCEPT, "application/json");
        match (self.method_at(listed), &self.secret) {
            (AuthMethod::Basic, Some(secret)) => {
                builder = builder.header(::http::header::AUTHORIZATION, basic(&self.id, secret)?);
            }
            (AuthMethod::Post, Some(secret)) => {
                form.append_pair("client_id", self.id.as_str());
                form.append_pair("client_secret", secret.expose());
            }
            // A method that needs a secret, without one, is a public client: it names itself.
            _ => {
                form.append_pair("client_id", self.id.as_str());
            }
        }
        let inner = build(builder, form.finish().into_bytes())?;
        Ok(Request { purpose, reach: reach.for_url(endpoint.url()), inner })
    }
}

/// RFC 6749 §2.3.1: both parts are form-encoded before they are joined, which most clients forget and which counts
/// as soon as a secret holds `:`, `+` or `%`.
fn basic(id: &ClientId, secret: &ClientSecret) -> Result<::http::HeaderValue, HttpFailure> {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let mut encoded_secret = encode(secret.expose());
    let mut pair = format!("{}:{encoded_secret}", encode(id.as_str()));
    let text = format!("Basic {}", STANDARD.encode(&pair));
    encoded_secret.zeroize();
    pair.zeroize();
    credential(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::values::ServerUrl;

    fn send(method: AuthMethod, secret: Option<&str>, listed: Option<&[&str]>) -> (Option<String>, String) {
        let client = Client { id: ClientId::new("a b:c"), secret: secret.map(ClientSecret::new), method };
        let reach = ReachRule::new(&ServerUrl::parse("https://mcp.example").unwrap());
        let endpoint = Endpoint::check("https://as.example/v?k=1").unwrap();
        let listed: Option<Vec<String>> = listed.map(|l| l.iter().map(|s| (*s).to_owned()).collect());
        let request = client
            .request(Purpose::Revocation, &reach, &endpoint, listed.as_deref(), &[("token", "t+/=")])
            .unwrap();
        assert_eq!(request.inner.uri(), "https://as.example/v?k=1");
        assert!(!format!("{request:?}").contains("t%2B"), "Debug shows no body");
        let header = request.inner.headers().get("authorization").map(|v| {
            assert!(v.is_sensitive());
            v.to_str().unwrap().to_owned()
        });
        (header, String::from_utf8(request.inner.into_body()).unwrap())
    }

    #[test]
    fn each_method_by_its_bytes() {
        let body = "token=t%2B%2F%3D";
        // base64("a+b%3Ac:p%3Aw+%25%C3%BC")
        let basic = format!("Basic {}", STANDARD.encode("a+b%3Ac:p%3Aw+%25%C3%BC"));
        assert_eq!(send(AuthMethod::Basic, Some("p:w %ü"), None), (Some(basic.clone()), body.to_owned()));
        let post = format!("{body}&client_id=a+b%3Ac&client_secret=p%3Aw+%25%C3%BC");
        assert_eq!(send(AuthMethod::Post, Some("p:w %ü"), None), (None, post.clone()));
        let none = format!("{body}&client_id=a+b%3Ac");
        assert_eq!(send(AuthMethod::None, None, None), (None, none.clone()));
        assert_eq!(
            send(AuthMethod::None, Some("s"), None),
            (None, none.clone()),
            "a public client shows no secret"
        );
        assert_eq!(send(AuthMethod::Basic, None, None), (None, none.clone()));
        // another endpoint, another list
        assert_eq!(
            send(AuthMethod::Post, Some("p:w %ü"), Some(&["client_secret_basic"])),
            (Some(basic.clone()), body.to_owned())
        );
        assert_eq!(
            send(AuthMethod::Basic, Some("p:w %ü"), Some(&["client_secret_post"])),
            (None, post.clone())
        );
        assert_eq!(
            send(AuthMethod::Post, Some("p:w %ü"), Some(&["client_secret_basic", "client_secret_post"])),
            (None, post)
        );
        assert_eq!(
            send(AuthMethod::Basic, Some("p:w %ü"), Some(&["private_key_jwt"])),
            (Some(basic), body.to_owned())
        );
        assert_eq!(send(AuthMethod::None, None, Some(&["client_secret_basic"])), (None, none));
    }

    #[test]
    fn words_round_trip() {
        for method in [AuthMethod::None, AuthMethod::Basic, AuthMethod::Post] {
            assert_eq!(AuthMethod::from_word(method.as_str()), Some(method));
            assert_eq!(serde_json::to_string(&method).unwrap(), format!("\"{}\"", method.as_str()));
        }
        assert_eq!(AuthMethod::from_word("private_key_jwt"), None);
    }
}
