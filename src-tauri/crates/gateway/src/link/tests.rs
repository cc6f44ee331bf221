//! Links against a scripted server: every rule, by what the server saw and what the client heard.
#![allow(clippy::unwrap_used)]

mod eras;
mod hostile;
mod session;
mod token;

use futures_util::future::AbortHandle;
use tokio::io::DuplexStream;

use super::Link;
use super::request::Request;

fn size<F: Future>(_: impl Fn(&'static Link<DuplexStream>, Request, AbortHandle) -> F) -> usize {
    size_of::<F>()
}

/// Each message is a flight of its own, which is allocated and moved: what it might need once in a blue moon belongs in a box.
#[test]
fn a_flight_is_small() {
    let size = size(|link, request, abort| link.fly(request, abort, None));
    assert!(size <= 8 * 1024, "{size} bytes");
}
