//! A line to the server that takes its time.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// A way to `server` on which a round trip takes `round_trip` more; gives its address. It lets
/// through as much at a time as it gets.
pub fn slow_line(server: &str, round_trip: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = server.to_owned();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = server.clone();
            thread::spawn(move || connect(&client, &server, round_trip));
        }
    });
    address
}

fn connect(client: &TcpStream, server: &str, round_trip: Duration) {
    // The connection itself costs a round trip.
    let begin = Instant::now() + round_trip;
    let Ok(server) = TcpStream::connect(server) else { return };
    let (back_from, back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || pass(back_from, back_to, round_trip / 2, begin));
    pass(client.try_clone().unwrap(), server, round_trip / 2, begin);
}

/// Passes on what comes, each piece so much later than it came.
fn pass(mut from: TcpStream, mut to: TcpStream, delay: Duration, begin: Instant) {
    let (sender, pieces) = channel::<(Instant, Vec<u8>)>();
    let _ = to.set_nodelay(true);
    let writer = thread::spawn(move || {
        for (due, piece) in pieces {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                return;
            }
        }
        let _ = to.shutdown(Shutdown::Write);
    });
    let mut buffer = vec![0; 256 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if sender.send((Instant::now().max(begin) + delay, buffer[..read].to_vec())).is_err() {
            break;
        }
    }
    drop(sender);
    let _ = writer.join();
}
