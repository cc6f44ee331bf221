//! Who signed a program's file, on Windows: Authenticode, as the system judges it.
//!
//! A name in a file's properties is anybody's. What counts is the certificate of a signature that the system has checked up
//! to a root that it trusts. No look at the network: a question to a person must not wait for a server.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::path::Path;

use windows_sys::Win32::Foundation::{CERT_E_CHAINING, CERT_E_UNTRUSTEDROOT, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Security::Cryptography::{
    CERT_CONTEXT, CERT_NAME_RDN_TYPE, CERT_NAME_SIMPLE_DISPLAY_TYPE, CERT_X500_NAME_STR, CertGetNameStringW,
};
use windows_sys::Win32::Security::WinTrust::{
    WINTRUST_ACTION_GENERIC_VERIFY_V2, WINTRUST_DATA, WINTRUST_DATA_0, WINTRUST_FILE_INFO,
    WTD_CACHE_ONLY_URL_RETRIEVAL, WTD_CHOICE_FILE, WTD_REVOCATION_CHECK_NONE, WTD_REVOKE_NONE,
    WTD_STATEACTION_CLOSE, WTD_STATEACTION_VERIFY, WTD_UI_NONE, WTHelperGetProvCertFromChain,
    WTHelperGetProvSignerFromChain, WTHelperProvDataFromStateData, WinVerifyTrust,
};

use super::{FileIdentity, FileOwner, Signed};
use crate::api::{Signer, Trust};
use crate::windows::wide;

/// Letters of a certificate's name that are looked at.
const MAX_NAME: usize = 512;

/// Who signed the file; nothing where the system would have to be asked in another way.
pub(super) fn of_file(program: &Path) -> Option<Signed> {
    let path = wide(program.as_os_str());
    let mut file = WINTRUST_FILE_INFO {
        cbStruct: size_of::<WINTRUST_FILE_INFO>() as u32,
        pcwszFilePath: path.as_ptr(),
        hFile: std::ptr::null_mut(),
        pgKnownSubject: std::ptr::null_mut(),
    };
    let mut data = WINTRUST_DATA {
        cbStruct: size_of::<WINTRUST_DATA>() as u32,
        dwUIChoice: WTD_UI_NONE,
        fdwRevocationChecks: WTD_REVOKE_NONE,
        dwUnionChoice: WTD_CHOICE_FILE,
        Anonymous: WINTRUST_DATA_0 { pFile: &raw mut file },
        dwStateAction: WTD_STATEACTION_VERIFY,
        dwProvFlags: WTD_CACHE_ONLY_URL_RETRIEVAL | WTD_REVOCATION_CHECK_NONE,
        ..WINTRUST_DATA::default()
    };
    let status = verify(&mut data);
    let signed = match status {
        0 => verified(&data),
        CERT_E_UNTRUSTEDROOT | CERT_E_CHAINING => Some(Signed::without_name(Trust::Adhoc)),
        // Windows' own programs carry no signature: a catalogue of the system vouches for them, and who may change them
        // could change anything.
        _ if FileIdentity::of(program).is_ok_and(|file| file.owner == FileOwner::System) => None,
        _ => Some(Signed::without_name(Trust::Unsigned)),
    };
    data.dwStateAction = WTD_STATEACTION_CLOSE;
    verify(&mut data);
    signed
}

fn verify(data: &mut WINTRUST_DATA) -> i32 {
    let mut action = WINTRUST_ACTION_GENERIC_VERIFY_V2;
    // SAFETY: `data` says its size, and it and what it points to live through the call; no window is wanted.
    unsafe { WinVerifyTrust(INVALID_HANDLE_VALUE, &mut action, (&raw mut *data).cast::<c_void>()) }
}

fn verified(data: &WINTRUST_DATA) -> Option<Signed> {
    // SAFETY: the state of a verification that is not closed yet; each answer is checked before the next question, and the
    // certificate lives until the state is closed, after the names have been copied.
    unsafe {
        let provider = WTHelperProvDataFromStateData(data.hWVTStateData);
        if provider.is_null() {
            return None;
        }
        let signer = WTHelperGetProvSignerFromChain(provider, 0, 0, 0);
        if signer.is_null() {
            return None;
        }
        let certificate = WTHelperGetProvCertFromChain(signer, 0);
        if certificate.is_null() || (*certificate).pCert.is_null() {
            return None;
        }
        let certificate = (*certificate).pCert;
        let name = text(certificate, CERT_NAME_SIMPLE_DISPLAY_TYPE, std::ptr::null())?;
        let form = CERT_X500_NAME_STR;
        let whole = text(certificate, CERT_NAME_RDN_TYPE, (&raw const form).cast())?;
        let signer = Signer { name: Some(name), trust: Trust::Verified };
        Some(Signed { signer, signature: Some(format!("subject {whole}")) })
    }
}

/// A name of the certificate's subject.
///
/// # Safety
/// `certificate` is one, and `form` is what `kind` wants (`CertGetNameStringW`).
unsafe fn text(certificate: *const CERT_CONTEXT, kind: u32, form: *const c_void) -> Option<String> {
    let mut room = [0u16; MAX_NAME];
    // SAFETY: by this function's own condition; the room is as long as is said.
    let length =
        unsafe { CertGetNameStringW(certificate, kind, 0, form, room.as_mut_ptr(), room.len() as u32) };
    // the closing zero is counted, and is all that there is when there is no name
    let letters = room.get(..usize::try_from(length).ok()?.checked_sub(1)?)?;
    (!letters.is_empty()).then(|| String::from_utf16_lossy(letters))
}
