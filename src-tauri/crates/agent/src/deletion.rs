//! The end of a registration. It goes when nothing hangs on it any more, no account and no queued revocation, which needs it
//! to name us; and only where it is ours and its issuer lets us delete it (RFC 7592).

use std::sync::Arc;

use mcp_login_oauth::RegistrationAccessToken;
use mcp_login_oauth::endpoint::Endpoint;
use mcp_login_oauth::error::EndpointName;
use mcp_login_oauth::registration::{self, DeletionOutcome, Management, RegistrationKind};
use mcp_login_vault::{ExposeSecret as _, fault};

use crate::accounts::{Registration, Standing};
use crate::core::Inner;
use crate::failure::Failure;
use crate::id::RegistrationId;
use crate::receipt::{self, Credential, Outcome, Proof, ReceiptLine};

impl Inner {
    /// Deletes a registration when nothing hangs on it any more: no account, no queued revocation.
    pub(crate) async fn end_registration(self: &Arc<Self>, id: &RegistrationId) -> ReceiptLine {
        let what = Credential::Registration;
        let none = receipt::line(what, Outcome::None);
        let Some(registration) = self.registrations.get(id) else { return none };
        // In this order: a sign-in lets go of it only when its account is there.
        if !self.registrations.begin_leaving(id) {
            return none;
        }
        if self.hangs_on(id) {
            self.registrations.end_leaving(id);
            return none;
        }
        let line = self.delete_registration(&registration).await.unwrap_or_else(|failure| {
            tracing::warn!(%failure, "a registration could not be ended");
            receipt::queued(what, "keychain_failed", None)
        });
        self.registrations.end_leaving(id);
        if line.outcome == Outcome::Queued {
            self.revocations.postpone_registrations(&registration.issuer, self.clock.now());
            self.wake.notify_one();
        }
        line
    }

    async fn delete_registration(&self, registration: &Registration) -> Result<ReceiptLine, Failure> {
        let what = Credential::Registration;
        let id = &registration.id;
        let at = self.clock.now().unix();
        if registration.kind != RegistrationKind::Dynamic {
            // The person's own client, or our document: nothing of it is at the issuer's to delete, and the person's secret
            // is not thrown away with an account.
            if registration.standing != Standing::Current {
                self.registrations.remove(id).await?;
            }
            return Ok(receipt::line(what, Outcome::None));
        }
        let secrets = self.registrations.secrets(id).await?;
        let management = match (&registration.management_uri, secrets.registration_token) {
            (Some(uri), Some(token)) => Endpoint::parse(uri, EndpointName::RegistrationManagement)
                .ok()
                .map(|uri| Management { uri, token: RegistrationAccessToken::new(token.expose_secret()) }),
            _ => None,
        };
        let Some(management) = management else {
            // Not ours to delete. Kept for the next sign-in, so that issuers do not collect registrations of us. One that was
            // leaving lost its token to a crash just before its record was to go.
            if registration.standing != Standing::Current {
                self.registrations.remove(id).await?;
            }
            return Ok(receipt::line(what, Outcome::NotOffered));
        };
        self.registrations.set_standing(id, Standing::Leaving).await?;
        fault::point("signout.registration");
        let rule = registration.rule(&self.allowed_hosts);
        let outcome = registration::delete(&self.http, &rule, &management).await;
        match outcome {
            DeletionOutcome::Deleted | DeletionOutcome::AlreadyGone => {
                self.registrations.remove(id).await?;
                Ok(receipt::confirmed(what, Proof::Deleted, at))
            }
            DeletionOutcome::NotOffered => {
                self.registrations.remove(id).await?;
                Ok(receipt::line(what, Outcome::NotOffered))
            }
            DeletionOutcome::Later { .. } => Ok(receipt::queued(what, "server_trouble", None)),
            DeletionOutcome::Failed(_) => Ok(receipt::queued(what, "offline", None)),
            DeletionOutcome::Odd { .. } => {
                self.registrations.remove(id).await?;
                Ok(receipt::failed(what, "odd_answer", None))
            }
        }
    }
}
