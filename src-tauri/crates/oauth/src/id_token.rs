//! The ID token, for the account's label only (OpenID Connect Core §3.1.3.7).
//!
//! Its signature is not checked, and needs no check: it came straight from the token endpoint over TLS, to which we
//! sent code and verifier, so TLS has authenticated the issuer in the signature's place (§3.1.3.7, item 6). Nothing is
//! decided by it: it names the account in lists. Invariant: a token that is not for us, not from this issuer, old, or
//! from another sign-in gives no label.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::UnixSeconds;
use crate::error::IdTokenFault;
use crate::json::Object;
use crate::secret::{IdToken, Nonce};
use crate::text::ServerText;
use crate::values::{ClientId, Issuer};

/// How far the issuer's clock may be off, in seconds: what phones and servers without time service drift at most.
const LEEWAY: u64 = 300;

/// What the token must say.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `iss`.
    pub issuer: &'a Issuer,
    /// `aud`, `azp`.
    pub client: &'a ClientId,
    /// `nonce`: `None` only if none was sent.
    pub nonce: Option<&'a Nonce>,
    /// For `exp`.
    pub now: UnixSeconds,
}

/// Who signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `sub`: unique at the issuer.
    pub subject: ServerText,
    /// `email`, `preferred_username`, `name` or `sub`, in this order.
    pub label: ServerText,
}

/// Reads and checks the claims.
///
/// # Errors
/// [`IdTokenFault`]: the sign-in goes on without a label.
pub fn read(token: &IdToken, expected: &Expected<'_>) -> Result<Person, IdTokenFault> {
    let parts: Vec<&str> = token.expose().split('.').collect();
    let [_, claims, _] = parts.as_slice() else { return Err(IdTokenFault::Malformed) };
    let claims = URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).map_err(|_| IdTokenFault::Malformed)?;
    let claims = Object::parse(&claims).map_err(|_| IdTokenFault::Malformed)?;
    if claims.text("iss") != Some(expected.issuer.as_str()) {
        return Err(IdTokenFault::Issuer);
    }
    let audience = claims.text_or_texts("aud");
    let ours = |id: &str| id == expected.client.as_str();
    let authorized = claims.text("azp");
    // Several audiences need an azp, and an azp must be us (items 3 to 5).
    if !audience.iter().any(|a| ours(a))
        || authorized.is_some_and(|a| !ours(a))
        || (audience.len() > 1 && authorized.is_none())
    {
        return Err(IdTokenFault::Audience);
    }
    if claims.seconds("exp").is_none_or(|exp| exp.saturating_add(LEEWAY) < expected.now) {
        return Err(IdTokenFault::Expired);
    }
    if let Some(nonce) = expected.nonce
        && !claims.text("nonce").is_some_and(|found| nonce.matches(found))
    {
        return Err(IdTokenFault::Nonce);
    }
    let text = |name: &str| claims.text(name).and_then(ServerText::non_empty);
    let subject = text("sub").ok_or(IdTokenFault::Subject)?;
    let label = text("email").or_else(|| text("preferred_username")).or_else(|| text("name"));
    Ok(Person { label: label.unwrap_or_else(|| subject.clone()), subject })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_claims(claims: serde_json::Value) -> Result<String, IdTokenFault> {
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        read_token(&token)
    }

    fn read_token(token: &str) -> Result<String, IdTokenFault> {
        let (issuer, client, nonce) =
            (Issuer::new("https://as.example"), ClientId::new("client"), Nonce::new("n"));
        let expected = Expected { issuer: &issuer, client: &client, nonce: Some(&nonce), now: 10_000 };
        read(&IdToken::new(token), &expected).map(|p| p.label.to_string())
    }

    fn good() -> serde_json::Value {
        serde_json::json!({"iss": "https://as.example", "aud": "client", "exp": 10_001, "nonce": "n", "sub": "u1", "email": "a@b.example"})
    }

    #[test]
    fn each_claim_is_checked() {
        assert_eq!(read_claims(good()).unwrap(), "a@b.example");
        for (claim, value, fault) in [
            ("iss", serde_json::json!("https://as.example/"), IdTokenFault::Issuer),
            ("iss", serde_json::json!(null), IdTokenFault::Issuer),
            ("aud", serde_json::json!("other"), IdTokenFault::Audience),
            ("aud", serde_json::json!(["client", "other"]), IdTokenFault::Audience),
            ("aud", serde_json::json!([]), IdTokenFault::Audience),
            ("azp", serde_json::json!("other"), IdTokenFault::Audience),
            ("exp", serde_json::json!(9_699), IdTokenFault::Expired),
            ("exp", serde_json::json!(null), IdTokenFault::Expired),
            ("nonce", serde_json::json!("m"), IdTokenFault::Nonce),
            ("nonce", serde_json::json!(null), IdTokenFault::Nonce),
            ("sub", serde_json::json!(""), IdTokenFault::Subject),
        ] {
            let mut claims = good();
            claims[claim] = value.clone();
            assert_eq!(read_claims(claims), Err(fault), "{claim} {value}");
        }
        let mut claims = good();
        claims["aud"] = serde_json::json!(["client", "other"]);
        claims["azp"] = serde_json::json!("client");
        claims["exp"] = serde_json::json!(9_700);
        assert!(read_claims(claims).is_ok());
    }

    #[test]
    fn labels_in_order() {
        let mut claims = good();
        claims["preferred_username"] = "alice".into();
        claims["name"] = "Alice\u{202e}".into();
        for (gone, label) in
            [("", "a@b.example"), ("email", "alice"), ("preferred_username", "Alice"), ("name", "u1")]
        {
            claims.as_object_mut().unwrap().remove(gone);
            assert_eq!(read_claims(claims.clone()).unwrap(), label);
        }
    }

    #[test]
    fn what_is_no_token() {
        for token in ["", "a.b", "a.b.c.d", "e30.!!.c", "e30.e30", "opaque"] {
            assert_eq!(read_token(token), Err(IdTokenFault::Malformed), "{token}");
        }
    }

    proptest! {
        #[test]
        fn reads_anything(token in "[A-Za-z0-9_.=-]{0,120}") {
            let _ = read_token(&token);
        }
    }
}
