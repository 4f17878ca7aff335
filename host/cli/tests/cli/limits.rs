//! The sandbox from outside: a component that is none, that fails, or that wants too much.

use std::fs;

use crate::files::{assert_same_listing, listing, noise, write, write_all};
use crate::place::{Job, Place};

fn job(place: &Place) -> Job {
    let job = place.job("work");
    write_all(job.dir(), &[("tree/file", "content"), ("out/mine", "mine")]);
    job.baton("persist tree --number 1").succeeds();
    job
}

const COMMANDS: [&str; 5] = [
    "latest",
    "builds",
    "show latest",
    "attach latest --at out",
    "persist tree --number 2",
];

#[test]
fn what_is_no_component_is_refused() {
    let place = Place::new();
    let job = job(&place);
    let whole = baton_host::Component::embedded();
    write(&job.path("core.wasm"), b"\0asm\x01\0\0\0");
    write(&job.path("cut.wasm"), &whole.bytes()[..whole.bytes().len() / 2]);
    write(&job.path("empty.wasm"), "");
    write(&job.path("other.wasm"), b"\0asm\x0d\0\x01\0");
    let before = (listing(&job.path("out")), place.store().all());
    for file in ["core.wasm", "cut.wasm", "empty.wasm", "other.wasm", "tree/file"] {
        for words in COMMANDS {
            let job = job.clone().set("BATON_COMPONENT", file);
            job.baton(words)
                .ends(1)
                .tells(&format!("{file} is not a component that this baton can run"))
                .tells("hint: ");
        }
    }
    job.clone()
        .set("BATON_COMPONENT", "missing.wasm")
        .baton("latest")
        .ends(1)
        .tells("missing.wasm cannot be read");
    job.clone()
        .set("BATON_COMPONENT", "/dev/null")
        .baton("latest")
        .ends(1)
        .tells("it is not a regular file");
    assert_eq!((listing(&job.path("out")), place.store().all()), before);
}

#[test]
fn another_component_runs_in_the_place_of_the_one_that_is_built_in() {
    let place = Place::new();
    let job = job(&place);
    fs::write(job.path("same.wasm"), baton_host::Component::embedded().bytes()).unwrap();
    let other = job.clone().set("BATON_COMPONENT", "same.wasm");
    other.baton("latest").succeeds().prints(["build:1"]);
    let (one, two) = (job.json("component"), other.json("component"));
    assert_eq!((&one["digest"], &one["wit"]), (&two["digest"], &two["wit"]));
    assert_eq!(
        [&one["file"], &two["file"]],
        [&serde_json::Value::Null, &"same.wasm".into()]
    );
}

/// Reads a number of at most 32 bits (LEB128).
pub(crate) fn number(bytes: &[u8], at: &mut usize) -> usize {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return value;
        }
    }
}

pub(crate) fn push_number(bytes: &mut Vec<u8>, mut value: usize) {
    while value > 0x7f {
        bytes.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Returns a module or component with each section of the kind `wanted` changed.
fn with_sections(bytes: &[u8], wanted: u8, change: &dyn Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut changed = bytes[..8].to_vec();
    let mut at = 8;
    while at < bytes.len() {
        let kind = bytes[at];
        at += 1;
        let length = number(bytes, &mut at);
        let section = &bytes[at..at + length];
        at += length;
        let section = if kind == wanted {
            change(section)
        } else {
            section.to_vec()
        };
        changed.push(kind);
        push_number(&mut changed, section.len());
        changed.extend(section);
    }
    changed
}

/// Returns baton's own component with every function that has locals replaced by one that does `body`: what has none is
/// glue that runs when the component is instantiated.
fn sabotaged(body: &'static [u8]) -> Vec<u8> {
    let code = move |section: &[u8]| {
        let mut at = 0;
        let count = number(section, &mut at);
        let mut changed = Vec::new();
        push_number(&mut changed, count);
        for _ in 0..count {
            let length = number(section, &mut at);
            let function = &section[at..at + length];
            at += length;
            let function = if function[0] == 0 { function } else { body };
            push_number(&mut changed, function.len());
            changed.extend_from_slice(function);
        }
        changed
    };
    // Section 1 of a component is a module, section 10 of a module its code.
    with_sections(baton_host::Component::embedded().bytes(), 1, &move |module| {
        with_sections(module, 10, &code)
    })
}

#[test]
fn a_component_that_traps_is_an_internal_error_and_changes_nothing() {
    let place = Place::new();
    let job = job(&place);
    // No locals, `unreachable`, `end`.
    write(&job.path("trap.wasm"), sabotaged(&[0, 0, 0x0b]));
    let before = (listing(&job.path("out")), place.store().all());
    let trapping = job.clone().set("BATON_COMPONENT", "trap.wasm");
    for words in &COMMANDS[2..] {
        trapping
            .baton(words)
            .ends(70)
            .tells("error: the component failed in `")
            .tells("please report it");
    }
    assert_eq!((listing(&job.path("out")), place.store().all()), before);
}

#[test]
fn a_component_that_runs_away_is_ended_and_changes_nothing() {
    let place = Place::new();
    let job = job(&place);
    // No locals, `loop`, `br 0`, `end`, `unreachable`, `end`.
    write(
        &job.path("loop.wasm"),
        sabotaged(&[0, 0x03, 0x40, 0x0c, 0, 0x0b, 0, 0x0b]),
    );
    let before = (listing(&job.path("out")), place.store().all());
    let running = job
        .clone()
        .set("BATON_COMPONENT", "loop.wasm")
        .set("BATON_TIMEOUT_SECONDS", "1");
    for words in ["latest", "attach latest --at out"] {
        let (ran, _) = running.observed(words);
        ran.ends(1)
            .tells("was ended after 1 s")
            .tells("--timeout-seconds");
    }
    assert_eq!((listing(&job.path("out")), place.store().all()), before);
}

#[test]
fn too_little_memory_is_an_error_that_says_so() {
    let place = Place::new();
    let job = job(&place);
    write(&job.path("tree/large"), noise(1, 30 << 20));
    let visible = || {
        place
            .store()
            .keys("")
            .into_iter()
            .filter(|key| !key.starts_with("v1/packs/"))
            .collect::<Vec<_>>()
    };
    let (target, objects) = (listing(&job.path("out")), visible());
    job.baton("persist tree --number 2 --memory-mib 4")
        .ends(1)
        .tells("needs more than 4 MiB")
        .tells("--memory-mib");
    assert_eq!(visible(), objects);
    job.baton("persist tree --number 2").succeeds();
    job.baton("attach latest --at out --memory-mib 3")
        .ends(1)
        .tells("needs more than 3 MiB");
    assert_same_listing(&listing(&job.path("out")), &target);
    job.baton("attach latest --at out").succeeds();
    for words in [
        "latest --workers 0",
        "latest --memory-mib 0",
        "latest --timeout-seconds 0",
    ] {
        job.baton(words).ends(2).tells("0 is not in 1..=");
    }
}

#[test]
fn any_number_of_workers_does_the_same() {
    let place = Place::new();
    let job = place.job("work");
    for number in 0..12 {
        write(&job.path(&format!("tree/{number}")), noise(number, 3 << 20));
    }
    for workers in [1, 3, 17] {
        job.baton(&format!(
            "persist tree --number {workers} --name by-{workers} --workers {workers}"
        ))
        .succeeds();
        let _ = fs::remove_dir_all(job.path("out"));
        job.baton(&format!(
            "attach latest --name by-{workers} --at out --workers {workers}"
        ))
        .succeeds();
        crate::files::assert_same(&job.path("tree"), &job.path("out/tree"));
    }
}
