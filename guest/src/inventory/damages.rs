//! Damages, collected.

use crate::error::{Damage, Result};

/// Collects damages, where anything else is a failure.
pub(crate) trait Damages {
    /// Returns what is whole, and remembers what is damaged.
    fn keep<T>(&mut self, found: Result<T>) -> Result<Option<T>>;
}

impl Damages for Vec<Damage> {
    fn keep<T>(&mut self, found: Result<T>) -> Result<Option<T>> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                self.push(error.into_damage()?);
                Ok(None)
            }
        }
    }
}
