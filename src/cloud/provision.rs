//! Finds restic: the one that is named, the one we fetched before, one on the PATH, or the
//! pinned release, fetched and checked.

pub mod pins;

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use bzip2::read::BzDecoder;
use sha2::{Digest, Sha256};

use crate::cloud::remote::{client, root_cause};
use crate::cloud::restic::{self, Version};
use crate::error::{Error, Kind, Result};
use crate::player::{Front, Progress, Step};
use crate::{durable, interrupt, platform};
use pins::Pin;

/// The oldest restic that does all we ask for.
pub const OLDEST: Version = Version(platform::OLDEST_RESTIC.0, platform::OLDEST_RESTIC.1, platform::OLDEST_RESTIC.2);

/// A download may take its time, but not go silent for longer than this.
const SILENCE: Duration = Duration::from_secs(20);
const MAX_ARCHIVE: u64 = 64 << 20;
const MAX_PROGRAM: u64 = 256 << 20;

/// Where restic may come from.
pub struct Sources<'a> {
    /// The program that the player named.
    pub named: Option<&'a Path>,
    /// The folder in which the pinned restic is kept.
    pub folder: &'a Path,
    /// The base address of the release files; none if nothing may be fetched.
    pub release: Option<&'a str>,
}

/// Where a restic was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `--restic-binary` names it.
    Named,
    /// Kept from an earlier download.
    Kept,
    /// On the PATH.
    Path,
    /// Just fetched.
    Fetched,
}

/// Finds a restic that may be run, and fetches it if need be.
pub fn find(sources: &Sources<'_>, front: &dyn Front) -> Result<(PathBuf, Origin)> {
    if let Some(named) = sources.named {
        let named = resolve(named);
        check_version(&named).map_err(|error| {
            Error::caused(kind(), error.context(format!("--restic-binary {} cannot be used", named.display())))
                .hint(format!("name a restic {OLDEST} or newer, or leave the option out to have one fetched"))
        })?;
        return Ok((named, Origin::Named));
    }
    let kept = sources.folder.join(kept_name());
    if let Some(pin) = pins::here()
        && is_intact(&kept, &pin)
    {
        return Ok((kept, Origin::Kept));
    }
    if let Some(found) = on_path() {
        return Ok((found, Origin::Path));
    }
    interrupt::check()?;
    let Some(release) = sources.release else {
        return Err(Error::new(
            Kind::Failed,
            format!("no restic {OLDEST} or newer is on this PC, and --no-download forbids to fetch it"),
        )
        .hint("install restic, name it with --restic-binary, or allow the download"));
    };
    let pin = pins::here().ok_or_else(|| {
        Error::new(Kind::Failed, "restic has no release for this kind of PC")
            .hint("build restic and name it with --restic-binary")
    })?;
    fetch(&pin, release, &kept, front)?;
    Ok((kept, Origin::Fetched))
}

/// The kind of a failure that an interrupt may have caused.
fn kind() -> Kind {
    if interrupt::requested() { Kind::Interrupted } else { Kind::Failed }
}

/// A bare name is looked up on the PATH, never in the current folder: that may be the instance, and
/// what lies there may have come with a modpack.
fn resolve(named: &Path) -> PathBuf {
    let is_bare = named.components().count() == 1;
    if is_bare {
        path_candidates(&named.to_string_lossy()).next().unwrap_or_else(|| named.to_owned())
    } else {
        absolute(named)
    }
}

fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

fn kept_name() -> String {
    format!("restic-{}{}", pins::VERSION, std::env::consts::EXE_SUFFIX)
}

fn on_path() -> Option<PathBuf> {
    path_candidates("restic").find(|candidate| check_version(candidate).is_ok())
}

fn path_candidates(name: &str) -> impl Iterator<Item = PathBuf> + use<> {
    let file = format!("{}{}", name.trim_end_matches(std::env::consts::EXE_SUFFIX), std::env::consts::EXE_SUFFIX);
    let folders: Vec<_> =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    folders
        .into_iter()
        .filter(|folder| folder.is_absolute())
        .map(move |folder| folder.join(&file))
        .filter(|file| file.is_file())
}

fn check_version(exe: &Path) -> anyhow::Result<()> {
    let version = restic::version(exe)?;
    if version < OLDEST {
        bail!("it is restic {version}, and {OLDEST} is the oldest that will do");
    }
    Ok(())
}

/// Whether the program kept at `file` is the one that was fetched.
fn is_intact(file: &Path, pin: &Pin) -> bool {
    let expected = pin.program.map(str::to_owned).or_else(|| fs::read_to_string(note_of(file)).ok());
    match (expected, File::open(file).and_then(|mut file| hash(&mut file))) {
        (Some(expected), Ok(found)) => expected.trim() == found,
        _ => false,
    }
}

/// Where the hash of a program without a pin of its own is noted when it is unpacked.
fn note_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sha256");
    name.into()
}

fn hash(source: &mut impl Read) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Fetches the release file, checks it, unpacks the program, checks that, and puts it in
/// place in one step. Two at once do the same work twice and end with the same file.
pub fn fetch(pin: &Pin, release: &str, file: &Path, front: &dyn Front) -> Result<()> {
    let address = format!("{}/{}", release.trim_end_matches('/'), pin.asset);
    front.note(&format!("fetching restic {} (once for this instance)", pins::VERSION));
    let folder = file.parent().unwrap_or(Path::new("."));
    let result = download(&address, folder, front).and_then(|archive| install(pin, archive, folder, file));
    front.finished();
    result.map_err(|error| {
        let kind = error.downcast_ref::<Error>().map_or_else(kind, |error| error.kind);
        Error::caused(kind, error.context(format!("could not fetch restic from {address}")))
            .hint("check the network, or install restic yourself and name it with --restic-binary")
    })
}

fn download(address: &str, folder: &Path, front: &dyn Front) -> anyhow::Result<File> {
    // For this kind of client that is the time to the answer, and then to each piece of it.
    let client = client(Duration::from_secs(10)).timeout(SILENCE).build()?;
    // Without restic there is no syncing, but the launch may go on as it may without the cloud.
    let offline = |error: &dyn std::error::Error| Error::new(Kind::Offline, root_cause(error));
    let mut response = client.get(address).send().map_err(|error| offline(&error))?;
    if !response.status().is_success() {
        bail!("the server answered {}", response.status());
    }
    let total = response.content_length().unwrap_or(0);
    let mut archive = tempfile::tempfile_in(folder)?;
    let mut buffer = vec![0; 1 << 16];
    let mut done = 0_u64;
    loop {
        let read =
            response.read(&mut buffer).map_err(|error| anyhow!(offline(&error)).context("the download broke off"))?;
        if read == 0 {
            return Ok(archive);
        }
        archive.write_all(&buffer[..read])?;
        done += read as u64;
        if done > MAX_ARCHIVE {
            bail!("the file is larger than any restic");
        }
        if interrupt::requested() {
            bail!("interrupted");
        }
        front.progress(&Progress { step: Step::FetchRestic, bytes: done, total_bytes: total, ..Progress::default() });
    }
}

fn install(pin: &Pin, mut archive: File, folder: &Path, file: &Path) -> anyhow::Result<()> {
    io::Seek::rewind(&mut archive)?;
    expect_hash("the downloaded file", pin.archive, &hash(&mut archive)?)?;
    io::Seek::rewind(&mut archive)?;
    let mut program = tempfile::Builder::new().prefix(".restic-").tempfile_in(folder)?;
    if Path::new(pin.asset).extension().is_some_and(|extension| extension == "zip") {
        let mut zip = zip::ZipArchive::new(archive).context("could not open the archive")?;
        let mut entry = zip.by_index(0).context("could not open the archive")?;
        io::copy(&mut (&mut entry).take(MAX_PROGRAM), &mut program).context("could not unpack it")?;
    } else {
        io::copy(&mut BzDecoder::new(archive).take(MAX_PROGRAM), &mut program).context("could not unpack it")?;
    }
    let found = hash(&mut program.reopen()?)?;
    match pin.program {
        Some(expected) => expect_hash("the program in it", expected, &found)?,
        None => durable::replace(&note_of(file), found.as_bytes())?,
    }
    platform::make_executable(program.as_file())?;
    program.as_file().sync_all()?;
    // Linux runs no file that is open for writing.
    let program = program.into_temp_path();
    match program.persist(file) {
        Ok(()) => Ok(()),
        // Windows replaces no program that runs; the other one installed the same file.
        Err(_) if is_intact(file, pin) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("could not write {}", file.display())),
    }
}

fn expect_hash(what: &str, expected: &str, found: &str) -> anyhow::Result<()> {
    if expected != found {
        bail!("{what} is not the one that is expected (SHA-256 {found} in place of {expected}); it was thrown away");
    }
    Ok(())
}
