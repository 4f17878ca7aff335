//! The names that CircleCI has for projects.

use crate::error::{Error, Result};

/// A project's slug: `gh/acme/shop`, `bb/acme/shop`, or `circleci/<id>/<id>`, whose parts mean nothing to anybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slug {
    host: String,
    owner: String,
    name: String,
}

impl Slug {
    /// Reads a slug.
    pub fn parse(text: &str) -> Result<Slug> {
        let wrong = || {
            let message =
                "a project of CircleCI is called gh/OWNER/REPOSITORY, bb/OWNER/REPOSITORY or circleci/ID/ID";
            Error::invalid("wrong-slug", message, text)
        };
        let parts: Vec<&str> = text.split('/').collect();
        let [host, owner, name] = parts.as_slice() else {
            return Err(wrong());
        };
        let host = match *host {
            "gh" | "github" => "gh",
            "bb" | "bitbucket" => "bb",
            "circleci" => "circleci",
            _ => return Err(wrong()),
        };
        let sound = |part: &str| {
            !matches!(part, "" | "." | "..") && part.len() <= 200 && !part.chars().any(char::is_control)
        };
        if !sound(owner) || !sound(name) {
            return Err(wrong());
        }
        Ok(Slug {
            host: host.to_owned(),
            owner: (*owner).to_owned(),
            name: (*name).to_owned(),
        })
    }

    /// Returns it as a part of a v2 URL: three names.
    pub(super) fn in_v2(&self) -> String {
        let Slug { host, owner, name } = self;
        format!(
            "{host}/{}/{}",
            super::url::encoded(owner),
            super::url::encoded(name)
        )
    }

    /// Returns it as a part of a v1.1 URL, which knows only projects of GitHub and Bitbucket.
    pub(super) fn in_v1(&self) -> Option<String> {
        let host = match self.host.as_str() {
            "gh" => "github",
            "bb" => "bitbucket",
            _ => return None,
        };
        let (owner, name) = (super::url::encoded(&self.owner), super::url::encoded(&self.name));
        Some(format!("{host}/{owner}/{name}"))
    }
}

impl std::fmt::Display for Slug {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}/{}", self.host, self.owner, self.name)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn long_and_short_names_of_a_host_are_one() {
        for text in ["gh/acme/shop", "github/acme/shop"] {
            let slug = Slug::parse(text).unwrap();
            assert_eq!(slug.to_string(), "gh/acme/shop");
            assert_eq!(slug.in_v1().unwrap(), "github/acme/shop");
        }
        let opaque = Slug::parse("circleci/9YytKzouJxzu4TjCRFqAoD/44n9wujWcTnVZ2b5S8Fnat").unwrap();
        assert_eq!(opaque.in_v1(), None);
        assert_eq!(opaque.in_v2(), opaque.to_string());
    }

    #[test]
    fn what_would_lead_elsewhere_is_no_slug() {
        for text in [
            "",
            "acme/shop",
            "gh/acme/shop/x",
            "gl/acme/shop",
            "gh//shop",
            "gh/../shop",
            "gh/a\n/b",
        ] {
            assert!(Slug::parse(text).is_err(), "{text:?}");
        }
        assert_eq!(Slug::parse("gh/a b/c?d").unwrap().in_v2(), "gh/a%20b/c%3Fd");
    }
}
