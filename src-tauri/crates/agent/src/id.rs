//! Identifiers. They are the vault's, since they are its keys.

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($name:ident, $doc:literal) => {
        #[doc = $doc]
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(String);
    };
}
id!(AccountId, "One person's sign-in at one server through one issuer.");
id!(RegistrationId, "Our client identity at one issuer for one redirect.");
id!(RevocationId, "A revocation that has not been confirmed yet.");
