//! The history of a channel, or of the latest of a branch.

use crate::error::{Problem, Result};
use crate::event::{Event, history};
use crate::lookup::{self, Scope};
use crate::pointer::Pointer;
use crate::ports::Store;

/// Returns the last moves of a channel or a branch, the newest first, at most `limit`, and warnings of those that are lost.
pub fn events(
    store: &impl Store,
    scope: &Scope,
    pointer: &Pointer,
    limit: u32,
) -> Result<(Vec<Event>, Vec<Problem>)> {
    scope.check_names()?;
    pointer.check_name()?;
    let events = history(scope.context.project()?, scope.artifact(), pointer).events(store, limit)?;
    match events.0.is_empty() {
        true => Err(lookup::no_history(store, scope, pointer)?),
        false => Ok(events),
    }
}
