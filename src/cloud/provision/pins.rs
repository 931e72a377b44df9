//! The one restic that we download: its version, and a row per platform.
//!
//! Where a platform's program has no pinned hash (Linux on ARM, 32-bit Windows), the archive's hash is
//! pinned, and the program's is noted when it is unpacked.

/// A release file and what must be in it.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    /// The file's name in the release.
    pub asset: &'static str,
    /// SHA-256 of the file.
    pub archive: &'static str,
    /// SHA-256 of the program in it, where it is known; else the archive vouches for it.
    pub program: Option<&'static str>,
}

/// The version that is pinned.
pub const VERSION: &str = "0.19.1";

/// Where its release files are.
pub const RELEASE: &str = "https://github.com/restic/restic/releases/download/v0.19.1";

/// The pin for this platform, if restic has a release for it.
pub fn here() -> Option<Pin> {
    pin(std::env::consts::OS, std::env::consts::ARCH)
}

fn pin(os: &str, arch: &str) -> Option<Pin> {
    let (asset, archive, program) = match (os, arch) {
        ("linux", "x86_64") => (
            "restic_0.19.1_linux_amd64.bz2",
            "f415415624dcc452f2a02b8c33641791a8c6d6d3b65bbb3543fcf9a25151585c",
            Some("20d4142678d0d95ec11a4759def1b73fd9190abc9ca19e4b62d067c0b387e639"),
        ),
        ("linux", "aarch64") => {
            ("restic_0.19.1_linux_arm64.bz2", "a5f64aaab53d51e311fa3829124c5b703f2d14cf187d8640b6be3b2b49376465", None)
        }
        ("linux", "arm") => {
            ("restic_0.19.1_linux_arm.bz2", "1edc5f67b0dd0d028586ab28c34b4da7522eabce933b3f6cd04f9ea184c2a502", None)
        }
        ("macos", "x86_64") => (
            "restic_0.19.1_darwin_amd64.bz2",
            "c38d579622cf602f665234c5a8c315030b6cf70656028fe6dc29a786b60e5f35",
            Some("b2b553b402b9971b0c3f673d880397a421526f55a08f21fe5b82b5dd9e049a08"),
        ),
        ("macos", "aarch64") => (
            "restic_0.19.1_darwin_arm64.bz2",
            "7be0a144ccc377880f294204aa271d76e4b79554b42a751151d425ce6ebac143",
            Some("06582569ff2f10e1935a6f12187c76db02f0bae99e6e54098f2cdc374766d768"),
        ),
        // Windows on ARM runs the amd64 program; there is no other.
        ("windows", "x86_64" | "aarch64") => (
            "restic_0.19.1_windows_amd64.zip",
            "da948ad707ed690426473aaba2046cd61f8f90f6f0e7dab6be0d5796531de67d",
            Some("b0dd1fd21eea5d8fe1325f55f7118213c21f36de8a261e04c0624a5ab9fd7830"),
        ),
        ("windows", "x86") => {
            ("restic_0.19.1_windows_386.zip", "24147168e7988af20e4957d06ab7a9ba73792755150ce1ff270ad586c37fd160", None)
        }
        _ => return None,
    };
    Some(Pin { asset, archive, program })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_platform_that_players_use_has_a_pin_of_the_pinned_version() {
        for (os, arch) in [
            ("linux", "x86_64"),
            ("linux", "aarch64"),
            ("linux", "arm"),
            ("macos", "x86_64"),
            ("macos", "aarch64"),
            ("windows", "x86_64"),
            ("windows", "aarch64"),
            ("windows", "x86"),
        ] {
            let pin = pin(os, arch).unwrap_or_else(|| panic!("{os} {arch}"));
            assert!(pin.asset.starts_with(&format!("restic_{VERSION}_")));
            assert!(pin.asset.ends_with(if os == "windows" { ".zip" } else { ".bz2" }));
            for hash in [Some(pin.archive), pin.program].into_iter().flatten() {
                assert_eq!(hex::decode(hash).unwrap().len(), 32);
            }
        }
        assert!(RELEASE.ends_with(&format!("v{VERSION}")));
    }
}
