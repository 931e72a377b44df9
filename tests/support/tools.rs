//! The real restic and rest-server, fetched once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// The folder of the programs.
static TOOLS: LazyLock<PathBuf> = LazyLock::new(|| {
    if let Some(folder) = std::env::var_os("CLOUD_SYNC_TEST_TOOLS") {
        return folder.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = root.join("tests/support/get-tools.sh");
    let output = Command::new("bash").arg(script).arg(root.join("target/tools")).output().unwrap();
    assert!(output.status.success(), "no restic to test with: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().into()
});

pub fn restic() -> PathBuf {
    TOOLS.join(format!("restic{}", std::env::consts::EXE_SUFFIX))
}

pub fn rest_server() -> PathBuf {
    TOOLS.join(format!("rest-server{}", std::env::consts::EXE_SUFFIX))
}
