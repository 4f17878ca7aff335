//! The table: how each code is provoked, words that its hint has, and words that would mislead.

use super::How::{self, Api, In, Natively, Never, Steps, Words};
use super::steps;

/// One code in one situation.
pub(crate) struct Row {
    pub(crate) code: &'static str,
    pub(crate) how: How,
    /// A part of the hint. Empty if there is no hint, because the message is enough.
    pub(crate) hint: &'static str,
    /// Texts that the hint must not contain.
    pub(crate) not: &'static [&'static str],
}

const fn row(code: &'static str, how: How, hint: &'static str) -> Row {
    Row {
        code,
        how,
        hint,
        not: &[],
    }
}

pub(crate) const TABLE: &[Row] = &[
    row(
        "too-many-revisions",
        Natively("guest/tests/logic/revisions.rs"),
        "",
    ),
    row("ambiguous-commit", Steps(steps::ambiguous_commit), "more digits"),
    row("ambiguous-job", Steps(steps::ambiguous_job), "--job NAME"),
    row(
        "ambiguous-project",
        Never(
            "two projects in one store among the artifacts of one job of CircleCI: guest/tests/logic/circleci.rs has the stores",
        ),
        "",
    ),
    row(
        "api-answer",
        Api("200 OK\n\nhello", "latest --store-timeout-seconds 1"),
        "--api",
    ),
    row(
        "api-forbidden",
        Api("403 Forbidden\n\n{}", "latest --store-timeout-seconds 1"),
        "personal API token",
    ),
    row(
        "api-limited",
        Api("429 Too Many Requests\n\n{}", "latest --store-timeout-seconds 1"),
        "--store-timeout-seconds",
    ),
    row(
        "api-not-found",
        Api(
            "404 Not Found\n\n{}",
            "attach build:1 --at out --store-timeout-seconds 1",
        ),
        "slug",
    ),
    row(
        "api-unauthorized",
        Api("401 Unauthorized\n\n{}", "latest --store-timeout-seconds 1"),
        "CIRCLE_TOKEN",
    ),
    row(
        "api-unavailable",
        Api(
            "500 Internal Server Error\n\n{}",
            "latest --store-timeout-seconds 1",
        ),
        "try again later",
    ),
    row(
        "api-unreachable",
        Words("latest --store circleci:gh/acme/shop --api https://nowhere.invalid --store-timeout-seconds 1"),
        "--api",
    ),
    row(
        "artifact-changed",
        Natively("guest/tests/logic/circleci/downloads.rs"),
        "",
    ),
    row(
        "artifact-expired",
        Never("an artifact that expires between the list and the download"),
        "",
    ),
    row(
        "artifact-too-large",
        Natively("guest/tests/logic/circleci/downloads.rs"),
        "",
    ),
    row("build-exists", Steps(steps::build_exists), "--name"),
    row("build-gone", Natively("guest/tests/logic/prune.rs"), ""),
    row("channel-held", Steps(steps::channel_held), ""),
    row(
        "circleci-not-listed",
        Never("the command refuses builds of CircleCI before the component is asked: circleci-read-only"),
        "",
    ),
    row(
        "circleci-read-only",
        Words("builds --store circleci:gh/acme/shop"),
        "store_artifacts",
    ),
    row(
        "circleci-unusable",
        Words("latest --store circleci:gh/acme/shop --api http://circleci.com"),
        "https://",
    ),
    row("command", Words("latest --config bad.toml"), ""),
    row(
        "component-failed",
        Never("a component that traps: host/cli/tests/cli/limits.rs sabotages one and checks the text"),
        "",
    ),
    row("config-distrusted", Steps(steps::config_distrusted), "--config"),
    row(
        "config-unsupported",
        Words("local default.yml --dry-run --branch main"),
        "docs/reference/local.md",
    ),
    row("damaged", Steps(steps::damaged), "`baton builds`"),
    row("damaged", Steps(steps::damaged_and_gone), "in the same run"),
    row("damaged", Steps(steps::damaged_history), "baton rollback"),
    row("damaged", Steps(steps::damaged_way_back), "--to SELECTOR"),
    row("damaged-skipped", Steps(steps::damaged_skipped), ""),
    row(
        "directory-in-the-way",
        Words("attach build:1 --at occupied"),
        "--clean",
    ),
    row("egress-denied", Natively("guest/tests/logic/circleci.rs"), ""),
    row(
        "empty-store",
        Steps(steps::empty_store),
        "persist something first",
    ),
    row(
        "engine",
        Never("the engine cannot be set up, which its own settings decide"),
        "",
    ),
    row(
        "exists",
        Never("another program that creates the same name at the same moment"),
        "",
    ),
    row("file-changed", Natively("guest/tests/logic/unsteady.rs"), ""),
    row(
        "file-system",
        Never("any other failure of a system call: an I/O error of a disk"),
        "",
    ),
    row(
        "file-too-large",
        Never("a file system with a limit on the size of a file"),
        "",
    ),
    row("event-lost", Steps(steps::event_lost), ""),
    row("held", Steps(steps::held), ""),
    row(
        "history-full",
        Natively("guest/tests/logic/channels/history.rs"),
        "",
    ),
    row("incomplete-build", Steps(steps::incomplete), "all parallel nodes"),
    row("internal", Never("a defect of baton"), ""),
    row(
        "interrupted",
        Never("a signal while a command runs: host/cli/tests/cli/crashes.rs sends some"),
        "",
    ),
    row("later-format", Steps(steps::later_format), "update baton"),
    row(
        "latest-moved-on",
        Natively("guest/tests/logic/circleci_search.rs"),
        "",
    ),
    row(
        "latest-unknown",
        Never("the API fails while --from-env says a number: host/cli/tests/circleci has an API"),
        "",
    ),
    row("leftover-skipped", Steps(steps::leftover), ""),
    row(
        "list-too-large",
        Never("ten million condemned packs, trees or builds"),
        "",
    ),
    row(
        "local-state-foreign",
        Words("local good.yml --state state"),
        "--state",
    ),
    row("local-state-unsafe", Steps(steps::state_unsafe), "--state"),
    row(
        "local-busy",
        Never("two runs of baton local at the same moment: host/cli/tests/local has them"),
        "",
    ),
    row(
        "local-run",
        Never("git or the shell is missing for a job of baton local"),
        "",
    ),
    Row {
        code: "memory-limit",
        how: Words("latest --memory-mib 1"),
        hint: "--memory-mib",
        not: &["component that exports", "BATON_COMPONENT"],
    },
    Row {
        code: "no-memory",
        how: Steps(steps::no_memory),
        hint: "ulimit -v",
        not: &["component that exports", "BATON_COMPONENT"],
    },
    row(
        "missing-context",
        Steps(steps::missing_context),
        "set the variable",
    ),
    row(
        "moved-meanwhile",
        Never("a thousand races lost one after the other"),
        "",
    ),
    row("name-not-utf8", Steps(steps::not_utf8), "'!PATH'"),
    row("names-collide", Natively("guest/tests/logic/unsteady.rs"), ""),
    row(
        "newest-unknown",
        Natively("guest/tests/logic/circleci_search.rs"),
        "",
    ),
    row(
        "no-artifacts",
        Never("a job of CircleCI without artifacts: host/cli/tests/circleci has one and checks the text"),
        "",
    ),
    row("no-build", Words("show build:9"), "`baton builds`"),
    row(
        "no-channel",
        Words("history nothing"),
        "`baton promote SELECTOR CHANNEL`",
    ),
    row(
        "no-earlier-build",
        Words("rollback production"),
        "`baton history`",
    ),
    row("no-files", Words("persist nothing"), "--if-no-files"),
    row("no-history", Words("history --branch main"), ""),
    row(
        "no-space",
        In("host/cli/tests/cli/full_disk.rs"),
        "hint: free some space",
    ),
    row(
        "no-successful-job",
        Natively("guest/tests/logic/circleci_search.rs"),
        "",
    ),
    row(
        "not-a-directory",
        Never(
            "a directory that becomes something else while it is walked: guest/tests/logic/unsteady.rs has such",
        ),
        "",
    ),
    row("not-a-store", Words("persist file --store foreign"), "--store"),
    row(
        "not-current",
        Words("promote build:1 production --if-current build:1"),
        "`baton history`",
    ),
    row("not-found", Natively("guest/tests/logic/unsteady.rs"), ""),
    row("not-held", Words("release production"), ""),
    row("not-one-build", Steps(steps::not_one_build), ""),
    row("not-signed", Steps(steps::not_signed), "this key"),
    row("object-too-large", Steps(steps::object_too_large), "--store"),
    row(
        "older-build",
        Words("promote build:1 production"),
        "`baton rollback`",
    ),
    row(
        "orb-missing",
        Words("local orb.yml --dry-run --offline"),
        "--orb NAME=FILE",
    ),
    row(
        "orb-unavailable",
        Words("local orb.yml --dry-run --api http://127.0.0.1:9"),
        "CIRCLE_TOKEN",
    ),
    row(
        "other-branch",
        Steps(steps::other_branch),
        "`baton builds --branch NAME`",
    ),
    row(
        "output",
        In("host/cli/tests/cli/output.rs"),
        "cannot write to standard output",
    ),
    row(
        "path-conflict",
        Steps(steps::path_conflict),
        "--on-conflict newest",
    ),
    row("path-too-long", Steps(steps::path_too_long), "'!PATH'"),
    Row {
        code: "permission-denied",
        how: Steps(steps::permission_root),
        hint: "'!PATH'",
        not: &["--store"],
    },
    Row {
        code: "permission-denied",
        how: Steps(steps::permission_store),
        hint: "directory of the store",
        not: &["!PATH"],
    },
    Row {
        code: "permission-denied",
        how: Steps(steps::permission_target),
        hint: "--at",
        not: &["!PATH"],
    },
    row(
        "plain-artifacts",
        Never("plain artifacts of a job of CircleCI: host/cli/tests/circleci has some"),
        "",
    ),
    row(
        "plain-beside-store",
        Never("plain artifacts beside a store in a job of CircleCI: host/cli/tests/circleci has some"),
        "",
    ),
    row(
        "previous-unknown",
        Never("a masked variable of CircleCI: host/cli/tests/circleci/latest_set.rs checks the text"),
        "",
    ),
    row(
        "pruned-meanwhile",
        Never("a hundred prunes during one persist"),
        "",
    ),
    row(
        "read-only",
        Never(
            "a file system that is mounted read-only: host/cli/tests/cli/full_disk.rs mounts one and checks the text",
        ),
        "",
    ),
    row(
        "redirect-refused",
        Api(
            "302 Found\nLocation: ftp://elsewhere/\n\n",
            "latest --store-timeout-seconds 1",
        ),
        "--api",
    ),
    row("reserved-name", Steps(steps::reserved_name), ".baton-attach"),
    row("rolled-back", Steps(steps::rolled_back), ""),
    row("root-missing", Words("persist dist --root nothing"), "--root"),
    row("root-unusable", Words("persist dist --root file"), "--root"),
    row("scratch-full", Natively("host/src/grants/scratch.rs"), "--only"),
    row(
        "search-too-deep",
        Natively("guest/tests/logic/circleci_search.rs"),
        "",
    ),
    row(
        "selector-not-for-circleci",
        Api("200 OK\n\n{}", "attach channel:production --at out"),
        "",
    ),
    row(
        "several-stores",
        Never("two stores among the artifacts of a job of CircleCI: host/cli/tests/circleci has them"),
        "",
    ),
    row("special-bits-dropped", Steps(steps::special_bits), ""),
    row("special-file", Steps(steps::special_file), "'!PATH'"),
    row(
        "stale-variable",
        Never("the variable and the API of CircleCI disagree: host/cli/tests/circleci has that"),
        "",
    ),
    row(
        "statement-too-large",
        Never("a record of more than 1 MiB, which no persist writes"),
        "",
    ),
    row(
        "store",
        Never("a directory that cannot be opened for another reason than those with codes of their own"),
        "",
    ),
    row(
        "store-answer",
        In("host/cli/tests/store/faults.rs"),
        "\"store-answer\"",
    ),
    row(
        "store-bucket-missing",
        In("host/cli/tests/store/refusals.rs"),
        "\"store-bucket-missing\"",
    ),
    row(
        "store-busy",
        In("host/cli/tests/store/faults.rs"),
        "\"store-busy\"",
    ),
    row(
        "store-certificate",
        In("host/cli/tests/store/refusals.rs"),
        "\"store-certificate\"",
    ),
    row(
        "store-clock",
        In("host/cli/tests/store/refusals.rs"),
        "\"store-clock\"",
    ),
    row(
        "store-credentials",
        In("host/cli/tests/store/credentials.rs"),
        "\"store-credentials\"",
    ),
    row(
        "store-denied",
        In("host/cli/tests/store/refusals.rs"),
        "\"store-denied\"",
    ),
    row(
        "store-not-atomic",
        In("host/cli/tests/store/unusual.rs"),
        "\"store-not-atomic\"",
    ),
    row(
        "store-options",
        In("host/cli/tests/store/refusals.rs"),
        "\"store-options\"",
    ),
    row(
        "store-region",
        In("host/cli/tests/store/refusals.rs"),
        "\"store-region\"",
    ),
    row(
        "store-timeout",
        In("host/cli/tests/store/faults.rs"),
        "\"store-timeout\"",
    ),
    row(
        "store-unreachable",
        In("host/cli/tests/store/refusals.rs"),
        "\"store-unreachable\"",
    ),
    row("store-missing", Words("latest --store nothing"), "--store"),
    row("store-not-a-directory", Words("latest --store file"), "--store"),
    row(
        "store-of-another-job",
        Natively("guest/tests/logic/circleci.rs"),
        "",
    ),
    row(
        "store-unknown",
        Words("latest --store ftp://x"),
        "s3://BUCKET/PREFIX",
    ),
    row(
        "directory-removed",
        Steps(steps::directory_removed),
        "removes the directory",
    ),
    row("target-unusable", Words("attach build:1 --at file"), "--at"),
    row(
        "time-limit",
        Never(
            "a step that takes longer than a second: host/cli/tests/cli/limits.rs has a component that does",
        ),
        "",
    ),
    row("told-and-selected", Steps(steps::told_and_selected), "--from-env"),
    row(
        "too-many-artifacts",
        Never("two hundred thousand artifacts of one job"),
        "",
    ),
    row("too-many-entries", Never("two million files"), ""),
    row(
        "too-many-layers",
        Never("ten thousand layers of one workspace"),
        "",
    ),
    row(
        "too-many-open-files",
        Never("a process without a free descriptor"),
        "",
    ),
    row(
        "too-many-redirects",
        Natively("guest/tests/logic/circleci.rs"),
        "",
    ),
    row(
        "tree-too-large",
        Natively("guest/tests/logic/hostile_streams.rs"),
        "",
    ),
    row("unsafe-to-prune", Steps(steps::unsafe_to_prune), "--drop-damaged"),
    row(
        "unsuccessful-job",
        Never("a job of CircleCI that failed: host/cli/tests/circleci has some and checks the text"),
        "",
    ),
    row(
        "wrong-artifact-path",
        Natively("guest/tests/logic/circleci.rs"),
        "",
    ),
    row("wrong-commit", Words("builds --commit zz"), ""),
    row("wrong-component", Words("latest --component file"), "--component"),
    row("wrong-config", Words("local bad.yml --dry-run"), ""),
    row("wrong-context", Words("persist dist --number x"), ""),
    row("wrong-glob", Words("persist ["), ""),
    row(
        "wrong-having",
        Words("attach build:1 --at out --having x"),
        "--having",
    ),
    row(
        "wrong-key",
        Never("the name of a key that an embedder gives: the command names keys itself"),
        "",
    ),
    row("wrong-name", Steps(steps::wrong_name), ""),
    row(
        "wrong-node",
        Never("the command checks a node before the component does: wrong-context"),
        "",
    ),
    row("wrong-reason", Steps(steps::wrong_reason), "--reason"),
    row("wrong-selector", Words("attach main --at out"), "latest@BRANCH"),
    row(
        "wrong-selector",
        Words("promote production staging"),
        "the build comes first",
    ),
    row(
        "wrong-name",
        Words("promote production latest"),
        "the build comes first",
    ),
    row(
        "wrong-name",
        Words("promote latest channel:production"),
        "the build comes first",
    ),
    row(
        "wrong-slug",
        Words("latest --store circleci: --project nonsense --api http://127.0.0.1:9"),
        "gh/acme/shop",
    ),
    row(
        "wrong-steps",
        Never("clap refuses such a number before the component does"),
        "",
    ),
    row("wrong-variable", Steps(steps::wrong_variable), "--var"),
    row("ambiguous-pattern", Steps(steps::ambiguous_pattern), "to exclude"),
    row("pattern-is-path", Steps(steps::pattern_is_path), ""),
    row("special-skipped", Steps(steps::special_skipped), ""),
    row("store-in-root", Steps(steps::store_in_root), "outside of --root"),
    row("store-skipped", Steps(steps::store_skipped), ""),
    row("symlink-itself", Steps(steps::symlink_itself), ""),
    row("through-symlink", Steps(steps::through_symlink), "--root LINK"),
    row("unused-exclude", Words("persist dist !typo --number 3"), ""),
    row(
        "build-pointed-to",
        Words("remove build:2"),
        "--even-if-pointed-to",
    ),
    row("grace-too-short", Words("prune --grace 0s"), "--no-other-writers"),
    row(
        "list-damaged",
        Never("a list of what is condemned that is damaged just while a channel moves"),
        "",
    ),
    row(
        "not-the-object",
        Never(
            "a portal or a proxy that answers in the place of the store: guest/tests/logic has such stores",
        ),
        "",
    ),
    row(
        "attributes-kept",
        In("host/cli/tests/cli/mounts.rs"),
        "keeps its permission bits and time",
    ),
    row("clean-kept", Steps(steps::clean_kept), ""),
    row("clean-refused", Steps(steps::clean_refused), "leave out --clean"),
    row("date-ahead", Natively("host/cli/tests/cli/order.rs"), ""),
    row("in-the-way", Steps(steps::in_the_way), "--only"),
    row("incomplete-skipped", Natively("host/cli/tests/cli/order.rs"), ""),
    row(
        "incomplete-workspace",
        Natively("host/cli/tests/cli/order.rs"),
        "",
    ),
    row("io-error", In("host/cli/tests/cli/mounts.rs"), "\"disk\""),
    row("lower-counter", Natively("guest/tests/logic/counters.rs"), ""),
    row("no-run-number", Steps(steps::no_run_number), ""),
    row(
        "no-workspace",
        Steps(steps::no_workspace),
        "`baton attach latest --at DIR`",
    ),
    row("nothing-selected", Natively("guest/tests/logic/merging.rs"), ""),
    row("paths-collide", Steps(steps::paths_collide), "--only '!PATH'"),
    row("paths-left-out", Steps(steps::paths_left_out), ""),
    row("quota-exceeded", In("host/cli/tests/cli/mounts.rs"), "\"quota\""),
    row(
        "store-of-this-machine",
        Natively("host/cli/tests/cli/given.rs"),
        "",
    ),
    row("tag-build", Steps(steps::tag_build), "latest@BRANCH"),
    row("too-many-counters", Natively("guest/tests/logic/counters.rs"), ""),
    row("two-counters", Natively("guest/tests/logic/counters.rs"), ""),
    row("untrusted", Natively("guest/tests/logic/counters.rs"), ""),
    row("untrusted-build", Steps(steps::untrusted_build), "--allow-fork"),
    row("untrusted-left-out", Steps(steps::untrusted_left_out), ""),
    row("wrong-counter", Steps(steps::wrong_counter), "--counter"),
];
