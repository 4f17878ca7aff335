//! The export `circleci`: the project's variables.

use super::convert::{context, source, to_wit_error, wit_problems};
use super::exports::circleci as wit;
use super::http::Granted;
use crate::circleci::{LatestSet, SetLatest, set_latest};

impl wit::Guest for super::Component {
    fn set_latest(request: wit::SetLatestRequest) -> Result<wit::LatestSet, wit::Error> {
        let request = SetLatest {
            source: source(request.source),
            variable: request.variable,
            number: request.number,
            seen: request.seen,
            force: request.force,
            context: context(request.context),
        };
        let LatestSet { warnings, before } = set_latest(&Granted::new(), &request).map_err(to_wit_error)?;
        Ok(wit::LatestSet {
            before,
            warnings: wit_problems(warnings),
        })
    }
}
