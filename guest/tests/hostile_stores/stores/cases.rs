//! A hostile store, what is asked of it, and how an attach must end.

use serde_json::{Value, json};

use super::written::{Written, empty, file, lines, record, tree, with};

/// How an attach of a case ends. The other commands end in some stated way.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum End {
    /// With one of these codes, and the directory as it was.
    Refused(&'static [&'static str]),
    /// Well: the store is odd and not wrong.
    Fine,
    /// In either way.
    Stated,
}

/// The command reports damage.
pub(crate) const DAMAGED: End = End::Refused(&["damaged"]);

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) store: Written,
    pub(crate) selector: String,
    pub(crate) end: End,
}

/// Returns a store with one honest build, on a branch of its own.
pub(crate) fn base() -> Written {
    let mut store = Written::new();
    let pack = store.put_pack(&[b"honest"]);
    let entry = with(file("there", b"honest"), json!({ "bundle": [0, 0] }));
    let id = store.put_tree(&lines(&tree(&[pack], &[entry])));
    store.put_record(&with(
        record(2, &id),
        json!({ "branch": "honest", "workspace": "w0", "workflow": "w0" }),
    ));
    store
}

/// A build of a tree that lies in a store.
pub(crate) fn built(name: impl Into<String>, mut store: Written, id: &str, end: End) -> Case {
    store.put_record(&record(7, id));
    Case {
        name: name.into(),
        store,
        selector: "build:7".to_owned(),
        end,
    }
}

/// A build of a tree that has these lines.
pub(crate) fn of_text(name: impl Into<String>, text: &str, end: End) -> Case {
    let mut store = base();
    let id = store.put_tree(text);
    built(name, store, &id, end)
}

/// A build of a tree that has these entries, and no chunks.
pub(crate) fn of_entries(name: impl Into<String>, entries: &[Value], end: End) -> Case {
    of_text(name, &lines(&tree(&[], entries)), end)
}

/// Returns a store with the tree of one empty file, and the tree's id.
pub(crate) fn with_tree() -> (Written, String) {
    let mut store = base();
    let id = store.put_tree(&lines(&tree(&[], &[empty("a")])));
    (store, id)
}

pub(crate) fn case(name: &str, store: Written, selector: &str, end: End) -> Case {
    Case {
        name: name.to_owned(),
        store,
        selector: selector.to_owned(),
        end,
    }
}
