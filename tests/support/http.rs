//! A server that answers as told, for what a real one will not do on demand.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// What it does with every request.
#[derive(Clone)]
pub enum Answer {
    /// A whole answer: status line, headers, body.
    Reply { status: &'static str, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// Promises more bytes than it sends.
    Short { promised: usize, body: Vec<u8> },
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
    let mut out = stream;
    let _ = match answer(&path) {
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
        // The client gives up first; then the line ends.
        Answer::Hang => {
            lines.for_each(drop);
            Ok(())
        }
        Answer::Reset => Ok(()),
    };
}
