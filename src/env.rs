//! Every environment variable that the program reads, once.

/// `--url`: the repository.
pub const URL: &str = "CLOUD_SYNC_URL";
/// `--pack-folder`: the instance.
pub const PACK_FOLDER: &str = "CLOUD_SYNC_PACK_FOLDER";
/// `--token-file`: where the token is read from.
pub const TOKEN_FILE: &str = "CLOUD_SYNC_TOKEN_FILE";
/// `--restic-binary`: the restic to run.
pub const RESTIC_BINARY: &str = "CLOUD_SYNC_RESTIC_BINARY";
/// `--no-download`: never fetch restic.
pub const NO_DOWNLOAD: &str = "CLOUD_SYNC_NO_DOWNLOAD";
/// `--no-gui`: never open a window.
pub const NO_GUI: &str = "CLOUD_SYNC_NO_GUI";
/// `--on-conflict`: the answer when two PCs disagree.
pub const ON_CONFLICT: &str = "CLOUD_SYNC_ON_CONFLICT";
/// `--catch-up`: when a pull saves what was left unsaved.
pub const CATCH_UP: &str = "CLOUD_SYNC_CATCH_UP";
/// `--wait-for-game`: how long a running game is waited for.
pub const WAIT_FOR_GAME: &str = "CLOUD_SYNC_WAIT_FOR_GAME";
/// `--strict`: offline and signed out are failures.
pub const STRICT: &str = "CLOUD_SYNC_STRICT";
/// `--insecure-http`: allow a password to travel in clear.
pub const INSECURE_HTTP: &str = "CLOUD_SYNC_INSECURE_HTTP";
/// `--machine`: this PC's label.
pub const MACHINE: &str = "CLOUD_SYNC_MACHINE";
/// `--json`: one object as the last line of stdout.
pub const JSON: &str = "CLOUD_SYNC_JSON";
/// `--verbose`.
pub const VERBOSE: &str = "CLOUD_SYNC_VERBOSE";
/// `--quiet`.
pub const QUIET: &str = "CLOUD_SYNC_QUIET";
/// `--allow-empty`: save an instance that has lost all its files.
pub const ALLOW_EMPTY: &str = "CLOUD_SYNC_ALLOW_EMPTY";

/// The instance's folder, as Prism, MultiMC and their kin export it to hooks.
pub const INST_MC_DIR: &str = "INST_MC_DIR";
/// Another base address for restic's release files.
pub const RESTIC_MIRROR: &str = "CLOUD_SYNC_RESTIC_MIRROR";
/// Another folder for restic's cache.
pub const CACHE_DIR: &str = "CLOUD_SYNC_CACHE_DIR";
/// How many seconds restic may make no progress before it is given up; 120 if not set.
pub const PATIENCE: &str = "CLOUD_SYNC_PATIENCE";
/// The time to work with (RFC 3339) in place of the clock's, for tests.
pub const NOW: &str = "CLOUD_SYNC_NOW";

/// What a restic child inherits; everything else, above all every `RESTIC_*`,
/// is dropped, because restic lets variables override what it is told.
pub const PASSED_TO_RESTIC: &[&str] = &[
    // Where programs, homes and temporary folders are.
    "PATH",
    "HOME",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "SystemRoot",
    "SystemDrive",
    "ComSpec",
    "PATHEXT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "LANG",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
    // The player's network.
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSH_AUTH_SOCK",
];

/// Credentials of cloud backends, passed on only to a repository of that kind.
pub const BACKEND_PREFIXES: &[(&str, &[&str])] = &[
    ("s3:", &["AWS_"]),
    ("b2:", &["B2_"]),
    ("azure:", &["AZURE_"]),
    ("gs:", &["GOOGLE_"]),
    ("swift:", &["OS_", "ST_"]),
    ("rclone:", &["RCLONE_"]),
];

/// What may send a plain request of ours to a proxy.
pub const HTTP_PROXIES: &[&str] = &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
