//! Who signed a running program, on macOS: code signing's own word about the process, not about the file at its path.
//!
//! A path can lead to another file than the one that runs, and a name in a property list is anybody's. What counts is what
//! the system says of the running code: valid, and Apple has vouched for who signed it (Developer ID, App Store, Apple).
#![allow(unsafe_code)]

use core_foundation::array::CFArray;
use core_foundation::base::{CFType, TCFType as _};
use core_foundation::data::CFData;
use core_foundation::dictionary::{CFDictionary, CFDictionaryRef};
use core_foundation::string::{CFString, CFStringRef};
use security_framework::certificate::SecCertificate;
use security_framework::os::macos::code_signing::{Flags, GuestAttributes, SecCode, SecRequirement};

use super::Signed;
use super::macos::AuditToken;
use crate::api::{Signer, Trust};

/// "Apple has issued the certificate": Developer ID, the App Store, or Apple itself.
const APPLE: &str = "anchor apple generic";
/// `errSecCSReqFailed` of `CSCommon.h`: the signature holds, and is not what was asked for.
const REQUIREMENT_FAILED: i32 = -67050;
/// `kSecCSSigningInformation` of `SecCode.h`.
const SIGNING_INFORMATION: u32 = 2;

#[link(name = "Security", kind = "framework")]
unsafe extern "C" {
    static kSecCodeInfoCertificates: CFStringRef;
    static kSecCodeInfoIdentifier: CFStringRef;
    static kSecCodeInfoTeamIdentifier: CFStringRef;
    fn SecCodeCopySigningInformation(
        code: *const std::ffi::c_void,
        flags: u32,
        information: *mut CFDictionaryRef,
    ) -> i32;
}

/// Who signed what the process runs; nothing when code signing does not know the process.
pub(super) fn of_process(pid: u32) -> Option<Signed> {
    let mut attributes = GuestAttributes::new();
    attributes.set_pid(libc::pid_t::try_from(pid).ok()?);
    of_guest(&attributes)
}

/// The same for the process that the kernel named; nothing when that one is gone, whoever has its number.
pub(super) fn of_token(token: AuditToken) -> Option<Signed> {
    let token = CFData::from_buffer(&token.bytes());
    let mut attributes = GuestAttributes::new();
    attributes.set_audit_token(token.as_concrete_TypeRef());
    of_guest(&attributes)
}

fn of_guest(attributes: &GuestAttributes) -> Option<Signed> {
    let code = SecCode::copy_guest_with_attribues(None, attributes, Flags::NONE).ok()?;
    let apple: SecRequirement = APPLE.parse().ok()?;
    match code.check_validity(Flags::NONE, &apple) {
        Ok(()) => verified(&code),
        Err(error) if error.code() == REQUIREMENT_FAILED => Some(Signed::without_name(Trust::Adhoc)),
        Err(_) => Some(Signed::without_name(Trust::Unsigned)),
    }
}

fn verified(code: &SecCode) -> Option<Signed> {
    let about = information(code)?;
    // SAFETY: three constants of the framework, which live as long as the process.
    let (certificates, identifier, team) = unsafe {
        (
            CFString::wrap_under_get_rule(kSecCodeInfoCertificates),
            CFString::wrap_under_get_rule(kSecCodeInfoIdentifier),
            CFString::wrap_under_get_rule(kSecCodeInfoTeamIdentifier),
        )
    };
    let text = |key: &CFString| Some(about.find(key)?.downcast::<CFString>()?.to_string());
    let team = text(&team);
    let leaf = leaf(about.find(&certificates)?.downcast::<CFArray>()?)?;
    // Apple's own programs have no team, and one certificate for all of them.
    let signature = match &team {
        Some(team) => format!("team {team}"),
        None => format!("apple {}", text(&identifier)?),
    };
    Some(Signed {
        signer: Signer { name: Some(name(&leaf, team.as_deref())), trust: Trust::Verified },
        signature: Some(signature),
    })
}

fn information(code: &SecCode) -> Option<CFDictionary<CFString, CFType>> {
    let mut about: CFDictionaryRef = std::ptr::null();
    // SAFETY: a code object may stand where static code is expected (SecCode.h); it and `about` live through the call.
    let status =
        unsafe { SecCodeCopySigningInformation(code.as_CFTypeRef(), SIGNING_INFORMATION, &mut about) };
    if status != 0 || about.is_null() {
        return None;
    }
    // SAFETY: on success the call has put a dictionary there that is ours to release; its keys are strings by SecCode.h.
    Some(unsafe { CFDictionary::wrap_under_create_rule(about) })
}

/// The name in the first certificate: the signer's.
fn leaf(certificates: CFArray) -> Option<String> {
    let first = certificates.iter().next()?;
    // SAFETY: `kSecCodeInfoCertificates` is an array of certificates (SecCode.h), which `certificates` holds meanwhile.
    let first = unsafe { SecCertificate::wrap_under_get_rule((*first).cast_mut().cast()) };
    Some(first.subject_summary())
}

/// `Developer ID Application: Anysphere, Inc. (VDXQ22DGB9)` without what is no name.
fn name(summary: &str, team: Option<&str>) -> String {
    if team.is_none() {
        return "Apple".to_owned();
    }
    let name = summary.split_once(": ").map_or(summary, |(_, name)| name);
    let name = team.and_then(|team| name.strip_suffix(&format!(" ({team})"))).unwrap_or(name);
    name.to_owned()
}
