//! The traits through which the logic reaches the outside: the store, the granted directory, the time, and HTTP.
//! `component/` implements them over the imports, `testing/` in memory for tests.

mod files;
mod http;
mod intact;
mod run;
mod store;

pub use files::{
    AttributeChange, DirEntry, Edit, EntryFlags, File, Files, Kind, Link, Open, Reserved, Time, read_fully,
};
pub use http::{Http, HttpAnswer, HttpBody, HttpFailure, HttpRequest, Method};
pub(crate) use intact::WrongAnswer;
pub use intact::get_intact;
pub use run::{Clock, Scratch};
pub use store::{ExistingCheck, PutMode, PutOutcome, Store, put_named};
