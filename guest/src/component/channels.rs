//! The export `channels`: moves of channels and of branches.

use super::convert::{builds, context, scope, to_wit_error, wit_problems};
use super::exports::channels as wit;
use super::store::Granted;
use crate::build_id::BuildId;
use crate::channel::{self, Moved, Promote, Rollback, Target};
use crate::event::{Action, Event};
use crate::lookup;
use crate::pointer::Pointer;

impl wit::Guest for super::Component {
    fn promote(request: wit::PromoteRequest) -> Result<wit::Moved, wit::Error> {
        let request = Promote {
            scope: scope(request.scope),
            channel: request.channel,
            reason: request.reason,
            if_current: request.if_current,
            allow_fork: request.allow_fork,
        };
        channel::promote(&Granted, &request)
            .map(moved)
            .map_err(to_wit_error)
    }

    fn rollback(request: wit::RollbackRequest) -> Result<wit::Moved, wit::Error> {
        let request = Rollback {
            pointer: pointer(request.pointer),
            scope: scope(request.scope),
            target: match request.target {
                wit::Target::Build(selector) => Target::Build(selector),
                wit::Target::Steps(steps) => Target::Steps(steps),
            },
            reason: request.reason,
            hold: request.hold,
        };
        channel::rollback(&Granted, &request)
            .map(moved)
            .map_err(to_wit_error)
    }

    fn release(
        wanted: wit::Pointer,
        who: wit::Scope,
        reason: Option<String>,
    ) -> Result<wit::Moved, wit::Error> {
        channel::release(&Granted, &scope(who), &pointer(wanted), reason.as_deref())
            .map(moved)
            .map_err(to_wit_error)
    }

    fn list(
        who: wit::BuildContext,
        artifact: String,
        after: Option<String>,
        limit: u32,
    ) -> Result<wit::Page, wit::Error> {
        lookup::channels(
            &Granted,
            &context(who),
            &artifact,
            after.as_deref(),
            limit as usize,
        )
        .map(|page| wit::Page {
            events: page.items.into_iter().map(event).collect(),
            more: page.more,
        })
        .map_err(to_wit_error)
    }

    fn history(wanted: wit::Pointer, who: wit::Scope, limit: u32) -> Result<wit::Past, wit::Error> {
        channel::events(&Granted, &scope(who), &pointer(wanted), limit)
            .map(|(events, warnings)| wit::Past {
                events: events.into_iter().map(event).collect(),
                warnings: wit_problems(warnings),
            })
            .map_err(to_wit_error)
    }
}

fn pointer(pointer: wit::Pointer) -> Pointer {
    match pointer {
        wit::Pointer::Channel(name) => Pointer::Channel(name),
        wit::Pointer::Branch(name) => Pointer::Branch(name),
    }
}

fn moved(moved: Moved) -> wit::Moved {
    wit::Moved {
        event: event(moved.event),
        builds: builds(moved.records),
        warnings: wit_problems(moved.warnings),
    }
}

fn event(event: Event) -> wit::Event {
    wit::Event {
        pointer: match event.pointer {
            Pointer::Channel(name) => wit::Pointer::Channel(name),
            Pointer::Branch(name) => wit::Pointer::Branch(name),
        },
        sequence: event.sequence,
        action: match event.action {
            Action::Promote => wit::Action::Promote,
            Action::Rollback => wit::Action::Rollback,
            Action::Release => wit::Action::Release,
        },
        build: build_id(event.build.id),
        previous: event.previous.map(build_id),
        based_on: event.based_on,
        held: event.held,
        reason: event.reason,
        actor: event.actor,
        runner: event.runner,
        url: event.url,
        created_ms: event.created_ms,
    }
}

fn build_id(id: BuildId) -> wit::BuildId {
    wit::BuildId {
        selector: id.to_string(),
        number: id.number,
        order: super::imports::types::Order {
            run: id.order.run,
            attempt: id.order.attempt,
        },
    }
}
