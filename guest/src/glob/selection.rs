//! The selection that the patterns of one request make, and what of it a user should hear of.

use super::error::{GlobError, GlobFault};
use super::parse;
use super::pattern::{Glob, compile};

/// The decision of a [`Selection`] about one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The entry is taken, and so is all below it that no pattern excludes.
    Selected,
    /// The entry is a directory that is not taken itself, but something below it may be.
    Descend,
    /// Neither the entry nor anything below it is taken.
    Skip,
}

/// The patterns of one request: what is taken, and what `!` excludes.
///
/// The order of the patterns has no meaning, and an exclude always wins: what is below an excluded directory cannot be
/// included again. `\!` starts a pattern for a name that starts with `!`.
#[derive(Debug, Clone)]
pub struct Selection {
    includes: Vec<Include>,
    excludes: Vec<Exclude>,
    shadows: Vec<Shadow>,
}

#[derive(Debug, Clone)]
struct Include {
    glob: Glob,
    /// Whether an entry that this pattern matches was taken.
    matched: bool,
    /// A path that could match and that is not searched: see [`Selection::note_barrier`].
    barrier: Option<String>,
}

#[derive(Debug, Clone)]
struct Exclude {
    glob: Glob,
    /// Whether this pattern left anything out.
    matched: bool,
}

/// The meaning as a pattern of a text that was taken as a path.
#[derive(Debug, Clone)]
struct Shadow {
    text: String,
    glob: Glob,
    /// Whether the text is taken to include a path, and whether the pattern would.
    includes: bool,
    would_include: bool,
    /// The first path that the pattern would have decided otherwise.
    other: Option<String>,
}

/// A text that names a path that exists, and would mean something else as a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shadowed<'a> {
    /// The text as it was given.
    pub text: &'a str,
    /// A path that the pattern would have decided otherwise.
    pub other: &'a str,
    /// Whether the pattern would exclude what the text includes: nobody can tell which was meant.
    pub is_ambiguous: bool,
}

impl Selection {
    /// Compiles the patterns of a request, of which at least one must include something. `exists` is asked about texts
    /// with special characters: one that names a path that exists is that path.
    pub fn parse<S: AsRef<str>, E: From<GlobError>>(
        patterns: &[S],
        mut exists: impl FnMut(&str) -> Result<bool, E>,
    ) -> Result<Self, E> {
        let mut selection = Self {
            includes: Vec::new(),
            excludes: Vec::new(),
            shadows: Vec::new(),
        };
        for text in patterns.iter().map(S::as_ref) {
            let (skip, is_exclude) = (usize::from(text.starts_with('!')), text.starts_with('!'));
            let mut named = |text: &str| match parse::literal(text) {
                Some(path) => exists(&path).map(|exists| exists.then_some(path)),
                None => Ok(None),
            };
            if let Some(path) = named(text)? {
                selection.include(Glob::of_path(text, &path));
                selection.shadow(text, skip, true);
            } else if !is_exclude {
                selection.include(compile(text, 0)?);
            } else if let Some(path) = named(text.get(1..).unwrap_or_default())? {
                selection.exclude(Glob::of_path(text, &path));
                selection.shadow(text, skip, false);
            } else {
                selection.exclude(compile(text, 1)?);
            }
        }
        match selection.excludes.first() {
            _ if !selection.includes.is_empty() => Ok(selection),
            Some(first) => Err(GlobError::new(first.glob.text(), GlobFault::OnlyExcludes).into()),
            None => Err(GlobError::NoPattern.into()),
        }
    }

    /// Compiles the patterns of a tree. They were written to mean the same whatever exists.
    pub fn of_patterns<S: AsRef<str>>(patterns: &[S]) -> Result<Self, GlobError> {
        Selection::parse(patterns, |_| Ok(false))
    }

    fn include(&mut self, glob: Glob) {
        self.includes.push(Include {
            glob,
            matched: false,
            barrier: None,
        });
    }

    fn exclude(&mut self, glob: Glob) {
        self.excludes.push(Exclude { glob, matched: false });
    }

    /// Remembers what `text` means as a pattern, if it is one.
    fn shadow(&mut self, text: &str, skip: usize, includes: bool) {
        if let Ok(glob) = compile(text, skip) {
            self.shadows.push(Shadow {
                text: text.to_owned(),
                glob,
                includes,
                would_include: skip == 0,
                other: None,
            });
        }
    }

    /// Judges one entry of a walk from the top, and remembers which patterns took something.
    ///
    /// `parent` is the verdict on the directory that holds the entry: [`Verdict::Descend`] for the root, and never
    /// [`Verdict::Skip`] unless the walk entered a directory in vain.
    pub fn check(&mut self, path: &str, is_directory: bool, parent: Verdict) -> Verdict {
        if parent == Verdict::Skip || self.excludes(path) {
            return Verdict::Skip;
        }
        let mut selected = parent == Verdict::Selected;
        for include in &mut self.includes {
            // Once the entry is taken, only patterns that have taken nothing yet can change anything.
            if !(selected && include.matched) && include.glob.matches(path) {
                include.matched = true;
                selected = true;
            }
        }
        for shadow in &mut self.shadows {
            // An entry that is taken is no other for a pattern that would take it, too.
            if shadow.other.is_none() && shadow.would_include != selected && shadow.glob.matches(path) {
                shadow.other = Some(path.to_owned());
            }
        }
        let may_match_below = |include: &Include| include.glob.may_match_below(path);
        let may_shadow_below = |shadow: &Shadow| {
            shadow.would_include && shadow.other.is_none() && shadow.glob.may_match_below(path)
        };
        match selected {
            true => Verdict::Selected,
            false
                if is_directory
                    && (self.includes.iter().any(may_match_below)
                        || self.shadows.iter().any(may_shadow_below)) =>
            {
                Verdict::Descend
            }
            false => Verdict::Skip,
        }
    }

    /// Returns whether a pattern excludes `path`, and remembers which did.
    fn excludes(&mut self, path: &str) -> bool {
        let mut excluded = false;
        for exclude in &mut self.excludes {
            if !(excluded && exclude.matched) && exclude.glob.matches(path) {
                exclude.matched = true;
                excluded = true;
            }
        }
        if excluded {
            // A path that lies below this one is left out as well, though no walk will see it.
            let below = |exclude: &&mut Exclude| {
                !exclude.matched && exclude.glob.is_literal() && exclude.glob.may_match_below(path)
            };
            for exclude in self.excludes.iter_mut().filter(below) {
                exclude.matched = true;
            }
        }
        excluded
    }

    /// Remembers that nothing below `path` is looked at, whatever might match there. Returns whether that can be why a
    /// pattern takes nothing.
    pub fn note_barrier(&mut self, path: &str) -> bool {
        let mut matters = false;
        for include in &mut self.includes {
            if !include.matched
                && include.barrier.is_none()
                && (include.glob.matches(path) || include.glob.may_match_below(path))
            {
                include.barrier = Some(path.to_owned());
                matters = true;
            }
        }
        matters
    }

    /// Returns the include patterns, as they were given, for which [`Selection::check`] has taken nothing, each with the
    /// first path that [`Selection::note_barrier`] was told of and that can be why.
    ///
    /// A pattern counts as unmatched also when everything that it matches is excluded.
    pub fn unmatched(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let unmatched = self.includes.iter().filter(|include| !include.matched);
        unmatched.map(|include| (include.glob.text(), include.barrier.as_deref()))
    }

    /// Returns the exclude patterns, as they were given, that left nothing out.
    pub fn unused(&self) -> impl Iterator<Item = &str> {
        let unused = self.excludes.iter().filter(|exclude| !exclude.matched);
        unused.map(|exclude| exclude.glob.text())
    }

    /// Returns the texts that were taken as the paths that they name, and would have decided more as patterns.
    pub fn shadowed(&self) -> impl Iterator<Item = Shadowed<'_>> {
        self.shadows.iter().filter_map(|shadow| {
            Some(Shadowed {
                text: &shadow.text,
                other: shadow.other.as_deref()?,
                is_ambiguous: shadow.includes != shadow.would_include,
            })
        })
    }

    /// Returns whether `path` is taken: it or a directory above it is included, and none of them is excluded.
    ///
    /// The answer is that of [`Selection::check`] along the path, but nothing is remembered.
    pub fn includes(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        let mut selected = false;
        for prefix in ends.filter_map(|end| path.get(..end)) {
            if self.excludes.iter().any(|exclude| exclude.glob.matches(prefix)) {
                return false;
            }
            selected = selected || self.includes.iter().any(|include| include.glob.matches(prefix));
        }
        selected
    }

    /// Returns false only when no path below `directory` is taken. An empty `directory` is the root.
    pub fn may_include_below(&self, directory: &str) -> bool {
        let below = |include: &Include| include.glob.may_match_below(directory);
        self.includes(directory) || self.includes.iter().any(below)
    }

    /// Returns patterns that select the same, whatever exists: a text that was taken as a path is escaped.
    pub fn patterns(&self) -> Vec<String> {
        let includes = self.includes.iter().map(|include| include.glob.pattern(""));
        let excludes = self.excludes.iter().map(|exclude| exclude.glob.pattern("!"));
        includes.chain(excludes).collect()
    }

    /// Returns the include patterns, as they were given, that match `path` and end in a `/`: they ask for a directory.
    pub fn asks_for_directory(&self, path: &str) -> bool {
        let asks = |include: &Include| {
            let text = include.glob.text();
            (text.ends_with('/') || text.ends_with("/.")) && include.glob.matches(path)
        };
        self.includes.iter().any(asks)
    }
}
