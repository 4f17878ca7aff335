//! The results of attempts.

use super::Failed;
use super::types;

/// Counts what was refused, and names what was not.
#[derive(Default)]
pub(super) struct Tried {
    refused: u32,
    reached: Vec<String>,
}

impl Tried {
    /// Takes the outcome of something that must be refused.
    pub(super) fn must_fail<T, E>(&mut self, what: impl Into<String>, outcome: Result<T, E>) {
        match outcome {
            Ok(_) => self.reached.push(what.into()),
            Err(_) => self.refused += 1,
        }
    }

    /// Takes something that must not be so.
    pub(super) fn must_not(&mut self, what: impl Into<String>, is: bool) {
        self.must_fail(what, if is { Ok(()) } else { Err(()) });
    }

    pub(super) fn told<T>(self) -> Failed<T> {
        match self.reached.is_empty() {
            true => told(&format!("all of {} attempts were refused", self.refused)),
            false => told(&format!("these got through: {}", self.reached.join(", "))),
        }
    }
}

/// Ends the run with a message: what a test reads.
pub(super) fn told<T>(message: &str) -> Failed<T> {
    Err(types::Error::Invalid(types::Problem {
        code: "attempt".to_owned(),
        message: message.to_owned(),
        subject: String::new(),
        causes: Vec::new(),
    }))
}
