//! From the code to tokens, new ones for old, and their end.
//!
//! Invariant: the tokens live here and nowhere else; whatever is found on the way, they are revoked in the end where the
//! issuer lets it; a used refresh token is used again only when that was asked for.

use super::recorder::Said;
use super::{Examiner, Place, judge};
use mcp_login_ipc::api::{Part, Verdict};
use mcp_login_ipc::finding::Find;
use mcp_login_oauth::authorize::PendingAuthorization;
use mcp_login_oauth::client_auth::Client;
use mcp_login_oauth::http::Purpose;
use mcp_login_oauth::profile::RevocationUse;
use mcp_login_oauth::registration::Registration;
use mcp_login_oauth::revoke::{self, Revocable, RevocationOutcome};
use mcp_login_oauth::token::{self, Refresh, Rotation, TokenOutcome, TokenSet};
use mcp_login_oauth::{AuthorizationCode, RefreshToken};

impl Examiner {
    /// The code for tokens (RFC 6749 §4.1.3); none when there are none.
    pub(super) async fn exchange(
        &mut self,
        place: &Place,
        registration: &Registration,
        pending: &PendingAuthorization,
        code: &AuthorizationCode,
    ) -> Option<TokenSet> {
        let endpoint = &place.found.metadata.token_endpoint;
        let reach = &self.ground.reach;
        let outcome =
            token::exchange(&self.recorder, reach, endpoint, &registration.client, pending, code).await;
        self.look_at_the_answer(Part::Token);
        let host = super::host(endpoint.as_str());
        if let Some(found) = judge::token(&outcome, Find::CodeRefused, Find::TokenUnusable, &host) {
            self.notebook.found(Part::Token, found);
        }
        let TokenOutcome::Granted(tokens) = outcome else { return None };
        if tokens.refresh_token.is_none() {
            self.notebook.found(Part::Token, Find::NoRefreshToken.found());
        }
        if let Some(granted) = &tokens.scope {
            let missing = place.scopes.minus(granted);
            if !missing.is_empty() {
                let narrowed = Find::ScopeNarrowed.found().with("scopes", missing.to_string());
                self.notebook.found(Part::Token, narrowed);
            }
        }
        let life = tokens.expires_in.map_or("not said".to_owned(), |seconds| format!("{seconds} s"));
        self.notebook.saw(Part::Token, "Access token", life);
        let refresh = if tokens.refresh_token.is_some() { "given" } else { "none" };
        self.notebook.saw(Part::Token, "Refresh token", refresh);
        Some(*tokens)
    }

    /// What the newest answer of the token endpoint shows beside its tokens.
    fn look_at_the_answer(&mut self, part: Part) {
        let Some(seen) = self.recorder.last(Purpose::Token) else { return };
        let status = seen.exchange.status.unwrap_or_default();
        if status != 200 {
            return;
        }
        let facts = seen.facts;
        if facts.error {
            self.notebook.found(part, Find::ErrorWith200.found().with("status", status));
            return;
        }
        // What is no token answer is told as that.
        if !seen.exchange.members.contains_key("access_token") {
            return;
        }
        match facts.expires_in {
            Said::Nothing => self.notebook.found(part, Find::NoExpiresIn.found()),
            Said::Odd => self.notebook.found(part, Find::ExpiresInOdd.found()),
            Said::Well => {}
        }
        if !facts.token_type {
            self.notebook.found(part, Find::NoTokenType.found());
        }
        if !facts.no_store {
            self.notebook.found(part, Find::TokenCacheable.found());
        }
    }

    /// New tokens for old (RFC 6749 §6). Returns the newest that there are.
    pub(super) async fn refresh(&mut self, place: &Place, client: &Client, tokens: TokenSet) -> TokenSet {
        let Some(old) = tokens.refresh_token.clone() else { return tokens };
        let outcome = self.ask_for_new(place, client, &old).await;
        self.look_at_the_answer(Part::Refresh);
        let host = super::host(place.found.metadata.token_endpoint.as_str());
        if let Some(found) = judge::token(&outcome, Find::RefreshRefused, Find::RefreshUnusable, &host) {
            self.notebook.found(Part::Refresh, found);
        }
        let TokenOutcome::Granted(mut newer) = outcome else { return tokens };
        let rotated = newer.rotation == Rotation::New;
        self.notebook.saw(Part::Refresh, "Refresh token", if rotated { "a new one" } else { "the same" });
        if !rotated && client.secret.is_none() {
            self.notebook.found(Part::Refresh, Find::NotRotated.found());
        }
        if newer.access_token.expose() == tokens.access_token.expose() {
            self.notebook.found(Part::Refresh, Find::SameAccessToken.found());
        }
        self.use_token(Part::Refresh, &newer.access_token).await;
        if rotated && self.wish.thorough {
            // The old one comes back, as a thief's would: a server that does it right ends the grant.
            let again = self.ask_for_new(place, client, &old).await;
            match again {
                TokenOutcome::Granted(honoured) => {
                    self.notebook.found(Part::Refresh, Find::UsedTokenHonoured.found());
                    newer = honoured;
                }
                _ => self.notebook.saw(Part::Refresh, "Used again", "refused"),
            }
        }
        *newer
    }

    async fn ask_for_new(&self, place: &Place, client: &Client, old: &RefreshToken) -> TokenOutcome {
        let request =
            Refresh { refresh_token: old, resource: place.found.resource_parameter.as_ref(), scopes: None };
        let endpoint = &place.found.metadata.token_endpoint;
        token::refresh(&self.recorder, &self.ground.reach, endpoint, client, &request).await
    }

    /// The end of the tokens, refresh token first, each with a look whether it is one.
    pub(super) async fn revoke(&mut self, place: &Place, client: &Client, tokens: &TokenSet) {
        let part = Part::Revocation;
        let use_of = place.found.profile.as_ref().map_or(RevocationUse::All, |profile| profile.revocation);
        if place.found.metadata.revocation_endpoint.is_none() || use_of == RevocationUse::None {
            let ends = tokens.expires_in.map_or("when nobody knows".to_owned(), |s| format!("within {s} s"));
            self.notebook.saw(part, "The test's tokens end", ends);
            return;
        }
        if let Some(refresh) = &tokens.refresh_token
            && self.revoke_one(place, client, Revocable::Refresh(refresh)).await
        {
            match self.ask_for_new(place, client, refresh).await {
                TokenOutcome::Granted(honoured) => {
                    self.notebook.found(part, Find::RevocationLies.found());
                    // Given back the same way, for what that is worth.
                    if let Some(newer) = &honoured.refresh_token {
                        self.revoke_one(place, client, Revocable::Refresh(newer)).await;
                    }
                    self.revoke_one(place, client, Revocable::Access(&honoured.access_token)).await;
                }
                TokenOutcome::Refused(_) | TokenOutcome::ClientGone(_) => {
                    self.notebook.saw(part, "Refresh token", "refused from then on");
                }
                _ => self.notebook.saw(part, "Refresh token", "revoked; not seen to be refused"),
            }
        }
        if use_of == RevocationUse::All {
            self.revoke_one(place, client, Revocable::Access(&tokens.access_token)).await;
        }
        match self.takes(&tokens.access_token).await {
            Verdict::Inactive => {
                self.notebook.saw(part, "Access token", "refused by the server from then on")
            }
            Verdict::Active | Verdict::Refused => {
                self.notebook.found(part, Find::AccessTokenOutlives.found());
            }
            _ => {}
        }
    }

    async fn revoke_one(&mut self, place: &Place, client: &Client, token: Revocable<'_>) -> bool {
        let part = Part::Revocation;
        let metadata = &place.found.metadata;
        let outcome = revoke::revoke(&self.recorder, &self.ground.reach, metadata, client, token).await;
        let url = metadata.revocation_endpoint.as_ref().map_or("", |endpoint| endpoint.as_str());
        let (host, by) = (super::host(url), judge::clause(Purpose::Revocation, ""));
        let refused = |reason: String| Find::RevocationRefused.found().with("reason", reason);
        let found = match outcome {
            RevocationOutcome::Accepted => return true,
            RevocationOutcome::NotOffered => return false,
            RevocationOutcome::UnsupportedTokenType => Find::AccessTokenStays.found(),
            RevocationOutcome::Later { status, .. } => judge::later(status, &host, by),
            RevocationOutcome::Failed(failure) => judge::failure(failure, &host, by),
            RevocationOutcome::ClientGone(refusal) | RevocationOutcome::Refused(refusal) => {
                refused(refusal.code.as_str().to_owned())
            }
            RevocationOutcome::Odd { status } => refused(format!("status {status}")),
        };
        self.notebook.found(part, found);
        false
    }
}
