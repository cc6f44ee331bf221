//! The authorization request (RFC 6749 §4.1.1; RFC 7636 §4.3; RFC 8707 §2; MCP authorization).
//!
//! Invariant: no address is made without PKCE S256 and `state`; the issuer, the redirect URI and `resource` are
//! recorded before the browser opens, and are what the callback and the token request are held against; `nonce` goes
//! with `openid` and only then; a client identity is shown to its own issuer only.
//!
//! An issuer that dislikes a redirect URI says so on a page (§4.1.2.1), where nobody but the person hears it: see
//! [`AuthorizationRequest::redirect_is_refused`].

use oauth2::basic::BasicClient;
use oauth2::{AuthUrl, CsrfToken, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl};
use url::Url;

use crate::UnixSeconds;
use crate::error::{EndpointName, Error};
use crate::http::{Http, Purpose, ReachRule, Request};
use crate::profile::{OfflinePrompt, Profile};
use crate::random::{Random, unguessable};
use crate::registration::Registration;
use crate::secret::{CodeVerifier, Nonce, State};
use crate::server_metadata::{IssSupport, ServerMetadata};
use crate::values::{Issuer, RedirectUri, ResourceUri, ScopeSet};

/// What goes into the address.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizationRequest<'a> {
    /// The issuer's metadata.
    pub metadata: &'a ServerMetadata,
    /// Who we are there.
    pub registration: &'a Registration,
    /// What is known of the provider.
    pub profile: Option<&'a Profile>,
    /// `resource`; `None` where the profile says that it breaks.
    pub resource: Option<&'a ResourceUri>,
    /// `scope`; left out when empty.
    pub scopes: &'a ScopeSet,
    /// `prompt` (OpenID Connect Core §3.1.2.1), if the person chose one.
    pub prompt: Option<&'a str>,
    /// `login_hint`.
    pub login_hint: Option<&'a str>,
}

/// A sign-in that waits for its callback. Serves once, for ten minutes.
#[derive(Clone, Debug)]
pub struct PendingAuthorization {
    /// Ties the callback to it.
    pub state: State,
    /// Proves to the token endpoint that the code is ours.
    pub verifier: CodeVerifier,
    /// Only with `openid`.
    pub nonce: Option<Nonce>,
    /// Recorded before the browser opens (RFC 9207 §2.4).
    pub issuer: Issuer,
    /// Whether a callback must name its issuer.
    pub iss: IssSupport,
    /// Sent again with the code.
    pub redirect_uri: RedirectUri,
    /// Sent again with the code.
    pub resource: Option<ResourceUri>,
    /// What was asked for.
    pub scopes: ScopeSet,
    /// When it began.
    pub created: UnixSeconds,
}

/// What we set ourselves; an endpoint whose own query has one of them would send it twice (RFC 6749 §3.1).
const OURS: [&str; 11] = [
    "response_type",
    "client_id",
    "state",
    "code_challenge",
    "code_challenge_method",
    "redirect_uri",
    "scope",
    "resource",
    "nonce",
    "prompt",
    "login_hint",
];

impl AuthorizationRequest<'_> {
    /// Makes the address for the browser and what must be remembered.
    ///
    /// # Errors
    /// [`Error::PkceNotAnnounced`], [`Error::EndpointRefused`], [`Error::RegistrationElsewhere`], [`Error::Random`].
    pub fn begin(
        &self,
        random: &mut dyn Random,
        now: UnixSeconds,
    ) -> Result<(Url, PendingAuthorization), Error> {
        let issuer = &self.metadata.issuer;
        if !self.metadata.pkce.suffices() {
            return Err(Error::PkceNotAnnounced { issuer: issuer.clone() });
        }
        if self.registration.issuer != *issuer {
            return Err(Error::RegistrationElsewhere {
                issuer: issuer.clone(),
                registered_at: self.registration.issuer.clone(),
            });
        }
        let refused = |endpoint| Error::EndpointRefused { endpoint };
        let endpoint = without_ours(self.metadata.authorization_endpoint.url());
        let redirect_uri = &self.registration.redirect_uri;
        let redirect = RedirectUrl::new(redirect_uri.as_str().to_owned())
            .map_err(|_| refused(EndpointName::Redirect))?;

        let pending = PendingAuthorization {
            state: State::new(unguessable(random)?),
            verifier: CodeVerifier::new(unguessable(random)?),
            nonce: if self.scopes.contains("openid") { Some(Nonce::new(unguessable(random)?)) } else { None },
            issuer: issuer.clone(),
            iss: self.metadata.iss,
            redirect_uri: redirect_uri.clone(),
            resource: self.resource.cloned(),
            scopes: self.scopes.clone(),
            created: now,
        };
        let verifier = PkceCodeVerifier::new(pending.verifier.expose().to_owned());
        let client = BasicClient::new(oauth2::ClientId::new(self.registration.client.id.as_str().to_owned()))
            .set_auth_uri(AuthUrl::from_url(endpoint))
            .set_redirect_uri(redirect);
        let mut request = client
            .authorize_url(|| CsrfToken::new(pending.state.expose().to_owned()))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .add_scopes(self.scopes.iter().map(|s| oauth2::Scope::new(s.as_str().to_owned())));
        if let Some(resource) = self.resource {
            request = request.add_extra_param("resource", resource.as_str());
        }
        if let Some(nonce) = &pending.nonce {
            request = request.add_extra_param("nonce", nonce.expose());
        }
        if let Some(prompt) = self.prompt() {
            request = request.add_extra_param("prompt", prompt);
        }
        if let Some(hint) = self.login_hint {
            request = request.add_extra_param("login_hint", hint);
        }
        for (name, value) in self.profile.iter().flat_map(|p| &p.authorization_parameters) {
            if !OURS.contains(&name.as_str()) {
                request = request.add_extra_param(name.as_str(), value.as_str());
            }
        }
        let (url, _) = request.url();
        Ok((url, pending))
    }

    /// Asks the authorization endpoint once, without the person: whether it says at once that it does not take this redirect
    /// URI. With a `state` and a challenge of their own, which nobody keeps, no cookie, and `prompt=none`, by which an OpenID
    /// provider asks nobody (OpenID Connect Core §3.1.2.1). Only a plain 400 is a no: what is wrong with anything else than
    /// client and redirect URI is told by a redirect (RFC 6749 §4.1.2.1). Whatever else comes, or nothing, means nothing.
    ///
    /// # Errors
    /// As [`AuthorizationRequest::begin`]; what becomes of the request is none.
    pub async fn redirect_is_refused<H: Http>(
        &self,
        http: &H,
        reach: &ReachRule,
        random: &mut (dyn Random + Send),
        now: UnixSeconds,
    ) -> Result<bool, Error> {
        let (url, _) = Self { prompt: Some("none"), ..*self }.begin(random, now)?;
        let request = ::http::Request::get(url.as_str()).header(::http::header::ACCEPT, "text/html");
        let Ok(inner) = request.body(Vec::new()) else { return Ok(false) };
        let request = Request { purpose: Purpose::Authorization, reach: reach.for_url(&url), inner };
        let answer = http.send(request).await;
        Ok(answer.is_ok_and(|answer| {
            answer.status() == ::http::StatusCode::BAD_REQUEST
                && !answer.headers().contains_key(::http::header::LOCATION)
        }))
    }

    /// The person's choice, else the provider's, else `consent` where `offline_access` needs it: OpenID providers
    /// ignore that scope without it (OpenID Connect Core §11).
    fn prompt(&self) -> Option<&str> {
        let provider =
            self.profile.and_then(|p| p.authorization_parameters.get("prompt")).map(String::as_str);
        let offline = self.profile.map_or(OfflinePrompt::Consent, |p| p.offline_prompt)
            == OfflinePrompt::Consent
            && self.scopes.contains("offline_access");
        self.prompt.or(provider).or(offline.then_some("consent"))
    }
}

/// The endpoint with its own query, less what we set ourselves. Untouched unless there is something to take out.
fn without_ours(endpoint: &Url) -> Url {
    let mut url = endpoint.clone();
    if endpoint.query_pairs().any(|(name, _)| OURS.contains(&name.as_ref())) {
        url.query_pairs_mut()
            .clear()
            .extend_pairs(endpoint.query_pairs().filter(|(n, _)| !OURS.contains(&n.as_ref())));
    }
    url
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use crate::client_auth::{AuthMethod, Client};
    use crate::profile::Profiles;
    use crate::registration::RegistrationKind;
    use crate::values::ClientId;

    /// Counts up, so that each value is known.
    pub(crate) struct Counting(pub(crate) u8);

    impl Random for Counting {
        fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
            self.0 += 1;
            bytes.fill(self.0);
            Ok(())
        }
    }

    struct Empty;

    impl Random for Empty {
        fn fill(&mut self, _: &mut [u8]) -> Result<(), Error> {
            Err(Error::Random)
        }
    }

    pub(crate) fn metadata(extra: serde_json::Value) -> ServerMetadata {
        let mut document = serde_json::json!({"issuer": "https://as.example", "authorization_endpoint": "https://as.example/authorize?tenant=a%20b",
            "token_endpoint": "https://as.example/token", "code_challenge_methods_supported": ["S256"]});
        document.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        ServerMetadata::parse(document.to_string().as_bytes()).unwrap()
    }

    pub(crate) fn registration(issuer: &str) -> Registration {
        Registration {
            kind: RegistrationKind::Dynamic,
            issuer: Issuer::new(issuer),
            client: Client { id: ClientId::new("client 1"), secret: None, method: AuthMethod::None },
            redirect_uri: RedirectUri::new("io.github.mcp-login:/oauth/callback"),
            secret_expires_at: None,
            management: None,
        }
    }

    fn begin(
        metadata: &ServerMetadata,
        scopes: &str,
        resource: Option<&str>,
        profile: Option<&Profile>,
    ) -> (String, PendingAuthorization) {
        let (scopes, resource) = (ScopeSet::parse(scopes), resource.map(ResourceUri::new));
        let registration = registration(metadata.issuer.as_str());
        let request = AuthorizationRequest {
            metadata,
            registration: &registration,
            profile,
            resource: resource.as_ref(),
            scopes: &scopes,
            prompt: None,
            login_hint: None,
        };
        let (url, pending) = request.begin(&mut Counting(0), 1000).unwrap();
        (url.to_string(), pending)
    }

    #[test]
    fn the_address_by_its_bytes() {
        let (url, pending) =
            begin(&metadata(serde_json::json!({})), "a b:c", Some("https://MCP.example"), None);
        let state = pending.state.expose();
        assert_eq!(pending.verifier.expose(), "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI", "32 bytes of 2");
        assert_eq!(
            url,
            format!(
                "https://as.example/authorize?tenant=a%20b&response_type=code&client_id=client+1&state={state}\
                 &code_challenge=bB1ju9q0N8VDaMu9iIaohqea2XcpfiZe6_H19fAVM7k&code_challenge_method=S256\
                 &redirect_uri=io.github.mcp-login%3A%2Foauth%2Fcallback&scope=a+b%3Ac&resource=https%3A%2F%2FMCP.example"
            )
        );
        assert_eq!((pending.created, pending.issuer.as_str()), (1000, "https://as.example"));
        assert_eq!(pending.resource.unwrap().as_str(), "https://MCP.example", "no slash is added");
        assert!(pending.nonce.is_none());
        let (url, _) = begin(&metadata(serde_json::json!({})), "", None, None);
        assert!(!url.contains("scope=") && !url.contains("resource=") && !url.contains("nonce="), "{url}");
    }

    #[test]
    fn nonce_goes_with_openid() {
        let (url, pending) = begin(&metadata(serde_json::json!({})), "openid", None, None);
        let nonce = pending.nonce.unwrap();
        assert!(url.contains(&format!("&nonce={}", nonce.expose())));
        assert!(!nonce.matches(pending.state.expose()) && !nonce.matches(pending.verifier.expose()));
    }

    #[test]
    fn prompts() {
        let metadata = metadata(serde_json::json!({}));
        let profiles = Profiles::builtin();
        let find = |issuer: &str| profiles.find(&Issuer::new(issuer));
        assert!(begin(&metadata, "a offline_access", None, None).0.ends_with("&prompt=consent"));
        let entra = find("https://login.microsoftonline.com/t/v2.0");
        assert!(!begin(&metadata, "a offline_access", None, entra).0.contains("prompt"));
        let google = find("https://accounts.google.com");
        assert!(begin(&metadata, "a", None, google).0.ends_with("&prompt=consent&access_type=offline"));
    }

    #[test]
    fn what_begins_no_sign_in() {
        let scopes = ScopeSet::new();
        let good = metadata(serde_json::json!({}));
        let silent = metadata(serde_json::json!({"code_challenge_methods_supported": null}));
        let try_with = |metadata: &ServerMetadata, issuer: &str, random: &mut dyn Random| {
            let registration = registration(issuer);
            let request = AuthorizationRequest {
                metadata,
                registration: &registration,
                profile: None,
                resource: None,
                scopes: &scopes,
                prompt: None,
                login_hint: None,
            };
            request.begin(random, 0).map(|_| ()).unwrap_err()
        };
        let issuer = "https://as.example";
        assert!(matches!(try_with(&silent, issuer, &mut Counting(0)), Error::PkceNotAnnounced { .. }));
        assert!(matches!(
            try_with(&good, "https://as.example/", &mut Counting(0)),
            Error::RegistrationElsewhere { .. }
        ));
        assert_eq!(try_with(&good, issuer, &mut Empty), Error::Random);
    }

    #[test]
    fn the_endpoints_query_cannot_speak_for_us() {
        let metadata = metadata(
            serde_json::json!({"authorization_endpoint": "https://as.example/a?client_id=evil&state=x&p=1&resource=y"}),
        );
        let (url, pending) = begin(&metadata, "", Some("https://mcp.example"), None);
        let url = Url::parse(&url).unwrap();
        for name in OURS {
            assert!(url.query_pairs().filter(|(n, _)| n == name).count() <= 1, "{name}");
        }
        assert!(url.query_pairs().any(|(n, v)| n == "p" && v == "1"));
        assert!(url.query_pairs().any(|(n, v)| n == "state" && pending.state.matches(&v)));
    }
}
