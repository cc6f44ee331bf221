//! The scheme's default program by LaunchServices (macOS).
#![allow(unsafe_code)]

use std::ffi::{OsStr, c_void};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

type CfRef = *const c_void;

/// `kLSRolesAll`.
const ROLES_ALL: u32 = u32::MAX;
/// `kCFStringEncodingUTF8`.
const UTF8: u32 = 0x0800_0100;
/// macOS's PATH_MAX.
const PATH_MAX: usize = 1024;

#[link(name = "CoreFoundation", kind = "framework")]
unsafe extern "C" {
    fn CFURLCreateWithBytes(alloc: CfRef, bytes: *const u8, len: isize, encoding: u32, base: CfRef) -> CfRef;
    fn CFURLGetFileSystemRepresentation(url: CfRef, resolve: u8, buffer: *mut u8, max: isize) -> u8;
    fn CFRelease(object: CfRef);
}

#[link(name = "CoreServices", kind = "framework")]
unsafe extern "C" {
    fn LSCopyDefaultApplicationURLForURL(url: CfRef, roles: u32, error: *mut CfRef) -> CfRef;
}

/// A Core Foundation object that we own.
struct Owned(CfRef);

impl Owned {
    fn new(object: CfRef) -> Option<Self> {
        (!object.is_null()).then_some(Self(object))
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: `self.0` is not null and came from a function with Create or Copy in its name: we own one reference.
        unsafe { CFRelease(self.0) }
    }
}

/// The bundle that LaunchServices opens for `scheme`.
pub(super) fn program(scheme: &str) -> Option<PathBuf> {
    let example = format!("{scheme}:/");
    // SAFETY: the bytes live through the call, the length is theirs, the allocator and base may be null.
    let url = Owned::new(unsafe {
        CFURLCreateWithBytes(
            std::ptr::null(),
            example.as_ptr(),
            isize::try_from(example.len()).ok()?,
            UTF8,
            std::ptr::null(),
        )
    })?;
    // SAFETY: `url` is a CFURL; the error pointer may be null.
    let app =
        Owned::new(unsafe { LSCopyDefaultApplicationURLForURL(url.0, ROLES_ALL, std::ptr::null_mut()) })?;
    let mut path = [0_u8; PATH_MAX];
    // SAFETY: `app` is a CFURL and the buffer has the length that is said; the answer ends with a zero byte in it.
    let ok = unsafe { CFURLGetFileSystemRepresentation(app.0, 1, path.as_mut_ptr(), PATH_MAX as isize) };
    let end = path.iter().position(|b| *b == 0)?;
    (ok != 0 && end > 0).then(|| PathBuf::from(OsStr::from_bytes(&path[..end])))
}
