//! The table of context fields: the one place that says which fields exist, and how each is named, checked and missed.
//!
//! The flags of the command, the `BATON_*` variables, the report of `baton doctor`, the JSON and docs/reference/runners.md
//! come from this table. Each runner's file says where that runner has each field: see [`Origin`](super::origin::Origin).

/// How the value of a field is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    /// A text, kept as it is given.
    Text,
    /// The name of a project, or the URL of a repository, which is converted to such a name.
    Project,
    /// 7 to 64 hexadecimal digits.
    Commit,
    /// A whole number of 64 bits.
    Number,
    /// `INDEX/TOTAL`, with the index counted from 0.
    Node,
    /// The number of a pull request, or a word that says that there is none.
    PullRequest,
    /// `true`, `false`, `1` or `0`.
    Boolean,
}

/// Declares the enum and its table from one list. The doc comment of a field is its help text.
macro_rules! fields {
    ($($(#[doc = $help:literal])+ $field:ident {
        name: $name:literal,
        variable: $variable:literal,
        value: $value_name:literal as $value_type:ident,
        default: $default:expr,
        if_missing: $if_missing:expr,
    })+) => {
        /// One field of the context, which a flag or a `BATON_*` variable can set.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Field {
            $($(#[doc = $help])+ $field,)+
        }

        impl Field {
            /// Every field, in the order of the WIT record `build-context`.
            pub const ALL: &'static [Self] = &[$(Self::$field,)+];

            /// Returns the name, as in the WIT record.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$field => $name,)+ }
            }

            /// Returns the flag of the command line.
            #[must_use]
            pub const fn flag(self) -> &'static str {
                match self { $(Self::$field => concat!("--", $name),)+ }
            }

            /// Returns the environment variable.
            #[must_use]
            pub const fn variable(self) -> &'static str {
                match self { $(Self::$field => $variable,)+ }
            }

            /// Returns the placeholder that help texts show for the value.
            #[must_use]
            pub const fn value_name(self) -> &'static str {
                match self { $(Self::$field => $value_name,)+ }
            }

            /// Returns how a value is checked.
            #[must_use]
            pub const fn value_type(self) -> ValueType {
                match self { $(Self::$field => ValueType::$value_type,)+ }
            }

            /// Returns the help text: one or two sentences in Markdown, without a final period.
            #[must_use]
            pub fn help(self) -> &'static str {
                match self { $(Self::$field => concat!($($help),+).trim_start(),)+ }
            }

            /// Returns the value that a build has if neither a person, the runner nor git gives one.
            #[must_use]
            pub const fn default(self) -> Option<&'static str> {
                match self { $(Self::$field => $default,)+ }
            }

            /// Returns the consequence of a missing value: one sentence without a final period. `None` for a field that most
            /// builds do not have.
            #[must_use]
            pub const fn if_missing(self) -> Option<&'static str> {
                match self { $(Self::$field => $if_missing,)+ }
            }
        }
    };
}

fields! {
    /// Project, for example `gh/acme/shop`. A repository URL is converted to such a name
    Project {
        name: "project",
        variable: "BATON_PROJECT",
        value: "PROJECT" as Project,
        default: None,
        if_missing: Some("nothing can be stored without a project"),
    }
    /// Branch that is built
    Branch {
        name: "branch",
        variable: "BATON_BRANCH",
        value: "BRANCH" as Text,
        default: None,
        if_missing: Some("without a branch a build cannot become the latest of one"),
    }
    /// Branch that new branches start from
    DefaultBranch {
        name: "default-branch",
        variable: "BATON_DEFAULT_BRANCH",
        value: "BRANCH" as Text,
        default: None,
        if_missing: Some("without it the first build of a new branch shares no bytes with the default branch"),
    }
    /// Tag that is built
    Tag {
        name: "tag",
        variable: "BATON_TAG",
        value: "TAG" as Text,
        default: None,
        if_missing: None,
    }
    /// Commit: 7 to 64 hexadecimal digits
    Commit {
        name: "commit",
        variable: "BATON_COMMIT",
        value: "SHA" as Commit,
        default: None,
        if_missing: Some("without a commit `sha:` does not find the build"),
    }
    /// Number of the pipeline or run. It orders builds
    Run {
        name: "run",
        variable: "BATON_RUN",
        value: "N" as Number,
        default: None,
        if_missing: Some("without it builds are ordered by their number, or by their time"),
    }
    /// Number that `build:N` names. It replaces a missing run
    Number {
        name: "number",
        variable: "BATON_NUMBER",
        value: "N" as Number,
        default: None,
        if_missing: Some("without a number `build:N` does not find the build"),
    }
    /// Number of the job or attempt within the run. It orders builds of one run
    Attempt {
        name: "attempt",
        variable: "BATON_ATTEMPT",
        value: "N" as Number,
        default: None,
        if_missing: Some("without it the first of two attempts of one run counts as the latest"),
    }
    /// Name of what the run counts, if several workflows or runners share one count
    Counter {
        name: "counter",
        variable: "BATON_COUNTER",
        value: "NAME" as Text,
        default: None,
        if_missing: None,
    }
    /// ID of this run of the workflow
    Workflow {
        name: "workflow",
        variable: "BATON_WORKFLOW",
        value: "ID" as Text,
        default: None,
        if_missing: Some("without it `workflow:ID` does not find the build"),
    }
    /// ID of the workspace. A workflow and its reruns share one
    Workspace {
        name: "workspace",
        variable: "BATON_WORKSPACE",
        value: "ID" as Text,
        default: None,
        if_missing: Some("without a workspace jobs cannot pass files within the workflow"),
    }
    /// Name of the job
    Job {
        name: "job",
        variable: "BATON_JOB",
        value: "JOB" as Text,
        default: None,
        if_missing: Some("without a name the layers of two jobs cannot be distinguished"),
    }
    /// Parallel node, counted from 0: `0/8` to `7/8`
    Node {
        name: "node",
        variable: "BATON_NODE",
        value: "INDEX/TOTAL" as Node,
        default: None,
        if_missing: None,
    }
    /// Number of the pull or merge request that is built. `false` for none
    PullRequest {
        name: "pull-request",
        variable: "BATON_PULL_REQUEST",
        value: "N" as PullRequest,
        default: None,
        if_missing: None,
    }
    /// Whether the commit comes from a fork: `true`, `false`, `1` or `0`
    Fork {
        name: "fork",
        variable: "BATON_FORK",
        value: "BOOL" as Boolean,
        default: Some("false"),
        if_missing: None,
    }
    /// Link to the job
    Url {
        name: "url",
        variable: "BATON_URL",
        value: "URL" as Text,
        default: None,
        if_missing: Some("without it the record of the build does not link to the job"),
    }
    /// Person or account that started the build
    Actor {
        name: "actor",
        variable: "BATON_ACTOR",
        value: "NAME" as Text,
        default: None,
        if_missing: Some("without it the record of the build does not say who started it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_follows_from_the_name() {
        for field in Field::ALL {
            assert_eq!(
                field.variable(),
                format!("BATON_{}", field.name().replace('-', "_").to_uppercase())
            );
        }
    }

    #[test]
    fn texts_are_sentences_without_a_final_period() {
        for field in Field::ALL {
            for text in [field.help()].into_iter().chain(field.if_missing()) {
                assert!(!text.ends_with('.') && !text.starts_with(' '), "{text:?}");
            }
        }
    }

    #[test]
    fn the_names_are_those_of_the_wit_record_in_its_order() {
        let wit = include_str!("../../wit/types.wit");
        let record = wit.split("record build-context {").nth(1).unwrap_or_default();
        let record = record.split('}').next().unwrap_or_default();
        let lines = record
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("///"));
        let names: Vec<&str> = lines.filter_map(|line| Some(line.split_once(':')?.0)).collect();
        // The host adds these itself.
        let own = ["runner", "counter-part", "counter-shared", "component", "now-ms"];
        let names: Vec<&str> = names.into_iter().filter(|name| !own.contains(name)).collect();
        let table: Vec<&str> = Field::ALL.iter().map(|field| field.name()).collect();
        assert_eq!(names, table);
    }
}
