//! A cloud: a folder, or a real rest-server, with a repository whose key opens fast.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::pc::Pc;
use super::tools;

pub const PASSWORD: &str = "correct horse";

/// The password as it is, in an address, and in the header of a request.
const FORMS: &[&str] = &[PASSWORD, "correct%20horse", "correct+horse", "c3RldmU6Y29ycmVjdCBob3JzZQ"];

/// Whether the password can be read in `text`.
pub fn holds_password(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    FORMS.iter().any(|form| text.contains(form))
}

/// A token that is right, as `login` keeps it.
pub fn good_token() -> String {
    format!("steve:{PASSWORD}\n")
}

/// A cloud and the folder in which its PCs live.
pub struct Cloud {
    pub home: TempDir,
    pub url: String,
    /// The repository on the operator's disk.
    pub repository: PathBuf,
    server: Option<Server>,
}

struct Server {
    process: Child,
    address: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Cloud {
    /// A folder that several PCs see.
    pub fn folder() -> Self {
        let home = tempfile::tempdir().unwrap();
        let repository = home.path().join("cloud");
        copy_template(&repository);
        Self { url: repository.to_str().unwrap().to_owned(), home, repository, server: None }
    }

    /// A rest-server with `--append-only --private-repos`, and one account.
    pub fn server() -> Self {
        let cloud = Self::server_without_repository();
        copy_template(&cloud.repository);
        cloud
    }

    /// The same before anyone has pushed.
    pub fn server_without_repository() -> Self {
        let home = tempfile::tempdir().unwrap();
        let server = serve(home.path(), "127.0.0.1:0");
        let repository = home.path().join("srv/steve");
        Self { url: format!("http://{}", server.address), home, repository, server: Some(server) }
    }

    /// Takes the server off the network.
    pub fn stop(&mut self) {
        self.server = None;
    }

    /// Brings it back at the same address.
    pub fn start(&mut self) {
        let address = self.url.trim_start_matches("http://").to_owned();
        self.server = Some(serve(self.home.path(), &address));
    }

    /// A PC with an empty instance.
    pub fn pc(&self, name: &str) -> Pc {
        Pc::new(self, name)
    }

    /// A file with the token.
    pub fn token_file(&self) -> PathBuf {
        let file = self.home.path().join("token");
        if !file.exists() {
            fs::write(&file, good_token()).unwrap();
            #[cfg(unix)]
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        file
    }

    /// Runs the real restic on the operator's side and gives its stdout.
    pub fn restic(&self, arguments: &[&str]) -> String {
        self.restic_in(self.home.path(), arguments)
    }

    /// The same in a folder.
    pub fn restic_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = Command::new(tools::restic())
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("RESTIC_REPOSITORY", &self.repository)
            .env("RESTIC_PASSWORD", PASSWORD)
            .env("RESTIC_CACHE_DIR", self.home.path().join("operator-cache"))
            .env("HOME", self.home.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "restic {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// All snapshots.
    pub fn snapshots(&self) -> Vec<Value> {
        serde_json::from_str(&self.restic(&["snapshots", "--json", "--no-lock"])).unwrap()
    }

    /// The ids of the snapshots that no other has taken in.
    pub fn heads(&self) -> BTreeSet<String> {
        let snapshots = self.snapshots();
        let id = |snapshot: &Value| snapshot["id"].as_str().unwrap().to_owned();
        let push =
            |snapshot: &Value| tags(snapshot).iter().find_map(|tag| tag.strip_prefix("push=").map(str::to_owned));
        let known: Vec<_> =
            snapshots.iter().map(|snapshot| (push(snapshot), self.pushes_known_to(&id(snapshot)))).collect();
        let is_head = |snapshot: &&Value| {
            let own = push(snapshot);
            !known.iter().any(|(other, known)| *other != own && own.as_ref().is_some_and(|own| known.contains(own)))
        };
        snapshots.iter().filter(is_head).map(id).collect()
    }

    /// The pushes that a snapshot's PC had taken in, and its own.
    pub fn pushes_known_to(&self, id: &str) -> BTreeSet<String> {
        let ledger: Value =
            serde_json::from_str(&self.restic(&["dump", "--no-lock", id, "/.cloud-sync/ledger.json"])).unwrap();
        ledger["pushes"].as_array().unwrap().iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
    }

    /// The worlds of which a snapshot's PC knew several versions.
    pub fn open_questions(&self, id: &str) -> BTreeSet<String> {
        let ledger: Value =
            serde_json::from_str(&self.restic(&["dump", "--no-lock", id, "/.cloud-sync/ledger.json"])).unwrap();
        let units = ledger["units"].as_array().unwrap().iter();
        let open =
            units.filter(|row| row[1].as_array().unwrap().len() > 1).map(|row| row[0].as_str().unwrap().to_owned());
        open.filter(|unit| unit.starts_with("w/")).collect()
    }

    /// The paths of the instance's files that a snapshot holds.
    pub fn files_of(&self, id: &str) -> BTreeSet<String> {
        self.all_files_of(id).into_iter().filter(|path| !path.starts_with(".cloud-sync/")).collect()
    }

    /// The paths of cloud-sync's own files that a snapshot holds.
    #[cfg(unix)]
    pub fn own_files_of(&self, id: &str) -> BTreeSet<String> {
        self.all_files_of(id).into_iter().filter(|path| path.starts_with(".cloud-sync/")).collect()
    }

    fn all_files_of(&self, id: &str) -> BTreeSet<String> {
        let listing = self.restic(&["ls", "--json", "--no-lock", id]);
        let nodes = listing.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        nodes
            .filter(|node| node["type"] == "file")
            .map(|node| node["path"].as_str().unwrap().trim_start_matches('/').to_owned())
            .collect()
    }

    /// What a file of a snapshot contains.
    pub fn content(&self, id: &str, path: &str) -> String {
        self.restic(&["dump", "--no-lock", id, &format!("/{path}")])
    }

    /// Checks the repository as its operator would.
    pub fn check(&self) {
        self.restic(&["check", "--read-data", "--no-lock"]);
    }

    /// The operator empties the account.
    pub fn empty(&self) {
        for kind in ["snapshots", "index", "data"] {
            fs::remove_dir_all(self.repository.join(kind)).unwrap();
        }
        make_folders(&self.repository);
    }
}

/// The tags of a snapshot.
pub fn tags(snapshot: &Value) -> Vec<String> {
    let tags = snapshot["tags"].as_array().cloned().unwrap_or_default();
    tags.iter().map(|tag| tag.as_str().unwrap().to_owned()).collect()
}

fn serve(home: &Path, address: &str) -> Server {
    let htpasswd = home.join("htpasswd");
    // "correct horse", as htpasswd writes it.
    fs::write(&htpasswd, "steve:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\nalex:{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=\n").unwrap();
    let data = home.join("srv");
    fs::create_dir_all(&data).unwrap();
    let mut process = Command::new(tools::rest_server())
        .args(["--append-only", "--private-repos", "--listen", address])
        .arg("--path")
        .arg(&data)
        .arg("--htpasswd-file")
        .arg(&htpasswd)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
    let address =
        lines.find_map(|line| line.unwrap().split_once("start server on ").map(|(_, address)| address.to_owned()));
    // It must not block on a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    Server { process, address: address.expect("rest-server did not start") }
}

/// An empty repository whose key opens fast.
pub fn copy_template(repository: &Path) {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/repository");
    make_folders(repository);
    fs::copy(template.join("config"), repository.join("config")).unwrap();
    for key in fs::read_dir(template.join("keys")).unwrap() {
        let key = key.unwrap();
        fs::copy(key.path(), repository.join("keys").join(key.file_name())).unwrap();
    }
}

fn make_folders(repository: &Path) {
    for folder in ["index", "keys", "locks", "snapshots", "data"] {
        fs::create_dir_all(repository.join(folder)).unwrap();
    }
    for byte in 0..=255_u8 {
        fs::create_dir_all(repository.join("data").join(format!("{byte:02x}"))).unwrap();
    }
}
