//! Release: a hold ends.

use super::decision::{MoveDecision, dated};
use super::moves::{Moved, make_move};
use crate::error::{Error, Result};
use crate::event::Action;
use crate::lookup::{self, Scope};
use crate::pointer::Pointer;
use crate::ports::Store;

/// Ends a hold. A channel stays where it is, and can be promoted again; a branch's latest is its newest build again.
pub fn release(store: &impl Store, scope: &Scope, pointer: &Pointer, reason: Option<&str>) -> Result<Moved> {
    make_move(store, scope, pointer, reason, false, |current, _| {
        if current.is_none() {
            return Err(lookup::no_history(store, scope, pointer)?);
        }
        let Some(event) = current.filter(|event| event.action == Action::Rollback) else {
            let message = "it is not held, so there is nothing to release";
            return Err(Error::stale("not-held", message, &pointer.selector()));
        };
        let records = match pointer {
            Pointer::Channel(_) => {
                lookup::by_id(store, &scope.context.keys()?, scope.artifact(), &event.build.id)?
            }
            Pointer::Branch(branch) => lookup::newest_of_branch(store, scope, branch)?,
        };
        Ok(MoveDecision {
            action: Action::Release,
            newest: matches!(pointer, Pointer::Branch(_))
                .then(|| dated(&records))
                .transpose()?,
            records,
            held: false,
            back: event.back,
            previous: Some(event.build.id.clone()),
            warnings: Vec::new(),
        })
    })
}
