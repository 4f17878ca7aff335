//! Compares the lists of the documents with the code.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::files::read;

fn repository() -> PathBuf {
    baton_testkit::repository()
}

fn page(name: &str) -> String {
    read(&repository().join("docs").join(name))
}

/// Returns the text of all Rust files below a directory of the repository, without their tests, and on one line.
fn code(dir: &str) -> String {
    let mut text = String::new();
    let mut dirs = vec![repository().join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&code_of(&path));
            }
        }
    }
    text
}

fn host_code() -> String {
    ["host/src", "host/cli/src", "host/local/src"].map(code).concat()
}

fn code_of(path: &Path) -> String {
    let text = read(path);
    let tested = text.split("#[cfg(test)]\nmod ").next().unwrap();
    // However a formatter breaks the lines, an argument follows its parenthesis.
    tested
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace("( ", "(")
}

/// Returns what stands between backquotes in the first cells of a page's tables.
fn first_cells(page: &str) -> BTreeSet<String> {
    let cells = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    cells.map(str::to_owned).collect()
}

/// Returns the words that begin with `BATON_`.
fn variables(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let words = text.split(|c: char| !is_name(c));
    words
        .filter(|word| word.len() > 6 && word.starts_with("BATON_") && !word.ends_with('_'))
        .map(str::to_owned)
        .collect()
}

/// Returns the codes of `hints.rs`: of each pair of texts the first.
fn codes() -> BTreeSet<String> {
    let hints = code_of(&repository().join("host/cli/src/hints.rs"));
    let table = hints.split("HINTS:").nth(1).unwrap().split("];").next().unwrap();
    let texts = table.split('"').skip(1).step_by(2);
    texts.step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_error_code_is_documented_and_the_other_way_round() {
    let is_code = |code: &String| {
        code.chars()
            .all(|c| c.is_ascii_lowercase() || c == '-' || c == '8')
    };
    assert!(codes().len() > 40 && codes().iter().all(is_code), "{:?}", codes());
    let page = page("reference/errors.md");
    let table = page
        .split("| code |")
        .nth(1)
        .unwrap()
        .split("\n\n")
        .next()
        .unwrap();
    assert_eq!(first_cells(table), codes());
}

#[test]
fn every_error_code_that_is_made_has_its_line_among_the_hints_and_the_other_way_round() {
    let known = codes();
    let guest = code("guest/src");
    for maker in [
        "Error::invalid(",
        "nothing_matched(",
        "conflict(",
        "limit(",
        "warning(",
        "problem(",
    ] {
        for part in guest.split(&format!("{maker}\"")).skip(1) {
            let made = part.split('"').next().unwrap();
            assert!(known.contains(made), "{made} is made and not in hints.rs");
        }
    }
    let hints = code_of(&repository().join("host/cli/src/hints.rs"));
    let all = guest + &host_code().replace(&hints, "");
    for code in known {
        assert!(
            all.contains(&format!("\"{code}\"")),
            "{code} is in hints.rs and never made"
        );
    }
}

#[test]
fn every_variable_is_documented_and_the_other_way_round() {
    let used = variables(&(host_code() + &code("guest/src")));
    assert!(
        used.contains("BATON_STORE") && used.contains("BATON_PROJECT"),
        "{used:?}"
    );
    let documented = variables(&(page("reference/configuration.md") + &page("reference/runners.md")));
    assert_eq!(documented, used);
}
