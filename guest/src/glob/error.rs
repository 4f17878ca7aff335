//! Why a list of patterns is refused, with what to write instead.

use crate::text::shown;

/// Longest pattern in bytes: PATH_MAX on Linux, so that no path that exists is too long to be written.
pub(super) const PATTERN_BYTES_MAX: usize = 4096;

/// Most alternatives that the braces of one pattern may expand to.
pub(super) const ALTERNATIVES_MAX: usize = 1000;

/// Most characters that expanding may write: a bound on the time and, at some 20 MiB, on the memory that it takes.
pub(super) const EXPANDED_MAX: usize = 1 << 19;

/// Why a list of patterns is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// The list has no pattern.
    #[error("no pattern is given; `.` selects everything below the root")]
    NoPattern,
    /// A pattern of the list is refused.
    #[error("pattern `{pattern}` {fault}")]
    Pattern {
        /// The pattern as it was given, cut when it is long.
        pattern: String,
        /// The fault of the pattern.
        fault: GlobFault,
    },
}

/// The fault of one pattern, with a correct form. The numbers count characters of the pattern from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GlobFault {
    /// Neither this pattern nor another of the request includes anything.
    #[error("only excludes, and no pattern includes anything; add one that does, such as `.`")]
    OnlyExcludes,
    /// The pattern, or an alternative of its braces, has no characters.
    #[error("is empty or has an empty alternative; `.` selects everything below the root")]
    Empty,
    /// The pattern has this many bytes, more than any path.
    #[error("is {0} bytes long, more than {PATTERN_BYTES_MAX}; split it into several patterns")]
    TooLong(usize),
    /// A NUL, which no path can contain.
    #[error("has a NUL at character {0}, which no path can have; remove it")]
    Nul(usize),
    /// The pattern, or an alternative of its braces, starts with `/`.
    #[error("is absolute; write it relative to the root, with no `/` at its start")]
    Absolute,
    /// A component is `..`.
    #[error("has `..` at character {0}; name something below the root, or choose a root further up")]
    Parent(usize),
    /// A `/` follows another.
    #[error("has an empty component at character {0}; write a single `/`")]
    EmptyComponent(usize),
    /// A `[` has no `]` in the same component.
    #[error("has a `[` at character {0} without a `]` before the next `/`; close it, or write `\\[`")]
    UnclosedClass(usize),
    /// A range of a class, from its first to its last character, goes backwards.
    #[error("has the range `{1}-{2}` at character {0}, which is backwards; write `{2}-{1}`")]
    ReversedRange(usize, char, char),
    /// A `{` has no `}`.
    #[error("has a `{{` at character {0} without a `}}`; close it, or write `\\{{`")]
    UnclosedBrace(usize),
    /// A `\` ends the pattern.
    #[error("ends in a `\\` that escapes nothing; remove it, or write `\\\\`; names are separated by `/`")]
    TrailingEscape,
    /// `**` shares its component with something else.
    #[error("has `**` beside other characters at character {0}; write `*`, or put `**` alone between `/`")]
    GluedStars(usize),
    /// The braces expand to too much.
    #[error(
        "expands to more than {ALTERNATIVES_MAX} alternatives or {EXPANDED_MAX} characters; \
         split it into several patterns"
    )]
    TooManyAlternatives,
}

impl GlobError {
    pub(super) fn new(pattern: &str, fault: GlobFault) -> Self {
        Self::Pattern {
            pattern: shown(pattern),
            fault,
        }
    }
}
