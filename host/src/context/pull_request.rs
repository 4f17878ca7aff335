//! The number of a pull request, in every form that a runner or a person gives it.
//!
//! A positive number, or a reference that has one (`pull/7`), is a pull request. The documented values for none are none.
//! Anything else is an error. CI systems write none in different ways: CircleCI, GitHub Actions and GitLab CI leave the
//! variable out or empty, Buildkite writes `false`, a Jenkinsfile that passes on an unset value writes `null`, and a GitHub
//! expression such as `github.event.number || 0` writes `0`.

/// Whether a text says that there is no pull request.
pub(super) fn is_none(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let text = text.trim();
    let is_zero = !text.is_empty() && text.bytes().all(|byte| byte == b'0');
    is_zero
        || ["false", "null", "nil", "<nil>", "none"]
            .iter()
            .any(|none| text.eq_ignore_ascii_case(none))
}

/// Returns the number that a text stands for: itself if it is positive, or the number in a reference.
pub(super) fn number(text: &str) -> Option<String> {
    let text = text.trim();
    positive(text).or_else(|| in_reference(text))
}

/// Returns the number that a reference or a branch of this name stands for.
///
/// These are the names under which servers keep changes: `refs/pull/7/merge` (GitHub, Gitea, Azure),
/// `refs/pull-requests/7/from` (Bitbucket), `refs/merge-requests/7/head` (GitLab), `refs/changes/45/12345/3` (Gerrit),
/// and `origin/pr/7/head`, as Jenkins's plugins fetch them. CircleCI names a fork's branch `pull/7`. Case does not
/// count.
pub(super) fn in_reference(name: &str) -> Option<String> {
    let name = name.to_ascii_lowercase();
    let name = ["refs/", "remotes/", "origin/"]
        .iter()
        .fold(name.as_str(), |rest, prefix| {
            rest.strip_prefix(prefix).unwrap_or(rest)
        });
    let (kind, rest) = name.split_once('/')?;
    let mut parts = rest.split('/');
    let first = parts.next()?;
    match kind {
        "pull" | "pull-requests" | "merge-requests" => positive(first),
        // `pr/7` alone may be an ordinary branch.
        "pr" => matches!(parts.next(), Some("head" | "merge" | "from")).then(|| positive(first))?,
        "changes" => gerrit(rest),
        _ => None,
    }
}

/// Returns the number in the URL of a pull request's page, whatever follows it.
pub(super) fn in_url(url: &str) -> Option<String> {
    let mut segments = url.split(['/', '?', '#']);
    segments
        .by_ref()
        .find(|segment| matches!(*segment, "pull" | "pulls" | "pull-requests" | "merge_requests"))?;
    positive(segments.next()?)
}

/// Returns the number of a Gerrit change from `45/12345/3`: its last two digits, itself, and the patch set.
pub(super) fn gerrit(name: &str) -> Option<String> {
    let mut parts = name.split('/');
    let (shard, change, patch_set) = (parts.next()?, parts.next()?, parts.next()?);
    let number = positive(change)?;
    let sharded = shard.len() == 2 && format!("{number:0>2}").ends_with(shard);
    (sharded && positive(patch_set).is_some() && parts.next().is_none()).then_some(number)
}

/// Returns a positive number without leading zeros.
pub(super) fn positive(text: &str) -> Option<String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = is_plain.then(|| text.parse().ok())??;
    (number > 0).then(|| number.to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::super::check;
    use super::super::provenance::Sourced;
    use super::*;

    fn parsed(text: &str) -> Result<Option<String>, String> {
        let text = Sourced::in_variable("BATON_PULL_REQUEST", text.to_owned());
        let number = check::pull_request(&text).map_err(|error| error.to_string())?;
        Ok(number.map(|number| number.value))
    }

    #[test]
    fn what_is_a_pull_request() {
        for text in [
            "7",
            "007",
            " 7\n",
            "pull/7",
            "PULL/7",
            "Pull/7/Head",
            "refs/pull/7/merge",
            "refs/pull-requests/7/from",
            "refs/merge-requests/7/train",
            "origin/pr/7/merge",
            "refs/remotes/origin/pr/7/head",
            "refs/changes/07/7/1",
        ] {
            assert_eq!(parsed(text), Ok(Some("7".to_owned())), "{text}");
        }
        assert_eq!(parsed("refs/changes/45/12345/3"), Ok(Some("12345".to_owned())));
        assert_eq!(parsed("18446744073709551615"), Ok(Some(u64::MAX.to_string())));
    }

    #[test]
    fn what_says_that_there_is_none() {
        for text in [
            "", "false", "False", "FALSE", "null", "nil", "<nil>", "none", "None", "0", "000", " false ",
        ] {
            assert_eq!(parsed(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_is_expected() {
        for text in [
            "abc",
            "true",
            "-1",
            "+7",
            "7.0",
            "1e3",
            "0x7",
            "#7",
            "7,8",
            "7 8",
            "https://github.com/acme/shop/pull/7",
            "pull/",
            "pull/0",
            "pull/x",
            "pr/7",
            "feature/pull/7",
            "refs/changes/99/12345/3",
            "18446744073709551616",
            "\u{a0}",
            "\u{663}",
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.starts_with("BATON_PULL_REQUEST is "), "{error}");
            assert!(error.ends_with(check::PULL_REQUEST), "{error}");
        }
    }

    #[test]
    fn the_number_in_the_url_of_a_page() {
        for url in [
            "https://github.com/acme/shop/pull/42",
            "https://github.com/acme/shop/pull/42/",
            "https://github.com/acme/shop/pull/42/files#diff",
            "https://bitbucket.org/acme/shop/pull-requests/42/my-title",
            "https://gitlab.com/acme/shop/-/merge_requests/42",
        ] {
            assert_eq!(in_url(url).as_deref(), Some("42"), "{url}");
        }
        for url in [
            "",
            "https://github.com/acme/shop/issues/42",
            "https://github.com/acme/shop/pull/x",
        ] {
            assert_eq!(in_url(url), None, "{url}");
        }
    }
}
