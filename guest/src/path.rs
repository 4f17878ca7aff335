//! Paths within a tree: relative, `/` between the names, in an order in which a directory comes right before all that
//! is in it.

use std::cmp::Ordering;

/// The longest path, as on Linux.
pub const PATH_BYTES_MAX: usize = 4096;
/// The longest name, as on every common file system.
pub const NAME_BYTES_MAX: usize = 255;

/// Says why a path cannot be in a tree, or `None` where it can. This is what keeps a hostile tree inside its directory,
/// together with the rule that a parent must be a directory of the same tree.
pub fn fault(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("the path is empty".to_owned());
    }
    if path.len() > PATH_BYTES_MAX {
        return Some(format!(
            "the path has {} bytes, and {PATH_BYTES_MAX} are the most",
            path.len()
        ));
    }
    if path.starts_with('/') {
        return Some(format!("the path is absolute: {path}"));
    }
    path.split('/').find_map(|name| {
        let why = match name {
            "" => "has an empty name in it",
            "." | ".." => "has `.` or `..` in it",
            _ if name.len() > NAME_BYTES_MAX => "has a name of more than 255 bytes",
            _ if name.contains('\0') => "has a NUL in it",
            _ => return None,
        };
        Some(format!("the path {why}: {path}"))
    })
}

/// Compares two paths name by name, so that `a/b` comes before `a-b`: NUL is in no name, and sorts below everything.
pub fn compare(a: &str, b: &str) -> Ordering {
    let key = |byte: u8| if byte == b'/' { 0 } else { byte };
    a.bytes().map(key).cmp(b.bytes().map(key))
}

/// Returns the directory that holds `path`: the empty string for one at the top.
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Returns the last name of `path`.
pub fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Returns `name` in the directory `dir`.
pub fn join(dir: &str, name: &str) -> String {
    if dir.is_empty() {
        name.to_owned()
    } else {
        format!("{dir}/{name}")
    }
}

/// Returns how many names `path` has: none for the directory itself.
pub fn depth(path: &str) -> usize {
    path.split('/').filter(|name| !name.is_empty()).count()
}

/// Returns whether `path` lies somewhere in the directory `dir`.
pub fn is_below(path: &str, dir: &str) -> bool {
    dir.is_empty() || path.strip_prefix(dir).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_enemy_would_write_is_refused() {
        let long = "a/".repeat(2100);
        for wrong in [
            "",
            "/etc/passwd",
            "..",
            "a/../b",
            "a//b",
            "a/",
            ".",
            "./a",
            "a/.",
            "a\0b",
            &long,
        ] {
            assert!(fault(wrong).is_some(), "{wrong:?}");
        }
        assert!(fault(&"x".repeat(256)).is_some());
        for right in ["a", "a/b", "-rf", "...", "a b\n\"'", &"x".repeat(255), "\u{7f}"] {
            assert_eq!(fault(right), None);
        }
    }

    #[test]
    fn a_directory_comes_right_before_its_contents() {
        let mut paths = ["a-b", "a", "a/b", "a/b/c", "b", "a/b-", "a.txt"];
        paths.sort_by(|a, b| compare(a, b));
        assert_eq!(paths, ["a", "a/b", "a/b/c", "a/b-", "a-b", "a.txt", "b"]);
    }

    #[test]
    fn below_means_inside() {
        assert!(is_below("a/b", "a") && is_below("a", "") && !is_below("a-b", "a") && !is_below("a", "a"));
    }
}
