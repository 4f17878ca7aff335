//! Channels: named pointers to builds, with a history, such as `production`.
//!
//! [`Baton::promote`](crate::Baton::promote) moves a channel forward, [`Baton::rollback`](crate::Baton::rollback) back, and
//! [`Baton::release`](crate::Baton::release) ends the hold of a rollback. The latest build of a branch can be rolled back in
//! the same way.

use crate::baton::Baton;
use crate::bindings as wit;
use crate::build::{Build, BuildContext, Order, Scope};
use crate::error::Error;
use crate::grants::Operation;
use crate::mirror::{Convert, mirror};
use crate::plugin_error::Problem;

mirror! {
    /// Something that points to a build of one artifact, and can be moved.
    pub variant Pointer = channels::Pointer {
        /// A channel, for example `production`: 1 to 100 bytes, no control characters, and not in the form of a selector.
        Channel(String),
        /// The latest build of a branch.
        Branch(String),
    }
}

mirror! {
    /// The kind of a move.
    pub enum Move = channels::Action {
        /// A channel was pointed at a newer build.
        Promote,
        /// The pointer went back to an earlier build.
        Rollback,
        /// A hold was ended.
        Release,
    }
}

mirror! {
    /// A build as an event names it.
    pub struct BuildId = channels::BuildId {
        /// For example `build:1234`.
        selector: String,
        /// The number that people use.
        number: u64,
        /// The position within its counter.
        order: Order,
    }
}

mirror! {
    /// One move of a channel or a branch.
    pub struct Event = channels::Event {
        /// The pointer that was moved.
        pointer: Pointer,
        /// The position in the history, from 1, without a gap.
        sequence: u64,
        /// The kind of the move.
        action: Move,
        /// The build that it points to from then on.
        build: BuildId,
        /// The build that it pointed to before.
        previous: Option<BuildId>,
        /// The sequence of the last event that the mover saw, 0 if there was none.
        based_on: u64,
        /// Whether it stays there until it is released.
        held: bool,
        /// The reason that the mover gave.
        reason: Option<String>,
        /// The person who started the job that moved it.
        actor: Option<String>,
        /// The CI system of that job.
        runner: String,
        /// The page of that job.
        url: Option<String>,
        /// In milliseconds since 1970.
        created_ms: u64,
    }
}

mirror! {
    /// A page of channels, each by its last move.
    pub struct ChannelPage = channels::Page {
        /// The last move of each channel.
        events: Vec<Event>,
        /// Whether more channels follow.
        more: bool,
    }
}

mirror! {
    /// The last moves of a pointer.
    pub struct History = channels::Past {
        /// Newest first.
        events: Vec<Event>,
        /// Events between them that are missing or cannot be read.
        warnings: Vec<Problem>,
    }
}

mirror! {
    /// A completed move.
    pub struct Moved = channels::Moved {
        /// The event that was stored.
        event: Event,
        /// The build that the pointer has now; several for parallel nodes.
        builds: Vec<Build>,
        /// Notes on the choice of the build.
        warnings: Vec<Problem>,
    }
}

mirror! {
    /// The destination of a rollback.
    pub variant Target = channels::Target {
        /// The build that a selector means.
        Build(String),
        /// The build this many steps back, 1 to 1,000.
        Steps(u32),
    }
}

/// A request to point a channel at a build.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PromoteRequest {
    /// The build: the selector must mean exactly one.
    pub scope: Scope,
    /// The channel's name.
    pub channel: String,
    /// A reason for the history, at most 10,000 bytes.
    pub reason: Option<String>,
    /// A selector: the promote fails with [`Stale`](crate::PluginError::Stale) unless the channel points to that build. With
    /// it, a channel can also move to an older build.
    pub if_current: Option<String>,
    /// Whether a build of a fork or a pull request is accepted.
    pub allow_fork: bool,
}

/// A request to go back to an earlier build.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RollbackRequest {
    /// The channel or branch.
    pub pointer: Pointer,
    /// The artifact, its jobs, and who asks. The selector has no meaning here.
    pub scope: Scope,
    /// The destination.
    pub target: Target,
    /// A reason for the history, at most 10,000 bytes.
    pub reason: Option<String>,
    /// Whether the pointer stays there until it is released. Otherwise the next promote moves the channel, and the next build
    /// of the branch is its latest.
    pub hold: bool,
}

impl PromoteRequest {
    /// Returns the request to point a channel at the build of this scope.
    pub fn new(channel: &str, scope: Scope) -> PromoteRequest {
        PromoteRequest {
            scope,
            channel: channel.to_owned(),
            reason: None,
            if_current: None,
            allow_fork: false,
        }
    }

    /// Sets the reason.
    pub fn reason(mut self, reason: impl Into<String>) -> PromoteRequest {
        self.reason = Some(reason.into());
        self
    }

    /// Lets the promote fail unless the channel points to the build of this selector.
    pub fn if_current(mut self, selector: impl Into<String>) -> PromoteRequest {
        self.if_current = Some(selector.into());
        self
    }
}

impl RollbackRequest {
    /// Returns the request to go back by one build and to stay there until a release. The selector of the scope has no
    /// meaning.
    pub fn new(pointer: Pointer, scope: Scope) -> RollbackRequest {
        RollbackRequest {
            pointer,
            scope,
            target: Target::Steps(1),
            reason: None,
            hold: true,
        }
    }

    /// Sets the destination.
    pub fn target(mut self, target: Target) -> RollbackRequest {
        self.target = target;
        self
    }

    /// Sets the reason.
    pub fn reason(mut self, reason: impl Into<String>) -> RollbackRequest {
        self.reason = Some(reason.into());
        self
    }
}

impl Convert<wit::channels::PromoteRequest> for PromoteRequest {
    fn convert(self) -> wit::channels::PromoteRequest {
        wit::channels::PromoteRequest {
            scope: self.scope.convert(),
            channel: self.channel,
            reason: self.reason,
            if_current: self.if_current,
            allow_fork: self.allow_fork,
        }
    }
}

impl Convert<wit::channels::RollbackRequest> for RollbackRequest {
    fn convert(self) -> wit::channels::RollbackRequest {
        wit::channels::RollbackRequest {
            pointer: self.pointer.convert(),
            scope: self.scope.convert(),
            target: self.target.convert(),
            reason: self.reason,
            hold: self.hold,
        }
    }
}

impl Baton {
    /// Points a channel at a build. If another promote is faster, baton decides again from the new state.
    pub fn promote(&self, request: &PromoteRequest) -> Result<Moved, Error> {
        let request: wit::channels::PromoteRequest = request.clone().convert();
        self.instance(Operation::Move)?
            .call("promote", move |store, plugin| {
                plugin.baton_plugin_channels().call_promote(store, &request)
            })
            .map(Convert::convert)
    }

    /// Goes back to an earlier build, on a channel or as the latest of a branch.
    pub fn rollback(&self, request: &RollbackRequest) -> Result<Moved, Error> {
        let request: wit::channels::RollbackRequest = request.clone().convert();
        self.instance(Operation::Move)?
            .call("rollback", move |store, plugin| {
                plugin.baton_plugin_channels().call_rollback(store, &request)
            })
            .map(Convert::convert)
    }

    /// Ends a hold: promotes and new builds move the pointer again.
    pub fn release(&self, pointer: &Pointer, scope: &Scope, reason: Option<&str>) -> Result<Moved, Error> {
        let pointer: wit::channels::Pointer = pointer.clone().convert();
        let scope: wit::types::Scope = scope.clone().convert();
        let reason = reason.map(str::to_owned);
        self.instance(Operation::Move)?
            .call("release", move |store, plugin| {
                plugin
                    .baton_plugin_channels()
                    .call_release(store, &pointer, &scope, reason.as_deref())
            })
            .map(Convert::convert)
    }

    /// Returns the channels of an artifact that follow `after`, each by its last move, at most `limit` of them: 1 to 1,000.
    pub fn channels(
        &self,
        context: &BuildContext,
        artifact: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<ChannelPage, Error> {
        let context: wit::types::BuildContext = context.clone().convert();
        let (artifact, after) = (artifact.to_owned(), after.map(str::to_owned));
        self.instance(Operation::LookUp)?
            .call("channels", move |store, plugin| {
                plugin
                    .baton_plugin_channels()
                    .call_list(store, &context, &artifact, after.as_deref(), limit)
            })
            .map(Convert::convert)
    }

    /// Returns the last moves of a pointer, newest first, at most `limit` of them.
    pub fn history(&self, pointer: &Pointer, scope: &Scope, limit: u32) -> Result<History, Error> {
        let pointer: wit::channels::Pointer = pointer.clone().convert();
        let scope: wit::types::Scope = scope.clone().convert();
        self.instance(Operation::LookUp)?
            .call("history", move |store, plugin| {
                plugin
                    .baton_plugin_channels()
                    .call_history(store, &pointer, &scope, limit)
            })
            .map(Convert::convert)
    }
}
