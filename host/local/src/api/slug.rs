//! Slugs of projects.

/// Returns a slug with the short name of its host: `gh` for `github`, `bb` for `bitbucket`.
pub(super) fn short_slug(slug: &str) -> String {
    for (long, short) in [("github/", "gh/"), ("bitbucket/", "bb/")] {
        if let Some(rest) = slug.strip_prefix(long) {
            return format!("{short}{rest}");
        }
    }
    slug.to_owned()
}
