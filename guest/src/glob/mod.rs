//! Globs over paths relative to a root, and the selection that a request makes with them.
//!
//! A path here is what a walk or a tree yields: names joined by `/`, with no leading or trailing `/`, no `.` and no
//! `..`. Matching is per Unicode scalar value and case-sensitive on every runner, so that one pattern takes the same
//! files everywhere.
//!
//! | pattern | matches |
//! |---|---|
//! | `*` | any run of characters within one name, also none; names that start with a dot are no exception |
//! | `?` | one character, never `/` |
//! | `[abc]` `[a-z]` `[!a]` `[^a]` | one character that is, or is not, in the class; a `]` that comes first is a member |
//! | `**` | any number of whole components, also none; as the last component at least one: `a/**` is not `a` itself |
//! | `{a,b}` | either; nests, may hold `/`, and is expanded as text before anything else is looked at |
//! | `\` | takes the next character as it is: `a\[1].txt`; names are separated by `/` on every runner |
//!
//! `.` stands for everything below the root; `./a`, `a/.` and `a/` are all `a`. A `]`, `}` or `,` that closes or
//! separates nothing is an ordinary character. There are no numeric ranges (`{1..9}`) and no `[:alpha:]`.
//!
//! In a [`Selection`], a text that exists as it is written is that path, and no pattern: `pages/[id].js` is the file of
//! that name where there is one. A shell that expands `pages/*` writes such texts, and nobody escapes them.
//!
//! No input makes matching exponential: `*` and `**` each go back to their latest occurrence only, so one alternative
//! costs at most its length times the path's. This module does no I/O: a walk asks [`Selection::check`] at each entry.

mod error;
mod parse;
mod pattern;
mod piece;
mod selection;
#[cfg(test)]
mod tests;

pub use error::{GlobError, GlobFault};
pub use pattern::Glob;
pub use selection::{Selection, Shadowed, Verdict};
