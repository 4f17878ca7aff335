//! Setting the variable of a project of CircleCI that says which build is the latest.

use crate::baton::Baton;
use crate::bindings as wit;
use crate::build::BuildContext;
use crate::circleci_access::slug_path;
use crate::circleci_source::CircleciSource;
use crate::error::Error;
use crate::grants::{Change, Operation};
use crate::mirror::{Convert, mirror};
use crate::plugin_error::Problem;

mirror! {
    /// A variable that was set.
    pub struct LatestSet = circleci::LatestSet {
        /// The value before, as the API shows it: masked. Absent if there was none, or if it was not asked for.
        before: Option<String>,
        /// A note if it is unknown whether this moved the number backwards.
        warnings: Vec<Problem>,
    }
}

/// A request to set the variable of a project that says which build is the latest.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetLatestRequest {
    /// The project. `told` has no meaning here.
    pub source: CircleciSource,
    /// The variable's name: letters, digits and `_`, not beginning with a digit.
    pub variable: String,
    /// The number of the build that is the latest.
    pub number: u64,
    /// The number that the variable had when this job began, if it had one.
    pub seen: Option<u64>,
    /// Whether to set it even if that moves it backwards.
    pub force: bool,
    /// The job that asks.
    pub context: BuildContext,
}

impl SetLatestRequest {
    /// Returns the request to set a variable to a number, unless that moves it backwards.
    pub fn new(
        source: CircleciSource,
        variable: &str,
        number: u64,
        context: BuildContext,
    ) -> SetLatestRequest {
        SetLatestRequest {
            source,
            variable: variable.to_owned(),
            number,
            seen: None,
            force: false,
            context,
        }
    }
}

impl Baton {
    /// Sets the variable of a project of CircleCI that says which build is the latest. The component can set that one
    /// variable to that one number, and uses no store.
    pub fn set_latest(&self, request: &SetLatestRequest) -> Result<LatestSet, Error> {
        let mut resources = self.resources();
        resources.egress = self.egress_with(|policy| {
            policy.with_change(Change {
                project: slug_path(&request.source.project),
                name: request.variable.clone(),
                number: request.number,
            })
        });
        let request = request.clone();
        let request = wit::circleci::SetLatestRequest {
            source: request.source.convert(),
            variable: request.variable,
            number: request.number,
            seen: request.seen,
            force: request.force,
            context: request.context.convert(),
        };
        self.start(Operation::SetLatest, resources)?
            .call("set-latest", move |store, plugin| {
                plugin.baton_plugin_circleci().call_set_latest(store, &request)
            })
            .map(Convert::convert)
    }
}
