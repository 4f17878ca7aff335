//! Valid and hostile stores, written from docs/reference/format.md alone. The tests of the command include this module too.

mod cases;
mod chunks;
mod honest;
mod lookups;
mod places;
mod records;
mod texts;
pub(crate) mod written;

pub(crate) use cases::{Case, End};
pub(crate) use honest::{content, honest};

/// Returns all hostile stores.
pub(crate) fn all() -> Vec<Case> {
    [
        places::names(),
        places::entries(),
        texts::texts(),
        texts::streams(),
        texts::parts(),
        chunks::chunks(),
        chunks::slices(),
        records::records(),
        records::lies(),
        lookups::events(),
        lookups::upkeep(),
        lookups::names(),
    ]
    .concat()
}
