//! Checking a JWT against a JWK set: the algorithms that issuers really use, each bound to its key type, so that a
//! header cannot choose how it is checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::Value;

/// What a JWT says of its signature.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    algorithm: String,
    key: Option<String>,
}

fn part(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The header, when the text has the form of a JWT.
pub(crate) fn header(token: &str) -> Option<Header> {
    let mut parts = token.split('.');
    let first = parts.next()?;
    if parts.count() != 2 {
        return None;
    }
    let value: Value = serde_json::from_slice(&part(first)?).ok()?;
    // RFC 7515 §4.1.11: what is critical and not understood makes the token invalid.
    if value.get("crit").is_some() {
        return None;
    }
    Some(Header {
        algorithm: value.get("alg")?.as_str()?.to_owned(),
        key: value.get("kid").and_then(Value::as_str).map(str::to_owned),
    })
}

fn candidates<'a>(keys: &'a Value, header: &'a Header) -> impl Iterator<Item = &'a Value> {
    let all = keys.get("keys").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    all.iter().filter(move |key| match &header.key {
        Some(id) => key.get("kid").and_then(Value::as_str) == Some(id),
        None => true,
    })
}

/// Whether the set has a key that the header names.
pub(crate) fn has(keys: &Value, header: &Header) -> bool {
    candidates(keys, header).next().is_some()
}

/// The claims, when one of the keys has signed them.
pub(crate) fn verified(token: &str, header: &Header, keys: &Value) -> Option<Value> {
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = part(signature)?;
    candidates(keys, header).find(|key| fits(key, header, signed.as_bytes(), &signature))?;
    let (_, claims) = signed.split_once('.')?;
    serde_json::from_slice(&part(claims)?).ok()
}

fn fits(key: &Value, header: &Header, signed: &[u8], signature: &[u8]) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    let bytes = |name: &str| part(text(name)).unwrap_or_default();
    if !matches!(text("use"), "" | "sig") || !(text("alg").is_empty() || text("alg") == header.algorithm) {
        return false;
    }
    let point = || [&[4_u8][..], &bytes("x"), &bytes("y")].concat();
    match (text("kty"), header.algorithm.as_str()) {
        ("EC", "ES256") if text("crv") == "P-256" => {
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point()).verify(signed, signature).is_ok()
        }
        ("EC", "ES384") if text("crv") == "P-384" => {
            UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point()).verify(signed, signature).is_ok()
        }
        ("OKP", "EdDSA") if text("crv") == "Ed25519" => {
            UnparsedPublicKey::new(&ED25519, bytes("x")).verify(signed, signature).is_ok()
        }
        ("RSA", "RS256") => RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") }
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
            .is_ok(),
        ("RSA", "PS256") => RsaPublicKeyComponents { n: bytes("n"), e: bytes("e") }
            .verify(&RSA_PSS_2048_8192_SHA256, signed, signature)
            .is_ok(),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::keys::SigningKey;
    use serde_json::json;

    #[test]
    fn what_our_key_signs_is_believed_and_nothing_else() {
        let (ours, other) = (SigningKey::generate(), SigningKey::generate());
        let token = ours.sign("at+jwt", &json!({"sub": "x"}));
        let head = header(&token).unwrap();
        assert_eq!(verified(&token, &head, &ours.jwks()).unwrap()["sub"], "x");
        assert!(verified(&token, &head, &other.jwks()).is_none());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (first, _) = signed.split_once('.').unwrap();
        let forged = format!("{first}.{}.{signature}", URL_SAFE_NO_PAD.encode("{\"sub\":\"y\"}"));
        assert!(verified(&forged, &head, &ours.jwks()).is_none());
        let none = format!("{}.e30.", URL_SAFE_NO_PAD.encode("{\"alg\":\"none\"}"));
        assert!(verified(&none, &header(&none).unwrap(), &ours.jwks()).is_none());
        assert!(header("sbx-at-opaque").is_none());
    }
}
