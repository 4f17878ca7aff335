//! The small objects: records, events, markers, and lists of what is condemned.

use std::fmt::Debug;

use baton_guest::condemned::Condemned;
use baton_guest::event::Event;
use baton_guest::id::Digest;
use baton_guest::order::{self, Leaf};
use baton_guest::record::Record;
use baton_guest::testing::MemoryStore;
use baton_guest::{keys, sealed, store_format};

/// The first byte says what the others are.
pub(crate) fn check(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    match kind % 6 {
        0 => record_of(&sealed("record", rest)),
        1 => event_of(&sealed("event", rest)),
        2 => list_of(&super::tree::raw_frame(rest)),
        3 => {
            record_of(rest);
            event_of(rest);
        }
        4 => marker_of(rest),
        _ => names(rest),
    }
}

/// Returns a second line with the first that belongs to it.
fn sealed(what: &str, body: &[u8]) -> Vec<u8> {
    let digest = Digest::of(body);
    let header = format!("{{\"baton\":\"{what}\",\"version\":1,\"digest\":\"{digest}\"}}\n");
    [header.as_bytes(), body].concat()
}

fn is_key(key: &str) -> bool {
    let is_name = |name: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte);
        (1..=200).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_plain)
    };
    key.len() <= 1000 && key.split('/').all(is_name)
}

fn same<T: Debug + PartialEq>(one: &T, other: baton_guest::Result<T>) {
    match other {
        Ok(other) => assert_eq!(*one, other),
        Err(error) => panic!("{one:?} was read once, and then: {error}"),
    }
}

fn record_of(bytes: &[u8]) {
    // Which keys it has is in it.
    let said: Record = match sealed::open("record", "key", bytes) {
        Ok(said) => said,
        Err(error) => return super::is_stated(&error),
    };
    let all: Vec<String> = said.keys().into_iter().chain(said.layer_key()).collect();
    let opened: Vec<_> = all.iter().map(|key| Record::open(key, bytes)).collect();
    for error in opened.iter().filter_map(|opened| opened.as_ref().err()) {
        super::is_stated(error);
    }
    assert!(
        opened.iter().all(Result::is_ok) || opened.iter().all(Result::is_err),
        "{said:?}"
    );
    if opened.iter().any(Result::is_err) {
        return;
    }
    assert!(Record::open("v1/projects/x/numbers/x/trusted/y", bytes).is_err());
    let leaf = said.leaf();
    assert_eq!(Leaf::parse(&leaf.name()), Some(leaf), "{said:?}");
    let of_all = said.keys_of_all_revisions();
    assert_eq!(of_all.len(), usize::from(said.revision) * said.keys().len());
    let seal = said.seal().unwrap_or_else(|error| panic!("{error}"));
    for key in all.iter().chain(&of_all) {
        assert!(is_key(key), "{key}");
        assert!(keys::Project::new(&said.project).owns(key), "{key}");
    }
    for key in &all {
        same(&said, Record::open(key, &seal));
    }
    let again = Record::open(&all[0], &seal).and_then(|again| again.seal());
    assert_eq!(again.unwrap_or_else(|error| panic!("{error}")), seal);
}

fn event_of(bytes: &[u8]) {
    let said: Event = match sealed::open("event", "key", bytes) {
        Ok(said) => said,
        Err(error) => return super::is_stated(&error),
    };
    let (store, key) = (MemoryStore::default(), said.key());
    store.objects.borrow_mut().insert(key.clone(), bytes.to_vec());
    match Event::read(&store, &key) {
        Ok(read) => assert_eq!(read, said),
        Err(error) => return super::is_stated(&error),
    }
    assert!(is_key(&key), "{key}");
    let other = MemoryStore::default();
    said.create(&other).unwrap_or_else(|error| panic!("{error}"));
    same(&said, Event::read(&other, &key));
    let elsewhere = format!("{key}0");
    store
        .objects
        .borrow_mut()
        .insert(elsewhere.clone(), bytes.to_vec());
    assert!(Event::read(&store, &elsewhere).is_err());
}

fn list_of(bytes: &[u8]) {
    let bytes = [bytes, Digest::of(bytes).as_bytes()].concat();
    // The key says its number, so it is tried under some.
    for sequence in [1, 2, 3] {
        let key = Condemned::key(sequence);
        let list = match Condemned::from_bytes(&key, &bytes) {
            Ok(list) => list,
            Err(error) => {
                super::is_stated(&error);
                continue;
            }
        };
        let written = list.to_bytes().unwrap_or_else(|error| panic!("{error}"));
        same(&list, Condemned::from_bytes(&key, &written));
        let again = Condemned::from_bytes(&key, &written).and_then(|list| list.to_bytes());
        assert_eq!(again.unwrap_or_else(|error| panic!("{error}")), written);
    }
}

/// A store that has nothing but this as its marker.
fn marker_of(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), sealed("store", bytes)] {
        let store = MemoryStore::default();
        store.objects.borrow_mut().insert(keys::STORE.into(), bytes);
        let found = store_format::check(&store);
        if let Err(error) = &found {
            super::is_stated(error);
        }
        let prepared = store_format::prepare(&store, true);
        assert_eq!(found.is_ok(), prepared.is_ok(), "{found:?}, {prepared:?}");
    }
}

/// Texts that become names in keys, and names that a store lists.
fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if !text.is_empty() {
        let name = keys::name(text);
        assert!(is_key(&name), "{name}");
        assert!(
            name.contains("~-") || keys::text(&name).as_deref() == Some(text),
            "{name}"
        );
    }
    if let Some(number) = order::number(text) {
        assert_eq!(order::newest_first(number), text);
    }
    if let Some(leaf) = Leaf::parse(text) {
        assert_eq!(leaf.name(), text);
    }
    let _ = (keys::text(text), keys::leaf(text), keys::stem(text));
}
