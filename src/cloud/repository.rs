//! What `--url` names: a restic repository.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use reqwest::Url;

use crate::error::{Error, Kind, Result};
use crate::platform;

/// A repository, without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    location: String,
    place: Place,
}

/// How we can look at a repository without restic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A REST server; the address ends in a slash.
    Rest(Url),
    /// A folder.
    Folder(PathBuf),
    /// Only restic can.
    Other,
}

/// The backends that restic knows by a prefix.
const SCHEMES: &[&str] = &["sftp:", "s3:", "b2:", "azure:", "gs:", "swift:", "rclone:"];

impl Repository {
    /// The repository that `url` means for `user`.
    pub fn parse(url: &str, user: &str, insecure_http: bool) -> Result<Self> {
        let url = url.trim();
        if holds_password(url) {
            return Err(names_someone());
        }
        let location;
        let place = if let Some(address) = url.strip_prefix("rest:") {
            location = url.to_owned();
            match parse_address(address)? {
                Some(address) => Place::Rest(address),
                // A server behind a local socket.
                None => Place::Other,
            }
        } else if url.starts_with("http://") || url.starts_with("https://") {
            let mut address = parse_address(url)?.ok_or_else(|| usage("it is not a web address", url))?;
            address
                .path_segments_mut()
                .map_err(|()| usage("it is not a web address", url))?
                .pop_if_empty()
                .push(user)
                .push("");
            location = format!("rest:{address}");
            Place::Rest(address)
        } else if let Some(folder) = url.strip_prefix("local:") {
            let folder = absolute(folder)?;
            location = format!("local:{}", folder.display());
            Place::Folder(folder)
        } else if SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
            location = url.to_owned();
            Place::Other
        } else {
            let folder = Path::new(url);
            if !folder.is_absolute() && !folder.is_dir() {
                let error = usage("it is neither a web address nor a folder that exists", url);
                let is_host = url.contains('.') && !url.contains(['/', '\\', ':', '@', ' ']);
                return Err(if is_host {
                    error.hint(format!("did you mean https://{url}?"))
                } else {
                    error.hint("give https://HOST, the full path of a folder, or any repository that restic knows (sftp:, s3:, rclone: ...)")
                });
            }
            let folder = absolute(url)?;
            location = format!("local:{}", folder.display());
            Place::Folder(folder)
        };
        let repository = Self { location, place };
        if !insecure_http && repository.sends_password_in_clear() {
            return Err(Error::new(Kind::Usage, "http:// would send your password readable for everyone on the way")
                .hint("use https://, or --insecure-http if the network is yours alone"));
        }
        Ok(repository)
    }

    /// As restic takes it.
    pub fn location(&self) -> &str {
        &self.location
    }

    /// How to look at it.
    pub fn place(&self) -> &Place {
        &self.place
    }

    fn sends_password_in_clear(&self) -> bool {
        let Place::Rest(address) = &self.place else { return false };
        address.scheme() == "http" && !is_loopback(address)
    }
}

/// Whether the address is one of this PC.
pub fn is_loopback(address: &Url) -> bool {
    let host = address.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The address, always ended by a slash; none if it is no web address at all.
fn parse_address(text: &str) -> Result<Option<Url>> {
    if !text.starts_with("http://") && !text.starts_with("https://") {
        return if text.starts_with("http+unix://") {
            Ok(None)
        } else {
            Err(usage("after rest: comes http:// or https://", text))
        };
    }
    let mut address = Url::parse(text).map_err(|error| usage(&error.to_string(), text))?;
    if !address.username().is_empty() || address.password().is_some() {
        return Err(names_someone());
    }
    if address.query().is_some() || address.fragment().is_some() {
        return Err(usage("a repository's address has no ? and no #", text));
    }
    if !address.path().ends_with('/') {
        address.set_path(&format!("{}/", address.path()));
    }
    Ok(Some(address))
}

fn absolute(folder: &str) -> Result<PathBuf> {
    let made = std::path::absolute(folder).map_err(|error| usage(&error.to_string(), folder))?;
    // Where it exists, one folder has one name, however it was written.
    Ok(platform::real_path(&made).unwrap_or(made))
}

/// Whether an address of any kind has `user:password@` before its host.
fn holds_password(url: &str) -> bool {
    let host = url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default();
    host.rsplit_once('@').is_some_and(|(who, _)| who.contains(':'))
}

fn names_someone() -> Error {
    Error::new(Kind::Usage, "the address holds a user name or password")
        .hint("leave it out of the address; `cloud-sync login` takes the token")
}

/// An address that holds a password, or is a token by mistake, must not be repeated in a message.
fn usage(reason: &str, url: &str) -> Error {
    let may_be_secret = url.contains('@') || url.contains(':') && !url.contains("://");
    let shown = if may_be_secret { "the address" } else { url };
    Error::new(Kind::Usage, format!("--url cannot be used: {shown}: {reason}"))
        .hint("a repository's address looks like https://sync.example.org")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(url: &str) -> Result<String> {
        Repository::parse(url, "steve", false).map(|repository| repository.location)
    }

    #[test]
    fn a_web_address_means_the_users_own_repository_there() {
        for (url, expected) in [
            ("https://host", "rest:https://host/steve/"),
            ("https://host/", "rest:https://host/steve/"),
            ("https://host:8000/pack/", "rest:https://host:8000/pack/steve/"),
            ("http://127.0.0.1:8000", "rest:http://127.0.0.1:8000/steve/"),
            ("http://[::1]:8000", "rest:http://[::1]:8000/steve/"),
        ] {
            assert_eq!(location(url).unwrap(), expected);
        }
        let odd = Repository::parse("https://host", "st eve", false).unwrap();
        assert_eq!(odd.location(), "rest:https://host/st%20eve/");
    }

    #[test]
    fn other_repositories_are_taken_as_they_are() {
        for url in [
            "sftp:user@host:/srv/repo",
            "sftp://user@host:22//srv/repo",
            "rest:http+unix:///run/restic.sock:/x/",
            "s3:https://s3.example.org/bucket",
            "rclone:remote:path",
            "rest:https://host/x/",
        ] {
            assert_eq!(location(url).unwrap(), url);
        }
    }

    #[test]
    fn a_password_never_travels_in_clear_unasked() {
        for url in ["http://host", "rest:http://host/x/", "http://127.0.0.1.example.org"] {
            assert_eq!(location(url).unwrap_err().kind, Kind::Usage, "{url}");
            assert!(Repository::parse(url, "steve", true).is_ok());
        }
    }

    #[test]
    fn a_password_in_the_address_is_refused_and_not_repeated() {
        for url in [
            "https://steve:hunter2@host",
            "rest:https://steve:hunter2@host/",
            "rest:steve:hunter2@host",
            "rest:http+unix://steve:hunter2@/socket:/x/",
            "sftp://steve:hunter2@host/x",
            "steve:hunter2@host",
            "steve:hunter2",
        ] {
            let error = location(url).unwrap_err();
            assert_eq!(error.kind, Kind::Usage);
            assert!(!error.message().contains("hunter2"), "{url}");
        }
    }

    #[test]
    fn what_is_no_repository_is_refused() {
        for url in ["", "nonsense", "rest:nonsense", "https://", "https://host/?x"] {
            assert_eq!(location(url).unwrap_err().kind, Kind::Usage, "{url}");
        }
    }
}
