//! The icon of an executable, as Windows draws it.
//!
//! Windows reads it out of the file itself, as its own desktop does for every file that it shows, and gives a bitmap, which
//! becomes a PNG here. Whatever is refused on the way means that there is no picture.
#![allow(unsafe_code)]

use std::os::windows::ffi::OsStrExt as _;
use std::path::Path;

use windows_sys::Win32::Graphics::Gdi::{
    BI_RGB, BITMAPINFO, BITMAPINFOHEADER, CreateCompatibleDC, DIB_RGB_COLORS, DeleteDC, DeleteObject,
    GetDIBits, HBITMAP, HDC,
};
use windows_sys::Win32::UI::WindowsAndMessaging::{
    DestroyIcon, GetIconInfo, HICON, ICONINFO, PrivateExtractIconsW,
};

/// Pixels at each side: twice what is shown, for screens with more of them.
const SIDE: u32 = 64;

/// As a PNG.
pub(super) fn picture(program: &Path) -> Option<Vec<u8>> {
    let icon = Icon::first_of(program)?;
    let (colour, mask) = icon.bitmaps()?;
    let screen = Context::of_screen()?;
    let pixels = super::rgba(&screen.pixels(&colour)?, &screen.pixels(&mask)?);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().ok()?.write_image_data(&pixels).ok()?;
    Some(file)
}

struct Icon(HICON);

impl Icon {
    /// The one that stands for the whole file, drawn at our size.
    fn first_of(program: &Path) -> Option<Self> {
        let path: Vec<u16> = program.as_os_str().encode_wide().chain([0]).collect();
        let mut icon: HICON = std::ptr::null_mut();
        let mut id = 0;
        let side = SIDE as i32;
        // SAFETY: the path ends with a zero; `icon` and `id` have room for the one that is asked for; all live through the call.
        let found =
            unsafe { PrivateExtractIconsW(path.as_ptr(), 0, side, side, &raw mut icon, &raw mut id, 1, 0) };
        // `u32::MAX` when there is no such file
        (found == 1 && !icon.is_null()).then_some(Self(icon))
    }

    /// Its colours, and its shape.
    fn bitmaps(&self) -> Option<(Bitmap, Bitmap)> {
        let mut info = ICONINFO::default();
        // SAFETY: the icon is ours and not destroyed yet, and `info` lives through the call.
        let told = unsafe { GetIconInfo(self.0, &raw mut info) };
        if told == 0 {
            return None;
        }
        let (colour, mask) = (Bitmap(info.hbmColor), Bitmap(info.hbmMask));
        // one without colours has two shapes, one above the other: nobody has drawn such a program icon for decades
        (!colour.0.is_null() && !mask.0.is_null()).then_some((colour, mask))
    }
}

impl Drop for Icon {
    fn drop(&mut self) {
        // SAFETY: `PrivateExtractIconsW` made it for us, and nobody else has it.
        unsafe { DestroyIcon(self.0) };
    }
}

/// A copy that `GetIconInfo` made for us.
struct Bitmap(HBITMAP);

impl Drop for Bitmap {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: it is ours, and no context has it selected.
            unsafe { DeleteObject(self.0) };
        }
    }
}

/// What the system draws with.
struct Context(HDC);

impl Context {
    fn of_screen() -> Option<Self> {
        // SAFETY: without a context to be like, it is like the screen.
        let context = unsafe { CreateCompatibleDC(std::ptr::null_mut()) };
        (!context.is_null()).then_some(Self(context))
    }

    /// Blue, green, red and alpha of each pixel, from the top.
    fn pixels(&self, bitmap: &Bitmap) -> Option<Vec<u8>> {
        let mut room = vec![0_u8; (SIDE * SIDE * 4) as usize];
        let mut wanted = BITMAPINFO {
            bmiHeader: BITMAPINFOHEADER {
                biSize: size_of::<BITMAPINFOHEADER>() as u32,
                biWidth: SIDE as i32,
                // less than nothing: from the top
                biHeight: -(SIDE as i32),
                biPlanes: 1,
                biBitCount: 32,
                biCompression: BI_RGB,
                ..BITMAPINFOHEADER::default()
            },
            ..BITMAPINFO::default()
        };
        // SAFETY: the bitmap is selected into no context; `room` holds as many lines of 32 bits a pixel as are asked for, and
        // with them no table of colours is written behind `wanted`; all live through the call.
        let lines = unsafe {
            GetDIBits(self.0, bitmap.0, 0, SIDE, room.as_mut_ptr().cast(), &raw mut wanted, DIB_RGB_COLORS)
        };
        (lines == SIDE as i32).then_some(room)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: `CreateCompatibleDC` made it for us, and nothing of ours is selected into it.
        unsafe { DeleteDC(self.0) };
    }
}
