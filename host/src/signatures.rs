//! Checking the signatures of builds. `signing.rs` has the keys, `statement.rs` the text that is signed.

use crate::baton::Baton;
use crate::bindings as wit;
use crate::build::{Build, Scope};
use crate::circleci_source::CircleciSource;
use crate::error::Error;
use crate::mirror::Convert;
use crate::plugin_error::{PluginError, Problem};
use crate::statement;

impl Baton {
    /// Returns the statement of a build that is signed: an in-toto statement with the contents of its record. The same build
    /// always has the same bytes. Plain artifacts of CircleCI have none.
    pub fn statement(&self, build: &Build) -> Result<Vec<u8>, Error> {
        if !build.tree.is_empty() {
            return Ok(statement::of(build));
        }
        let message = format!(
            "{} has plain artifacts, of which CircleCI says neither sizes nor digests",
            build.selector
        );
        let problem = Problem::new("plain-artifacts", message).about("circleci:");
        Err(Error::Plugin(PluginError::Invalid(problem)))
    }

    /// Checks that the builds of an attach are signed and asked for, if a signature is required.
    pub(crate) fn check_signatures(&self, builds: &[Build], scope: &Scope) -> Result<(), Error> {
        self.signed(builds, scope.circleci.as_ref())
            .collect::<Result<(), Error>>()?;
        self.check_asked(builds, scope)
    }

    /// Checks that builds are signed, if they must be. A tree without a build cannot be signed.
    pub(crate) fn signed<'a>(
        &'a self,
        builds: &'a [Build],
        from: Option<&'a CircleciSource>,
    ) -> impl Iterator<Item = Result<(), Error>> + 'a {
        let none = (builds.is_empty() && self.options().require_signed.is_some()).then(|| {
            Err(Error::Unsigned {
                build: "a tree without a build".to_owned(),
                reason: "only builds are signed".to_owned(),
            })
        });
        builds
            .iter()
            .map(move |build| self.check_signature(build, from))
            .chain(none)
    }

    /// Checks that a build is signed by the required key, if there is one.
    fn check_signature(&self, build: &Build, from: Option<&CircleciSource>) -> Result<(), Error> {
        let Some(key) = &self.options().require_signed else {
            return Ok(());
        };
        let statement = self.statement(build)?;
        let mut found = self.signature(build, &key.id(), from)?;
        if found
            .envelope
            .as_ref()
            .is_some_and(|it| !key.verifies(it, &statement))
        {
            // Bytes can be altered on their way: a signature is read once more before it is refused.
            found = self.signature(build, &key.id(), from)?;
        }
        let wit::signatures::Found { envelope, others } = found;
        let reason = match envelope {
            Some(envelope) if key.verifies(&envelope, &statement) => return Ok(()),
            Some(_) => format!(
                "the signature by the key {} is of another build or was altered",
                key.id()
            ),
            None if others == 0 => "it is not signed".to_owned(),
            None => format!("none of its {others} signatures is by the key {}", key.id()),
        };
        Err(Error::Unsigned {
            build: build.selector.clone(),
            reason,
        })
    }

    /// Checks, if a signature is required, that builds are of the project and the artifact that were asked for: a signed build
    /// of another one is not accepted.
    fn check_asked(&self, builds: &[Build], scope: &Scope) -> Result<(), Error> {
        // At CircleCI a project has several names, and the API knows whose jobs these are.
        if self.options().require_signed.is_none() || scope.circleci.is_some() {
            return Ok(());
        }
        let is_other = |build: &&Build| {
            let (project, name) = (&scope.context.project, &scope.name);
            project.as_ref().is_some_and(|project| *project != build.project)
                || name.as_ref().is_some_and(|name| *name != build.artifact)
        };
        match builds.iter().find(is_other) {
            None => Ok(()),
            Some(build) => Err(Error::Unsigned {
                build: build.selector.clone(),
                reason: format!(
                    "it is of {} of {}, which was not asked for",
                    build.artifact, build.project
                ),
            }),
        }
    }

    /// Returns the object at the key of a build's signature by a key.
    fn signature(
        &self,
        build: &Build,
        key_id: &str,
        from: Option<&CircleciSource>,
    ) -> Result<wit::signatures::Found, Error> {
        let build: wit::types::Build = build.clone().convert();
        let source: Option<wit::types::CircleciSource> = from.cloned().convert();
        let key_id = key_id.to_owned();
        self.look_up(from)?.call("get", move |store, plugin| {
            plugin
                .baton_plugin_signatures()
                .call_get(store, &build, &key_id, source.as_ref())
        })
    }
}
