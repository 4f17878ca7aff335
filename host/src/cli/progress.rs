//! How a transfer shows that it goes on: a bar on a terminal, a line a phase in a log.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use baton::{Damage, OnWait, Planned, Problem, Progress, Step, Task};
use indicatif::{ProgressBar, ProgressStyle};

use super::output::{action_name, files, several, sized, warn};
use super::sink::{print, say};

/// Talks about one transfer.
pub(crate) struct Talk {
    verb: &'static str,
    /// What is counted: files, but where nothing is moved, packs.
    counted: fn(u64) -> String,
    dry_run: bool,
    bar: Option<ProgressBar>,
    files: u64,
    /// Whether nobody says how large the files are: CircleCI does not.
    unsized_files: bool,
    /// What the plan warned of.
    pub(crate) warnings: Vec<Problem>,
    /// What a dry run would do.
    pub(crate) steps: Vec<Step>,
    /// What the plan counted.
    pub(crate) planned_files: u64,
    pub(crate) planned_bytes: u64,
}

impl Talk {
    pub(crate) fn new(verb: &'static str, dry_run: bool) -> Talk {
        Talk {
            verb,
            counted: files,
            dry_run,
            bar: None,
            files: 0,
            unsized_files: false,
            warnings: Vec::new(),
            steps: Vec::new(),
            planned_files: 0,
            planned_bytes: 0,
        }
    }

    pub(crate) fn of_packs(verb: &'static str) -> Talk {
        Talk {
            counted: |number| several(number, "pack"),
            ..Talk::new(verb, false)
        }
    }

    /// Prints what a dry run would do.
    pub(crate) fn print_steps(&self) {
        for step in &self.steps {
            // A directory that goes with all that is in it.
            let count = match step.files {
                1 => String::new(),
                count => format!(" ({})", files(count)),
            };
            print(&format!(
                "{:8} {:>10} {}{count}",
                action_name(step),
                sized(step.bytes),
                step.path
            ));
        }
    }

    /// Takes the bar away, so that the last line stands alone.
    pub(crate) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// Says that a run waits for a server. Workers wait together, and say so once.
pub(crate) fn say_that_it_waits() -> OnWait {
    let last: Mutex<Option<Instant>> = Mutex::new(None);
    OnWait::new(move |time, why| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| last.elapsed() < Duration::from_secs(1)) {
            return;
        }
        *last = Some(Instant::now());
        say(&format!("waiting {:.1} s for {why}", time.as_secs_f64()));
    })
}

impl Progress for Talk {
    fn waiting(&mut self) {
        say("waiting: another attach is running in this directory");
    }

    fn fell_back(&mut self, damage: &Damage) {
        // The next plan warns of it.
        let _ = damage;
        self.end();
        self.files = 0;
    }

    fn planned(&mut self, plan: &Planned) -> bool {
        warn(&plan.warnings);
        self.warnings.clone_from(&plan.warnings);
        self.steps.clone_from(&plan.steps);
        (self.planned_files, self.planned_bytes) = (plan.files, plan.bytes);
        self.unsized_files = plan.builds.iter().any(|build| build.tree.is_empty());
        if self.dry_run {
            return false;
        }
        if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(if self.unsized_files {
                plan.files
            } else {
                plan.bytes
            });
            let template = match self.unsized_files {
                true => "{msg} {wide_bar} {pos}/{len} {eta}",
                false => {
                    "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec} {eta}"
                }
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar.set_message(self.verb);
            self.bar = Some(bar);
        } else {
            let size = match self.unsized_files {
                true => "of unknown size".to_owned(),
                false => sized(plan.bytes),
            };
            say(&format!("{}: {}, {size}", self.verb, (self.counted)(plan.files)));
        }
        true
    }

    fn done(&mut self, task: &Task) {
        self.files += task.files;
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} {}", self.verb, (self.counted)(self.files)));
            bar.inc(if self.unsized_files {
                task.files
            } else {
                task.bytes
            });
        }
    }
}
