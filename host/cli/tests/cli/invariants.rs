//! Checks that the code does not contain what the invariants of ARCHITECTURE.md rule out.

use std::fs;
use std::path::PathBuf;

use crate::files::read;

fn repository() -> PathBuf {
    baton_testkit::repository()
}

/// The sources of the library, the command, and local runs.
const HOST: [&str; 3] = ["host/src", "host/cli/src", "host/local/src"];

/// Returns the files below a directory of the repository, except those below `but`.
fn sources(dir: &str, but: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![repository().join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path == repository().join(but) {
                continue;
            }
            if path.is_dir() {
                dirs.push(path)
            } else {
                found.push(path)
            }
        }
    }
    found
}

/// Checks that the code of these files contains none of these words. Comments and tests may.
#[track_caller]
fn absent(files: &[PathBuf], words: &[&str]) {
    assert!(files.len() > 3, "{files:?}");
    for path in files.iter().filter(|path| !path.ends_with("tests.rs")) {
        let text = read(path);
        let tested = text.split("#[cfg(test)]\nmod ").next().unwrap();
        for (number, line) in tested.lines().enumerate() {
            let code = line.split("//").next().unwrap();
            for word in words {
                assert!(
                    !code.contains(word),
                    "{word} in {}:{}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn the_writer_of_hostile_stores_knows_the_document_only() {
    let files = sources("guest/tests/hostile_stores/stores", "none");
    absent(&files, &["baton_guest", "baton::", "crate::"]);
}

#[test]
fn each_fuzz_target_is_run_seeded_and_replayed() {
    let read = |path: &str| read(&repository().join("guest/fuzz").join(path));
    let manifest = read("Cargo.toml");
    let targets: Vec<&str> = manifest
        .split("[[bin]]\nname = \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let all = targets.join(" ");
    assert!(read("run").contains(&format!("targets=({all})")), "{all}");
    assert!(
        read("seeds").contains(&format!("for target in {all}; do")),
        "{all}"
    );
    let replayed = read("src/targets/mod.rs");
    for target in targets.iter().filter(|target| **target != "lists") {
        assert!(
            replayed.contains(&format!("(\"{target}\", {target}::check)")),
            "{target}"
        );
    }
}

#[test]
fn only_the_folder_component_of_the_guest_names_wasi() {
    let files = sources("guest/src", "guest/src/component");
    absent(&files, &["wit_bindgen", "wasip2", "wasip1", "waki", "wasi::"]);
    let lib = read(&repository().join("guest/src/lib.rs"));
    assert!(lib.contains("#[cfg(target_family = \"wasm\")]\nmod component;"));
}

#[test]
fn the_guest_reaches_nothing_but_through_its_ports() {
    let files = sources("guest/src", "guest/src/component");
    absent(
        &files,
        &[
            "std::fs",
            "std::env",
            "std::net",
            "std::process",
            "SystemTime",
            "Instant::now",
            "println!",
        ],
    );
}

#[test]
fn the_library_touches_neither_terminal_nor_environment() {
    let files = sources("host/src", "");
    let words = [
        "std::env::",
        "env::var",
        "println!",
        "eprintln!",
        "print!(",
        "dbg!",
        "io::stdout",
        "io::stderr",
        "etcetera",
        "indicatif",
        "clap::",
        "home_dir",
        "process::exit",
    ];
    absent(&files, &words);
}

#[test]
fn one_file_writes_what_is_printed_and_one_escapes_it() {
    // A panic may come while the sink is locked.
    let panics = repository().join("host/cli/src/panics.rs");
    let sink = repository().join("host/cli/src/sink.rs");
    // The command `circleci` of the jobs of `baton local`, whose output no other command has.
    let command = repository().join("host/local/src/command/mod.rs");
    let files: Vec<PathBuf> = HOST
        .iter()
        .flat_map(|dir| sources(dir, ""))
        .filter(|path| *path != panics && *path != sink && *path != command)
        .collect();
    absent(&files, &["println!", "print!(", "io::stdout", "stderr().lock"]);
    let escaper = repository().join("host/src/escape.rs");
    let others: Vec<PathBuf> = HOST
        .iter()
        .chain(&["guest/src"])
        .flat_map(|dir| sources(dir, ""))
        .filter(|path| *path != escaper)
        .collect();
    absent(&others, &["escape_default", "escape_debug", "escape_unicode"]);
}

#[test]
fn planning_a_config_does_nothing() {
    let repository = repository();
    let apart = [
        repository.join("host/local/src/run"),
        repository.join("host/local/src/api"),
        repository.join("host/local/src/command"),
        repository.join("host/local/src/tests"),
    ];
    let files: Vec<PathBuf> = sources("host/local/src", "")
        .into_iter()
        .filter(|path| !apart.iter().any(|it| path.starts_with(it)))
        .collect();
    absent(&files, &["std::fs", "std::process", "std::net", "Command::new"]);
}

#[test]
fn the_host_never_parses_what_is_stored() {
    let manifest = read(&repository().join("host/Cargo.toml"));
    let normal = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("\n[")
        .next()
        .unwrap();
    let commands = ["clap", "indicatif", "toml", "saphyr", "server", "anyhow"];
    for absent in ["guest", "zstd", "postcard", "fastcdc"].iter().chain(&commands) {
        assert!(!normal.contains(absent), "{absent} in host/Cargo.toml");
    }
    let files: Vec<PathBuf> = HOST.iter().flat_map(|dir| sources(dir, "")).collect();
    absent(
        &files,
        &["baton_guest", "v1/packs", "v1/trees", "v1/projects", "v1/store"],
    );
}

#[test]
fn unsafe_code_is_one_line() {
    let host: Vec<PathBuf> = HOST.iter().flat_map(|dir| sources(dir, "")).collect();
    let lines: Vec<String> = host
        .iter()
        .flat_map(|path| {
            let text = read(path);
            text.lines()
                .filter(|line| line.contains("unsafe {"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let guest = sources("guest/src", "guest/src/component");
    absent(&guest, &["unsafe {", "unsafe_code"]);
}
