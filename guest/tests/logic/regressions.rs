//! Runs the findings of the fuzzers, and their initial inputs, through the same functions.

#[path = "../../fuzz/src/targets/mod.rs"]
mod targets;

use std::fs;
use std::path::Path;

/// Returns the inputs of a directory below `tests`.
fn inputs(of: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(of);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Vec::new();
    };
    let files = entries.map(|entry| entry.unwrap().path());
    files
        .map(|file| (file.display().to_string(), fs::read(&file).unwrap()))
        .collect()
}

#[test]
fn what_was_found_once_holds() {
    let mut tried = 0;
    for (name, check) in targets::TARGETS {
        for (file, input) in inputs(&format!("regressions/{name}")) {
            println!("{file}");
            check(&input);
            tried += 1;
        }
    }
    assert!(tried > 0);
}

#[test]
fn the_golden_files_have_every_property() {
    let of = |name: &str| {
        fs::read(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/golden/v1")
                .join(name),
        )
        .unwrap()
    };
    targets::tree::check(&of("tree.jsonl"));
    let record = of("record.json");
    targets::record::check(&[&[3], &record[..]].concat());
    let body = record.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    targets::record::check(&[&[0], &record[body..]].concat());
}
