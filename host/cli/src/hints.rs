//! The hint of each error code, one line each. docs/reference/errors.md has the same codes, and a test compares the two.

use super::failure::Shown;

/// Every code of a failure or warning, with its hint.
pub(crate) const HINTS: &[(&str, &str)] = &[
    ("ambiguous-commit", "give more digits of the commit"),
    (
        "ambiguous-job",
        "name the job with --job NAME, or give the artifact of each job a name of its own with --name",
    ),
    (
        "ambiguous-pattern",
        "write '\\!NAME' for the path, or '!./NAME' to exclude",
    ),
    ("ambiguous-project", "name one with --project"),
    (
        "api-answer",
        "check --api: another server may answer at that address",
    ),
    (
        "api-forbidden",
        "use the personal API token of a user who has access: setting variables requires write access to the project",
    ),
    ("api-limited", "raise --store-timeout-seconds, or lower --workers"),
    (
        "api-not-found",
        "check the project's slug and the number, and whether the token's owner can see the project",
    ),
    (
        "api-unauthorized",
        "set CIRCLE_TOKEN, or the variable that --token-var names, to a personal API token: project tokens do not work with API v2",
    ),
    (
        "api-unavailable",
        "try again later, or raise --store-timeout-seconds",
    ),
    (
        "api-unreachable",
        "check --api, the proxy variables and --ca-file",
    ),
    ("artifact-changed", "run the command again"),
    (
        "artifact-expired",
        "run the job again: CircleCI keeps artifacts for 30 days at most, or less if the plan says so",
    ),
    (
        "artifact-too-large",
        "check --api: CircleCI stores files of at most 3 GB",
    ),
    (
        "attributes-kept",
        "let its owner attach, or give the directory to this user",
    ),
    (
        "build-exists",
        "check the number, branch, commit and workflow of this job, or give the artifact another name with --name",
    ),
    ("build-gone", "choose another build: `baton builds` lists them"),
    (
        "build-pointed-to",
        "promote or roll back to another build first, or give --even-if-pointed-to",
    ),
    ("channel-held", ""),
    (
        "circleci-not-listed",
        "look one up with `baton latest` or `baton show`",
    ),
    (
        "circleci-read-only",
        "persist to a directory (--store file:OUT), and let CircleCI's store_artifacts store that",
    ),
    (
        "circleci-unusable",
        "give --api an origin such as https://circleci.com; check the variable with the token",
    ),
    ("clean-kept", ""),
    (
        "clean-refused",
        "attach into a directory of its own, or leave out --clean",
    ),
    ("command", ""),
    (
        "component-failed",
        "this is a defect: please report it with the lines above",
    ),
    (
        "config-distrusted",
        "use the flag or the BATON_ variable of the same name, or name the file with --config or BATON_CONFIG if you trust it",
    ),
    (
        "config-unsupported",
        "docs/reference/local.md says what runs here; --workflow and --job leave out the rest",
    ),
    (
        "damaged",
        "persist the files of the build again under its number: that repairs it; or attach another build (`baton builds` lists them)",
    ),
    (
        "damaged-skipped",
        "persist its files again under its number to repair it; `baton verify --data` says what is damaged",
    ),
    (
        "date-ahead",
        "set the clock of the machine that persisted it, or of this one",
    ),
    (
        "directory-in-the-way",
        "move the directory away, or let --clean replace it",
    ),
    (
        "egress-denied",
        "if this is where a CircleCI Server keeps artifacts, name it with --artifact-host",
    ),
    (
        "empty-store",
        "persist something first, or name the right store with --store",
    ),
    (
        "engine",
        "this is a defect: please report it with the lines above",
    ),
    ("event-lost", ""),
    (
        "exists",
        "another program writes to the same place: run the command again when it has finished",
    ),
    (
        "file-changed",
        "wait until the program that writes the file has finished, or exclude the file with '!PATH'",
    ),
    ("file-system", ""),
    (
        "file-too-large",
        "raise `ulimit -f`, or use a file system that stores files of this size",
    ),
    (
        "grace-too-short",
        "give --grace 15m or more, or say with --no-other-writers that nobody persists or attaches meanwhile",
    ),
    ("held", ""),
    (
        "history-full",
        "`baton verify --all` lists what is wrong: the store holds events that no baton wrote",
    ),
    (
        "in-the-way",
        "move it away, unmount it, clear the attribute with `chattr -i -a`, or leave the path out with --only '!PATH'",
    ),
    (
        "incomplete-build",
        "wait until all parallel nodes have persisted, or attach with the selector of another build",
    ),
    (
        "incomplete-skipped",
        "wait until all nodes have persisted; a node without files says so with --if-no-files ignore",
    ),
    (
        "incomplete-workspace",
        "let the job that attaches wait for all nodes; a node without files says so with --if-no-files ignore",
    ),
    (
        "internal",
        "this is a defect: please report it with the lines above",
    ),
    (
        "io-error",
        "the disk or the network file system failed: see the system's log (dmesg), and use another disk",
    ),
    ("interrupted", "run the command again"),
    ("later-format", "update baton"),
    (
        "latest-moved-on",
        "a newer build is the latest already; --force sets it anyway",
    ),
    ("latest-unknown", ""),
    (
        "leftover-skipped",
        "the next attach into this directory removes it",
    ),
    (
        "list-damaged",
        "run `baton prune`: it writes a new list and deletes nothing; then do this again",
    ),
    ("list-too-large", ""),
    (
        "local-state-foreign",
        "name an empty directory with --state, or one that baton local created",
    ),
    (
        "local-state-unsafe",
        "inspect the directory and remove it, or name another one with --state",
    ),
    (
        "local-busy",
        "wait until it has finished, or name another directory with --state",
    ),
    ("local-run", ""),
    (
        "lower-counter",
        "set BATON_RUN to the number of the pipeline where it is persisted: << pipeline.number >> on CircleCI",
    ),
    (
        "memory-limit",
        "raise --memory-mib; for a very large artifact, persist it in several artifacts",
    ),
    (
        "missing-context",
        "set the variable, or give the flag of the same name",
    ),
    ("moved-meanwhile", "run the command again"),
    (
        "name-not-utf8",
        "rename or remove it, or exclude the directory that it is in with '!PATH'",
    ),
    (
        "names-collide",
        "attach on a file system that distinguishes upper and lower case",
    ),
    ("newest-unknown", ""),
    (
        "not-the-object",
        "check the network, --endpoint and the proxy variables, and run it again: nothing in the store is known to be damaged; `baton verify` from elsewhere tells",
    ),
    (
        "no-artifacts",
        "run the job again, or name another build with build:N",
    ),
    (
        "no-build",
        "`baton builds` lists what there is; check --project, --branch and --name",
    ),
    (
        "no-channel",
        "check the name, --name and --project; `baton promote SELECTOR CHANNEL` makes a channel",
    ),
    (
        "no-earlier-build",
        "`baton history` and `baton builds` list what there is; name the build with --to",
    ),
    (
        "no-files",
        "check the path: it is relative to --root; --if-no-files warn|ignore continues without it",
    ),
    ("no-history", ""),
    (
        "no-memory",
        "raise the limit of the address space (`ulimit -v`), or lower --workers: each instance reserves 4 GiB of addresses, and uses little",
    ),
    (
        "no-run-number",
        "set BATON_RUN to << pipeline.number >>, as the orb does",
    ),
    (
        "no-workspace",
        "attach a build, for example with `baton attach latest --at DIR`; a workspace is what the jobs of one workflow share: BATON_WORKSPACE or --workspace names one",
    ),
    (
        "no-space",
        "free some space, and run the command again: no file was left incomplete",
    ),
    (
        "no-successful-job",
        "check --job and --branch, or name a build with build:N",
    ),
    (
        "nothing-selected",
        "`baton show SELECTOR` lists the artifact's paths: --only is compared with them, before --strip",
    ),
    ("not-a-directory", ""),
    (
        "not-a-store",
        "name another directory with --store: an empty one, or one that baton created; if it has builds and lost its marker, `baton persist` writes that again",
    ),
    (
        "not-current",
        "see where the channel points with `baton history`, and decide again",
    ),
    (
        "not-found",
        "another program removed it: run the command again when that has finished",
    ),
    ("not-held", ""),
    ("not-one-build", ""),
    (
        "not-signed",
        "persist it again with --sign, or choose a build that this key has signed",
    ),
    (
        "object-too-large",
        "the store holds something that baton did not write: check --store",
    ),
    (
        "older-build",
        "to go back, use `baton rollback`; to replace just that build, name it with --if-current",
    ),
    (
        "orb-missing",
        "run once without --offline to fetch the orb, or give its file with --orb NAME=FILE",
    ),
    (
        "orb-unavailable",
        "check the orb's name and version; a private orb needs your token in CIRCLE_TOKEN; --orb NAME=FILE uses a file instead",
    ),
    (
        "other-branch",
        "`baton builds --branch NAME` lists the builds that can be its latest",
    ),
    ("output", "free some space, or send standard output elsewhere"),
    (
        "path-conflict",
        "let each job persist its own paths, or take the newer file with --on-conflict newest",
    ),
    (
        "paths-collide",
        "leave one of the two out with --only '!PATH', or keep their directories apart",
    ),
    ("paths-left-out", ""),
    ("path-too-long", "shorten the path, or exclude it with '!PATH'"),
    (
        "permission-denied",
        "give this user permission to read it, or exclude it with '!PATH'",
    ),
    (
        "pattern-is-path",
        "to have it read as a pattern, put it in braces, for example '{*.js}'; otherwise rename one of the two",
    ),
    (
        "plain-artifacts",
        "store what `baton persist --store file:OUT` writes: it has sizes and digests",
    ),
    ("plain-beside-store", ""),
    ("previous-unknown", ""),
    ("pruned-meanwhile", "run the command again"),
    (
        "quota-exceeded",
        "free some of this user's or project's quota (see `quota`), and run the command again",
    ),
    ("read-only", "choose a place that this user can write to"),
    (
        "redirect-refused",
        "check --api: it should be the address of the API itself",
    ),
    (
        "reserved-name",
        "rename .baton-attach in the artifact: attach needs that name for itself",
    ),
    ("rolled-back", ""),
    ("root-missing", "--root must name a directory that exists"),
    (
        "root-unusable",
        "--root must name a directory that this user can read, outside of the store",
    ),
    (
        "scratch-full",
        "attach or persist fewer files at a time, with --only or in several artifacts",
    ),
    ("search-too-deep", "name a build with build:N"),
    ("selector-not-for-circleci", ""),
    (
        "several-stores",
        "store one of them, or all under one destination of store_artifacts; parallel nodes use the same one",
    ),
    ("special-bits-dropped", ""),
    (
        "special-file",
        "leave them out with --special-files skip, or exclude them with '!PATH'",
    ),
    ("special-skipped", ""),
    ("stale-variable", "leave out --from-env: the API knows the latest"),
    ("statement-too-large", ""),
    ("store", ""),
    (
        "store-answer",
        "see the cause: the server is not one that baton supports, or a proxy or portal answers in its place",
    ),
    (
        "store-bucket-missing",
        "check the bucket in --store, or create it: baton does not create buckets",
    ),
    (
        "store-busy",
        "run it again later; --store-timeout-seconds gives it more time",
    ),
    (
        "store-certificate",
        "give the server's CA with --ca-file, or check that --endpoint speaks TLS at this port",
    ),
    (
        "store-clock",
        "set the clock of this machine: requests are signed with its time",
    ),
    (
        "store-credentials",
        "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or --role-arn and the job's OIDC token; for gs:// and az:// GOOGLE_… and AZURE_…; docs/reference/stores.md has the order in which they are looked for",
    ),
    (
        "store-denied",
        "give these credentials the permissions that docs/reference/stores.md lists",
    ),
    (
        "store-in-root",
        "name other paths, or keep the store outside of --root",
    ),
    (
        "store-missing",
        "check --store or BATON_STORE; the first persist creates the directory",
    ),
    ("store-not-a-directory", "name a directory with --store"),
    (
        "store-not-atomic",
        "enable conditional writes (If-None-Match) on the server, or use another one: records written to this one could be lost",
    ),
    (
        "store-of-another-job",
        "persist in the job that stores the artifacts, under its own number, to a directory that was empty before",
    ),
    (
        "store-of-this-machine",
        "name a store that outlives the job with --store or BATON_STORE, or this directory if the machine stays",
    ),
    (
        "store-options",
        "see the cause: an option or a variable of the store is missing or wrong; docs/reference/stores.md lists them",
    ),
    ("store-region", "set --region to the region of the bucket"),
    ("store-skipped", "keep the store outside of --root"),
    (
        "store-timeout",
        "run it again; --store-timeout-seconds gives a slow server more time",
    ),
    (
        "store-unknown",
        "name a directory, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or circleci:gh/OWNER/REPOSITORY",
    ),
    (
        "store-unreachable",
        "check --endpoint, the network and the proxy variables",
    ),
    (
        "symlink-itself",
        "to store the directory, name the link's target, or give the link as --root",
    ),
    (
        "directory-removed",
        "find what removes the directory while baton works in it, and run the command again after that",
    ),
    (
        "target-unusable",
        "--at must name a directory that this user can write to or create",
    ),
    (
        "tag-build",
        "name the branch with latest@BRANCH or --branch, or the build with tag:NAME",
    ),
    (
        "through-symlink",
        "name the target of the link, or, to persist, make it the root: --root LINK, with paths relative to that",
    ),
    ("time-limit", "raise --timeout-seconds"),
    ("told-and-selected", "leave out --from-env, or ask for latest"),
    (
        "too-many-artifacts",
        "store what `baton persist --store file:OUT` writes: it has few, large files",
    ),
    ("too-many-entries", "persist in several artifacts"),
    ("too-many-layers", "give the workspace another name"),
    ("too-many-open-files", "raise `ulimit -n`, or lower --workers"),
    (
        "too-many-revisions",
        "persist more paths at a time, or into several artifacts",
    ),
    (
        "too-many-redirects",
        "check --api: it should be the address of the API itself",
    ),
    (
        "tree-too-large",
        "persist in several artifacts, or exclude what is too large with '!PATH'",
    ),
    (
        "too-many-counters",
        "let the workflows and jobs that persist this artifact share one count with BATON_RUN and BATON_COUNTER",
    ),
    (
        "two-counters",
        "give what each persists a name of its own with --name, or let them share one count with BATON_RUN and BATON_COUNTER",
    ),
    (
        "unsafe-to-prune",
        "`baton verify --all` lists what is damaged; persist the files of those builds again under their numbers, or remove them with --drop-damaged",
    ),
    (
        "untrusted",
        "look at what that pull request changes before you use the build",
    ),
    (
        "untrusted-build",
        "look at what that pull request changes; --allow-fork promotes the build",
    ),
    ("untrusted-left-out", ""),
    ("unsuccessful-job", ""),
    (
        "unused-exclude",
        "check it: patterns are matched against whole paths relative to the root, and '!**/NAME' excludes in every directory",
    ),
    (
        "wrong-artifact-path",
        "change the path or the destination of store_artifacts in the job that stored it",
    ),
    ("wrong-commit", ""),
    (
        "wrong-component",
        "name a component that exports baton:plugin, or leave out --component, BATON_COMPONENT and `component` in baton.toml",
    ),
    ("wrong-config", ""),
    ("wrong-context", ""),
    (
        "wrong-counter",
        "give a shorter name with --counter or BATON_COUNTER",
    ),
    ("wrong-glob", ""),
    (
        "wrong-having",
        "leave out --having, or ask for latest or latest@BRANCH in a store of baton",
    ),
    ("wrong-key", ""),
    ("wrong-name", ""),
    ("wrong-node", ""),
    ("wrong-reason", "give a shorter --reason"),
    (
        "wrong-selector",
        "for the latest build of a branch, write latest@BRANCH; `baton attach --help` lists the selectors",
    ),
    (
        "wrong-slug",
        "write it as CircleCI's project settings show it, for example gh/acme/shop",
    ),
    ("wrong-steps", ""),
    ("wrong-variable", "choose another name with --var"),
];

/// Hints that hold in one place only: the code, the place and the hint. The place is `store` for what is about an object
/// of the store, else the command.
const IN_PLACE: &[(&str, &str, &str)] = &[
    (
        "build-gone",
        "persist",
        "give this build another number with --number, or persist it again after that time",
    ),
    (
        "damaged",
        "history",
        "set the channel again with `baton rollback CHANNEL --to SELECTOR`; a history that cannot be read is lost",
    ),
    (
        "damaged",
        "persist",
        "persist the files that are named in the same run, or give up the build with `baton remove`",
    ),
    (
        "damaged",
        "promote",
        "if it is a build, persist its files again under its number; if it is an event of the channel, `baton rollback CHANNEL --to SELECTOR` sets the channel again",
    ),
    (
        "damaged",
        "rollback",
        "name the build to go back to with --to SELECTOR: the history cannot be read as far as the steps lead",
    ),
    (
        "exists",
        "attach",
        "another program writes to the same directory: run the command again when it has finished",
    ),
    (
        "file-changed",
        "attach",
        "wait until the program that writes the file has finished, and run the command again",
    ),
    (
        "interrupted",
        "attach",
        "run the command again: files that have their final name are complete",
    ),
    (
        "interrupted",
        "persist",
        "run the command again: what was stored already is not stored twice",
    ),
    (
        "name-not-utf8",
        "attach",
        "rename it: only names in UTF-8 can be compared with the artifact and removed",
    ),
    (
        "no-space",
        "store",
        "free some space where the store is, and run the command again: no object was left incomplete",
    ),
    (
        "not-found",
        "store",
        "another program removed an object of the store: run the command again, and check with `baton verify --all`",
    ),
    (
        "permission-denied",
        "attach",
        "give this user permission to read and write there, or name another directory with --at",
    ),
    (
        "permission-denied",
        "store",
        "give this user permission in the directory of the store, or name another store with --store",
    ),
    (
        "read-only",
        "attach",
        "name another directory with --at: this one is on a file system that cannot be written to",
    ),
    (
        "read-only",
        "store",
        "name another store with --store: this one is on a file system that cannot be written to",
    ),
    (
        "wrong-name",
        "promote",
        "the build comes first, then the channel: `baton promote latest production`",
    ),
    (
        "wrong-selector",
        "promote",
        "the build comes first, then the channel: `baton promote latest production`",
    ),
];

/// Returns the hint for what failed while `command` ran, where there is more to say than the message does.
pub(crate) fn of(shown: &Shown, command: &str) -> Option<&'static str> {
    let place = if shown.kind == "store" { "store" } else { command };
    let in_place = IN_PLACE
        .iter()
        .find(|(code, at, _)| *code == shown.code && *at == place)
        .map(|(_, _, hint)| *hint);
    let anywhere = HINTS
        .iter()
        .find(|(code, _)| *code == shown.code)
        .map(|(_, hint)| *hint);
    in_place.or(anywhere).filter(|hint| !hint.is_empty())
}
