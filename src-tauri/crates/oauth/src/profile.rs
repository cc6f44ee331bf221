//! What is known of providers that leave out what the specification asks for.
//!
//! Problem: large providers do PKCE without announcing it, or refuse requests with `resource`. Invariant: what
//! deviates is data, found by the issuer alone, narrow enough that nobody else's issuer matches; a person's own
//! profiles come first and may be looked up in the same form (`profiles.toml`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, SettingsFault};
use crate::values::Issuer;

/// Whether `resource` (RFC 8707) is sent to this provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceUse {
    /// Everywhere, as MCP asks.
    #[default]
    Send,
    /// Nowhere: the provider refuses requests with it.
    Omit,
}

/// Whether S256 is known where metadata does not announce it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum S256 {
    /// Only if the metadata says so.
    #[default]
    Announced,
    /// Known without: the metadata is silent.
    Vouched,
}

/// Whether `offline_access` is asked for with `prompt=consent` (OpenID Connect Core §11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OfflinePrompt {
    /// As OpenID Connect has it: without it the scope is ignored.
    #[default]
    Consent,
    /// Not needed here.
    None,
}

/// What the provider revokes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RevocationUse {
    /// Both kinds, as far as the metadata has an endpoint.
    #[default]
    All,
    /// Refresh tokens, and their access tokens with them.
    RefreshOnly,
    /// Nothing.
    None,
}

/// A document that serves many tenants and names none of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerTemplate {
    /// What stands where the issuer belongs, byte for byte. It has a brace in it, so that it is no issuer of anybody.
    pub template: String,
    /// The issuers whose documents may say so, byte for byte.
    pub issuers: Vec<String>,
}

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Its short name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// Patterns of issuers; `*` is one host label or path segment.
    pub issuers: Vec<String>,
    /// Whether S256 is known.
    #[serde(default)]
    pub s256: S256,
    /// Whether `resource` is sent.
    #[serde(default)]
    pub resource: ResourceUse,
    /// How `offline_access` is asked for.
    #[serde(default)]
    pub offline_prompt: OfflinePrompt,
    /// What is revoked.
    #[serde(default)]
    pub revocation: RevocationUse,
    /// More parameters for the authorization request.
    #[serde(default)]
    pub authorization_parameters: BTreeMap<String, String>,
    /// Seconds after which a sign-in ends, however often its tokens are renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_lifetime: Option<u64>,
    /// Issuers whose document names a template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_template: Option<IssuerTemplate>,
}

impl Profile {
    /// Whether the document of the issuer `asked` may say `found`: the third exception of the issuer rule.
    #[must_use]
    pub fn expects_template(&self, asked: &Issuer, found: &Issuer) -> bool {
        self.issuer_template.as_ref().is_some_and(|known| {
            known.template.contains('{')
                && known.template == found.as_str()
                && known.issuers.iter().any(|issuer| issuer == asked.as_str())
        })
    }
}

/// All profiles, those of the person first.
#[derive(Clone, Debug)]
pub struct Profiles(Vec<Profile>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    profile: Vec<Profile>,
}

impl Profiles {
    /// Those that come with the program.
    ///
    /// # Panics
    /// Never: a test reads the same text.
    #[must_use]
    pub fn builtin() -> Self {
        let file: File = toml::from_str(include_str!("profiles.toml")).expect("a test reads the same text");
        Profiles(file.profile)
    }

    /// Puts the person's own before them.
    ///
    /// # Errors
    /// [`Error::Settings`] with line and cause.
    pub fn with_overrides(self, text: &str) -> Result<Self, Error> {
        let fault = |text: String| Error::Settings(SettingsFault::Profiles(text));
        let file: File = toml::from_str(text).map_err(|e| fault(e.to_string()))?;
        for profile in &file.profile {
            for pattern in &profile.issuers {
                // A pattern that begins with a star, or whose host is one, would vouch for anybody's issuer.
                let host =
                    pattern.strip_prefix("https://").map(|rest| rest.split('/').next().unwrap_or_default());
                if host.is_none_or(|h| h.split('.').filter(|label| !label.contains('*')).count() < 2) {
                    return Err(fault(format!(
                        "{}: the issuer pattern {pattern:?} is too wide",
                        profile.name
                    )));
                }
            }
        }
        Ok(Profiles(file.profile.into_iter().chain(self.0).collect()))
    }

    /// The profile of an issuer.
    #[must_use]
    pub fn find(&self, issuer: &Issuer) -> Option<&Profile> {
        self.0.iter().find(|p| p.issuers.iter().any(|pattern| matches(pattern, issuer.as_str())))
    }

    /// In the order in which they are looked up.
    pub fn iter(&self) -> impl Iterator<Item = &Profile> {
        self.0.iter()
    }
}

/// Segment by segment; a star stands for a run of letters, digits, `-` and `_` (and in the path also `.`), at least one.
fn matches(pattern: &str, issuer: &str) -> bool {
    let (Some(pattern), Some(issuer)) = (pattern.strip_prefix("https://"), issuer.strip_prefix("https://"))
    else {
        return false;
    };
    let (pattern, issuer): (Vec<&str>, Vec<&str>) =
        (pattern.split('/').collect(), issuer.split('/').collect());
    if pattern.len() != issuer.len() {
        return false;
    }
    let word = |text: &str, dots: bool| {
        !text.is_empty()
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_' || (dots && b == b'.'))
    };
    pattern.iter().zip(&issuer).enumerate().all(|(at, (pattern, text))| {
        if at == 0 {
            let (pattern, text): (Vec<&str>, Vec<&str>) =
                (pattern.split('.').collect(), text.split('.').collect());
            pattern.len() == text.len()
                && pattern.iter().zip(&text).all(|(p, t)| if *p == "*" { word(t, false) } else { p == t })
        } else if *pattern == "*" {
            word(text, true)
        } else {
            pattern == text
        }
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(issuer: &str) -> Option<String> {
        Profiles::builtin().find(&Issuer::new(issuer)).map(|p| p.name.clone())
    }

    #[test]
    fn known_issuers() {
        for (issuer, profile) in [
            (
                "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
                "microsoft-entra",
            ),
            ("https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/", "microsoft-entra"),
            ("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI", "amazon-cognito"),
            ("https://accounts.google.com", "google"),
        ] {
            assert_eq!(name(issuer).as_deref(), Some(profile), "{issuer}");
        }
        for issuer in [
            "https://login.microsoftonline.com.evil.example/x/v2.0",
            "https://login.microsoftonline.com/a/b/v2.0",
            "https://login.microsoftonline.com//v2.0",
            "https://login.microsoftonline.com/x/v2.0/",
            "http://login.microsoftonline.com/x/v2.0",
            "https://LOGIN.microsoftonline.com/x/v2.0",
            "https://cognito-idp.evil.example.amazonaws.com/x",
            "https://cognito-idp.evil@x.amazonaws.com/x",
            "https://cognito-idp..amazonaws.com/x",
            "https://cognito-idp.eu.amazonaws.com/x?y",
            "https://accounts.google.com/",
            "",
        ] {
            assert_eq!(name(issuer), None, "{issuer}");
        }
    }

    #[test]
    fn what_entra_and_cognito_vouch_for() {
        let profiles = Profiles::builtin();
        let entra = profiles.find(&Issuer::new("https://login.microsoftonline.com/t/v2.0")).unwrap();
        assert_eq!(
            (entra.s256, entra.resource, entra.revocation),
            (S256::Vouched, ResourceUse::Omit, RevocationUse::None)
        );
        let cognito = profiles.find(&Issuer::new("https://cognito-idp.us-east-1.amazonaws.com/p")).unwrap();
        assert_eq!((cognito.s256, cognito.resource), (S256::Vouched, ResourceUse::Send));
    }

    #[test]
    fn a_persons_own_come_first() {
        let own =
            "[[profile]]\nname = \"mine\"\ntitle = \"Mine\"\nissuers = [\"https://accounts.google.com\"]\n";
        let profiles = Profiles::builtin().with_overrides(own).unwrap();
        assert_eq!(profiles.find(&Issuer::new("https://accounts.google.com")).unwrap().name, "mine");
        assert_eq!(profiles.find(&Issuer::new("https://accounts.google.com")).unwrap().s256, S256::Announced);
        for bad in [
            own.replace("https://accounts.google.com", "https://*.com"),
            own.replace("https://accounts.google.com", "*"),
            own.replace("title", "tittle"),
            "[[profile]\n".to_owned(),
        ] {
            assert!(matches!(Profiles::builtin().with_overrides(&bad), Err(Error::Settings(_))), "{bad}");
        }
    }
}
