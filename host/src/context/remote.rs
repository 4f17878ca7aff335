//! Converts the URL of a repository to the name of a project.

/// The place of a repository: host and path. The user, the password, the port and the query of its URL are dropped when it is parsed,
/// so that no token gets into a name, a key or a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// In lower case.
    host: String,
    /// Without slashes at its ends, and without `.git`.
    path: String,
}

/// The hosts whose projects have a short prefix. The second name of each serves SSH over port 443.
const SHORT: [(&str, &str); 7] = [
    ("github.com", "gh"),
    ("www.github.com", "gh"),
    ("ssh.github.com", "gh"),
    ("bitbucket.org", "bb"),
    ("altssh.bitbucket.org", "bb"),
    ("gitlab.com", "gl"),
    ("altssh.gitlab.com", "gl"),
];

const SCHEMES: [&str; 5] = ["https", "http", "ssh", "git", "git+ssh"];

impl Remote {
    /// Parses a URL or the form `user@host:path` that ssh and scp share.
    ///
    /// Returns `None` for a path on this machine, and for an ambiguous URL: a credential that is not escaped could otherwise pass
    /// for a part of the path.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let (authority, path) = match url.trim().split_once("://") {
            Some((scheme, rest)) => {
                SCHEMES.iter().find(|known| scheme.eq_ignore_ascii_case(known))?;
                let (authority, path) = rest.split_once('/')?;
                let path = path.split(['?', '#']).next()?;
                (without_port(without_user(authority))?, path)
            }
            None => {
                let (authority, path) = url.trim().split_once(':')?;
                let host = without_user(authority);
                // One letter is a drive of Windows, and two colons name a remote helper.
                if host.len() < 2 || path.starts_with(':') {
                    return None;
                }
                (host, path)
            }
        };
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        if authority.is_empty() || !authority.bytes().all(is_host) {
            return None;
        }
        Some(Self {
            host: authority.to_ascii_lowercase(),
            path: clean(path)?,
        })
    }

    /// Returns the project's name: `gh/acme/shop` on a well-known host, `git.example.com/acme/shop`
    /// elsewhere.
    #[must_use]
    pub fn project(&self) -> String {
        let prefix = self.prefix().unwrap_or(&self.host);
        format!("{prefix}/{}", self.path)
    }

    /// Returns `gh`, `bb` or `gl` for a well-known host.
    pub(super) fn prefix(&self) -> Option<&'static str> {
        SHORT
            .iter()
            .find(|(host, _)| *host == self.host)
            .map(|(_, prefix)| *prefix)
    }

    /// Whether both are one repository. The well-known hosts ignore case, so it is ignored everywhere.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.project().eq_ignore_ascii_case(&other.project())
    }
}

/// Returns the text after the last `@`: a password may contain one.
fn without_user(authority: &str) -> &str {
    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
}

fn without_port(authority: &str) -> Option<&str> {
    match authority.split_once(':') {
        Some((host, port)) => port.bytes().all(|byte| byte.is_ascii_digit()).then_some(host),
        None => Some(authority),
    }
}

fn clean(path: &str) -> Option<String> {
    if path.contains('@') || path.chars().any(char::is_control) {
        return None;
    }
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let last = segments.pop()?;
    let name = last.strip_suffix(".git").unwrap_or(last);
    if !name.is_empty() {
        segments.push(name);
    }
    let plain = !segments.is_empty() && !segments.iter().any(|segment| matches!(*segment, "." | ".."));
    plain.then(|| segments.join("/"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_form_of_a_url_gives_one_name() {
        for url in [
            "https://github.com/acme/shop",
            "https://github.com/acme/shop.git",
            "https://github.com/acme/shop.git/",
            "HTTPS://GitHub.com/acme/shop.git",
            "http://www.github.com/acme/shop",
            "https://x-access-token:ghs_t0ken@github.com/acme/shop.git",
            "https://t0ken@github.com/acme/shop",
            "https://user:p@ss:w0rd@github.com/acme/shop",
            "https://github.com:443/acme/shop.git",
            "https://github.com/acme/shop.git?private_token=t0ken#fragment",
            "git://github.com/acme/shop.git",
            "git@github.com:acme/shop.git",
            "github.com:acme/shop",
            "git@github.com:/acme/shop.git",
            "ssh://git@github.com/acme/shop.git",
            "ssh://git@github.com:22/acme/shop.git",
            "ssh://git@ssh.github.com:443/acme/shop.git",
            "git+ssh://git@github.com/acme//shop.git",
            "  https://github.com/acme/shop\n",
        ] {
            assert_eq!(
                Remote::parse(url).map(|remote| remote.project()),
                Some("gh/acme/shop".to_owned()),
                "{url}"
            );
        }
    }

    #[test]
    fn hosts_have_a_prefix_or_their_own_name() {
        for (url, project) in [
            ("git@bitbucket.org:acme/shop.git", "bb/acme/shop"),
            ("https://jane@bitbucket.org/acme/shop.git", "bb/acme/shop"),
            ("ssh://git@altssh.bitbucket.org:443/acme/shop.git", "bb/acme/shop"),
            (
                "https://gitlab-ci-token:t0ken@gitlab.com/acme/web/shop.git",
                "gl/acme/web/shop",
            ),
            ("ssh://git@altssh.gitlab.com:443/acme/shop.git", "gl/acme/shop"),
            (
                "https://git.example.com:8443/acme/shop.git",
                "git.example.com/acme/shop",
            ),
            (
                "ssh://git@Git.Example.com:7999/acme/shop.git",
                "git.example.com/acme/shop",
            ),
            ("git@github-work:acme/shop.git", "github-work/acme/shop"),
            ("ssh://build@host/srv/shop/.git", "host/srv/shop"),
        ] {
            assert_eq!(
                Remote::parse(url).map(|remote| remote.project()),
                Some(project.to_owned()),
                "{url}"
            );
        }
    }

    #[test]
    fn what_is_not_surely_a_url_is_refused() {
        for url in [
            "",
            "shop",
            "/srv/git/shop.git",
            "../shop.git",
            "./a:b",
            "file:///srv/git/shop.git",
            "C:\\src\\shop",
            "C:/src/shop",
            "ext::sh -c t0ken",
            "https://github.com",
            "https://github.com/",
            "https://github.com/..",
            "https://github.com/acme/../shop",
            "https:///acme/shop",
            "https://user:pa/ss@github.com/acme/shop",
            "https://us/er@github.com/acme/shop",
            "user:t0ken@github.com:acme/shop",
            "https://github.com:port/acme/shop",
            "ssh://git@[::1]:22/acme/shop",
            "https://github.com/acme/sh\u{7}op",
        ] {
            assert_eq!(Remote::parse(url), None, "{url}");
        }
    }

    #[test]
    fn the_same_repository_by_two_urls() {
        let remote = |url| Remote::parse(url).unwrap();
        let ours = remote("git@github.com:Acme/Shop.git");
        assert!(ours.is_same(&remote("git://github.com/acme/shop.git")));
        assert!(!ours.is_same(&remote("git://github.com/jane/shop.git")));
        assert!(!ours.is_same(&remote("git@gitlab.com:acme/shop.git")));
    }
}
