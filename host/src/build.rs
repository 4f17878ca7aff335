//! Builds and what describes them: contexts, scopes, queries and entries.

use crate::bindings as wit;
use crate::circleci_source::CircleciSource;
use crate::mirror::{Convert, mirror};
use crate::plugin_error::Problem;

mirror! {
    /// A point in time. Times before 1970 have negative seconds.
    #[derive(Copy, Default, PartialOrd, Ord)]
    pub struct Timestamp = types::Timestamp {
        /// Whole seconds since 1970-01-01T00:00:00Z.
        seconds: i64,
        /// The rest, below 1,000,000,000.
        nanoseconds: u32,
    }
}

mirror! {
    /// How well a counter orders builds by when they began, best first.
    pub enum Rank = types::Rank {
        /// It counts pipelines or runs: a rerun keeps its number.
        Run,
        /// It counts jobs: a rerun of an old pipeline gets a new number.
        Number,
        /// No number is known, only a time.
        Time,
    }
}

mirror! {
    /// The counter that orders a build. Numbers of different counters do not compare.
    pub struct Counter = types::Counter {
        /// How well it orders builds.
        rank: Rank,
        /// The CI system. Empty if `rank` is [`Rank::Time`].
        runner: String,
        /// The subject of the count: a project, a workflow file, a pipeline or a job. Can be empty.
        by: String,
        /// The branch, if the CI system counts each branch separately.
        part: Option<String>,
    }
}

mirror! {
    /// The position of a build within its counter: compared by `run`, then by `attempt`.
    #[derive(Copy, PartialOrd, Ord)]
    pub struct Order = types::Order {
        /// The number of the pipeline or run.
        run: u64,
        /// The job number, or the attempt, within the run.
        attempt: u64,
    }
}

mirror! {
    /// One node of a job that runs as several in parallel.
    #[derive(Copy)]
    pub struct Node = types::Node {
        /// From 0, below `total`.
        index: u32,
        /// The number of nodes of the job, at least 1.
        total: u32,
    }
}

impl Node {
    /// Returns the node with this index, from 0, of a job that runs as `total` nodes.
    pub fn new(index: u32, total: u32) -> Node {
        Node { index, total }
    }
}

mirror! {
    /// The known values of the job that asks or persists. [`Context::detect`](crate::context::Context::detect) reads them from the
    /// environment of a CI system; [`BuildContext::new`] begins with nothing but the time.
    ///
    /// Names have 1 to 1,000 bytes and no control characters.
    pub struct BuildContext = types::BuildContext {
        /// The CI system: `circleci`, `github-actions`, `gitlab-ci`, `buildkite`, `jenkins`, or a name of your own.
        runner: String,
        /// The project, for example `gh/acme/shop`: a prefix of all keys in the store.
        project: Option<String>,
        /// The branch that is built. Absent on a tag.
        branch: Option<String>,
        /// The branch that new branches start from.
        default_branch: Option<String>,
        /// The tag that is built.
        tag: Option<String>,
        /// The full commit id in lower-case hex.
        commit: Option<String>,
        /// The number of the pipeline or run: the first part of the order of builds.
        run: Option<u64>,
        /// The number that people and `build:N` use. It replaces an absent `run`.
        number: Option<u64>,
        /// The job number, or the attempt, within the run: the second part of the order.
        attempt: Option<u64>,
        /// The subject of the CI system's count, at most 1,000 bytes. Numbers order only builds of one counter.
        counter: Option<String>,
        /// The branch, if the CI system counts each branch separately.
        counter_part: Option<String>,
        /// Whether builds of other CI systems with the same counter share the count.
        counter_shared: bool,
        /// Identifies this run of the workflow. A rerun can have an id of its own.
        workflow: Option<String>,
        /// Identifies the workspace: the same for a workflow and all of its reruns.
        workspace: Option<String>,
        /// The job's name.
        job: Option<String>,
        /// The node, if the job runs as several in parallel.
        node: Option<Node>,
        /// The number of the pull or merge request that the build is for, a positive decimal number.
        pull_request: Option<String>,
        /// Whether the commit comes from a fork.
        fork: bool,
        /// The page of the job.
        url: Option<String>,
        /// The person who started the job.
        actor: Option<String>,
        /// The BLAKE3 of the component, in hex. [`Baton`](crate::Baton) sets it.
        component: Option<String>,
        /// The time of the request in milliseconds since 1970. It replaces an absent number.
        now_ms: u64,
    }
}

mirror! {
    /// One job run that persisted an artifact.
    pub struct Build = types::Build {
        /// The selector of the build: `build:1234`.
        selector: String,
        /// The name of the artifact.
        artifact: String,
        /// The project, for example `gh/acme/shop`.
        project: String,
        /// The branch. Absent on a tag.
        branch: Option<String>,
        /// The tag.
        tag: Option<String>,
        /// The full commit id in lower-case hex.
        commit: Option<String>,
        /// The number that people and `build:N` use.
        number: u64,
        /// The counter that orders the build.
        counter: Counter,
        /// The first part of the order within the counter.
        run: u64,
        /// The second part of the order within the counter.
        attempt: u64,
        /// The run of the workflow.
        workflow: Option<String>,
        /// The workspace.
        workspace: Option<String>,
        /// The job's name.
        job: Option<String>,
        /// The node of a job that ran as several in parallel.
        node: Option<Node>,
        /// The number of times that this job run persisted the artifact, from 1.
        revision: u8,
        /// The number of the pull or merge request that the build was for.
        pull_request: Option<String>,
        /// Whether the commit came from a fork.
        fork: bool,
        /// The CI system.
        runner: String,
        /// The page of the job.
        url: Option<String>,
        /// The person who started the job.
        actor: Option<String>,
        /// When it was persisted, in milliseconds since 1970.
        created_ms: u64,
        /// The version of baton that persisted it.
        baton: String,
        /// The BLAKE3 of the component that persisted it, in hex.
        component: Option<String>,
        /// Whether it can be the latest build of its branch: builds of forks and pull requests cannot.
        eligible: bool,
        /// The tree's BLAKE3 in hex. Empty for plain artifacts of CircleCI, of which `artifact` and `baton` are empty too, and
        /// `created_ms` is when the job stopped.
        tree: String,
        /// The number of files.
        files: u64,
        /// The sum of the sizes of the files, in bytes.
        bytes: u64,
    }
}

mirror! {
    /// The reaction to two jobs that persisted different bytes under one path.
    pub enum OnConflict = types::OnConflict {
        /// Fail, and name both jobs.
        Fail,
        /// Take the file of the newer build.
        Newest,
    }
}

mirror! {
    /// The type of a directory entry.
    #[derive(Default)]
    pub enum Kind = types::Kind {
        /// A regular file.
        #[default]
        File,
        /// A directory.
        Directory,
        /// A symbolic link.
        Symlink,
        /// A FIFO, also called a named pipe.
        Fifo,
        /// A socket.
        Socket,
        /// A character device.
        CharacterDevice,
        /// A block device.
        BlockDevice,
    }
}

mirror! {
    /// One entry of a build's list of files.
    #[derive(Default)]
    pub struct TreeEntry = builds::TreeEntry {
        /// The path, relative and with `/` between names.
        path: String,
        /// The type.
        kind: Kind,
        /// The nine permission bits.
        bits: u16,
        /// The modification time.
        modified: Timestamp,
        /// The size of a file in bytes.
        size: u64,
        /// The BLAKE3 of a file's contents in hex; above 1 MiB, of its parts, as docs/reference/format.md defines it. Empty for
        /// other types, and for plain artifacts of CircleCI.
        digest: String,
        /// The target of a symlink.
        target: String,
    }
}

mirror! {
    /// A page of names, in the order of their keys.
    pub struct Names = builds::Names {
        /// The names.
        names: Vec<String>,
        /// Whether more names follow.
        more: bool,
    }
}

mirror! {
    /// The builds that a selector means.
    pub struct Resolution = builds::Resolution {
        /// Several for a workspace, and for a job that ran as parallel nodes.
        builds: Vec<Build>,
        /// Notes on the choice: a hold that decided, and builds that were passed over because they are damaged, incomplete, of
        /// another counter or of a fork.
        warnings: Vec<Problem>,
    }
}

mirror! {
    /// The difference of one path. At least one side is present, and the two differ in more than the time.
    #[derive(Default)]
    pub struct FileChange = builds::Change {
        /// The entry of the first build. Absent if the path is new.
        before: Option<TreeEntry>,
        /// The entry of the second build. Absent if the path is gone.
        after: Option<TreeEntry>,
    }
}

/// The builds to look at: a selector, and what limits and explains it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scope {
    /// A selector, for example `latest@main`: docs/reference/selectors.md has the grammar.
    pub selector: String,
    /// The artifact. Absent: `default`, or every artifact if the selector is a workspace.
    pub name: Option<String>,
    /// Only builds of these jobs. Empty: of all.
    pub jobs: Vec<String>,
    /// Only a build of which each of these globs matches a file or a symlink. The selector must then be `latest` or
    /// `latest@BRANCH`; the newest 100 builds of the branch are searched.
    pub having: Vec<String>,
    /// Whether a damaged latest build is an error. Otherwise the newest intact one is used, with a warning.
    pub strict: bool,
    /// Search CircleCI's artifacts instead of the store. [`CircleCi::source`](crate::CircleCi::source) returns it.
    pub circleci: Option<CircleciSource>,
    /// The job that asks.
    pub context: BuildContext,
}

/// The builds to list. An absent value admits any.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// The artifact, the jobs and who asks. The selector has no meaning here.
    pub scope: Scope,
    /// Only builds of this branch.
    pub branch: Option<String>,
    /// Only builds of this commit.
    pub commit: Option<String>,
    /// Only builds of this tag.
    pub tag: Option<String>,
    /// The most builds to return, 1 to 1,000.
    pub limit: u32,
}

impl BuildContext {
    /// Returns the context of a job on this CI system, with the time of now and nothing else.
    pub fn new(runner: &str) -> BuildContext {
        let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        BuildContext {
            runner: runner.to_owned(),
            project: None,
            branch: None,
            default_branch: None,
            tag: None,
            commit: None,
            run: None,
            number: None,
            attempt: None,
            counter: None,
            counter_part: None,
            counter_shared: false,
            workflow: None,
            workspace: None,
            job: None,
            node: None,
            pull_request: None,
            fork: false,
            url: None,
            actor: None,
            component: None,
            now_ms: since.as_millis() as u64,
        }
    }
}

impl Scope {
    /// Returns the scope of a selector: the artifact `default`, of every job.
    pub fn new(selector: &str, context: BuildContext) -> Scope {
        Scope {
            selector: selector.to_owned(),
            name: None,
            jobs: Vec::new(),
            having: Vec::new(),
            strict: false,
            circleci: None,
            context,
        }
    }

    /// Sets the artifact.
    pub fn name(mut self, name: impl Into<String>) -> Scope {
        self.name = Some(name.into());
        self
    }

    /// Limits the scope to builds of this job, besides those that were named before.
    pub fn job(mut self, job: impl Into<String>) -> Scope {
        self.jobs.push(job.into());
        self
    }

    /// Treats a damaged latest build as an error.
    pub fn strict(mut self) -> Scope {
        self.strict = true;
        self
    }
}

impl Query {
    /// Returns the query for the ten newest builds of the artifact `default`.
    pub fn new(context: BuildContext) -> Query {
        Query {
            scope: Scope::new("latest", context),
            branch: None,
            commit: None,
            tag: None,
            limit: 10,
        }
    }
}

impl Convert<wit::types::Scope> for Scope {
    fn convert(self) -> wit::types::Scope {
        wit::types::Scope {
            selector: self.selector,
            name: self.name,
            jobs: self.jobs,
            having: self.having,
            strict: self.strict,
            without: Vec::new(),
            circleci: self.circleci.convert(),
            context: self.context.convert(),
        }
    }
}

impl Convert<wit::builds::Query> for Query {
    fn convert(self) -> wit::builds::Query {
        wit::builds::Query {
            scope: self.scope.convert(),
            branch: self.branch,
            commit: self.commit,
            tag: self.tag,
            limit: self.limit,
        }
    }
}
