//! The current targets of every channel and every moved branch.

use crate::error::{Error, Result};
use crate::event::Event;
use crate::keys::{self};
use crate::ports::Store;

/// The current position of a channel or a moved branch.
#[derive(Debug)]
pub struct CurrentPointer {
    /// Its last event.
    pub last: Event,
    /// The events that steps back lead to, one step first.
    pub before: Vec<Event>,
}

/// Returns what every history of every project says now, and so many steps before. With `over_damage` an event that cannot
/// be read, and is not the last, ends the steps.
pub fn current_pointers(store: &impl Store, steps: u32, over_damage: bool) -> Result<Vec<CurrentPointer>> {
    let mut all = Vec::new();
    for project in firsts(store, keys::PROJECTS, 1)? {
        for kind in ["channels", "moves"] {
            let prefix = format!("{project}/{kind}/");
            // An artifact and a name, followed by the events, newest first.
            for history in firsts(store, &prefix, 2)? {
                let Some(key) = store.list(&format!("{history}/"), None, 1)?.pop() else {
                    continue;
                };
                let last = Event::read(store, &key)?;
                let mut before: Vec<Event> = Vec::new();
                for _ in 0..steps {
                    match before.last().unwrap_or(&last).before(store) {
                        Ok(Some(event)) => before.push(event),
                        Ok(None) => break,
                        Err(Error::Damaged(_)) if over_damage => break,
                        Err(error) => return Err(error),
                    }
                }
                all.push(CurrentPointer { last, before });
            }
        }
    }
    Ok(all)
}

/// Returns the different beginnings of keys below a prefix: the prefix and so many names. One request each.
fn firsts(store: &impl Store, prefix: &str, names: usize) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut after = None;
    while let Some(key) = store.list(prefix, after.as_deref(), 1)?.pop() {
        let rest = key.get(prefix.len()..).unwrap_or_default();
        let end = rest
            .match_indices('/')
            .nth(names - 1)
            .map_or(rest.len(), |(at, _)| at);
        let first = format!("{prefix}{}", rest.get(..end).unwrap_or(rest));
        after = Some(keys::behind(&first, &key));
        if found.last() != Some(&first) {
            found.push(first);
        }
    }
    Ok(found)
}
