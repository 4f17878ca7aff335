//! Time, memory, handles and output without end.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use wasip2::clocks::monotonic_clock;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::io::poll::poll;

use super::Failed;
use super::generated::baton::plugin::{attributes, scratch, store, waiting};
use super::tried::{Tried, told};

/// Uses up one thing. Returns nothing where it is none of these.
pub(super) fn use_up<T>(what: &str) -> Option<Failed<T>> {
    Some(match what {
        "spin" => spin(),
        "sleep" => {
            std::thread::sleep(Duration::MAX);
            told("it slept")
        }
        "poll" => {
            let never = monotonic_clock::subscribe_instant(u64::MAX);
            poll(&[&never]);
            told("it polled")
        }
        "block" => {
            monotonic_clock::subscribe_duration(u64::MAX / 2).block();
            told("it blocked")
        }
        "wait" => loop {
            waiting::wait(u64::MAX, "nothing");
        },
        "fifo-read" => told(&format!(
            "opened: {:?}",
            std::fs::read("fifo").map(|bytes| bytes.len())
        )),
        "fifo-write" => told(&format!(
            "opened: {:?}",
            std::fs::write("fifo", "evil").map_err(|it| it.kind())
        )),
        "device" => device(),
        "memory" => memory(),
        "one-allocation" => told(&black_box(vec![1_u8; 1 << 30]).len().to_string()),
        "stack" => told(&recursive(1).to_string()),
        "descriptors" => descriptors(),
        "streams" => streams(),
        "pollables" => pollables(),
        "poll-list" => {
            let ready = monotonic_clock::subscribe_duration(0);
            let list = vec![&ready; 4 << 20];
            told(&format!("{} are ready", poll(&list).len()))
        }
        "stdout" => endless(std::io::stdout()),
        "stderr" => endless(std::io::stderr()),
        "random" => told(
            &wasip2::random::random::get_random_bytes(1 << 36)
                .len()
                .to_string(),
        ),
        "insecure-random" => told(
            &wasip2::random::insecure::get_insecure_random_bytes(1 << 36)
                .len()
                .to_string(),
        ),
        "file-read" => file_read(),
        "scratch" => fill_scratch(),
        "long-message" => told(&"x".repeat(80 << 20)),
        "trap" => core::arch::wasm32::unreachable(),
        "abort" => std::process::abort(),
        "exit" => std::process::exit(0),
        "in-realloc" => {
            // The host asks for memory to put the answer into: that is when the allocator calls it.
            CALLS_HOST.store(true, Ordering::Relaxed);
            let keys = store::list("", None, 1000);
            told(&format!("{keys:?}"))
        }
        _ => return None,
    })
}

fn spin() -> ! {
    loop {
        black_box(0);
    }
}

#[expect(unconditional_recursion, reason = "that is the attempt")]
fn recursive(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    room.iter().sum::<u64>().wrapping_add(recursive(depth + 1))
}

fn memory<T>() -> Failed<T> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        all.push(black_box(vec![1; 1 << 20]));
    }
}

fn device<T>() -> Failed<T> {
    let mut read = 0_u64;
    loop {
        match std::fs::File::open("zero").and_then(|mut zero| std::io::Read::read(&mut zero, &mut [0; 4096]))
        {
            Ok(0) | Err(_) => return told(&format!("{read} bytes")),
            Ok(more) => read += more as u64,
        }
    }
}

/// Opens one file until the host has had enough.
fn descriptors<T>() -> Failed<T> {
    let mut open = Vec::new();
    for (root, _) in get_directories() {
        while let Ok(file) = root.open_at(
            PathFlags::empty(),
            "mine",
            OpenFlags::empty(),
            DescriptorFlags::READ,
        ) {
            open.push(file);
        }
    }
    told(&format!("{} files are open", open.len()))
}

fn streams<T>() -> Failed<T> {
    let mut open = Vec::new();
    for (root, _) in get_directories() {
        let mine = root.open_at(
            PathFlags::empty(),
            "mine",
            OpenFlags::empty(),
            DescriptorFlags::READ,
        );
        let Ok(mine) = mine else { break };
        while let Ok(stream) = mine.read_via_stream(0) {
            open.push(stream);
        }
        drop(mine);
    }
    told(&format!("{} streams are open", open.len()))
}

fn pollables<T>() -> Failed<T> {
    let mut open = Vec::new();
    for _ in 0..1_000_000 {
        open.push(monotonic_clock::subscribe_duration(u64::MAX / 2));
    }
    told(&format!("{} pollables", open.len()))
}

fn endless<T>(mut output: impl Write) -> Failed<T> {
    let line = [b'x'; 4095];
    loop {
        let _ = output.write_all(&line).and_then(|()| output.write_all(b"\n"));
        let _ = output.flush();
    }
}

/// Reads as many bytes as there are numbers.
fn file_read<T>() -> Failed<T> {
    let mut read = 0;
    for (root, _) in get_directories() {
        let file = root.open_at(
            PathFlags::empty(),
            "large",
            OpenFlags::empty(),
            DescriptorFlags::READ,
        );
        let bytes = file.and_then(|file| file.read(u64::MAX, 0));
        read = bytes.map_or(0, |(bytes, _)| bytes.len());
    }
    told(&format!("{read} bytes at once"))
}

fn fill_scratch<T>() -> Failed<T> {
    let page = vec![1; 8 << 20];
    let mut pages = 0;
    loop {
        match scratch::write(&page) {
            Ok(_) => pages += 1,
            Err(error) => return told(&format!("{pages} pages, and then {error:?}")),
        }
    }
}

/// Calls imports where none may be called, or in another order than baton's.
pub(super) fn odd_states() -> Tried {
    let mut tried = Tried::default();
    for _ in 0..3 {
        tried.must_fail("changes begin outside of `finish`", attributes::begin_changes());
    }
    tried.must_fail(
        "entries after nothing",
        attributes::entries("missing", Some(b"name")),
    );
    tried
}

/// Whether the allocator calls the host.
static CALLS_HOST: AtomicBool = AtomicBool::new(false);

struct Calling;

// SAFETY: all memory is the system allocator's.
#[expect(unsafe_code, reason = "an allocator is")]
unsafe impl GlobalAlloc for Calling {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if CALLS_HOST.swap(false, Ordering::Relaxed) {
            let _ = store::head("v1/store");
        }
        // SAFETY: what holds for this call holds for that one.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Calling = Calling;
