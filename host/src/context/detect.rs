//! Detection of the context: flags, then `BATON_*` variables, then `baton.toml`, then the runner, then git.

use std::collections::BTreeMap;

use super::build_context::Context;
use super::error::ContextError;
use super::field::Field;
use super::field_values::FieldValues;
use super::github_event::GithubEvent;
use super::inputs::Inputs;
use super::origin::RunnerInputs;
use super::provenance::{Provenance, Sourced, Text};
use super::runners::Runner;
use super::value::Value;
use super::variables::Variables;
use super::{check, pull_request};

impl Context {
    /// Detects the context.
    ///
    /// Each value is the first of: the flag, the `BATON_*` variable, `baton.toml`, the runner's variables, git. A value
    /// that is overridden is not checked, so a flag or a variable corrects a wrong value of the runner. An empty value counts
    /// as none, and so does a commit of zeros.
    ///
    /// # Errors
    ///
    /// Fails if a value that is used has the wrong form or is not UTF-8, naming the flag or variable, the value and the
    /// expected form; and if the event file of GitHub Actions is not JSON.
    pub fn detect(inputs: &Inputs, flags: &FieldValues) -> Result<Self, ContextError> {
        let variables = Variables::new(&inputs.variables);
        let runner = Runner::find(variables)?;
        let event = match runner.value {
            Runner::GithubActions => GithubEvent::parse(inputs.event.as_deref())?,
            _ => GithubEvent::absent(),
        };
        let detection = Detection {
            inputs,
            flags,
            runner: runner.value,
            runner_inputs: RunnerInputs {
                variables,
                event: &event,
                git: &inputs.git,
            },
        };
        let mut values = BTreeMap::new();
        for field in Field::ALL.iter().copied() {
            if let Some(value) = detection.value(field)? {
                values.insert(field, value);
            }
        }
        let is_counter_given = detection.given(Field::Counter).is_some();
        // A person who names a counter decides which builds share it.
        let counter_part = match is_counter_given {
            true => None,
            false => runner.value.counter_part(variables),
        };
        Ok(Self {
            runner,
            values,
            counter_part: counter_part.map(check::name).transpose()?.map(|part| part.value),
            counter_shared: is_counter_given && detection.given(Field::Run).is_some(),
        })
    }
}

/// One detection.
struct Detection<'a> {
    inputs: &'a Inputs,
    flags: &'a FieldValues,
    runner: Runner,
    runner_inputs: RunnerInputs<'a>,
}

impl Detection<'_> {
    /// Returns the checked value of a field.
    fn value(&self, field: Field) -> Result<Option<Sourced<Value>>, ContextError> {
        let text = match field {
            Field::PullRequest => self.pull_request()?,
            Field::Fork => self.fork()?,
            _ => self.text(field)?,
        };
        match text {
            Some(text) => check::value(field.value_type(), text),
            None => Ok(None),
        }
    }

    /// Returns the text that a flag, a `BATON_*` variable or `baton.toml` gives.
    fn given(&self, field: Field) -> Text {
        let from = |values: &FieldValues, provenance| {
            let value = values.get(field)?.to_owned();
            Some(Sourced { value, provenance })
        };
        from(self.flags, Provenance::Flag(field.flag()))
            .or_else(|| self.runner_inputs.variables.own(field.variable()))
            .or_else(|| from(&self.inputs.config, Provenance::Config(field.name())))
            .filter(|text| field != Field::Commit || !check::is_zeros(&text.value))
    }

    /// Returns the text that the runner gives, else git.
    fn detected(&self, field: Field) -> Result<Text, ContextError> {
        let text = self.runner_text(field)?;
        // Zeros stand for a commit that does not exist.
        let text = text.filter(|text| field != Field::Commit || !check::is_zeros(&text.value));
        if text.is_some() || field == Field::Branch && !self.git_may_name_the_branch()? {
            return Ok(text);
        }
        Ok(self.inputs.git.field(field))
    }

    fn runner_text(&self, field: Field) -> Result<Text, ContextError> {
        self.runner.origin(field).read(self.runner_inputs)
    }

    /// Whether git may name the branch if the runner does not. On a tag, a pull request or the commit of a fork the local branch
    /// is an accident of the checkout, and the build would pass for one of that branch.
    fn git_may_name_the_branch(&self) -> Result<bool, ContextError> {
        let fork = self.runner_text(Field::Fork)?;
        let is_fork = fork.is_some_and(|fork| fork.value == "true");
        Ok(!is_fork
            && self.runner_text(Field::Tag)?.is_none()
            && self.runner_text(Field::PullRequest)?.is_none())
    }

    /// Returns the text of a field, unchecked.
    fn text(&self, field: Field) -> Result<Text, ContextError> {
        let text = match self.given(field) {
            Some(text) => Some(text),
            None => self.detected(field)?,
        };
        self.check_utf8(text)
    }

    fn check_utf8(&self, text: Text) -> Result<Text, ContextError> {
        match text {
            Some(text) if !self.inputs.is_utf8(text.provenance) => Err(ContextError::NotUtf8 {
                origin: text.provenance,
                shown: text.value,
            }),
            text => Ok(text),
        }
    }

    /// Returns the number of the pull request. A branch that has the name of a pull request's reference is one on every
    /// runner.
    fn pull_request(&self) -> Result<Text, ContextError> {
        match self.text(Field::PullRequest)? {
            Some(text) => check::pull_request(&text),
            None => self.pull_request_of_branch(),
        }
    }

    fn pull_request_of_branch(&self) -> Result<Text, ContextError> {
        let branch = self.text(Field::Branch)?.map(check::name).transpose()?;
        Ok(branch.and_then(|branch| branch.and_then(|name| pull_request::in_reference(&name))))
    }

    /// Returns whether the commit comes from a fork. The origin of a pull request that only the branch's name shows is unknown,
    /// so it counts as a fork's.
    fn fork(&self) -> Result<Text, ContextError> {
        let given = self.check_utf8(self.given(Field::Fork))?;
        if let Some(fork) = given.or(self.runner_text(Field::Fork)?) {
            return Ok(Some(fork));
        }
        if self.text(Field::PullRequest)?.is_none()
            && let Some(number) = self.pull_request_of_branch()?
        {
            return Ok(Some(number.map(|_| true.to_string())));
        }
        Ok(Field::Fork.default().map(|value| Sourced {
            value: value.to_owned(),
            provenance: Provenance::Default,
        }))
    }
}

#[cfg(test)]
mod tests;
