//! Moving what people deploy: promote, rollback, release, and the history of a channel or of a branch's latest.
//!
//! Every move is decided on the last event that was seen, and created under the next number. Who loses that race looks
//! again and decides again, so that a history has no gap, no number twice, and no move without a decision.

mod decision;
mod history;
mod moves;
mod promote;
mod release;
mod rollback;

pub use history::events;
pub use moves::Moved;
pub use promote::{Promote, promote};
pub use release::release;
pub use rollback::{Rollback, Target, rollback};
