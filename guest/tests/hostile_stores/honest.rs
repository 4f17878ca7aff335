//! A store that is written from the document alone is read: every kind of object, found in every way.

use baton_guest::testing::MemoryFiles;

use crate::asked::{COMMANDS, memory, run, verified};
use crate::stores::written::digest;
use crate::stores::{content, honest};

#[test]
fn what_the_document_says_is_read() {
    let store = memory(&honest());
    let large = digest(&[content(3, 700_000), content(5, 900_000)].concat());
    let expected = [
        "bin/ 755 1600000000.5".to_owned(),
        "bin-empty/ 755 1600000000.5".to_owned(),
        format!("bin/run 755 1600000000.0 {}", digest(b"#!/bin/sh\n")),
        "bin/said -> ../hello \u{fc} -1.999999999".to_owned(),
        format!("empty 644 1600000000.0 {}", digest(b"")),
        format!("hello \u{fc} 644 1600000000.0 {}", digest(b"hello")),
        format!("large 644 1600000000.0 {large}"),
    ];
    for selector in [
        "latest",
        "latest@main",
        "latest@honest",
        "latest@nodes",
        "build:6",
        "build:7",
        "build:8",
        "build:3",
        "build:1700000000000",
        "sha:abc123",
        "sha:fedcba98",
        "tag:v1.2",
        "channel:production",
        "workspace",
        "workflow:w1",
    ] {
        for command in COMMANDS {
            let files = MemoryFiles::default();
            let ended = run(command, &store, selector, &files);
            assert!(ended.is_ok(), "{command} {selector}: {ended:?}");
            assert!(
                command != "attach" || files.listing() == expected,
                "{selector}: {:#?}",
                files.listing()
            );
        }
    }
    assert_eq!(verified(&store).unwrap(), Vec::<String>::new());
}
