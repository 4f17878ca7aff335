//! Findings of fuzzers in the functions that print the values of a component.

#[path = "../../../../guest/fuzz/src/lists.rs"]
mod lists;

use std::fs;

use baton_host as escape;

#[test]
fn what_was_found_once_holds() {
    let folder = baton_testkit::repository().join("guest/tests/regressions/lists");
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        println!("{}", file.display());
        lists::check(&fs::read(file).unwrap());
    }
}
