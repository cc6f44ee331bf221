//! The scheme's default program by the Windows shell, which knows the person's choice as well as the registry.
#![allow(unsafe_code)]

use std::ffi::OsString;
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use windows_sys::Win32::UI::Shell::{
    ASSOCF_IS_PROTOCOL, ASSOCF_NOTRUNCATE, ASSOCSTR_EXECUTABLE, AssocQueryStringW,
};

/// UTF-16 units; longer than any path that Windows starts a program from.
const MAX_PATH_UNITS: usize = 32 * 1024;

/// The executable that the shell starts for `scheme`.
pub(super) fn program(scheme: &str) -> Option<PathBuf> {
    let name: Vec<u16> = OsString::from(scheme).encode_wide().chain([0]).collect();
    let mut out = vec![0_u16; MAX_PATH_UNITS];
    let mut len = MAX_PATH_UNITS as u32;
    // SAFETY: `name` ends with a zero; `out` has the `len` units that are said; a null verb means the default one.
    let result = unsafe {
        AssocQueryStringW(
            ASSOCF_IS_PROTOCOL | ASSOCF_NOTRUNCATE,
            ASSOCSTR_EXECUTABLE,
            name.as_ptr(),
            std::ptr::null(),
            out.as_mut_ptr(),
            &mut len,
        )
    };
    let end = out.iter().position(|unit| *unit == 0)?;
    (result == 0 && end > 0).then(|| PathBuf::from(OsString::from_wide(&out[..end])))
}
