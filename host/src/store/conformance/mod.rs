//! The test suite of [`ObjectStore`]: each promise of the trait as a function that a test of any store can call.
//!
//! It needs the feature `conformance`, which belongs into the `[dev-dependencies]` of a crate that implements a store.
//! The suite uses no test framework: a broken promise is an error. The suite calls only the trait. It does not test what
//! happens after a crash, or on a network that fails.
//!
//! ```
//! use baton_host::MemoryStore;
//! use baton_host::store::conformance::{self, Violation};
//!
//! // In your crate, this is the body of a `#[test]`, and the closure returns an empty store of yours.
//! fn my_store_keeps_every_promise() -> Result<(), Violation> {
//!     conformance::check_all(|_promise| MemoryStore::default())
//! }
//! # my_store_keeps_every_promise().unwrap();
//! ```
//!
//! Each promise can also be a test by itself, which runs them in parallel and names the broken one:
//!
//! ```
//! # use baton_host::MemoryStore;
//! use baton_host::store::conformance::PROMISES;
//!
//! for promise in PROMISES {
//!     println!("{}", promise.name());
//!     promise.check(&MemoryStore::default())?;
//! }
//! # Ok::<(), baton_host::store::conformance::Violation>(())
//! ```

mod checks;
mod listings;
mod objects;

use std::fmt;

use super::{ObjectStore, StoreError};
use checks::Broken;

/// One promise of the trait [`ObjectStore`]. [`PROMISES`] has them all.
#[derive(Clone, Copy)]
pub struct Promise {
    name: &'static str,
    check: fn(&dyn ObjectStore) -> Result<(), Broken>,
}

impl Promise {
    /// Returns its name: a statement in snake case, such as `one_of_several_creators_succeeds`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Checks the promise on a store that is empty and that nobody else uses.
    ///
    /// Objects stay in the store. The largest has 64 MiB, and no promise needs more than about 3,000 of them.
    pub fn check(&self, store: &dyn ObjectStore) -> Result<(), Violation> {
        (self.check)(store).map_err(|broken| Violation {
            promise: self.name,
            store: store.location(),
            reason: broken.to_string(),
            source: match broken {
                Broken::Call(error) => Some(Box::new(error)),
                Broken::Answer(_) | Broken::Panic => None,
            },
        })
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Promise({})", self.name)
    }
}

/// A store breaks a promise of [`ObjectStore`], or a call that must succeed failed: then [`source`] is its error.
///
/// [`source`]: std::error::Error::source
#[derive(Debug, thiserror::Error)]
#[error("the store {store} breaks the promise {promise}: {reason}")]
pub struct Violation {
    promise: &'static str,
    store: String,
    reason: String,
    source: Option<Box<StoreError>>,
}

impl Violation {
    /// Returns the name of the broken promise.
    pub fn promise(&self) -> &'static str {
        self.promise
    }
}

/// Checks every promise, each on a new store. `open` receives the promise and returns an empty store that nobody else
/// uses: a new directory, a bucket, or a prefix named after the promise. Ends at the first broken promise.
pub fn check_all<S: ObjectStore>(mut open: impl FnMut(&Promise) -> S) -> Result<(), Violation> {
    PROMISES
        .iter()
        .try_for_each(|promise| promise.check(&open(promise)))
}

macro_rules! promises {
    ($($module:ident::$name:ident)*) => {
        /// Every promise of [`ObjectStore`] that a program can check.
        pub const PROMISES: &[Promise] = &[$(Promise {
            name: stringify!($name),
            check: $module::$name,
        }),*];
    };
}

promises! {
    objects::missing_objects_are_not_errors
    objects::objects_are_read_whole_and_in_parts
    objects::empty_objects_exist
    objects::large_objects_are_kept
    objects::named_objects_are_kept
    objects::create_keeps_and_overwrite_replaces
    objects::one_of_several_creators_succeeds
    objects::a_reader_sees_one_whole_object
    objects::delete_removes_only_what_it_names
    objects::unusual_names_are_accepted
    objects::a_probe_succeeds_and_leaves_nothing
    listings::a_listing_continues_after_any_key
    listings::pages_contain_each_key_once
    listings::a_prefix_is_not_a_directory
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::error::Error as _;

    use super::super::{ByteRange, Key, MemoryStore, PutMode, PutOutcome};
    use super::*;

    /// A store in memory with a fault.
    #[derive(Debug)]
    struct Faulty(MemoryStore, Fault);

    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Fault {
        CreateReplaces,
        OffsetIsIgnored,
        ListIsInclusive,
        DeleteTakesPrefix,
        PrefixIsDirectory,
        MissingFails,
        LimitIsIgnored,
        EmptyIsMissing,
    }

    impl ObjectStore for Faulty {
        fn get(&self, key: Key<'_>, range: Option<ByteRange>) -> Result<Option<Vec<u8>>, StoreError> {
            let range = range.map(|range| match self.1 {
                Fault::OffsetIsIgnored => ByteRange { offset: 0, ..range },
                _ => range,
            });
            let found = self.0.get(key, range)?;
            match (self.1, &found) {
                (Fault::MissingFails, None) => Err(StoreError::Key(key.to_string())),
                (Fault::EmptyIsMissing, Some(bytes)) if bytes.is_empty() => Ok(None),
                _ => Ok(found),
            }
        }

        fn head(&self, key: Key<'_>) -> Result<Option<u64>, StoreError> {
            self.0.head(key)
        }

        fn put(&self, key: Key<'_>, bytes: &[u8], mode: PutMode) -> Result<PutOutcome, StoreError> {
            match self.1 {
                Fault::CreateReplaces => self.0.put(key, bytes, PutMode::Overwrite),
                _ => self.0.put(key, bytes, mode),
            }
        }

        fn list(
            &self,
            prefix: &str,
            start_after: Option<&str>,
            limit: usize,
        ) -> Result<Vec<String>, StoreError> {
            match (self.1, start_after) {
                (Fault::ListIsInclusive, Some(after)) if self.0.head(Key::parse(after)?)?.is_some() => {
                    let mut keys = self.0.list(prefix, start_after, limit.saturating_sub(1))?;
                    keys.insert(0, after.to_owned());
                    Ok(keys)
                }
                (Fault::PrefixIsDirectory, _) if !prefix.is_empty() && !prefix.ends_with('/') => {
                    self.0.list(&format!("{prefix}/"), start_after, limit)
                }
                (Fault::LimitIsIgnored, _) => self.0.list(prefix, start_after, usize::MAX),
                _ => self.0.list(prefix, start_after, limit),
            }
        }

        fn delete(&self, keys: &[Key<'_>]) -> Result<(), StoreError> {
            if self.1 == Fault::DeleteTakesPrefix {
                for key in keys {
                    let below = self.0.list(key.as_str(), None, usize::MAX)?;
                    let below: Vec<Key<'_>> = below
                        .iter()
                        .map(|key| Key::parse(key))
                        .collect::<Result<_, _>>()?;
                    self.0.delete(&below)?;
                }
            }
            self.0.delete(keys)
        }

        fn probe(&self) -> Result<Vec<(&'static str, &'static str)>, StoreError> {
            self.0.probe()
        }

        fn location(&self) -> String {
            "faulty:".to_owned()
        }
    }

    #[test]
    fn each_fault_breaks_the_promise_that_it_is_about() {
        for (fault, promise) in [
            (Fault::MissingFails, "missing_objects_are_not_errors"),
            (Fault::OffsetIsIgnored, "objects_are_read_whole_and_in_parts"),
            (Fault::EmptyIsMissing, "objects_are_read_whole_and_in_parts"),
            (Fault::CreateReplaces, "empty_objects_exist"),
            (Fault::DeleteTakesPrefix, "delete_removes_only_what_it_names"),
            (Fault::ListIsInclusive, "delete_removes_only_what_it_names"),
            (Fault::LimitIsIgnored, "a_listing_continues_after_any_key"),
            (Fault::PrefixIsDirectory, "a_listing_continues_after_any_key"),
        ] {
            let violation = check_all(|_| Faulty(MemoryStore::default(), fault)).unwrap_err();
            assert_eq!(violation.promise(), promise, "{fault:?}: {violation}");
        }
    }

    #[test]
    fn the_error_of_a_failed_call_is_the_source() {
        let violation = check_all(|_| Faulty(MemoryStore::default(), Fault::MissingFails)).unwrap_err();
        assert_eq!(
            violation.to_string(),
            "the store faulty: breaks the promise missing_objects_are_not_errors: a call failed"
        );
        assert_eq!(
            violation.source().unwrap().to_string(),
            "not a valid key: \"a/b\""
        );
    }

    #[test]
    fn each_promise_gets_a_store_of_its_own() {
        let mut opened = Vec::new();
        check_all(|promise| {
            opened.push(promise.name());
            MemoryStore::default()
        })
        .unwrap();
        assert_eq!(opened, PROMISES.iter().map(Promise::name).collect::<Vec<_>>());
    }
}
