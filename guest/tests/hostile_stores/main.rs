//! Stores that baton did not write. A generator that follows docs/reference/format.md alone writes valid stores, which the
//! guest must read, and hostile stores, on which every command must end with a documented result.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod asked;
mod document;
mod fields;
mod honest;
mod hostile;
mod stores;
