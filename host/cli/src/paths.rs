//! Paths as people give them. A shell expands `~` and `$NAME` only where it sees them: not within quotes, not in a variable,
//! not in a file. So a leading `~/` is expanded here, and what would else become the name of a directory is refused: what a
//! shell or a CI system should have expanded, and white space that nobody sees.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::builder::{PathBufValueParser, TypedValueParser};

/// Reads a path from the command line or from a variable.
pub(crate) fn parser() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| expanded(&path))
}

/// Returns a path with the home directory in place of a leading `~`.
///
/// # Errors
///
/// Fails with the reason if the path has another `~` or an unexpanded variable, unless a file of that name exists: some
/// tools create such names.
pub(crate) fn expanded(given: &Path) -> Result<PathBuf, String> {
    let mut components = given.components();
    let first = components.next().map(|first| first.as_os_str().as_bytes());
    let path = match first {
        Some(b"~") => {
            let home = etcetera::home_dir().map_err(|_| "the home directory is unknown".to_owned())?;
            home.join(components.as_path())
        }
        Some(first) if first.starts_with(b"~") => {
            return Err(format!(
                "{} is not expanded: name the directory in full; only ~/ stands for a home directory",
                String::from_utf8_lossy(first)
            ));
        }
        _ => given.to_owned(),
    };
    if path.components().any(|part| part.as_os_str() == OsStr::new("~")) {
        return Err("~ is expanded only at the beginning: name the directory in full".to_owned());
    }
    let text = given.to_string_lossy();
    if text.trim() != text && !path.exists() {
        return Err(match text.trim() {
            "" => "it has nothing but white space".to_owned(),
            _ => "it has white space at an end".to_owned(),
        });
    }
    match variable(&path).or_else(|| template(&path.to_string_lossy())) {
        Some(name) if !path.exists() => Err(format!(
            "{name} is not expanded: name the directory in full, or let the shell expand it before"
        )),
        _ => Ok(path),
    }
}

/// Returns a pattern for paths below a root, with a leading `~/` as the home directory where nothing in the root is called `~`.
///
/// # Errors
///
/// Fails, and says why, where that does not lie below the root.
pub(crate) fn below(root: &Path, given: &str) -> Result<String, String> {
    let (mark, pattern) = match given.strip_prefix('!') {
        Some(pattern) => ("!", pattern),
        None => ("", given),
    };
    let rest = match pattern.split_once('/') {
        Some(("~", rest)) => rest.trim_start_matches('/'),
        None if pattern == "~" => "",
        _ => return Ok(given.to_owned()),
    };
    if root.join("~").symlink_metadata().is_ok() {
        return Ok(given.to_owned());
    }
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let home = etcetera::home_dir().map_err(|_| "the home directory is unknown".to_owned())?;
    let (home, real_root) = (real(&home), real(root));
    let relative = match (home.strip_prefix(&real_root), real_root.strip_prefix(&home)) {
        (Ok(home), _) => Some(match (literal(home), rest) {
            (home, rest) if home.is_empty() => rest.to_owned(),
            (home, "") => home,
            (home, rest) => format!("{home}/{rest}"),
        }),
        (_, Ok(root)) => {
            let below = rest.strip_prefix(&literal(root));
            below.and_then(|rest| match rest {
                "" => Some(String::new()),
                rest => rest
                    .strip_prefix('/')
                    .map(|rest| rest.trim_start_matches('/').to_owned()),
            })
        }
        _ => None,
    };
    match relative.as_deref() {
        None => Err(format!(
            "{given} is not below the root {}: name another one with --root, and paths relative to it",
            root.display()
        )),
        Some("") => Ok(format!("{mark}.")),
        Some(relative) => Ok(format!("{mark}{relative}")),
    }
}

/// Returns a path as a pattern that matches it alone.
fn literal(path: &Path) -> String {
    let text = path.to_string_lossy();
    let special = |c: char| matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '!' | '\\');
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}

/// Returns what a shell, a command prompt or a CI system should have expanded: `$(…)`, backticks, `${{ … }}`, `<< … >>`,
/// `{{ … }}`, `%NAME%`.
fn template(text: &str) -> Option<String> {
    let enclosed = [
        ("$(", ")"),
        ("`", "`"),
        ("${{", "}}"),
        ("<<", ">>"),
        ("{{", "}}"),
        ("%", "%"),
    ];
    enclosed.into_iter().find_map(|(begin, end)| {
        let (_, rest) = text.split_once(begin)?;
        let (name, _) = rest.split_once(end)?;
        let is_name = |name: &str| {
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_()".contains(c))
        };
        // `50% of 100%` is a name like any other.
        (begin != "%" || is_name(name)).then(|| format!("{begin}{name}{end}"))
    })
}

/// Returns what looks like a variable of a shell: `$NAME` or `${NAME}`.
fn variable(path: &Path) -> Option<String> {
    let text = path.to_string_lossy();
    text.match_indices('$').find_map(|(at, _)| {
        let rest = text.get(at + 1..)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let braced = rest.strip_prefix('{');
        let name = braced.unwrap_or(rest);
        let name = name.get(..name.find(|c| !is_name(c)).unwrap_or(name.len()))?;
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        match braced {
            Some(_) if starts_well => Some(format!("${{{name}}}")),
            None if starts_well => Some(format!("${name}")),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_leading_tilde_is_the_home_directory() {
        let home = etcetera::home_dir().unwrap();
        for (given, expected) in [
            ("~", home.clone()),
            ("~/", home.clone()),
            ("~/a/b", home.join("a/b")),
            ("~//a", home.join("a")),
            ("a/b", PathBuf::from("a/b")),
            ("/a", PathBuf::from("/a")),
            ("a~", PathBuf::from("a~")),
            ("a/b~c", PathBuf::from("a/b~c")),
            ("-rf", PathBuf::from("-rf")),
            ("a$", PathBuf::from("a$")),
            ("a$1", PathBuf::from("a$1")),
            ("50% of 100%", PathBuf::from("50% of 100%")),
            ("a b", PathBuf::from("a b")),
            ("{a,b}", PathBuf::from("{a,b}")),
            ("${}", PathBuf::from("${}")),
        ] {
            assert_eq!(expanded(Path::new(given)).unwrap(), expected, "{given}");
        }
    }

    #[test]
    fn what_would_stay_is_refused() {
        for (given, said) in [
            ("~jane/a", "~jane is not expanded"),
            ("~jane", "~jane is not expanded"),
            ("~+", "~+ is not expanded"),
            ("a/~/b", "only at the beginning"),
            ("/a/~", "only at the beginning"),
            ("./~/b", "only at the beginning"),
            ("~/~/b", "only at the beginning"),
            ("$HOME/a", "$HOME is not expanded"),
            ("${HOME}/a", "${HOME} is not expanded"),
            ("a/$VERSION", "$VERSION is not expanded"),
            ("~/a-${N}", "${N} is not expanded"),
            ("%USERPROFILE%/a", "%USERPROFILE% is not expanded"),
            ("a\\%ProgramFiles(x86)%", "%ProgramFiles(x86)% is not expanded"),
            ("$(pwd)/a", "$(pwd) is not expanded"),
            ("$(Build.ArtifactStagingDirectory)", "is not expanded"),
            ("`pwd`", "`pwd` is not expanded"),
            ("${{ runner.temp }}/a", "${{ runner.temp }} is not expanded"),
            ("<< parameters.store >>", "<< parameters.store >> is not expanded"),
            ("a/{{ .Branch }}", "{{ .Branch }} is not expanded"),
            ("$env:HOME", "$env is not expanded"),
            (" ", "nothing but white space"),
            ("\u{a0}", "nothing but white space"),
            ("a\n", "white space at an end"),
            (" ~/a", "white space at an end"),
        ] {
            let error = expanded(Path::new(given)).unwrap_err();
            assert!(error.contains(said), "{given}: {error}");
        }
    }

    #[test]
    fn a_pattern_below_the_home_directory_is_relative_to_the_root() {
        let home = etcetera::home_dir().unwrap();
        let place = tempfile::tempdir().unwrap();
        let parent = home.parent().unwrap();
        let name = home.file_name().unwrap().to_str().unwrap();
        for (root, given, expected) in [
            (home.as_path(), "~/a/*.js", "a/*.js"),
            (&home, "~", "."),
            (&home, "~/", "."),
            (&home, "!~//a", "!a"),
            (&home, "a/~/b", "a/~/b"),
            (&home, "~jane", "~jane"),
            (&home, "!~$*", "!~$*"),
            (parent, "~/a", &format!("{name}/a")),
            (parent, "!~", &format!("!{name}")),
        ] {
            assert_eq!(below(root, given).unwrap(), expected, "{given}");
        }
        let error = below(place.path(), "~/a").unwrap_err();
        assert!(error.contains("~/a is not below the root"), "{error}");
        std::fs::create_dir(place.path().join("~")).unwrap();
        assert_eq!(below(place.path(), "~/a").unwrap(), "~/a");
    }

    #[test]
    fn a_file_that_has_such_a_name_is_that_file() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("$lib");
        assert!(expanded(&path).is_err());
        std::fs::create_dir(&path).unwrap();
        assert_eq!(expanded(&path).unwrap(), path);
    }
}
