//! The ports in memory, for tests: they behave as the real ones do, and count what is asked.

mod file;
mod files;
mod http;
mod store;

pub use file::{MemoryFile, Scheduled};
pub use files::MemoryFiles;
pub use http::{MemoryBody, MemoryHttp, Scripted};
pub use store::{MemoryClock, MemoryScratch, MemoryStore};
