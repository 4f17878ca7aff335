//! `circleci tests glob`: the files that patterns match.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex_lite::Regex;

/// Directories this deep are searched.
const DEPTH_MAX: usize = 128;

/// Returns the files below a directory whose relative paths match one of the patterns, sorted.
///
/// `*` and `?` match within a name, `**` across directories, `[abc]` one of the characters, and `{a,b}` one of the patterns.
pub(super) fn files(directory: &Path, patterns: &[&str]) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let plain = pattern.strip_prefix("./").unwrap_or(pattern);
        let regex = Regex::new(&expression(plain))
            .map_err(|error| format!("cannot parse the pattern {pattern}: {error}"))?;
        // Only the directory before the first wildcard is searched.
        let fixed = plain.find(['*', '?', '[', '{', '\\']).unwrap_or(plain.len());
        let start = match plain.get(..fixed).unwrap_or_default().rsplit_once('/') {
            None => "",
            Some(("", _)) => "/",
            Some((start, _)) => start,
        };
        search(directory, start, &regex, &mut found, 0);
    }
    Ok(found)
}

/// Searches a directory. One that cannot be read has no files.
fn search(directory: &Path, start: &str, regex: &Regex, found: &mut BTreeSet<String>, depth: usize) {
    let Ok(entries) = fs::read_dir(directory.join(start)) else {
        return;
    };
    for entry in entries.flatten() {
        let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else {
            continue;
        };
        let path = match start {
            "" => name,
            "/" => format!("/{name}"),
            start => format!("{start}/{name}"),
        };
        // Links to directories are not followed: they may form a circle.
        if kind.is_dir() {
            if depth < DEPTH_MAX {
                search(directory, &path, regex, found, depth + 1);
            }
        } else if regex.is_match(&path) && directory.join(&path).is_file() {
            found.insert(path);
        }
    }
}

/// Returns the regular expression of a pattern.
fn expression(pattern: &str) -> String {
    let mut expression = "^".to_owned();
    let mut open_braces = 0;
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
        match c {
            '*' if rest.starts_with("*/") => {
                rest = rest.get(2..).unwrap_or_default();
                expression.push_str("(?:.*/)?");
            }
            '*' if rest.starts_with('*') => {
                rest = rest.get(1..).unwrap_or_default();
                expression.push_str(".*");
            }
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '[' if rest.contains(']') => {
                let (class, after) = rest.split_once(']').unwrap_or((rest, ""));
                rest = after;
                expression.push_str(&character_class(class));
            }
            '{' => {
                open_braces += 1;
                expression.push_str("(?:");
            }
            '}' if open_braces > 0 => {
                open_braces -= 1;
                expression.push(')');
            }
            ',' if open_braces > 0 => expression.push('|'),
            '\\' => {
                let literal = rest.chars().next().unwrap_or('\\');
                rest = rest.get(literal.len_utf8()..).unwrap_or_default();
                expression.push_str(&regex_lite::escape(&literal.to_string()));
            }
            literal => expression.push_str(&regex_lite::escape(&literal.to_string())),
        }
    }
    expression.push_str(&")".repeat(open_braces));
    expression.push('$');
    expression
}

/// Returns the class of one character in the syntax of regular expressions.
fn character_class(class: &str) -> String {
    let (not, class) = match class.strip_prefix(['!', '^']) {
        Some(class) => ("^/", class),
        None => ("", class),
    };
    let mut escaped = String::new();
    for c in class.chars() {
        if "\\[]&~^".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    format!("[{not}{escaped}]")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn patterns_match_as_documented() {
        let dir = tempfile::tempdir().unwrap();
        for file in [
            "foo/a.js",
            "foo/deep/er/b.js",
            "foo/deep/c.ts",
            "bar/d.js",
            "top.js",
            "foo/.hidden.js",
            "foo/x y.js",
        ] {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let found = |patterns: &[&str]| {
            let found = files(dir.path(), patterns).unwrap();
            found.into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(found(&["foo/**/*.ts", "*.js"]), "foo/deep/c.ts top.js");
        assert_eq!(found(&["foo/*.js"]), "foo/.hidden.js foo/a.js foo/x y.js");
        assert_eq!(found(&["foo/**/[ab].js"]), "foo/a.js foo/deep/er/b.js");
        assert_eq!(found(&["bar/[!ab].js"]), "bar/d.js");
        assert_eq!(found(&["{foo/deep,bar}/?.{js,ts}"]), "bar/d.js foo/deep/c.ts");
        assert_eq!(
            found(&["**/b.js", "./bar/*", "none/*"]),
            "bar/d.js foo/deep/er/b.js"
        );
        assert_eq!(found(&["top.js"]), "top.js");
        let absolute = format!("{}/bar/*.js", dir.path().display());
        assert_eq!(found(&[&absolute]), format!("{}/bar/d.js", dir.path().display()));
    }
}
