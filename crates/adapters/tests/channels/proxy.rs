//! A line that breaks at the worst moment: before a request arrives, or after it was done and before it is answered.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// What is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The request: it never arrives.
    Request,
    /// The answer: the request was done.
    Answer,
}

/// A proxy that breaks each connection that carries the mark.
pub struct Proxy {
    pub address: SocketAddr,
    broken: Arc<AtomicUsize>,
}

impl Proxy {
    /// Listens until the test ends.
    pub fn start(to: SocketAddr, mark: &'static [u8], lost: Lost) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, broken) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = broken.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let count = count.clone();
                thread::spawn(move || {
                    if let Ok(server) = TcpStream::connect(to) {
                        carry(client, server, mark, lost, &count);
                    }
                });
            }
        });
        Self { address, broken }
    }

    /// How often it broke something.
    pub fn broken(&self) -> usize {
        self.broken.load(Ordering::SeqCst)
    }
}

fn carry(mut client: TcpStream, server: TcpStream, mark: &'static [u8], lost: Lost, broken: &Arc<AtomicUsize>) {
    let marked = Arc::new(AtomicBool::new(false));
    let answers = {
        let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
        let (marked, broken) = (marked.clone(), broken.clone());
        thread::spawn(move || {
            let mut buffer = [0; 65536];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if marked.load(Ordering::SeqCst) {
                    broken.fetch_add(1, Ordering::SeqCst);
                    break;
                }
                if to.write_all(&buffer[..length]).is_err() {
                    break;
                }
            }
            let _ = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
        })
    };
    let (mut seen, mut buffer, mut to) = (vec![], [0; 65536], server);
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..length]);
        if seen.windows(mark.len()).any(|window| window == mark) {
            if lost == Lost::Request {
                broken.fetch_add(1, Ordering::SeqCst);
                break;
            }
            marked.store(true, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    if lost == Lost::Request || !marked.load(Ordering::SeqCst) {
        let _ = (client.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
    let _ = answers.join();
}
