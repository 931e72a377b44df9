//! A server that answers as told, for what a real one will not do on demand.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::cloud::Cloud;

/// What it does with every request.
#[derive(Clone)]
pub enum Answer {
    /// A whole answer: status line, headers, body.
    Reply { status: &'static str, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Promises more bytes than it sends.
    Short { promised: usize, body: Vec<u8> },
    /// Begins a list, and goes on a byte at a time for ever.
    Drip,
    /// Takes the request and never answers.
    Hang,
    /// Closes at once.
    Reset,
}

impl Answer {
    pub fn status(status: &'static str) -> Self {
        Self::Reply { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn body(kind: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::Reply { status: "200 OK", headers: vec![("Content-Type", kind.to_owned())], body: body.into() }
    }
}

/// A server on a port of its own.
pub struct HttpServer {
    pub url: String,
    requests: Arc<AtomicUsize>,
}

impl HttpServer {
    /// Answers by the path that is asked for.
    pub fn new(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (answer, count) = (Arc::new(answer), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, count) = (answer.clone(), count.clone());
                thread::spawn(move || serve(&stream, &*answer, &count));
            }
        });
        Self { url, requests }
    }

    /// How often it was asked.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(stream: &TcpStream, answer: &(impl Fn(&str) -> Answer + ?Sized), count: &AtomicUsize) {
    let mut lines = BufReader::new(stream).lines();
    let Some(Ok(request)) = lines.next() else { return };
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
    count.fetch_add(1, Ordering::SeqCst);
    let _ = give(stream, answer(&path));
}

fn give(stream: &TcpStream, answer: Answer) -> io::Result<()> {
    let mut out = stream;
    match answer {
        Answer::Reply { status, headers, body } => {
            let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
            for (name, value) in headers {
                head = format!("{head}{name}: {value}\r\n");
            }
            out.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| out.write_all(&body))
        }
        Answer::Short { promised, body } => {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.x.restic.rest.v2\r\nContent-Length: {promised}\r\n\r\n"
            );
            out.write_all(head.as_bytes()).and_then(|()| out.write_all(&body))
        }
        Answer::Drip => drip(stream),
        // The client gives up first; then the line ends.
        Answer::Hang => io::copy(&mut { stream }, &mut io::sink()).map(|_| ()),
        Answer::Reset => Ok(()),
    }
}

fn drip(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_millis(200)))?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.x.restic.rest.v2\r\n\r\n[")?;
    loop {
        match stream.read(&mut [0]) {
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                stream.write_all(b" ")?;
            }
            ended => return ended.map(|_| ()),
        }
    }
}

/// What stands between the PCs and their server: it lets everything through, or answers in
/// the server's place.
pub struct Gate {
    state: Arc<Mutex<GateState>>,
}

#[derive(Default)]
struct GateState {
    answer: Option<Answer>,
    hold: Option<(&'static str, Sender<()>)>,
    refuse: Option<(&'static str, &'static str)>,
    open: Vec<TcpStream>,
}

impl Gate {
    /// A gate before the server of `cloud`, for the PCs that join from now on.
    pub fn before(cloud: &mut Cloud) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = std::mem::replace(&mut cloud.url, url).trim_start_matches("http://").to_owned();
        let state = Arc::new(Mutex::new(GateState::default()));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, server) = (shared.clone(), server.clone());
                thread::spawn(move || pass(&stream, &server, &state));
            }
        });
        Self { state }
    }

    /// From now on this is the answer to everything.
    pub fn answers(&self, answer: Answer) {
        self.state.lock().unwrap().answer = Some(answer);
    }

    /// From now on the server answers.
    pub fn opens(&self) {
        let mut state = self.state.lock().unwrap();
        *state = GateState::default();
    }

    /// From now on requests with `word` in them are answered with `status`.
    pub fn refuses(&self, word: &'static str, status: &'static str) {
        self.state.lock().unwrap().refuse = Some((word, status));
    }

    /// From the first request with `word` in it, nothing gets through any more; then there is
    /// something to receive.
    #[cfg_attr(not(unix), expect(dead_code, reason = "for tests that interrupt"))]
    pub fn holds(&self, word: &'static str) -> Receiver<()> {
        let (sender, receiver) = channel();
        self.state.lock().unwrap().hold = Some((word, sender));
        receiver
    }
}

fn pass(client: &TcpStream, server: &str, state: &Mutex<GateState>) {
    let answer = state.lock().unwrap().answer.clone();
    if let Some(answer) = answer {
        let mut lines = BufReader::new(client).lines();
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let _ = give(client, answer);
        return;
    }
    let Ok(server) = TcpStream::connect(server) else { return };
    let (mut from_server, mut to_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut buffer = vec![0; 64 << 10];
    let (mut from_client, mut to_server) = (client, &server);
    while let Ok(read @ 1..) = from_client.read(&mut buffer) {
        let mut state = state.lock().unwrap();
        let asked = |word: &str| buffer[..read].windows(word.len()).any(|bytes| bytes == word.as_bytes());
        if let Some((_, held)) = state.hold.as_ref().filter(|(word, _)| asked(word)) {
            let _ = held.send(());
            state.open.extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
            return;
        }
        if let Some((_, status)) = state.refuse.filter(|(word, _)| asked(word)) {
            let _ = give(client, Answer::status(status));
            break;
        }
        drop(state);
        if to_server.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
}
