//! The messages of a run.

use std::time::Duration;

use baton_local::run::{Event, NodeName};

use crate::sink::{note, pass_on, say};

/// Prints the events of a run.
pub(super) struct Reporter {
    /// Whether each line of a node begins with the node's name: nodes run concurrently.
    pub(super) prefixed: bool,
}

impl Reporter {
    pub(super) fn report(&self, event: Event<'_>) {
        match event {
            Event::WorkflowStarted(workflow) => {
                note("");
                note(&format!("== workflow {}", workflow.name));
            }
            Event::NodeStarted {
                node,
                number,
                directory,
                ..
            } => {
                let which = match node {
                    NodeName { total: 1, .. } => String::new(),
                    NodeName { index, total, .. } => format!(", node {index} of {total}"),
                };
                if !self.prefixed {
                    note("");
                }
                let directory = directory.display();
                let text = format!("-- job {} ({number}{which}) in {directory}", node.job);
                note(&self.prefixed(node, &text));
            }
            Event::StepStarted { node, step } => {
                let text = format!("-- {}: {}", step.action.kind(), step.name);
                note(&self.prefixed(node, &text));
            }
            Event::Output { node, bytes } => self.pass_on(node, bytes),
            Event::StepEnded {
                node,
                step,
                failure: Some(failure),
                took,
            } => {
                let text = format!("-- {} failed after {}: {failure}", step.name, seconds(took));
                say(&self.prefixed(node, &text));
            }
            Event::Note { node, text } => {
                let text = format!("note: {text}");
                note(&node.map_or(text.clone(), |node| self.prefixed(node, &text)));
            }
            _ => {}
        }
    }

    fn prefixed(&self, node: &NodeName, text: &str) -> String {
        match (self.prefixed, node.total) {
            (false, _) => text.to_owned(),
            (true, 1) => format!("[{}] {text}", node.job),
            (true, _) => format!("[{}.{}] {text}", node.job, node.index),
        }
    }

    /// Passes on output of a step. It arrives in whole lines, so lines of two nodes do not mix.
    fn pass_on(&self, node: &NodeName, bytes: &[u8]) {
        if !self.prefixed {
            return pass_on(bytes);
        }
        let prefix = baton_host::escaped(&self.prefixed(node, "")).to_string();
        let mut lines = Vec::with_capacity(bytes.len() * 2);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            lines.extend_from_slice(prefix.as_bytes());
            lines.extend_from_slice(line);
        }
        if !lines.ends_with(b"\n") {
            lines.push(b'\n');
        }
        pass_on(&lines);
    }
}

fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}
