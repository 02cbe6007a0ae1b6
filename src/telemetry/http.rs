//! A very small HTTP server for monitors and browsers: it answers GET and HEAD, one request a connection, and nothing that
//! is sent to it changes anything.
//!
//! Everything is bounded: connections at a time, bytes of a request, seconds that one may take. Where it listens on the
//! machine itself only, it answers only those who call it by such a name, so that no page from elsewhere can read it through
//! a name that was made to lead here (DNS rebinding).

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{Shutdown, shutdown};

/// Connections answered at a time.
const CONNECTIONS: usize = 16;
/// How long one may take, from the first byte to the last.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest request. Browsers send a few hundred bytes, and cookies of whatever else runs on this machine.
const REQUEST: usize = 16 * 1024;
/// How long to wait when the system has no descriptor for another connection.
const BREATH: Duration = Duration::from_millis(100);

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Number and phrase, as `200 OK`.
    pub status: &'static str,
    /// The content type.
    pub kind: &'static str,
    /// The content.
    pub body: String,
    /// What a browser may do with it.
    pub policy: String,
}

impl Reply {
    /// A good answer, which a browser may do nothing with but show it.
    #[must_use]
    pub fn ok(kind: &'static str, body: String) -> Self {
        Self::with_status("200 OK", kind, body)
    }

    /// An answer with another status.
    #[must_use]
    pub fn with_status(status: &'static str, kind: &'static str, body: String) -> Self {
        Self { status, kind, body, policy: "default-src 'none'; frame-ancestors 'none'".to_owned() }
    }

    fn plain(status: &'static str, body: &str) -> Self {
        Self::with_status(status, "text/plain; charset=utf-8", format!("{body}\n"))
    }
}

/// What is answered to a path; none if there is nothing.
pub type Routes = Arc<dyn Fn(&str) -> Option<Reply> + Send + Sync>;

/// Those who serve; until dropped.
pub struct Serving {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    over: Arc<AtomicBool>,
}

impl Serving {
    /// The address that was taken, which has another port if the one that was asked for was any (0).
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Whoever waits for the next visitor wakes up, and closes the port.
        let _ = shutdown(&self.listener, Shutdown::Both);
    }
}

/// Serves `routes` on `address`. `known` names the paths there are, for those who ask for others.
pub fn serve(address: &str, known: &'static str, routes: Routes) -> io::Result<Serving> {
    let listener = Arc::new(TcpListener::bind(address)?);
    let (address, over) = (listener.local_addr()?, Arc::new(AtomicBool::new(false)));
    let server = Arc::new(Server { known, routes, local: address.ip().is_loopback() });
    let serving = Serving { address, listener: Arc::clone(&listener), over: Arc::clone(&over) };
    let accept = move || {
        // Each connection holds the server; beside them, this thread does.
        while !over.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((stream, _)) => begin(&server, stream),
                Err(_) => thread::sleep(BREATH),
            }
        }
    };
    thread::Builder::new().name("status-http".to_owned()).spawn(accept)?;
    Ok(serving)
}

struct Server {
    known: &'static str,
    routes: Routes,
    /// Whether only this machine can reach it.
    local: bool,
}

fn begin(server: &Arc<Server>, stream: TcpStream) {
    let line = Line { stream, until: Instant::now() + PATIENCE };
    if Arc::strong_count(server) > CONNECTIONS {
        // Not worth to wait for.
        let line = Line { until: Instant::now() + BREATH, ..line };
        return line.answer(&Reply::plain("503 Service Unavailable", "too many connections; try again"), false);
    }
    let server = Arc::clone(server);
    // Without a thread the connection is closed, and the visitor tries again.
    let _ = thread::Builder::new().name("status-visitor".to_owned()).spawn(move || server.attend(line));
}

/// A connection that has so long.
struct Line {
    stream: TcpStream,
    until: Instant,
}

impl Server {
    fn attend(&self, mut line: Line) {
        match line.request() {
            Ok(request) => {
                let (reply, bodiless) = self.reply(&request);
                line.answer(&reply, bodiless);
            }
            Err(Some(refusal)) => line.answer(&refusal, false),
            // It has gone, or sends nothing.
            Err(None) => {}
        }
    }

    /// The answer, and whether it goes without its body.
    fn reply(&self, request: &str) -> (Reply, bool) {
        let mut words = request.lines().next().unwrap_or("").split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        if !matches!(method, "GET" | "HEAD") {
            return (Reply::plain("405 Method Not Allowed", "only GET and HEAD are served here"), false);
        }
        if self.local && !host_of(request).is_none_or(is_this_machine) {
            let what = "this listens on this machine only, and is to be called localhost or by its address";
            return (Reply::plain("421 Misdirected Request", what), false);
        }
        let path = target.split('?').next().unwrap_or("");
        let reply = (self.routes)(path).unwrap_or_else(|| Reply::plain("404 Not Found", self.known));
        (reply, method == "HEAD")
    }
}

/// Whom the request calls.
fn host_of(request: &str) -> Option<&str> {
    let headers = request.lines().skip(1).filter_map(|line| line.split_once(':'));
    let mut hosts = headers.filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    hosts.next().map(|(_, host)| host.trim())
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(six) => six.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

impl Line {
    /// The request's head; or what is to be said of it, if anything.
    fn request(&mut self) -> Result<String, Option<Reply>> {
        let (mut request, mut some) = (Vec::new(), [0; 2048]);
        loop {
            self.wait(TcpStream::set_read_timeout).map_err(|_| None)?;
            let length = self.stream.read(&mut some).map_err(|_| None)?;
            request.extend_from_slice(&some[..length]);
            if length == 0 {
                return Err(None);
            }
            if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&request[..end]).into_owned();
                return Ok(head);
            }
            if request.len() > REQUEST {
                return Err(Some(Reply::plain("431 Request Header Fields Too Large", "the request is too long")));
            }
        }
    }

    fn answer(mut self, reply: &Reply, bodiless: bool) {
        let Reply { status, kind, body, policy } = reply;
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: {policy}\r\n\
             Allow: GET, HEAD\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let whole = [head.as_bytes(), if bodiless { b"" } else { body.as_bytes() }].concat();
        // A visitor that goes away is no concern of ours.
        let _ = self.write(&whole);
    }

    fn write(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            self.wait(TcpStream::set_write_timeout)?;
            match self.stream.write(rest)? {
                0 => return Err(io::ErrorKind::WriteZero.into()),
                written => rest = &rest[written..],
            }
        }
        Ok(())
    }

    /// The next call may take what is left of the time.
    fn wait(&self, set: impl Fn(&TcpStream, Option<Duration>) -> io::Result<()>) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        set(&self.stream, Some(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serving() -> Serving {
        let routes: Routes = Arc::new(|path| (path == "/long").then(|| Reply::ok("text/plain", "x".repeat(1 << 20))));
        serve("127.0.0.1:0", "try /long", routes).unwrap()
    }

    fn ask(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    #[test]
    fn get_is_answered_whole_head_without_content_and_nothing_else_is_done() {
        let serving = serving();
        let address = serving.address();
        let got = ask(address, b"GET /long?query HTTP/1.1\r\nHost: localhost:1\r\n\r\n");
        let (head, body) = got.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("Content-Length: 1048576\r\n"), "{head}");
        assert_eq!(body.len(), 1 << 20);
        let head = ask(address, b"HEAD /long HTTP/1.0\r\n\r\n");
        assert!(head.contains("Content-Length: 1048576\r\n") && head.ends_with("\r\n\r\n"), "{head}");
        assert!(ask(address, b"GET /other HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(ask(address, b"GET /other HTTP/1.1\r\n\r\n").ends_with("try /long\n"));
        for method in ["POST", "DELETE", "get", ""] {
            assert!(ask(address, format!("{method} /long HTTP/1.1\r\n\r\n").as_bytes()).starts_with("HTTP/1.1 405 "));
        }
        assert!(ask(address, b"\xff\r\n\r\n").starts_with("HTTP/1.1 405 "));
    }

    #[test]
    fn on_this_machine_only_calls_by_its_own_names_are_answered() {
        let serving = serving();
        let address = serving.address();
        let by = |host: &str| ask(address, format!("GET /long HTTP/1.1\r\nhost: {host}\r\n\r\n").as_bytes());
        for host in ["localhost", "LOCALHOST:9815", "127.0.0.1:9815", "[::1]:9815", "10.0.0.7"] {
            assert!(by(host).starts_with("HTTP/1.1 200 "), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:9815", ""] {
            assert!(by(host).starts_with("HTTP/1.1 421 "), "{host}");
        }
    }

    #[test]
    fn those_who_send_nothing_or_too_much_keep_nobody_else_waiting() {
        let serving = serving();
        let address = serving.address();
        let mut silent: Vec<TcpStream> = (0..CONNECTIONS - 4).map(|_| TcpStream::connect(address).unwrap()).collect();
        silent.iter_mut().for_each(|stream| stream.write_all(b"GET /lo").unwrap());
        let mut babbler = TcpStream::connect(address).unwrap();
        let _ = babbler.write_all(&vec![b'x'; 2 * REQUEST]);
        assert!(ask(address, b"GET /long HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
        let more: Vec<TcpStream> = (0..CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
        let refused = |mut stream: TcpStream| {
            let mut answer = String::new();
            stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
            let _ = stream.read_to_string(&mut answer);
            answer.starts_with("HTTP/1.1 503 ")
        };
        assert!(more.into_iter().any(refused));
        // In the end each of them is let go.
        let mut nothing = Vec::new();
        silent.iter_mut().for_each(|stream| drop(stream.read_to_end(&mut nothing)));
        assert!(nothing.is_empty());
    }

    #[test]
    fn nobody_is_served_any_more_when_it_is_over_and_the_port_is_free() {
        let serving = serving();
        let address = serving.address();
        assert!(ask(address, b"GET /long HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
        drop(serving);
        while TcpListener::bind(address).is_err() {
            thread::sleep(BREATH);
        }
        assert!(TcpStream::connect(address).is_err());
    }
}
