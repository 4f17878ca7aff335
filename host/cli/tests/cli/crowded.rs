//! Components with more memories, tables or instances than they may have, and with others that never begin: built byte by
//! byte, as no compiler makes them.

use std::fs;

use crate::attempts::{MEMORY, Scene, TIMED_OUT};
use crate::files::write;
use crate::limits::{number, push_number};
use crate::place::Place;

/// Returns a component, to which a module is added that is instantiated so many times.
fn crowded(base: &[u8], module: &[u8], instances: usize) -> Vec<u8> {
    let mut bytes = base.to_vec();
    let (mut at, mut modules) = (8, 0);
    while at < bytes.len() {
        modules += usize::from(bytes[at] == 1);
        at += 1;
        let length = number(&bytes, &mut at);
        at += length;
    }
    let mut section = |kind: u8, content: &[u8]| {
        bytes.push(kind);
        push_number(&mut bytes, content.len());
        bytes.extend_from_slice(content);
    };
    // A module, and instances of it that import nothing.
    section(1, module);
    let mut instantiated = Vec::new();
    push_number(&mut instantiated, instances);
    for _ in 0..instances {
        instantiated.push(0);
        push_number(&mut instantiated, modules);
        instantiated.push(0);
    }
    section(2, &instantiated);
    bytes
}

/// Returns a module with these sections, each a kind and its content.
fn module(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (kind, content) in sections {
        bytes.push(*kind);
        push_number(&mut bytes, content.len());
        bytes.extend_from_slice(content);
    }
    bytes
}

/// A module that begins with these sections, and runs `body` when it is instantiated.
fn starting(sections: &[(u8, &[u8])], body: &[u8]) -> Vec<u8> {
    let mut code = vec![1];
    push_number(&mut code, body.len());
    code.extend_from_slice(body);
    // One type, of no parameters and no results; one function of it; which is the one to start.
    let mut all: Vec<(u8, &[u8])> = vec![(1, &[1, 0x60, 0, 0]), (3, &[1, 0])];
    all.extend_from_slice(sections);
    all.push((8, &[0]));
    all.push((10, &code));
    module(&all)
}

/// 64 MiB that are all written to: `memory.fill` of 0 to 2^26 - 1.
const FILLING: &[u8] = &[
    0, 0x41, 0, 0x41, 1, 0x41, 0xff, 0xff, 0xff, 0x1f, 0xfc, 0x0b, 0, 0x0b,
];
const GROWING: &[u8] = &[
    0, 0x03, 0x40, 0xd0, 0x70, 0x41, 0xa0, 0x8d, 0x06, 0xfc, 0x0f, 0, 0x41, 0x7f, 0x47, 0x0d, 0, 0x0b, 0x0b,
];
/// One memory of 1,024 pages.
const MEMORY_64_MIB: &[u8] = &[1, 0, 0x80, 0x08];

#[test]
fn memories_tables_and_instances_are_counted_and_summed() {
    const COUNT: &str = "is not a component that this baton can run";
    let base = fs::read(crate::hostile::build()).unwrap();
    let crowded = |module: &[u8], instances| crowded(&base, module, instances);
    let rows: [(&str, Vec<u8>, i32, &str); 9] = [
        (
            "80 memories",
            crowded(&starting(&[(5, MEMORY_64_MIB)], FILLING), 80),
            1,
            MEMORY,
        ),
        // 65,536 pages.
        (
            "4 GiB",
            crowded(&module(&[(5, &[1, 0, 0x80, 0x80, 0x04])]), 1),
            1,
            MEMORY,
        ),
        (
            "20 empty memories",
            crowded(&module(&[(5, &[1, 0, 0])]), 20),
            1,
            COUNT,
        ),
        // A table of 2^28 functions.
        (
            "a large table",
            crowded(&module(&[(4, &[1, 0x70, 0, 0x80, 0x80, 0x80, 0x80, 0x01])]), 1),
            1,
            COUNT,
        ),
        (
            "50 tables",
            crowded(&module(&[(4, &[1, 0x70, 0, 10])]), 50),
            1,
            COUNT,
        ),
        ("1,000 instances", crowded(&module(&[]), 1000), 1, COUNT),
        // `loop`, `table.grow` by 100,000, and again while that is not refused.
        (
            "a growing table",
            crowded(&starting(&[(4, &[1, 0x70, 0, 0])], GROWING), 1),
            70,
            "the component looked around",
        ),
        // `loop`, `br 0`.
        (
            "a start that never ends",
            crowded(&starting(&[], &[0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x0b]), 1),
            1,
            TIMED_OUT,
        ),
        // `call 0`: itself.
        (
            "a start without a bottom",
            crowded(&starting(&[], &[0, 0x10, 0, 0x0b]), 1),
            70,
            "failed in `instantiate`",
        ),
    ];
    let place = Place::new();
    for (what, component, code, tells) in rows {
        let file = place.path("crowded.wasm");
        write(&file, component);
        let scene = Scene::new(&file);
        let wrong = scene.fails("latest", (code, tells));
        assert_eq!(wrong, None, "{what}");
    }
}
