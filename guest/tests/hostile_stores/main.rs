//! Stores that no baton wrote: a generator that follows docs/format.md alone makes honest ones, which are read, and hostile
//! ones, on which every command ends in a stated way.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod asked;
mod document;
mod honest;
mod hostile;
mod stores;
