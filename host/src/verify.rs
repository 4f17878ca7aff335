//! Verifying: checking that the store holds everything that a build, or all builds, refer to.

use crate::baton::{Baton, wrong_report};
use crate::bindings as wit;
use crate::build::{Build, Scope};
use crate::error::Error;
use crate::mirror::{Convert, mirror};
use crate::plugin_error::Damage;
use crate::transfer::Progress;

mirror! {
    /// The way to repair a damage.
    pub enum Remedy = transfer::Remedy {
        /// Persist the files of each affected build again, as the same build.
        PersistAgain,
        /// Run a prune: it writes a new list of condemned objects.
        Prune,
        /// Move the channel or the branch to a build that you name.
        MoveAgain,
    }
}

mirror! {
    /// One damage, and the builds that it affects.
    pub struct Finding = transfer::Finding {
        /// The damage.
        damage: Damage,
        /// The way to repair it.
        remedy: Remedy,
        /// The number of affected records.
        hurts: u64,
        /// The first 20 affected builds.
        builds: Vec<Build>,
    }
}

mirror! {
    /// The result of a verify.
    pub struct Verified = transfer::Verified {
        /// The number of records that were checked.
        records: u64,
        /// The number of trees.
        trees: u64,
        /// The number of packs.
        packs: u64,
        /// The bytes of packs that were read.
        bytes: u64,
        /// The damage that was found.
        findings: Vec<Finding>,
    }
}

/// A request to verify one build, or the whole store.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyRequest {
    /// The build. Absent: the whole store.
    pub scope: Option<Scope>,
    /// Whether to read and check every byte. Otherwise packs are only checked to exist, with their size.
    pub data: bool,
    /// Whether [`Progress::planned`] gets all builds of a whole store, of which there can be very many.
    pub names_builds: bool,
}

impl VerifyRequest {
    /// Returns the request to verify the build of a scope.
    pub fn build(scope: Scope) -> VerifyRequest {
        VerifyRequest {
            scope: Some(scope),
            data: false,
            names_builds: false,
        }
    }

    /// Returns the request to verify the whole store.
    pub fn store() -> VerifyRequest {
        VerifyRequest {
            scope: None,
            data: false,
            names_builds: false,
        }
    }

    /// Reads and checks every byte.
    pub fn data(mut self) -> VerifyRequest {
        self.data = true;
        self
    }
}

impl Baton {
    /// Checks that the store holds everything that a build, or all builds, refer to. Changes nothing. If
    /// [`Options::require_signed`](crate::Options::require_signed) has a key, the second value has an [`Error::Unsigned`] for
    /// each build that it has not signed.
    pub fn verify(
        &self,
        request: &VerifyRequest,
        progress: &mut dyn Progress,
    ) -> Result<(Verified, Vec<Error>), Error> {
        let mut unsigned = Vec::new();
        let from = request.scope.as_ref().and_then(|scope| scope.circleci.as_ref());
        let asked = wit::transfer::Request::Verify(wit::transfer::VerifyRequest {
            scope: request.scope.clone().convert(),
            data: request.data,
            names_builds: request.names_builds,
        });
        let report = self.transfer(
            &asked,
            None,
            &mut |plan| {
                let builds: Vec<Build> = plan.builds.clone().convert();
                for signed in self.signed(&builds, from) {
                    match signed {
                        Err(error @ Error::Unsigned { .. }) => unsigned.push(error),
                        other => other?,
                    }
                }
                Ok(())
            },
            progress,
        )?;
        match report {
            wit::transfer::Report::Verified(report) => Ok((report.convert(), unsigned)),
            _ => Err(wrong_report()),
        }
    }
}
