//! The grants of each operation, as a value. A run, `baton policy` and the table in ARCHITECTURE.md take the grants from
//! here, and from nowhere else.

use std::fmt;

/// The allowed use of a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Files are read.
    Read,
    /// Files are read and changed.
    Write,
}

impl fmt::Display for Access {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Access::Read => "read",
            Access::Write => "read, write",
        })
    }
}

/// The allowed use of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreAccess {
    /// Objects are read.
    Read,
    /// Objects are read and created. Existing objects stay as they are.
    Create,
    /// Objects are read and created, and damaged ones are replaced, within the bounds of a repair.
    Repair,
    /// Objects are read, created and deleted. Existing objects are not replaced.
    Delete,
}

impl StoreAccess {
    /// Returns whether this access includes another one.
    pub fn includes(self, other: StoreAccess) -> bool {
        match other {
            StoreAccess::Read => true,
            StoreAccess::Create => self != StoreAccess::Read,
            StoreAccess::Repair | StoreAccess::Delete => self == other,
        }
    }
}

impl fmt::Display for StoreAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            StoreAccess::Read => "read",
            StoreAccess::Create => "read, create",
            StoreAccess::Repair => "read, create, repair",
            StoreAccess::Delete => "read, create, delete",
        })
    }
}

/// How CircleCI's servers may be used, where the run is about CircleCI. All other servers are out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NetworkAccess {
    /// The API and the servers that keep artifacts are read, and once where a redirect of theirs leads.
    Read,
    /// As [`Read`](Self::Read), and one variable of one project is set to one number.
    SetVariable,
}

impl fmt::Display for NetworkAccess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            NetworkAccess::Read => "read",
            NetworkAccess::SetVariable => "read, set one variable",
        })
    }
}

/// The access that one instance of the component is granted. What is absent cannot be reached at all. Nobody is granted
/// environment variables, arguments, standard input, sockets or secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantSet {
    /// One directory: the root of a persist, the target of an attach.
    pub directory: Option<Access>,
    /// The store of the run.
    pub store: Option<StoreAccess>,
    /// The servers of CircleCI. Only where the run has a [`CircleCi`](crate::CircleCi).
    pub network: Option<NetworkAccess>,
}

/// Something that the component is asked to do, by what it needs for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Stores files of a directory.
    Persist {
        /// Whether nothing is stored.
        dry_run: bool,
    },
    /// Writes files into a directory.
    Attach {
        /// Whether nothing is written.
        dry_run: bool,
    },
    /// Reads records of builds and channels, and the lists of files.
    LookUp,
    /// Reads everything that a build, or the whole store, refers to.
    Verify,
    /// Moves a channel, or the latest build of a branch.
    Move,
    /// Decides what a prune or a removal deletes.
    PlanRemoval,
    /// Deletes what was decided.
    Remove,
    /// Stores the signature of a build.
    Sign,
    /// Sets the variable of a project of CircleCI that says which build is the latest.
    SetLatest,
}

impl Operation {
    /// Returns the access that an instance gets for this operation.
    pub const fn grants(self) -> GrantSet {
        let (directory, store, network) = match self {
            Operation::Persist { dry_run: true } => (Some(Access::Read), Some(StoreAccess::Read), None),
            Operation::Persist { dry_run: false } => (Some(Access::Read), Some(StoreAccess::Repair), None),
            Operation::Attach { dry_run: true } => (
                Some(Access::Read),
                Some(StoreAccess::Read),
                Some(NetworkAccess::Read),
            ),
            Operation::Attach { dry_run: false } => (
                Some(Access::Write),
                Some(StoreAccess::Read),
                Some(NetworkAccess::Read),
            ),
            Operation::LookUp | Operation::Verify => {
                (None, Some(StoreAccess::Read), Some(NetworkAccess::Read))
            }
            Operation::Move => (None, Some(StoreAccess::Create), None),
            Operation::PlanRemoval => (None, Some(StoreAccess::Read), None),
            Operation::Remove => (None, Some(StoreAccess::Delete), None),
            // What replaces the signature of a build that was repaired.
            Operation::Sign => (None, Some(StoreAccess::Repair), None),
            Operation::SetLatest => (None, None, Some(NetworkAccess::SetVariable)),
        };
        GrantSet {
            directory,
            store,
            network,
        }
    }
}
