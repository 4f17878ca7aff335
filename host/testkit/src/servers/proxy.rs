//! A proxy on loopback, before one server: it counts what goes through, adds latency, and does what its rules say.
//!
//! A message is read whole before it is sent on, so that a rule can act on any part of it. `Host` is passed on unchanged: the
//! client signs for the proxy's address, and the server verifies that. It can also be named as the proxy of `HTTP_PROXY`,
//! and then stands for any host.

use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::client::Client;
use super::fault::{Fault, Rule};
use super::http::{Message, announced, read_answer_body, read_head, read_request_body};
use super::tls::{self, Authority};

const STALL: Duration = Duration::from_secs(3600);

/// A proxy. It ends with the test process.
pub struct Proxy {
    address: SocketAddr,
    scheme: &'static str,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    latency_us: AtomicU64,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<(Instant, Message)>>,
    faults: AtomicUsize,
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    now: usize,
    most: usize,
    all: usize,
}

impl Proxy {
    pub fn before(server: SocketAddr) -> Proxy {
        Proxy::listen(server, None)
    }

    /// Returns a proxy to which only TLS is spoken, with a certificate of this authority.
    pub fn with_tls(server: SocketAddr, authority: &Authority) -> Proxy {
        Proxy::listen(server, Some(authority.server()))
    }

    fn listen(server: SocketAddr, tls: Option<tls::Server>) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let shared = Arc::new(Shared {
            server,
            latency_us: AtomicU64::new(0),
            rules: Mutex::default(),
            seen: Mutex::default(),
            faults: AtomicUsize::new(0),
            connections: Mutex::default(),
        });
        let proxy = Proxy {
            address: listener.local_addr().unwrap(),
            scheme: if tls.is_some() { "https" } else { "http" },
            shared: shared.clone(),
        };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (shared, tls) = (shared.clone(), tls.clone());
                thread::spawn(move || {
                    shared.connections.lock().unwrap().open();
                    // A client that goes away ends its connection, and nothing else.
                    let _ = serve(client, tls.as_ref(), &shared);
                    shared.connections.lock().unwrap().now -= 1;
                });
            }
        });
        proxy
    }

    pub fn endpoint(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Adds this to the time of each request.
    pub fn set_latency(&self, latency: Duration) {
        let latency_us = latency.as_micros() as u64;
        self.shared.latency_us.store(latency_us, Ordering::Relaxed);
    }

    /// The first rule that has something for a request decides.
    pub fn rule(&self, rule: Rule) {
        self.shared.rules.lock().unwrap().push(rule);
    }

    /// Forgets rules and counts.
    pub fn reset(&self) {
        self.shared.rules.lock().unwrap().clear();
        self.shared.seen.lock().unwrap().clear();
        self.shared.faults.store(0, Ordering::Relaxed);
        let mut connections = self.shared.connections.lock().unwrap();
        connections.all = connections.now;
        connections.most = connections.now;
    }

    /// Returns all requests so far, without their bodies, and when each came.
    pub fn requests(&self) -> Vec<(Instant, Message)> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Returns how many requests of this method there were.
    pub fn count(&self, method: &str) -> usize {
        let seen = self.shared.seen.lock().unwrap();
        seen.iter()
            .filter(|(_, request)| request.method() == method)
            .count()
    }

    /// Returns how often a rule had something for a request.
    pub fn faults(&self) -> usize {
        self.shared.faults.load(Ordering::Relaxed)
    }

    /// Returns how many connections there were at most at one time, and how many in all.
    pub fn connections(&self) -> (usize, usize) {
        let connections = self.shared.connections.lock().unwrap();
        (connections.most, connections.all)
    }
}

impl Connections {
    fn open(&mut self) {
        self.all += 1;
        self.now += 1;
        self.most = self.most.max(self.now);
    }
}

impl Shared {
    /// Returns what happens to a request.
    fn judge(&self, request: &Message) -> Option<Fault> {
        let fault = {
            let mut rules = self.rules.lock().unwrap();
            rules.iter_mut().find_map(|rule| rule.judge(request))
        };
        if fault.is_some() {
            self.faults.fetch_add(1, Ordering::Relaxed);
        }
        fault
    }
}

fn serve(client: TcpStream, tls: Option<&tls::Server>, shared: &Shared) -> io::Result<()> {
    client.set_nodelay(true)?;
    match tls {
        None => converse(client, shared),
        Some(tls) => converse(tls.accept(client)?, shared),
    }
}

/// Whether a connection stays open.
#[derive(PartialEq)]
enum Then {
    Next,
    Close,
}

fn converse(client: impl Client, shared: &Shared) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let mut server = None;
    while let Some(mut request) = read_head(&mut client)? {
        into_origin_form(&mut request);
        shared
            .seen
            .lock()
            .unwrap()
            .push((Instant::now(), request.clone()));
        let fault = shared.judge(&request);
        if let Some(Fault::ResetRequest { after_bytes } | Fault::StallRequest { after_bytes }) = fault {
            // A buffer of the system's may hold more; the client must not be able to continue.
            let mut part = vec![0; after_bytes.min(announced(&request).unwrap_or_default() as usize)];
            client.read_exact(&mut part)?;
            return match fault {
                Some(Fault::StallRequest { .. }) => {
                    stall();
                    Ok(())
                }
                _ => reset(client.get_ref().socket()),
            };
        }
        read_request_body(&mut client, &mut request)?;
        thread::sleep(Duration::from_micros(shared.latency_us.load(Ordering::Relaxed)));
        if pass(&mut client, &mut server, request, fault, shared)? == Then::Close {
            break;
        }
    }
    Ok(())
}

/// A client that uses this as its HTTP proxy names the host in the request line (RFC 9112, 3.2.2).
fn into_origin_form(request: &mut Message) {
    let target = request.target().to_owned();
    if let Some((_, rest)) = target.split_once("://") {
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        request.start = request.start.replacen(&target, path, 1);
    }
}

/// Gets an answer for the request, and sends it, or what the fault leaves of it.
fn pass(
    client: &mut BufReader<impl Client>,
    server: &mut Option<BufReader<TcpStream>>,
    mut request: Message,
    fault: Option<Fault>,
    shared: &Shared,
) -> io::Result<Then> {
    match &fault {
        Some(Fault::Stall) => stall(),
        Some(Fault::Delay(delay)) => thread::sleep(*delay),
        Some(Fault::FlipRequest { at }) => flip(&mut request.body, *at),
        _ => {}
    }
    let mut answer = match &fault {
        Some(Fault::Answer(answer)) => answer.message(),
        _ => ask(server, &mut request, shared.server)?,
    };
    match &fault {
        Some(Fault::LoseAnswer) => return reset(client.get_ref().socket()).map(|()| Then::Close),
        Some(Fault::FlipAnswer { at }) => flip(&mut answer.body, *at),
        Some(Fault::Rewrite(rewrite)) => rewrite(&request, &mut answer),
        _ => {}
    }
    // The answer to HEAD announces a body that does not come.
    if request.method() != "HEAD" || matches!(fault, Some(Fault::Answer(_))) {
        answer.announce_body();
    }
    if request.method() == "HEAD" {
        answer.body.clear();
    }
    let (length, then) = match fault {
        Some(Fault::ResetAnswer { after_bytes } | Fault::StallAnswer { after_bytes }) => {
            (after_bytes, Then::Close)
        }
        Some(Fault::TruncateAnswer { to_bytes }) => (to_bytes, Then::Close),
        _ => (answer.body.len(), Then::Next),
    };
    let out = client.get_mut();
    out.write_all(&answer.head())?;
    out.write_all(&answer.body[..length.min(answer.body.len())])?;
    out.flush()?;
    match fault {
        Some(Fault::ResetAnswer { .. }) => reset(out.socket())?,
        Some(Fault::StallAnswer { .. }) => stall(),
        Some(Fault::TruncateAnswer { .. }) => out.socket().shutdown(Shutdown::Both)?,
        _ => {}
    }
    Ok(then)
}

/// Asks the server, on the connection that this client's last request used, or on a new one.
fn ask(
    server: &mut Option<BufReader<TcpStream>>,
    request: &mut Message,
    address: SocketAddr,
) -> io::Result<Message> {
    request.announce_body();
    let mut stream = match server.take() {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            BufReader::new(stream)
        }
    };
    stream.get_mut().write_all(&request.head())?;
    stream.get_mut().write_all(&request.body)?;
    let mut answer = read_head(&mut stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    read_answer_body(&mut stream, request.method(), &mut answer)?;
    let closes = answer
        .field("connection")
        .is_some_and(|value| value.eq_ignore_ascii_case("close"));
    if !closes {
        *server = Some(stream);
    }
    Ok(answer)
}

fn flip(bytes: &mut [u8], at: usize) {
    if let Some(last) = bytes.len().checked_sub(1) {
        bytes[at.min(last)] ^= 1;
    }
}

/// Ends a connection as a crash or a firewall does: the other side gets RST, and what was on its way is lost.
fn reset(socket: &TcpStream) -> io::Result<()> {
    rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO))?;
    // The descriptor is closed by whoever owns it, right after this.
    Ok(())
}

/// Says nothing more, for longer than any test waits.
fn stall() {
    thread::sleep(STALL);
}
