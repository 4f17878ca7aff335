//! What to do about a failure: one line a code. docs/errors.md has the same codes, and a test compares the two.

/// Every code of a failure or warning, with its hint.
pub(crate) const HINTS: &[(&str, &str)] = &[
    ("ambiguous-commit", "give more digits of the commit"),
    (
        "ambiguous-job",
        "say whose with --job NAME, or give the artifacts of each job a name of their own with --name",
    ),
    (
        "build-exists",
        "to persist more from the same job, give it another name with --name",
    ),
    ("build-gone", "choose another build: `baton builds` lists them"),
    ("channel-held", ""),
    ("command", ""),
    (
        "component-failed",
        "this is a defect: please report it with the lines above",
    ),
    (
        "config-unsupported",
        "docs/local.md says what runs here; --workflow and --job leave out the rest",
    ),
    (
        "damaged",
        "attach another build (`baton builds` lists them); to repair it, remove the damaged object and persist the files again",
    ),
    (
        "damaged-skipped",
        "persist again, or find out with `baton verify --data` what is damaged",
    ),
    (
        "directory-in-the-way",
        "move the directory away, or let --clean replace it",
    ),
    (
        "empty-store",
        "persist something first, or name the right store with --store",
    ),
    (
        "engine",
        "this is a defect: please report it with the lines above",
    ),
    (
        "exists",
        "another program is writing here: try again when it is done",
    ),
    (
        "file-changed",
        "wait until whatever writes the file is done, or exclude it with '!PATH'",
    ),
    ("file-system", ""),
    (
        "file-too-large",
        "use a file system that takes files of this size",
    ),
    ("held", ""),
    (
        "history-full",
        "the store was tampered with: `baton verify --all` lists what is wrong",
    ),
    (
        "incomplete-build",
        "wait until all parallel nodes have persisted, or attach with the selector of another build",
    ),
    (
        "internal",
        "this is a defect: please report it with the lines above",
    ),
    (
        "interrupted",
        "run it again: what has its name already is complete",
    ),
    ("later-format", "update baton"),
    (
        "leftover-skipped",
        "the next attach into this directory removes it",
    ),
    ("list-too-large", ""),
    (
        "local-busy",
        "wait until it is done, or name another directory with --state",
    ),
    ("local-run", ""),
    ("memory-limit", "raise --memory-mib, or split the artifact"),
    (
        "missing-context",
        "set the variable, or give the flag of the same name",
    ),
    ("moved-meanwhile", "run it again"),
    (
        "name-not-utf8",
        "rename it, or exclude its directory with '!PATH'",
    ),
    (
        "names-collide",
        "attach on a file system that tells upper from lower case",
    ),
    (
        "no-build",
        "`baton builds` lists what there is; check --project, --branch and --name",
    ),
    (
        "no-earlier-build",
        "`baton history` and `baton builds` list what there is; name the build with --to",
    ),
    (
        "no-channel",
        "check the name, --name and --project; `baton promote SELECTOR CHANNEL` makes a channel",
    ),
    (
        "no-files",
        "check the path: it is relative to --root; --if-no-files warn|ignore goes on without",
    ),
    ("no-history", ""),
    (
        "no-space",
        "free some space, and run it again: nothing was left half-written",
    ),
    ("not-a-directory", ""),
    (
        "not-a-store",
        "name another directory with --store: an empty one, or one that baton made",
    ),
    (
        "not-current",
        "look what is there with `baton history`, and decide anew",
    ),
    (
        "not-found",
        "something else removed it meanwhile: run it again when that is done",
    ),
    ("not-held", ""),
    ("not-one-build", ""),
    (
        "not-signed",
        "persist it again with --sign, or attach a build that this key has signed",
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
        "other-branch",
        "`baton builds --branch NAME` lists the builds that can be its latest",
    ),
    (
        "path-conflict",
        "let each job persist its own paths, or take the newer file with --on-conflict newest",
    ),
    ("path-too-long", "shorten the path, or exclude it with '!PATH'"),
    (
        "permission-denied",
        "give this user the permission, or exclude the path with '!PATH'",
    ),
    ("pruned-meanwhile", "run it again"),
    ("read-only", "choose a place that can be written to"),
    (
        "reserved-name",
        "rename .baton-attach in the artifact: attach needs that name for itself",
    ),
    ("rolled-back", ""),
    ("root-missing", "--root must name a directory that exists"),
    (
        "root-unusable",
        "--root must name a directory, and this user must be able to read it",
    ),
    ("special-bits-dropped", ""),
    ("special-file", "exclude it with '!PATH'"),
    ("statement-too-large", ""),
    ("store", ""),
    (
        "store-missing",
        "check --store or BATON_STORE; the first persist makes the directory",
    ),
    ("store-not-a-directory", "name a directory with --store"),
    ("store-unknown", "name a directory with --store"),
    (
        "target-unusable",
        "--at must name a directory that this user can write to, or one that can be made",
    ),
    ("time-limit", "raise --timeout-seconds"),
    ("too-many-entries", "persist in several artifacts"),
    ("too-many-layers", "give the workspace another name"),
    ("too-many-open-files", "raise `ulimit -n`, or lower --workers"),
    ("tree-too-large", "persist in several artifacts"),
    (
        "unsafe-to-prune",
        "`baton verify --all` lists what is damaged; persist those builds again, or remove them with --drop-damaged",
    ),
    ("wrong-commit", ""),
    (
        "wrong-component",
        "give a component that exports baton:plugin, or unset BATON_COMPONENT",
    ),
    ("wrong-config", ""),
    ("wrong-context", ""),
    ("wrong-glob", ""),
    ("wrong-key", ""),
    ("wrong-name", ""),
    ("wrong-node", ""),
    ("wrong-reason", "give a shorter --reason"),
    ("wrong-selector", ""),
    ("wrong-steps", ""),
];

/// Returns the hint for a code, where there is more to say than the message does.
pub(crate) fn of(code: &str) -> Option<&'static str> {
    HINTS
        .iter()
        .find(|(known, _)| *known == code)
        .map(|(_, hint)| *hint)
        .filter(|hint| !hint.is_empty())
}
