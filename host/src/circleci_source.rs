//! The artifacts of CircleCI's jobs as a place to search builds in.

use crate::mirror::mirror;

mirror! {
    /// The artifacts of a project's jobs on CircleCI, as a place to search builds in. [`CircleCi::source`](crate::CircleCi::source) returns one.
    pub struct CircleciSource = types::CircleciSource {
        /// The origin of the API, without a slash at the end: `https://circleci.com`, or a CircleCI Server's.
        base_url: String,
        /// The project's slug: `gh/acme/shop`, or `circleci/ID/ID`.
        project: String,
        /// The longest time that one request is retried, in milliseconds.
        patience_ms: u64,
        /// The variable that has the token, for messages.
        token_variable: String,
        /// Whether the host has a token.
        has_token: bool,
        /// A number that decides which build `latest` is, instead of the API.
        told: Option<ToldNumber>,
    }
}

mirror! {
    /// The number of a build, from a variable.
    pub struct ToldNumber = types::ToldNumber {
        /// The variable's name.
        variable: String,
        /// The build's number.
        number: u64,
    }
}

impl ToldNumber {
    /// Returns the number of a build that this variable has.
    pub fn new(variable: &str, number: u64) -> ToldNumber {
        ToldNumber {
            variable: variable.to_owned(),
            number,
        }
    }
}
