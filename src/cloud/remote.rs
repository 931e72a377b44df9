//! What the repository holds, asked in the cheapest way there is: one request, one look into
//! a folder, or, where neither will do, restic.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use reqwest::blocking::{Client, Response};
use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::cloud::endpoint::Endpoint;
use crate::cloud::repository::{Place, Repository, is_loopback};
use crate::cloud::restic::{Health, Restic, ResticError};
use crate::credentials::Token;
use crate::env;
use crate::error::{Error, Kind, Result};
use crate::interrupt::lock;
use crate::model::SnapshotId;

/// The snapshots of the repository, by their ids alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// The repository is there and holds these.
    Ids(BTreeSet<SnapshotId>),
    /// There is no repository.
    Missing,
}

impl Remote {
    /// The ids; none where there is no repository.
    pub fn into_ids(self) -> BTreeSet<SnapshotId> {
        match self {
            Self::Ids(ids) => ids,
            Self::Missing => BTreeSet::new(),
        }
    }
}

const CONNECT: Duration = Duration::from_secs(3);
/// From the first packet to the last byte of the list; the launch waits for it.
const WHOLE: Duration = Duration::from_secs(4);
/// How long a connection waits for the next question.
const KEEP: Duration = Duration::from_secs(20);
/// A list of a million snapshots; more is an attack.
const MAX_LIST: u64 = 128 << 20;
/// A snapshot has some hundred bytes.
const MAX_SNAPSHOT: u64 = 1 << 20;
const LIST_V2: &str = "application/vnd.x.restic.rest.v2";

/// Asks the repository; `by_restic` where only restic can.
pub fn list(repository: &Repository, token: &Token, by_restic: impl FnOnce() -> Result<Remote>) -> Result<Remote> {
    match repository.place() {
        Place::Rest(address) => list_rest(address, token),
        Place::Folder(folder) => list_folder(folder),
        Place::Other => {
            if let Some(endpoint) = Endpoint::of(repository.location()) {
                endpoint.connect(WHOLE).map_err(offline)?;
            }
            by_restic()
        }
    }
}

/// Asks through restic.
pub fn list_by_restic(restic: &Restic) -> Result<Remote> {
    match restic.list_snapshots() {
        Ok(ids) => Ok(Remote::Ids(ids)),
        Err(ResticError::NoRepository) => Ok(Remote::Missing),
        Err(error) => Err(error.into()),
    }
}

/// Whether the repository gives back the snapshot, whole: its name is the hash of its content. Where only
/// restic could tell, it is believed.
pub fn gives_back(repository: &Repository, token: &Token, id: &SnapshotId) -> Result<bool> {
    let content = match repository.place() {
        Place::Rest(address) => {
            let address = address.join(&format!("snapshots/{id}")).map_err(offline)?;
            let response = ask(&address, token)?;
            if !response.status().is_success() {
                return Ok(false);
            }
            let mut content = Vec::new();
            response.take(MAX_SNAPSHOT).read_to_end(&mut content).map_err(offline)?;
            content
        }
        Place::Folder(folder) => fs::read(folder.join("snapshots").join(id.as_str())).unwrap_or_default(),
        Place::Other => return Ok(true),
    };
    Ok(hex::encode(Sha256::digest(content)) == id.as_str())
}

/// Whether the repository is there at all.
pub fn health(repository: &Repository, token: &Token) -> Health {
    let answers = match repository.place() {
        Place::Rest(address) => list_rest(address, token).is_ok(),
        Place::Folder(folder) => folder.is_dir(),
        Place::Other => match Endpoint::of(repository.location()) {
            Some(endpoint) => endpoint.connect(WHOLE).is_ok(),
            None => return Health::Unknown,
        },
    };
    if answers { Health::Answers } else { Health::Silent }
}

fn offline(reason: impl std::fmt::Display) -> Error {
    Error::new(Kind::Offline, format!("the cloud cannot be reached: {reason}"))
        .hint("you can play; what you play is saved the next time the cloud answers")
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    V2 { name: String },
    V1(String),
}

fn list_rest(address: &Url, token: &Token) -> Result<Remote> {
    let (address, token) = (address.join("snapshots/").map_err(offline)?, token.clone());
    within(WHOLE, move || request_list(&address, &token))
}

/// What `ask` finds out, if it does so in time. No timeout of a client's covers all: neither
/// a name server that is silent, nor an answer that comes a byte at a time.
fn within(time: Duration, ask: impl FnOnce() -> Result<Remote> + Send + 'static) -> Result<Remote> {
    let (sender, answer) = mpsc::channel();
    thread::spawn(move || sender.send(ask()));
    answer.recv_timeout(time).unwrap_or_else(|_| Err(offline("it does not answer in time")))
}

fn request_list(address: &Url, token: &Token) -> Result<Remote> {
    let has_path = address.path().trim_matches('/').split('/').count() > 2;
    let response = ask(address, token)?;
    let rejected = |reason: &str| {
        let error = Error::new(Kind::SignedOut, format!("the cloud does not let you in: {reason}"));
        if has_path {
            error.hint("sign in with `cloud-sync login`; on a server with --private-repos the path of an address begins with your user name: rest:https://HOST/USER/PACK/")
        } else {
            error.hint("sign in with `cloud-sync login`; whoever runs the server gives you a token")
        }
    };
    match response.status() {
        StatusCode::OK => read_list(response).map(Remote::Ids),
        StatusCode::NOT_FOUND => Ok(Remote::Missing),
        StatusCode::UNAUTHORIZED => Err(rejected("user or password is wrong")),
        StatusCode::FORBIDDEN => Err(rejected("access is forbidden")),
        status => Err(offline(format!("the server answered {status}"))),
    }
}

fn ask(address: &Url, token: &Token) -> Result<Response> {
    let send = |client: Client| {
        let request = client.get(address.clone()).basic_auth(token.user(), Some(token.password().expose()));
        // On the request, it ends the reading of the body, too. By then nobody waits any more.
        request.header("Accept", LIST_V2).timeout(WHOLE + CONNECT).send()
    };
    // A proxy may itself want TLS.
    let has_proxy = || env::HTTP_PROXIES.iter().any(|name| std::env::var_os(name).is_some());
    let is_plain = address.scheme() == "http" && (is_loopback(address) || !has_proxy());
    let answer = match kept_client(address, is_plain).and_then(send) {
        // It may lead to a place with TLS.
        Ok(answer) if is_plain && answer.status().is_redirection() => kept_client(address, false).and_then(send),
        other => other,
    };
    answer.map_err(|error| offline(root_cause(&error)))
}

/// A client that keeps its connection for the next question, as long as what lies between us and
/// the server can be trusted to do so. One for plain HTTP alone is made faster: it does without the
/// certificates of this PC.
fn kept_client(address: &Url, is_plain: bool) -> reqwest::Result<Client> {
    static KEPT: Mutex<Option<((bool, bool), Client)>> = Mutex::new(None);
    let kind = (is_loopback(address), is_plain);
    let mut kept = lock(&KEPT);
    if let Some((_, client)) = kept.as_ref().filter(|(kept, _)| *kept == kind) {
        return Ok(client.clone());
    }
    let mut builder = client(CONNECT).pool_idle_timeout(KEEP);
    if is_loopback(address) {
        // restic takes no proxy to this PC either.
        builder = builder.no_proxy();
    }
    if is_plain {
        builder = builder.tls_certs_only([]).redirect(Policy::none());
    }
    let client = builder.build()?;
    *kept = Some((kind, client.clone()));
    Ok(client)
}

/// Only a whole list in restic's own form counts: a login page, a proxy's word or half a list
/// says nothing about the repository.
fn read_list(response: Response) -> Result<BTreeSet<SnapshotId>> {
    let stranger = || offline("what answers there is no restic server (a login page of the network?)");
    let kind =
        response.headers().get("Content-Type").and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
    if !kind.starts_with("application/vnd.x.restic.rest.") && !kind.starts_with("application/json") {
        return Err(stranger());
    }
    let mut body = Vec::new();
    response
        .take(MAX_LIST)
        .read_to_end(&mut body)
        .map_err(|error| offline(format!("its answer broke off ({error})")))?;
    let items: Vec<Item> = serde_json::from_slice(&body).map_err(|_| stranger())?;
    let ids: BTreeSet<_> =
        items.iter().filter_map(|(Item::V2 { name } | Item::V1(name))| SnapshotId::parse(name)).collect();
    // A server lists what lies in its folder, leftovers of broken uploads among it.
    let is_leftover =
        |(Item::V2 { name } | Item::V1(name)): &Item| name.get(..64).and_then(SnapshotId::parse).is_some();
    if ids.is_empty() && !items.iter().all(is_leftover) {
        return Err(stranger());
    }
    Ok(ids)
}

fn no_home(home: &Path) -> Error {
    Error::new(Kind::Offline, format!("the cloud cannot be reached: there is no folder {}", home.display()))
        .hint("plug in or mount its disk, or check the address; if all is as you want it, make that folder")
}

fn list_folder(folder: &Path) -> Result<Remote> {
    let unreadable = |error: io::Error| offline(format!("{}: {error}", folder.display()));
    match fs::metadata(folder.join("config")) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Of what is not there, one folder can be made; more is a disk that is not plugged in, or
            // another place than was meant.
            let home = folder.parent().filter(|home| !home.is_dir());
            return home.map_or(Ok(Remote::Missing), |home| Err(no_home(home)));
        }
        Err(error) => return Err(unreadable(error)),
    }
    let mut ids = BTreeSet::new();
    for entry in fs::read_dir(folder.join("snapshots")).map_err(unreadable)? {
        ids.extend(entry.map_err(unreadable)?.file_name().to_str().and_then(SnapshotId::parse));
    }
    Ok(Remote::Ids(ids))
}

/// A client for our own requests. restic makes its own.
pub fn client(connect: Duration) -> reqwest::blocking::ClientBuilder {
    // The second installation fails, and the first one has what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .user_agent(concat!("cloud-sync/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(connect)
        .redirect(Policy::limited(5))
}

/// The innermost reason, which is the one that says something: "connection refused".
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let text = cause.to_string();
    // How TLS says that the other side speaks something else.
    if text.contains("InvalidContentType") { "that server does not speak https".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_an_answer_ends() {
        // As long as it lives, the other side waits.
        let (alive, waits) = mpsc::channel::<()>();
        let silent = move || {
            let _ = waits.recv();
            Ok(Remote::Missing)
        };
        assert_eq!(within(Duration::from_millis(1), silent).unwrap_err().kind, Kind::Offline);
        drop(alive);
    }

    #[test]
    fn an_address_that_is_silent_does_not_keep_the_next_one_waiting() {
        use std::io::Write as _;
        use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

        // Nobody accepts what comes by IPv6. Once its queue is full, it does not even answer.
        let (works, silent) = loop {
            let works = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = works.local_addr().unwrap().port();
            match TcpListener::bind((Ipv6Addr::LOCALHOST, port)) {
                Ok(silent) => break (works, silent),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                // This PC has no IPv6.
                Err(_) => return,
            }
        };
        let addresses = [silent.local_addr().unwrap(), works.local_addr().unwrap()];
        let connect = |address: &SocketAddr| TcpStream::connect_timeout(address, Duration::from_millis(200));
        let queue: Vec<_> = std::iter::from_fn(|| connect(&addresses[0]).ok()).take(5000).collect();
        assert!(queue.len() < 5000, "it is not silent");
        thread::spawn(move || {
            let (mut stream, _) = works.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        });

        // Only the time for the whole question ends a wait for the first address.
        let client = client(Duration::from_mins(1)).no_proxy().resolve_to_addrs("cloud.test", &addresses);
        let url = format!("http://cloud.test:{}/", addresses[0].port());
        let answer = client.build().unwrap().get(url).timeout(WHOLE).send().unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    }

    #[test]
    fn a_folder_is_listed_without_its_leftovers() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(list_folder(folder.path()).unwrap(), Remote::Missing);
        assert_eq!(list_folder(&folder.path().join("new")).unwrap(), Remote::Missing);
        assert_eq!(list_folder(&folder.path().join("unplugged/new")).unwrap_err().kind, Kind::Offline);
        fs::write(folder.path().join("config"), "").unwrap();
        assert_eq!(list_folder(folder.path()).unwrap_err().kind, Kind::Offline, "half a repository is none");
        fs::create_dir(folder.path().join("snapshots")).unwrap();
        assert_eq!(list_folder(folder.path()).unwrap(), Remote::Ids(BTreeSet::new()));
        let id = "a".repeat(64);
        fs::write(folder.path().join("snapshots").join(&id), "").unwrap();
        fs::write(folder.path().join("snapshots").join(format!("{id}.rest-server-temp1")), "").unwrap();
        assert_eq!(list_folder(folder.path()).unwrap().into_ids(), BTreeSet::from([SnapshotId::parse(&id).unwrap()]));
    }

    #[test]
    fn a_snapshot_is_given_back_only_if_it_is_what_its_name_says() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = folder.path().join("snapshots");
        fs::create_dir(&snapshots).unwrap();
        let id = SnapshotId::parse(&hex::encode(Sha256::digest("a snapshot"))).unwrap();
        let repository = Repository::parse(folder.path().to_str().unwrap(), "steve", false).unwrap();
        let token = Token::parse("steve:x").unwrap();
        let gives_back = || gives_back(&repository, &token, &id).unwrap();
        assert!(!gives_back());
        fs::write(snapshots.join(id.as_str()), "a snap").unwrap();
        assert!(!gives_back());
        fs::write(snapshots.join(id.as_str()), "a snapshot").unwrap();
        assert!(gives_back());
    }
}
