//! The rows: what any request can show, then part by part.

use super::Row;
use crate::api::{Part, Weight};

macro_rules! findings {
    ($($variant:ident $code:literal $part:ident $weight:ident $clause:literal
        fact $fact:literal next $next:literal;)*) => {
        /// Something that a look at a server can find.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs)] // the row says it
        pub enum Find { $($variant,)* }

        impl Find {
            /// All of them, in the table's order.
            pub const ALL: &[Find] = &[$(Find::$variant,)*];

            /// Its row.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $(Find::$variant => Row {
                        code: $code,
                        part: part!($part),
                        weight: Weight::$weight,
                        clause: $clause,
                        fact: $fact,
                        next: $next,
                    },)*
                }
            }

            /// The finding of that word.
            #[must_use]
            pub fn from_code(code: &str) -> Option<Find> {
                match code { $($code => Some(Find::$variant),)* _ => None }
            }
        }
    };
}

macro_rules! part {
    (Any) => {
        None
    };
    ($part:ident) => {
        Some(Part::$part)
    };
}

findings! {
    // what any request can show
    NotReachable "not_reachable" Any Failed ""
        fact "{host} could not be reached: {reason}."
        next "See that the host's name resolves, that it listens, and that its certificate is good and of this host.";
    NoAnswer "no_answer" Any Failed ""
        fact "{host} took the request and gave no whole answer: {reason}."
        next "Answer whole, and within 15 seconds; a client cannot know what a request did whose answer is lost.";
    NotNow "not_now" Any Failed ""
        fact "{host} answered {status}: not now."
        next "Look at the server's log; a client tries again later, and a person waits.";
    TooLarge "too_large" Any Failed ""
        fact "The answer of {host} is larger than {limit}."
        next "Keep documents and answers small; clients stop reading there.";
    AddressRefused "address_refused" Any Failed ""
        fact "{host} lies in a private range, and a server on the public internet may not point there."
        next "Name public addresses in the documents of a public server (MCP security best practices, SSRF).";
    WrongContentType "wrong_content_type" Any Warning ""
        fact "{url} calls its answer {type}, not {expected}."
        next "Send `Content-Type: application/json`; strict clients read nothing else.";
    Redirected "redirected" Any Warning ""
        fact "{url} answers with a redirect ({status}) to {found}."
        next "Answer at the address that you publish: clients follow no redirect with a credential, and none to another host.";
    Slow "slow" Any Warning ""
        fact "{url} took {seconds} seconds."
        next "Answer within 5 seconds: a person waits, and clients give up after 15.";
    ClockOff "clock_off" Any Warning "RFC 9110 §6.6.1"
        fact "The clock of {host} is {seconds} seconds from the one here."
        next "Set the clocks: the ends of tokens are counted by them.";

    // discovery
    NoChallenge "no_challenge" Discovery Warning "RFC 6750 §3; RFC 9110 §11.6.1"
        fact "The server refuses with {status} and sends no `WWW-Authenticate: Bearer` header."
        next "Send `WWW-Authenticate: Bearer resource_metadata=\"...\"` with every 401.";
    NoUnauthorized "no_unauthorized" Discovery Warning "MCP 2026-07-28, Protected Resource Metadata; RFC 9110 §15.5.2"
        fact "A request without a token was answered {status}, not 401."
        next "Answer 401 to requests without a token, before anything else is looked at.";
    OpenServer "open_server" Discovery Note "MCP 2026-07-28, Protected Resource Metadata"
        fact "The server answered a first request without a token."
        next "Nothing to do if only some methods or tools need a sign-in: clients read your documents anyway.";
    ChallengeWithoutMetadata "challenge_without_metadata" Discovery Note "RFC 9728 §5.1"
        fact "The challenge does not say where the server's metadata lies."
        next "Add `resource_metadata` to the challenge; clients try the well-known addresses otherwise.";
    ChallengeWithoutScope "challenge_without_scope" Discovery Note "MCP 2026-07-28, Scope Selection"
        fact "The challenge names no scope."
        next "Add `scope` to the challenge, so that clients ask for what is needed and no more.";
    ChallengePointsNowhere "challenge_points_nowhere" Discovery Warning "RFC 9728 §5.1"
        fact "The challenge points to {url}, where there is no metadata."
        next "Point `resource_metadata` to the document.";
    DocumentUnreadable "document_unreadable" Discovery Warning "RFC 9728 §3.2; RFC 8414 §3.2"
        fact "What lies at {url} is no metadata."
        next "Answer 404 where there is no document, and a JSON object where there is one.";
    ResourceMismatch "resource_mismatch" Discovery Failed "RFC 9728 §3.3"
        fact "The metadata found for {server} is about {resource}."
        next "Name the server's own address in `resource`: the URL that clients are given, or its origin.";
    NoScopesSupported "no_scopes_supported" Discovery Note "RFC 9728 §2; MCP 2026-07-28, Scope Selection"
        fact "Neither the challenge nor the metadata names a scope."
        next "List the scopes that a first sign-in needs in `scopes_supported`; clients ask for none otherwise.";
    OlderRevision "older_revision" Discovery Note "RFC 9728 §3; MCP 2025-06-18, Protected Resource Metadata"
        fact "The server has no protected resource metadata; the issuer was found as in MCP 2025-03-26."
        next "Publish protected resource metadata: newer clients need not try the older way.";
    NoAuthorizationServer "no_authorization_server" Discovery Failed "RFC 9728 §2; MCP 2026-07-28, authorization server location"
        fact "The server asks for a sign-in, and nothing says where."
        next "Publish protected resource metadata with `authorization_servers`.";
    NoSignInOffered "no_sign_in_offered" Discovery Failed "RFC 9728 §2; MCP 2026-07-28, authorization server location"
        fact "The server answers without a sign-in and names no authorization server."
        next "Nothing to do if it needs none; else answer 401 and publish protected resource metadata.";
    NoMetadata "no_metadata" Discovery Failed "RFC 8414 §3; MCP 2026-07-28, authorization server metadata discovery"
        fact "The issuer {issuer} has no metadata at any of its well-known addresses."
        next "Publish RFC 8414 metadata, or OpenID Connect discovery, at the well-known address of the issuer.";
    OpenidOnly "openid_only" Discovery Note "RFC 8414 §3; MCP 2026-07-28, authorization server metadata discovery"
        fact "The issuer has OpenID Connect discovery and no RFC 8414 metadata."
        next "Nothing to do for clients since MCP 2025-11-25; older ones know RFC 8414 only.";
    MetadataUnusable "metadata_unusable" Discovery Failed "RFC 8414 §2, §3.2"
        fact "The issuer's metadata cannot be used: {reason}."
        next "Publish a JSON object with `issuer`, `authorization_endpoint` and `token_endpoint`.";
    IssuerMismatch "issuer_mismatch" Discovery Failed "RFC 8414 §3.3"
        fact "The metadata of {issuer} names the issuer {found}."
        next "Name the same issuer in `authorization_servers`, in the metadata and in `iss`, letter by letter.";
    IssuerSlash "issuer_slash" Discovery Warning "RFC 8414 §3.3"
        fact "The server names the issuer {issuer}, and its metadata says {found}: they differ by a slash."
        next "Write the issuer the same way everywhere; strict clients refuse this.";
    MetadataCopy "metadata_copy" Discovery Warning "RFC 8414 §3.3"
        fact "The metadata on the server's own host names the issuer {found}."
        next "Name the issuer itself in `authorization_servers`; strict clients refuse a copy under another address.";
    EndpointNotHttps "endpoint_not_https" Discovery Failed "RFC 6749 §3.1; MCP 2026-07-28, Communication Security"
        fact "The {endpoint} is no https address."
        next "Publish https addresses; `http` is for this machine only.";
    PkceNotAnnounced "pkce_not_announced" Discovery Failed "RFC 8414 §2; MCP 2026-07-28, Authorization Code Protection"
        fact "{issuer} does not announce PKCE with S256."
        next "Support S256 and list it in `code_challenge_methods_supported`: clients must refuse to go on without.";
    PkceVouched "pkce_vouched" Discovery Note "RFC 8414 §2; MCP 2026-07-28, Authorization Code Protection"
        fact "{issuer} does not announce PKCE with S256; a known profile or the settings here vouch for it."
        next "List S256 in `code_challenge_methods_supported`: clients without such a profile refuse to go on.";
    NoIss "no_iss" Discovery Warning "RFC 9207 §3; MCP 2026-07-28, Authorization Response Validation"
        fact "The issuer does not announce `iss` in its authorization responses."
        next "Send `iss` and announce `authorization_response_iss_parameter_supported`; without it answers can be mixed up.";
    NoMetadataDocuments "no_metadata_documents" Discovery Note "MCP 2026-07-28, Client ID Metadata Documents"
        fact "The issuer does not take Client ID Metadata Documents."
        next "Announce `client_id_metadata_document_supported`: dynamic registration is deprecated since 2026-07-28.";
    NoRefreshGrant "no_refresh_grant" Discovery Warning "RFC 8414 §2"
        fact "`grant_types_supported` does not list `refresh_token`."
        next "Support refresh tokens and list them; without, people sign in again whenever a token ends.";

    // registration
    RegistrationNotOffered "registration_not_offered" Registration Failed "MCP 2026-07-28, client registration"
        fact "{issuer} offers no registration that a desktop client can use."
        next "Take Client ID Metadata Documents or offer RFC 7591; else each person needs a client that was registered by hand.";
    PersonsClient "persons_client" Registration Note "MCP 2026-07-28, Pre-registration"
        fact "The client that the settings here name for {issuer} was used; nothing was registered."
        next "Nothing to do. Take it out of the settings to test registration.";
    SchemeRefused "scheme_refused" Registration Warning "RFC 8252 §7.1"
        fact "A private-use scheme is refused as redirect: {reason}."
        next "Take private-use schemes in reverse domain form with `application_type` native.";
    LoopbackRefused "loopback_refused" Registration Warning "RFC 8252 §7.3"
        fact "A loopback redirect is refused, by number and by name: {reason}."
        next "Take `http://127.0.0.1` with any port for native clients: most of them have nothing else.";
    LiteralLoopbackRefused "literal_loopback_refused" Registration Warning "RFC 8252 §7.3, §8.3"
        fact "`http://127.0.0.1` is refused as redirect, and `http://localhost` is taken."
        next "Take `http://127.0.0.1` and `http://[::1]`: the name may lead elsewhere.";
    RegistrationRefused "registration_refused" Registration Failed "RFC 7591 §3.2.2"
        fact "The registration was refused: {reason}."
        next "Register native public clients with one redirect URI and no secret; name the reason in `error` otherwise.";
    RegistrationTokenNeeded "registration_token_needed" Registration Failed "RFC 7591 §3; MCP 2026-07-28, client registration"
        fact "The registration endpoint wants an initial access token ({status})."
        next "Open registration for MCP clients, or take Client ID Metadata Documents: nobody can hand such a token to each person.";
    RedirectNotRegistered "redirect_not_registered" Registration Failed "RFC 7591 §3.2.1"
        fact "The answer to the registration does not hold the redirect URI that was asked for."
        next "Register what was asked for, or refuse with `invalid_redirect_uri`.";
    RegistrationUnusable "registration_unusable" Registration Failed "RFC 7591 §3.2.1"
        fact "The answer to the registration cannot be used: {reason}."
        next "Answer 201 with a JSON object that holds `client_id` and what was registered.";
    SecretGiven "secret_given" Registration Note "RFC 7591 §3.2.1; RFC 8252 §8.5"
        fact "A client that asked for none was given a secret."
        next "Register native clients as public ones: a secret on many desktops is none.";
    SecretNull "secret_null" Registration Note "RFC 7591 §3.2.1"
        fact "The answer to a public client's registration has an empty `client_secret`."
        next "Leave `client_secret` out; clients take what is there for a secret.";
    ConfidentialOnly "confidential_only" Registration Note "RFC 8252 §8.5; RFC 8414 §2"
        fact "The token endpoint lists no method for public clients."
        next "List `none` in `token_endpoint_auth_methods_supported`: desktop clients can keep no secret.";
    RefreshNotRegistered "refresh_not_registered" Registration Warning "RFC 7591 §3.2.1; MCP 2026-07-28, Refresh Tokens"
        fact "The client asked for `refresh_token` among its grant types and was registered without."
        next "Register the grant types that were asked for, or people sign in again whenever a token ends.";
    SecretExpires "secret_expires" Registration Note "RFC 7591 §3.2.1"
        fact "The client's secret expires."
        next "Let clients live as long as their refresh tokens: a sign-in ends with them.";
    RegistrationStays "registration_stays" Registration Note "RFC 7592 §2.3"
        fact "The registration cannot be deleted: {url} names no management address."
        next "Offer RFC 7592, so that clients leave nothing behind.";
    RegistrationNotDeleted "registration_not_deleted" Registration Warning "RFC 7592 §2.3"
        fact "The registration was not deleted: {reason}."
        next "Delete a registration on DELETE with its registration access token.";

    // authorization
    AuthorizationUnanswered "authorization_unanswered" Authorization Failed "RFC 6749 §3.1, §4.1.1"
        fact "The authorization endpoint answered {status} to a right request with the redirect {redirect_uri}."
        next "Show the sign-in page to any client that is registered for that redirect.";
    AuthorizationSchemeRefused "authorization_scheme_refused" Authorization Warning "RFC 8252 §7.1"
        fact "The authorization endpoint answered {status} to a client that is registered for a private-use scheme."
        next "Take the redirect that was registered, or refuse its registration.";
    AuthorizationLoopbackRefused "authorization_loopback_refused" Authorization Warning "RFC 8252 §7.3"
        fact "The authorization endpoint answered {status} to a client that is registered for {redirect_uri}."
        next "Take the redirect that was registered, or refuse its registration.";
    LoopbackPortFixed "loopback_port_fixed" Authorization Warning "RFC 8252 §7.3"
        fact "The authorization endpoint takes the registered port of a loopback redirect, and answers {status} to another."
        next "Compare loopback redirects without their port: a client takes the port that is free.";
    AuthorizationRefused "authorization_refused" Authorization Failed "RFC 6749 §4.1.2.1"
        fact "The authorization server ended the sign-in: {error}."
        next "See that a client with these scopes and this `resource` may sign in.";
    CallbackIssuer "callback_issuer" Authorization Failed "RFC 9207 §2.4"
        fact "The authorization response names another issuer than the metadata."
        next "Send the metadata's `issuer` as `iss`, letter by letter, with codes and with errors.";
    CallbackIssuerMissing "callback_issuer_missing" Authorization Failed "RFC 9207 §2, §2.4"
        fact "The metadata announces `iss`, and the authorization response has none."
        next "Send `iss` with every authorization response, errors too.";
    CallbackState "callback_state" Authorization Failed "RFC 6749 §4.1.2, §10.12"
        fact "The authorization response does not bring the request's `state` back."
        next "Send `state` back as it came, with codes and with errors.";
    CallbackDoubled "callback_doubled" Authorization Failed "RFC 6749 §3.1"
        fact "The authorization response has a parameter twice."
        next "Send each parameter once.";
    CallbackMalformed "callback_malformed" Authorization Failed "RFC 6749 §4.1.2"
        fact "The authorization response cannot be read: {reason}."
        next "Redirect to the registered URI with `code`, `state` and `iss`.";
    NobodyCame "nobody_came" Authorization Note "RFC 6749 §4.1.2"
        fact "Nothing came back from the browser: {reason}."
        next "Run it again and sign in; if the browser showed an error, that is what to look at.";

    // token
    CodeRefused "code_refused" Token Failed "RFC 6749 §4.1.3, §5.2"
        fact "The token endpoint refused the code: {error}."
        next "Take a code once, from the client, redirect URI, `resource` and verifier that it was asked with.";
    ClientUnknown "client_unknown" Token Failed "RFC 6749 §5.2"
        fact "The token endpoint does not know the client that was just registered: {error}."
        next "Keep registrations, and show them to every instance of the issuer.";
    TokenUnusable "token_unusable" Token Failed "RFC 6749 §5.1"
        fact "The token endpoint's answer cannot be used: {reason}."
        next "Answer 200 with a JSON object that holds `access_token`, `token_type` Bearer and `expires_in`.";
    ErrorWith200 "error_with_200" Token Warning "RFC 6749 §5.2"
        fact "The token endpoint sends an error with the status {status}."
        next "Send errors with 400, and with 401 for a client that fails to authenticate.";
    NoTokenType "no_token_type" Token Warning "RFC 6749 §5.1"
        fact "The token answer has no `token_type`."
        next "Send `token_type` Bearer.";
    NoRefreshToken "no_refresh_token" Token Warning "RFC 6749 §5.1; MCP 2026-07-28, Refresh Tokens"
        fact "No refresh token was given."
        next "Give one to clients that registered the grant: else people sign in again whenever a token ends.";
    NoExpiresIn "no_expires_in" Token Warning "RFC 6749 §5.1"
        fact "The token answer has no `expires_in`."
        next "Send it: clients cannot renew in time otherwise, and meet a 401 in the middle of work.";
    ExpiresInOdd "expires_in_odd" Token Warning "RFC 6749 §5.1"
        fact "`expires_in` is no whole number of seconds between a minute and ten years."
        next "Send the lifetime in seconds, as a JSON number.";
    TokenCacheable "token_cacheable" Token Note "RFC 6749 §5.1"
        fact "The token answer may be cached."
        next "Send `Cache-Control: no-store`.";
    ScopeNarrowed "scope_narrowed" Token Note "RFC 6749 §3.3"
        fact "Less was granted than was asked for: {scopes} is missing."
        next "Nothing to do if the person chose so; else name in `scopes_supported` what can be had.";

    // the server
    TokenRefused "token_refused" Server Failed "RFC 6750 §3.1; MCP 2026-07-28, Token Handling"
        fact "The MCP server answered {status} to a token that its issuer has just given."
        next "See that the server trusts this issuer, and that `resource` becomes the token's audience.";
    ScopeRefused "scope_refused" Server Failed "RFC 6750 §3.1; MCP 2026-07-28, Scope Challenge Handling"
        fact "The MCP server answered {status}: the scopes that it asked for do not suffice."
        next "Ask in the challenge for what the first request needs.";
    ServerAnswer "server_answer" Server Warning "MCP 2026-07-28, Streamable HTTP"
        fact "The MCP server answered {status} to a first request with a good token."
        next "Answer `initialize`, or `server/discover` since 2026-07-28.";
    SessionLost "session_lost" Server Warning "MCP 2025-11-25, Session Management"
        fact "The MCP server forgot a session that it had just begun ({status})."
        next "Keep sessions where every instance of the server finds them.";

    // refresh
    RefreshRefused "refresh_refused" Refresh Failed "RFC 6749 §6"
        fact "The token endpoint refused a fresh refresh token: {error}."
        next "Take a refresh token from the client that it was given to, with the same `resource`.";
    RefreshUnusable "refresh_unusable" Refresh Failed "RFC 6749 §5.1, §6"
        fact "The answer to a refresh cannot be used: {reason}."
        next "Answer as to a code: 200 with a JSON object and a new access token.";
    NotRotated "not_rotated" Refresh Warning "RFC 9700 §4.14.2; MCP 2026-07-28, Token Theft"
        fact "The refresh token of a public client stayed the same."
        next "Give a new refresh token with every refresh, and end the grant when an old one is used.";
    SameAccessToken "same_access_token" Refresh Note "RFC 6749 §6"
        fact "A refresh gave the same access token again."
        next "Give a new one: a client refreshes because the old one is near its end, or was refused.";
    UsedTokenHonoured "used_token_honoured" Refresh Warning "RFC 9700 §4.14.2"
        fact "A refresh token that was used before was taken again."
        next "End the grant when an old refresh token comes back; allow a few seconds for a lost answer at most.";

    // revocation
    NoRevocation "no_revocation" Revocation Warning "RFC 7009 §2; RFC 8414 §2"
        fact "The issuer offers no revocation: a sign-out is not known to it."
        next "Offer RFC 7009 and name `revocation_endpoint`.";
    RevocationRefused "revocation_refused" Revocation Failed "RFC 7009 §2.2"
        fact "The revocation was not accepted: {reason}."
        next "Answer 200 to the revocation of a token by the client that it was given to.";
    RevocationLies "revocation_lies" Revocation Failed "RFC 7009 §2, §2.2"
        fact "The revocation was answered with 200, and the refresh token still works."
        next "Let no token of the grant work after its refresh token was revoked.";
    AccessTokenOutlives "access_token_outlives" Revocation Note "RFC 7009 §2.1, §3"
        fact "The MCP server still takes the access token after its revocation."
        next "Let the server ask the issuer (RFC 7662), or keep access tokens short.";
    AccessTokenStays "access_token_stays" Revocation Note "RFC 7009 §2.2.1"
        fact "Access tokens cannot be revoked here."
        next "Keep access tokens short, and end them with their refresh token.";
}
