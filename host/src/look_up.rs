//! Looking up builds: `resolve`, `list`, `artifacts`, `show` and `diff`.

use crate::baton::Baton;
use crate::bindings as wit;
use crate::build::{Build, BuildContext, FileChange, Names, Query, Resolution, Scope, TreeEntry};
use crate::circleci_source::CircleciSource;
use crate::error::Error;
use crate::grants::Operation;
use crate::instance::{Instance, Paged};
use crate::mirror::Convert;
use crate::plugin_error::Problem;

/// The builds that a selector means, and their files.
#[derive(Debug)]
#[non_exhaustive]
pub struct Details {
    /// Several for a workspace, and for a job that ran as parallel nodes.
    pub builds: Vec<Build>,
    /// The entries of their merged trees, in path order.
    pub entries: Paged<TreeEntry>,
    /// Notes on the choice of the builds.
    pub warnings: Vec<Problem>,
}

/// The difference between the files that two selectors mean.
#[derive(Debug)]
#[non_exhaustive]
pub struct Difference {
    /// The first selector's builds.
    pub before: Vec<Build>,
    /// The second selector's builds.
    pub after: Vec<Build>,
    /// The paths that differ, in path order.
    pub changes: Paged<FileChange>,
    /// Notes on the choice of the builds.
    pub warnings: Vec<Problem>,
}

impl Baton {
    /// Returns the builds that a selector means: several for a workspace and for parallel nodes.
    pub fn resolve(&self, scope: &Scope) -> Result<Resolution, Error> {
        let asked: wit::types::Scope = scope.clone().convert();
        self.look_up(scope.circleci.as_ref())?
            .call("resolve", move |store, plugin| {
                plugin.baton_plugin_builds().call_resolve(store, &asked)
            })
            .map(Convert::convert)
    }

    /// Returns builds, newest first.
    pub fn list(&self, query: &Query) -> Result<Vec<Build>, Error> {
        let asked: wit::builds::Query = query.clone().convert();
        self.look_up(query.scope.circleci.as_ref())?
            .call("list", move |store, plugin| {
                plugin.baton_plugin_builds().call_list(store, &asked)
            })
            .map(Convert::convert)
    }

    /// Returns the names of a project's artifacts that follow `after`, at most `limit` of them: 1 to 1,000.
    pub fn artifacts(&self, context: &BuildContext, after: Option<&str>, limit: u32) -> Result<Names, Error> {
        let (context, after): (wit::types::BuildContext, _) =
            (context.clone().convert(), after.map(str::to_owned));
        self.instance(Operation::LookUp)?
            .call("artifacts", move |store, plugin| {
                plugin
                    .baton_plugin_builds()
                    .call_artifacts(store, &context, after.as_deref(), limit)
            })
            .map(Convert::convert)
    }

    /// Returns the builds that a selector means, and their files.
    pub fn show(&self, scope: &Scope) -> Result<Details, Error> {
        let mut instance = self.look_up(scope.circleci.as_ref())?;
        let scope: wit::types::Scope = scope.clone().convert();
        let details = instance.call("show", move |store, plugin| {
            plugin.baton_plugin_builds().call_show(store, &scope)
        })?;
        Ok(Details {
            builds: details.builds.convert(),
            entries: Paged::new(instance, details.entries, |instance, page| {
                let entries = instance.call("entries", move |store, plugin| {
                    plugin.baton_plugin_builds().call_entries(store, &page)
                });
                entries.map(Convert::convert)
            }),
            warnings: details.warnings.convert(),
        })
    }

    /// Returns the difference between the files that two selectors mean.
    pub fn diff(&self, before: &Scope, after: &Scope) -> Result<Difference, Error> {
        let sources = [before, after]
            .into_iter()
            .filter_map(|scope| scope.circleci.as_ref());
        let mut instance = self.look_up(sources)?;
        let before: wit::types::Scope = before.clone().convert();
        let after: wit::types::Scope = after.clone().convert();
        let difference = instance.call("diff", move |store, plugin| {
            plugin.baton_plugin_builds().call_diff(store, &before, &after)
        })?;
        Ok(Difference {
            before: difference.before.convert(),
            after: difference.after.convert(),
            changes: Paged::new(instance, difference.changes, |instance, page| {
                let changes = instance.call("changes", move |store, plugin| {
                    plugin.baton_plugin_builds().call_changes(store, &page)
                });
                changes.map(Convert::convert)
            }),
            warnings: difference.warnings.convert(),
        })
    }

    /// Starts an instance to look up builds, which can be among the artifacts of these projects of CircleCI.
    pub(crate) fn look_up<'a>(
        &self,
        sources: impl IntoIterator<Item = &'a CircleciSource>,
    ) -> Result<Instance, Error> {
        let mut resources = self.resources();
        resources.egress = self.egress_about(sources);
        self.start(Operation::LookUp, resources)
    }
}
