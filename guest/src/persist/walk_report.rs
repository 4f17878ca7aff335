//! Findings of a walk for the user: everything of a kind at once, of many the first few.

use std::collections::HashMap;

use super::request::{IfNoFiles, Persist, SpecialFiles};
use crate::error::{Error, Problem, Result, warning};
use crate::glob::Selection;
use crate::patterns::{shadow_problem, unused_problem};
use crate::text::text_of;

/// The maximum number of paths of a kind in a message.
const SHOWN_MAX: usize = 10;

/// Findings of a walk.
#[derive(Default)]
pub(super) struct WalkReport {
    /// Names that are not UTF-8.
    pub not_utf8: Listed,
    special: Listed,
    /// The first of them: what it is, and where.
    first_special: Option<(&'static str, String)>,
    /// Paths where a pattern may match, and that are not searched.
    pub barriers: HashMap<String, Barrier>,
}

/// Why nobody looks below a path.
pub(super) enum Barrier {
    /// A symlink, with its target.
    Symlink(Vec<u8>),
    /// A directory that baton keeps for itself.
    Reserved,
}

/// Paths for one message: the first few, and how many there are.
#[derive(Default)]
pub(super) struct Listed {
    first: Vec<String>,
    count: usize,
}

impl Listed {
    pub(super) fn add(&mut self, shown: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < SHOWN_MAX {
            self.first.push(shown());
        }
    }

    fn text(&self) -> String {
        let more = match self.count - self.first.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        self.first.join(", ") + &more
    }
}

impl WalkReport {
    /// Adds a device, socket or FIFO.
    pub(super) fn special(&mut self, what: &'static str, path: &str) {
        self.special.add(|| format!("{path} ({what})"));
        self.first_special.get_or_insert_with(|| (what, path.to_owned()));
    }

    /// Returns the warnings, or the first kind of thing that ends the persist.
    pub(super) fn report(self, request: &Persist, selection: &Selection) -> Result<Vec<Problem>> {
        let mut warnings = Vec::new();
        if self.not_utf8.count > 0 {
            let message = match self.not_utf8.count {
                1 => "a name is not UTF-8".to_owned(),
                count => format!("{count} names are not UTF-8"),
            };
            return Err(Error::invalid("name-not-utf8", message, &self.not_utf8.text()));
        }
        warnings.extend(self.special_files(request.special_files)?);
        self.unmatched(request, selection, &mut warnings)?;
        if request.if_no_files != IfNoFiles::Ignore {
            warnings.extend(selection.unused().map(unused_problem));
        }
        for shadowed in selection.shadowed() {
            warnings.push(shadow_problem(&shadowed)?);
        }
        Ok(warnings)
    }

    /// Fails or warns because of special files, as the request says.
    fn special_files(&self, wanted: SpecialFiles) -> Result<Option<Problem>> {
        let Some((what, path)) = &self.first_special else {
            return Ok(None);
        };
        let (files, listed) = match self.special.count {
            1 => (format!("a {what}"), path.clone()),
            count => (format!("{count} special files"), self.special.text()),
        };
        match wanted {
            SpecialFiles::Fail => {
                let message = format!("{files} cannot be persisted");
                Err(Error::invalid("special-file", message, &listed))
            }
            SpecialFiles::Skip => Ok(Some(warning(
                "special-skipped",
                format!("left out {files}"),
                &listed,
            ))),
        }
    }

    /// Fails or warns because of patterns without a match, as the request says.
    fn unmatched(&self, request: &Persist, selection: &Selection, warnings: &mut Vec<Problem>) -> Result<()> {
        let mut plain = Listed::default();
        for (pattern, barriers) in selection.unmatched() {
            if request.if_no_files == IfNoFiles::Ignore {
                break;
            }
            let why = barriers.and_then(|path| Some((path, self.barriers.get(path)?)));
            let (code, message) = match why {
                Some((path, barriers)) => closed_message(path, barriers),
                None if request.if_no_files == IfNoFiles::Fail => {
                    plain.add(|| pattern.to_owned());
                    continue;
                }
                None => ("no-files", "nothing matches this path below the root".to_owned()),
            };
            match request.if_no_files {
                IfNoFiles::Fail => return Err(Error::nothing_matched(code, message, pattern)),
                IfNoFiles::Warn | IfNoFiles::Ignore => warnings.push(warning(code, message, pattern)),
            }
        }
        let message = match plain.count {
            0 => return Ok(()),
            1 => "nothing matches this path below the root".to_owned(),
            count => format!("nothing matches these {count} paths below the root"),
        };
        Err(Error::nothing_matched("no-files", message, &plain.text()))
    }
}

/// Returns the code and the message for a pattern that took nothing because nobody looks below `path`.
fn closed_message(path: &str, barriers: &Barrier) -> (&'static str, String) {
    match barriers {
        Barrier::Symlink(target) => {
            let target = text_of(target);
            let message = format!(
                "nothing matches this path below the root: {path} is a symlink to {target}, and symlinks are not followed"
            );
            ("through-symlink", message)
        }
        Barrier::Reserved => {
            let message = format!(
                "nothing is persisted for this path: {path} is the store of baton, which is never persisted"
            );
            ("store-in-root", message)
        }
    }
}
