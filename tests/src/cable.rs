//! The cable between the programs and a server: pulled out, nobody can connect; plugged in again, the server is there at
//! the same address and remembers everything. A sandbox that is ended and started anew would have forgotten its clients.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::net::{AddressFamily, SocketType, bind, getsockname, socket, sockopt};

/// A port of its own in front of a server. It begins pulled out.
#[derive(Debug)]
pub struct Cable {
    address: SocketAddr,
    /// Bound and never listening: keeps the port ours while nobody listens, and connections to it are refused.
    _port: OwnedFd,
    plug: Option<Plug>,
}

#[derive(Debug)]
struct Plug {
    address: SocketAddr,
    pulled: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    accepting: Option<JoinHandle<()>>,
}

impl Default for Cable {
    fn default() -> Self {
        Self::new()
    }
}

impl Cable {
    /// Takes a free port.
    pub fn new() -> Cable {
        let port = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
        sockopt::set_socket_reuseaddr(&port, true).expect("our own socket");
        bind(&port, &SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        let bound = getsockname(&port).expect("a bound socket");
        let address = SocketAddr::try_from(bound).expect("an address of the internet");
        Cable { address, _port: port, plug: None }
    }

    /// What the server is to call itself: `Sandbox::start_with(&["--origin", &cable.origin()])`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on connections go to this server.
    pub fn plug_in(&mut self, server: SocketAddr) {
        self.pull();
        let listener = TcpListener::bind(self.address).expect("the port is ours");
        let pulled = Arc::new(AtomicBool::new(false));
        let open = Arc::new(Mutex::new(Vec::new()));
        let (over, streams) = (Arc::clone(&pulled), Arc::clone(&open));
        let accepting = std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(server) = TcpStream::connect(server) else { continue };
                let mut kept = streams.lock().expect("no panic holds it");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    if let (Ok(mut from), Ok(mut to)) = (from.try_clone(), to.try_clone()) {
                        std::thread::spawn(move || {
                            let _ = std::io::copy(&mut from, &mut to);
                            let _ = to.shutdown(Shutdown::Write);
                        });
                    }
                }
                kept.extend([client, server]);
            }
        });
        self.plug = Some(Plug { address: self.address, pulled, open, accepting: Some(accepting) });
    }

    /// Pulls it out: open connections end, new ones are refused.
    pub fn pull(&mut self) {
        self.plug = None;
    }
}

impl Drop for Plug {
    fn drop(&mut self) {
        self.pulled.store(true, Ordering::SeqCst);
        for stream in self.open.lock().expect("no panic holds it").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Accepting ends with the next connection: this one.
        if let Some(accepting) = self.accepting.take() {
            let _ = TcpStream::connect(self.address);
            let _ = accepting.join();
        }
    }
}
