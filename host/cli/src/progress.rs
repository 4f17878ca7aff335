//! The progress of a transfer: a bar on a terminal, a line for each phase in a log.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use baton_host::transfer::{Done, Plan, StepKind, Totals};
use baton_host::{Damage, Error, OnWait, Problem, Progress};
use indicatif::{ProgressBar, ProgressStyle};

use super::args::Format;
use super::json;
use super::output::{action_name, add, files, several, sized, warn};
use super::sink::{Level, detail, note, print, print_json, shows};

/// Talks about one transfer.
pub(crate) struct Talk {
    verb: &'static str,
    /// The unit of the counter: files, or packs if no files are moved.
    counted: fn(u64) -> String,
    bar: Option<ProgressBar>,
    files: u64,
    /// Whether nobody says how large the files are: CircleCI does not.
    unsized_files: bool,
    /// The warnings of the plan.
    pub(crate) warnings: Vec<Problem>,
}

/// How a dry run is shown.
#[derive(Debug, Clone)]
pub(crate) struct DryRun {
    /// The verb of the command: `persist`.
    pub(crate) verb: &'static str,
    pub(crate) format: Format,
    /// The warnings before the plan.
    pub(crate) warnings: Vec<Problem>,
}

impl Talk {
    pub(crate) fn new(verb: &'static str) -> Talk {
        Talk {
            verb,
            counted: files,
            bar: None,
            files: 0,
            unsized_files: false,
            warnings: Vec::new(),
        }
    }

    pub(crate) fn of_packs(verb: &'static str) -> Talk {
        Talk {
            counted: |number| several(number, "pack"),
            ..Talk::new(verb)
        }
    }

    /// Takes the bar away, so that the last line stands alone.
    pub(crate) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl DryRun {
    /// Prints the plan, a step at a time.
    pub(crate) fn show(&self, plan: Plan) -> Result<(), Error> {
        let Plan { totals, steps, .. } = plan;
        warn(&totals.warnings);
        if self.format == Format::Text {
            let (mut removed_files, mut removed_bytes) = (0, 0);
            for step in steps {
                let step = step?;
                // A directory that goes with all that is in it.
                let count = match step.files {
                    1 => String::new(),
                    count => format!(" ({})", files(count)),
                };
                if step.action == StepKind::Remove {
                    add(&mut removed_files, step.files);
                    add(&mut removed_bytes, step.bytes);
                }
                print(&format!(
                    "{:8} {:>10} {}{count}",
                    action_name(&step),
                    sized(step.bytes),
                    step.path
                ));
            }
            let removed = match removed_files {
                0 => String::new(),
                count => format!("; would remove {}, {}", files(count), sized(removed_bytes)),
            };
            note(&format!(
                "would {} {}, {}{removed}",
                self.verb,
                files(totals.files),
                sized(totals.bytes)
            ));
            return Ok(());
        }
        let warnings = [self.warnings.as_slice(), &totals.warnings].concat();
        let shown = json::DryRun {
            bytes: totals.bytes,
            dry_run: true,
            files: totals.files,
            steps: json::Rows::new(steps.map(|step| Ok(json::Step::from(step?)))),
            warnings: json::warnings(&warnings),
        };
        print_json(&shown);
        shown.steps.end()?;
        Ok(())
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
        note(&format!("waiting {:.1} s for {why}", time.as_secs_f64()));
    })
}

impl Progress for Talk {
    fn waiting(&mut self) {
        note("waiting: another attach is running in this directory");
    }

    fn fell_back(&mut self, damage: &Damage) {
        // The next plan warns of it.
        detail(|| {
            format!(
                "falling back to an older build: {}: {}",
                damage.message, damage.key
            )
        });
        self.end();
        self.files = 0;
    }

    fn planned(&mut self, totals: &Totals) {
        warn(&totals.warnings);
        self.warnings.clone_from(&totals.warnings);
        self.unsized_files = totals.builds.iter().any(|build| build.tree.is_empty());
        if std::io::stderr().is_terminal() && shows(Level::Usual) {
            let bar = ProgressBar::new(if self.unsized_files {
                totals.files
            } else {
                totals.bytes
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
                false => sized(totals.bytes),
            };
            note(&format!(
                "{}: {}, {size}",
                self.verb,
                (self.counted)(totals.files)
            ));
        }
    }

    fn done(&mut self, task: Done) {
        add(&mut self.files, task.files);
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
