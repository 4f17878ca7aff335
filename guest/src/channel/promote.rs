//! Promote: a channel points at another build.

use super::decision::{MoveDecision, check_trust, dated};
use super::moves::{Moved, make_move};
use crate::build_id::DatedBuild;
use crate::error::{Error, Result};
use crate::event::Action;
use crate::lookup::{Scope, one_build};
use crate::pointer::Pointer;
use crate::ports::Store;
use crate::recency::Recency;

/// Points a channel at a build.
#[derive(Debug, Clone)]
pub struct Promote {
    /// The build, and who asks.
    pub scope: Scope,
    /// The channel's name.
    pub channel: String,
    /// Why.
    pub reason: Option<String>,
    /// The build that the channel must point to now.
    pub if_current: Option<String>,
    /// Whether the build may be of a fork or a pull request.
    pub allow_fork: bool,
}

/// Points a channel at the build that a selector means. A channel does not go back to an older build unless the caller
/// says which one it replaces, and a held one does not move at all: so a slow old job undoes nothing.
pub fn promote(store: &impl Store, request: &Promote) -> Result<Moved> {
    let pointer = Pointer::Channel(request.channel.clone());
    let scope = &request.scope;
    let reason = request.reason.as_deref();
    make_move(store, scope, &pointer, reason, false, |current, _| {
        let (records, warnings) = one_build(store, scope)?;
        let target = dated(&records)?;
        check_trust(&records, request.allow_fork)?;
        let now = current.map(|event| &event.build);
        if let Some(selector) = &request.if_current {
            let expected = Scope {
                selector: selector.clone(),
                ..scope.clone()
            };
            let expected = dated(&one_build(store, &expected)?.0)?.id;
            if now.map(|now| &now.id) != Some(&expected) {
                let now = now.map_or_else(|| "no build".to_owned(), |now| now.id.to_string());
                let message = format!("the channel points to {now}, not to {expected}");
                return Err(Error::stale("not-current", message, &pointer.selector()));
            }
        }
        if let Some(event) = current.filter(|event| event.held) {
            return Err(Error::stale(
                "channel-held",
                event.rolled_back(),
                &pointer.selector(),
            ));
        }
        if let Some(now) = now.filter(|_| request.if_current.is_none()) {
            check_not_older(&target, now, scope.context.now_ms, &pointer)?;
        }
        Ok(MoveDecision {
            action: Action::Promote,
            // A build that is promoted twice is still one step away from the build before it.
            back: current.and_then(|event| match event.build.id == target.id {
                true => event.back,
                false => Some(event.sequence),
            }),
            previous: now.map(|now| now.id.clone()),
            records,
            held: false,
            newest: None,
            warnings,
        })
    })
}

/// Checks that a channel does not go back to an older build.
fn check_not_older(target: &DatedBuild, now: &DatedBuild, now_ms: u64, pointer: &Pointer) -> Result<()> {
    // A fork's that is allowed is compared as any other, and one that is not a fork's may always follow it.
    let as_allowed = |dated: &'_ DatedBuild| dated.id.trusted || !target.id.trusted;
    let of = |dated| Recency {
        trusted: as_allowed(dated),
        ..DatedBuild::recency(dated)
    };
    let (target_recency, now_recency) = (of(target), of(now));
    if !now_recency.is_newer_than(&target_recency, now_ms) {
        return Ok(());
    }
    let message = format!(
        "the channel points to {}, which is newer than {}: {}",
        now.id,
        target.id,
        now_recency.why_newer_than(&target_recency)
    );
    Err(Error::stale("older-build", message, &pointer.selector()))
}
