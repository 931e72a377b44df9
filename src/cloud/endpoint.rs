//! Whether somebody listens where a repository is that only restic can read: restic itself would try
//! for a long time.

use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::env;

/// A host, and the port on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    host: String,
    port: u16,
}

impl Endpoint {
    /// Where the repository at `location` is served. None where that cannot be told, or something stands
    /// between that only restic knows to pass.
    pub fn of(location: &str) -> Option<Self> {
        let (scheme, rest) = location.split_once(':')?;
        match scheme {
            "sftp" => Self::of_ssh(&ssh_arguments(rest)?),
            "s3" | "b2" | "gs" if has_proxy() => None,
            "s3" => Self::of_web(rest),
            "b2" => Some(Self { host: "api.backblazeb2.com".to_owned(), port: 443 }),
            "gs" => Some(Self { host: "storage.googleapis.com".to_owned(), port: 443 }),
            _ => None,
        }
    }

    /// Of `https://HOST:PORT/BUCKET`, `http://HOST/BUCKET` or `HOST/BUCKET`.
    fn of_web(address: &str) -> Option<Self> {
        let (port, rest) = match (address.strip_prefix("http://"), address.strip_prefix("https://")) {
            (Some(rest), _) => (80, rest),
            (_, Some(rest)) => (443, rest),
            _ => (443, address.trim_start_matches('/')),
        };
        Self::parse(rest.split('/').next()?, port)
    }

    fn parse(text: &str, usual: u16) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') => (host, port.parse().ok()?),
            _ => (text, usual),
        };
        let host = host.trim_matches(['[', ']']).to_owned();
        (!host.is_empty()).then_some(Self { host, port })
    }

    /// What the player's own configuration of ssh makes of it. One that goes by way of another host can
    /// be reached by ssh alone.
    fn of_ssh(arguments: &[String]) -> Option<Self> {
        let mut command = Command::new("ssh");
        command.arg("-G").args(arguments).stdin(Stdio::null()).stderr(Stdio::null());
        let output = command.output().ok().filter(|output| output.status.success())?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            line.filter(|value| *value != "none").map(str::to_owned)
        };
        if value("proxyjump").is_some() || value("proxycommand").is_some() {
            return None;
        }
        Some(Self { host: value("hostname")?, port: value("port")?.parse().ok()? })
    }

    /// Whether a connection comes about within `time`; else why not.
    pub fn connect(&self, time: Duration) -> Result<(), String> {
        let Self { host, port } = self.clone();
        let (sender, answer) = mpsc::channel();
        // A name server that is silent cannot be told to hurry.
        thread::spawn(move || sender.send(connect(&host, port, time)));
        answer.recv_timeout(time).unwrap_or_else(|_| Err("it does not answer in time".to_owned()))
    }
}

fn connect(host: &str, port: u16, time: Duration) -> Result<(), String> {
    let addresses = (host, port).to_socket_addrs().map_err(|error| format!("{host}: {error}"))?;
    let mut why = format!("{host} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, time) {
            Ok(_) => return Ok(()),
            Err(error) => why = format!("{host}: {error}"),
        }
    }
    Err(why)
}

/// How ssh is called for `sftp:USER@HOST:/FOLDER` or `sftp://USER@HOST:PORT//FOLDER`, of which this is
/// what follows the first colon.
fn ssh_arguments(rest: &str) -> Option<Vec<String>> {
    let (host, port) = match rest.strip_prefix("//") {
        Some(rest) => {
            let host = rest.split('/').next()?;
            match host.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
                _ => (host, None),
            }
        }
        None => (rest.split_once(':')?.0, None),
    };
    // What begins so would be an option.
    let is_safe = |text: &str| !text.is_empty() && !text.starts_with('-');
    let port = port.filter(|port| is_safe(port)).map(|port| ["-p".to_owned(), port.to_owned()]);
    is_safe(host).then(|| port.into_iter().flatten().chain([host.to_owned()]).collect())
}

fn has_proxy() -> bool {
    env::HTTP_PROXIES.iter().any(|name| std::env::var_os(name).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_tells_host_and_port() {
        for (address, host, port) in [
            ("https://s3.example.org/bucket", "s3.example.org", 443),
            ("http://127.0.0.1:9000/bucket/way", "127.0.0.1", 9000),
            ("http://[::1]:9000/bucket", "::1", 9000),
            ("s3.amazonaws.com/bucket", "s3.amazonaws.com", 443),
        ] {
            let expected = Endpoint { host: host.to_owned(), port };
            assert_eq!(Endpoint::of_web(address), Some(expected), "{address}");
        }
        assert_eq!(Endpoint::of_web("https://"), None);
    }

    #[test]
    fn ssh_is_asked_about_the_host_that_restic_would_name() {
        for (rest, arguments) in [
            ("steve@nas:/srv/sky", &["steve@nas"][..]),
            ("//steve@nas:2222//srv/sky", &["-p", "2222", "steve@nas"]),
            ("//nas/srv", &["nas"]),
            ("nas:sky", &["nas"]),
        ] {
            assert_eq!(ssh_arguments(rest).unwrap(), arguments, "{rest}");
        }
        assert_eq!(ssh_arguments("-oProxyCommand=evil:/x"), None);
        assert_eq!(ssh_arguments("///srv"), None);
    }
}
