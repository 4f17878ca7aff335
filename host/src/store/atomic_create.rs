//! Tests whether a store lets exactly one of several creators succeed, because several servers report success and overwrite.

use super::{PutOutcome, StoreError};
use crate::random;

/// The number of concurrent creators of one key.
const RACERS: usize = 8;
/// The result of a successful test.
pub(super) const ATOMIC: (&str, &str) = ("create", "atomic: of 8 racing creators one wins");

/// The operations that a probe needs. Names are relative to the prefix of the probe.
pub(super) trait ProbedStore: Sync {
    /// Creates an object, without waiting for other requests.
    fn create(&self, name: &str, text: &str) -> Result<PutOutcome, StoreError>;

    /// Returns an object.
    fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns the store, as errors show it.
    fn location(&self) -> String;
}

/// Tests that a created object stays, and that one of several creators succeeds. Leaves the objects `first` and `race`.
pub(super) fn create_is_atomic(store: &impl ProbedStore) -> Result<(), StoreError> {
    let wrong = |reason: String| StoreError::NotAtomic {
        store: store.location(),
        reason,
    };
    if store.create("first", "first")? != PutOutcome::Stored {
        return Err(wrong("the server reports that a new key exists".to_owned()));
    }
    if store.create("first", "second")? != PutOutcome::AlreadyExists {
        return Err(wrong("a second create of the same key succeeds".to_owned()));
    }
    if store.get("first")?.as_deref() != Some(b"first") {
        return Err(wrong(
            "a second create of the same key is refused, but it replaces the object".to_owned(),
        ));
    }
    let outcomes: Vec<Result<PutOutcome, StoreError>> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..RACERS)
            .map(|racer| scope.spawn(move || store.create("race", &racer.to_string())))
            .collect();
        racers.into_iter().filter_map(|racer| racer.join().ok()).collect()
    });
    let outcomes: Vec<PutOutcome> = outcomes.into_iter().collect::<Result<_, _>>()?;
    let won = |outcome: &PutOutcome| *outcome == PutOutcome::Stored;
    let winners = outcomes.iter().filter(|outcome| won(outcome)).count();
    if winners != 1 || outcomes.len() != RACERS {
        return Err(wrong(format!(
            "of {RACERS} that create one key at once, {winners} succeed"
        )));
    }
    let winner = outcomes
        .iter()
        .position(won)
        .map(|winner| winner.to_string().into_bytes());
    if store.get("race")? != winner {
        return Err(wrong(
            "the object has the bytes of a creator that was refused".to_owned(),
        ));
    }
    Ok(())
}

/// Returns a random prefix for the objects of a probe.
pub(super) fn new_prefix() -> Result<String, StoreError> {
    let id = random::id().map_err(StoreError::Thread)?;
    Ok(format!(".probe/{id}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use super::*;

    /// The way in which a server handles a create.
    enum Server {
        Atomic,
        Overwrites,
        /// Refuses the second, but has replaced the first by then.
        Late,
        /// Two at once both see nothing.
        Racy,
    }

    struct Fake(Server, Mutex<BTreeMap<String, Vec<u8>>>);

    impl ProbedStore for Fake {
        fn create(&self, name: &str, text: &str) -> Result<PutOutcome, StoreError> {
            let there = self.1.lock().unwrap().contains_key(name);
            if matches!(self.0, Server::Racy) {
                std::thread::sleep(std::time::Duration::from_millis(50));
            }
            let mut objects = self.1.lock().unwrap();
            let there = match self.0 {
                Server::Racy => there,
                _ => objects.contains_key(name),
            };
            if !there || !matches!(self.0, Server::Atomic) {
                objects.insert(name.to_owned(), text.as_bytes().to_vec());
            }
            match (&self.0, there) {
                (Server::Overwrites, _) | (_, false) => Ok(PutOutcome::Stored),
                _ => {
                    if matches!(self.0, Server::Racy) {
                        objects.insert(name.to_owned(), b"first".to_vec());
                    }
                    Ok(PutOutcome::AlreadyExists)
                }
            }
        }

        fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.1.lock().unwrap().get(name).cloned())
        }

        fn location(&self) -> String {
            "fake".to_owned()
        }
    }

    #[test]
    fn each_way_to_be_wrong_is_found() {
        let reason = |server| match create_is_atomic(&Fake(server, Mutex::default())) {
            Ok(()) => String::new(),
            Err(error) => error.to_string(),
        };
        assert_eq!(reason(Server::Atomic), "");
        assert!(reason(Server::Overwrites).contains("second create"));
        assert!(reason(Server::Late).contains("replaces the object"));
        assert!(
            reason(Server::Racy).contains("at once"),
            "{}",
            reason(Server::Racy)
        );
    }
}
