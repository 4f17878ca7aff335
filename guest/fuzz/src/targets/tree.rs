//! The lines of a tree and of its parts.

use std::collections::{BTreeMap, BTreeSet};

use baton_guest::error::Result;
use baton_guest::id::TreeId;
use baton_guest::keys;
use baton_guest::path;
use baton_guest::ports::ExistingCheck;
use baton_guest::testing::MemoryStore;
use baton_guest::tree::{
    Content, Entries, Entry, Located, Location, References, Table, Writer, references, tables,
};

/// Puts the objects of an input into a store: texts with a NUL between them, which no line can have. In each, `@0` to `@9`
/// stand for the ids of the objects before it. The last one is the tree.
fn stored(data: &[u8]) -> (MemoryStore, TreeId) {
    let store = MemoryStore::default();
    let mut ids: Vec<TreeId> = Vec::new();
    for text in data.split(|byte| *byte == 0).take(10) {
        let mut lines = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            let digit = after
                .first()
                .filter(|_| *first == b'@')
                .map(|digit| digit.wrapping_sub(b'0'));
            match digit.and_then(|digit| ids.get(usize::from(digit))) {
                Some(id) => {
                    lines.extend_from_slice(id.to_string().as_bytes());
                    rest = &after[1..];
                }
                None => {
                    lines.push(*first);
                    rest = after;
                }
            }
        }
        let bytes = raw_frame(&lines);
        let id = TreeId::of(&bytes);
        store.objects.borrow_mut().insert(keys::tree(&id), bytes);
        ids.push(id);
    }
    let last = ids.last().copied().unwrap_or_else(|| TreeId::of(b""));
    (store, last)
}

/// Returns a zstd frame of raw blocks (RFC 8878), which costs nothing to make.
pub(crate) fn raw_frame(content: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0b1010_0000];
    frame.extend_from_slice(&(content.len() as u32).to_le_bytes());
    let mut blocks = content.chunks(128 << 10).peekable();
    if blocks.peek().is_none() {
        frame.extend_from_slice(&[1, 0, 0]);
    }
    while let Some(block) = blocks.next() {
        let header = (block.len() as u32) << 3 | u32::from(blocks.peek().is_none());
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(block);
    }
    frame
}

fn read(store: &MemoryStore, id: &TreeId) -> Result<(Vec<Located>, Vec<String>)> {
    let mut entries = Entries::open(store, id)?;
    let mut all = Vec::new();
    while let Some(located) = entries.next_entry()? {
        all.push(located);
    }
    let covers = entries.covers().to_vec();
    Ok((all, covers))
}

pub(crate) fn check(data: &[u8]) {
    let (store, id) = stored(data);
    let mut found = References::default();
    let led = references(&store, &id, &mut found);
    let mut packs = BTreeSet::new();
    let told = tables(&store, &id, &mut |table| {
        packs.extend(table.packs.iter().copied())
    });
    let (entries, covers) = match read(&store, &id) {
        Ok(read) => read,
        Err(error) => return super::is_stated(&error),
    };
    assert!(led.is_ok() && told.is_ok(), "{led:?}, {told:?}");
    assert_eq!(found.packs.iter().copied().collect::<BTreeSet<_>>(), packs);
    beneath_its_root(&entries);
    entries.iter().for_each(places_are_within);
    // What was read is written, and what is written is read: from then on the bytes stay as they are.
    let (again, first) = written(&entries, &covers);
    let (read_again, covers_again) = read(&again, &first).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(covers, covers_again);
    assert!(contents(&entries) == contents(&read_again));
    let (_, second) = written(&read_again, &covers);
    assert_eq!(first, second);
}

/// Returns the entries with their chunks in place of the chunks' numbers.
fn contents(entries: &[Located]) -> Vec<(Entry, Vec<String>)> {
    let content = |located: &Located| {
        let mut entry = located.entry.clone();
        let mut chunks = Vec::new();
        if let Content::File { location, .. } = &mut entry.content {
            let numbers: Vec<u32> = match location {
                Location::Empty => Vec::new(),
                Location::Bundle { chunk, .. } => vec![std::mem::take(chunk)],
                Location::Slices(runs) => Location::slices(runs).collect(),
            };
            if let Location::Slices(runs) = location {
                runs.clear();
            }
            for number in numbers {
                let chunk = located
                    .table
                    .chunk(number)
                    .unwrap_or_else(|error| panic!("{error}"));
                let pack = located
                    .table
                    .pack(chunk)
                    .unwrap_or_else(|error| panic!("{error}"));
                chunks.push(format!(
                    "{pack} {} {} {} {:?}",
                    chunk.offset, chunk.length, chunk.raw_length, chunk.digest
                ));
            }
        }
        (entry, chunks)
    };
    entries.iter().map(content).collect()
}

/// Writes entries a part at a time, as they were.
fn written(entries: &[Located], covers: &[String]) -> (MemoryStore, TreeId) {
    let store = MemoryStore::default();
    let sound = Default::default();
    let mut writer = Writer::new(&store, covers, None, &sound, ExistingCheck::Bytes);
    let mut parts: Vec<(Vec<Entry>, &Table)> = Vec::new();
    let mut last: *const Table = std::ptr::null();
    for located in entries {
        let table: *const Table = std::rc::Rc::as_ptr(&located.table);
        if table != last {
            parts.push((Vec::new(), &located.table));
            last = table;
        }
        if let Some((part, _)) = parts.last_mut() {
            part.push(located.entry.clone());
        }
    }
    for (part, table) in parts {
        writer
            .part(part, table.clone())
            .unwrap_or_else(|error| panic!("{error}"));
    }
    let saved = writer.finish().unwrap_or_else(|error| panic!("{error}"));
    let Some(id) = saved.id else {
        panic!("a tree without an id")
    };
    (store, id)
}

/// Checks, by other means than the reader, that nothing lies outside of the root or below what is no directory.
fn beneath_its_root(entries: &[Located]) {
    let mut seen: BTreeMap<&str, bool> = BTreeMap::new();
    let mut last: Option<Vec<&str>> = None;
    for Located { entry, .. } in entries {
        let names: Vec<&str> = entry.path.split('/').collect();
        for name in &names {
            assert!(
                !matches!(*name, "" | "." | "..") && name.len() <= 255 && !name.contains('\0'),
                "{entry:?}"
            );
        }
        assert!(entry.path.len() <= 4096 && entry.bits <= 0o777, "{entry:?}");
        let parent = path::parent(&entry.path);
        assert!(parent.is_empty() || seen.get(parent) == Some(&true), "{entry:?}");
        assert!(last.as_ref().is_none_or(|last| *last < names), "{entry:?}");
        last = Some(names);
        let is_directory = entry.content == Content::Directory;
        assert_eq!(seen.insert(&entry.path, is_directory), None);
    }
}

/// Checks that all bytes of a file are where its tree says, and no more than its size.
fn places_are_within(located: &Located) {
    let Content::File { size, location, .. } = &located.entry.content else {
        return;
    };
    let chunk = |number: u32| {
        located
            .table
            .chunk(number)
            .unwrap_or_else(|error| panic!("{error}"))
    };
    match location {
        Location::Empty => assert_eq!(*size, 0),
        Location::Bundle {
            chunk: number,
            offset,
        } => {
            assert!(*size > 0 && u64::from(*offset) + size <= u64::from(chunk(*number).raw_length));
        }
        Location::Slices(runs) => {
            let sum: u64 = Location::slices(runs)
                .map(|number| u64::from(chunk(number).raw_length))
                .sum();
            assert_eq!(sum, *size);
        }
    }
    for chunk in &located.table.chunks {
        assert!(chunk.offset + u64::from(chunk.length) <= 256 << 20 && chunk.raw_length <= 2 << 20);
    }
}
