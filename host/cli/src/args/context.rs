//! The options that set fields of the context, built from the table of fields in the library.

use std::fmt::Debug;
use std::marker::PhantomData;

use baton_host::context::{Field, FieldValues, ValueType};
use clap::error::Error;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

/// The fields that a command has options for.
pub(crate) trait FieldSet: Debug {
    /// The heading of the options in the help, if they have one of their own.
    const HEADING: Option<&'static str> = None;

    /// Returns the fields, in the order of the help.
    fn options() -> Vec<FieldOption>;
}

/// The option of a field on one command.
pub(crate) struct FieldOption {
    field: Field,
    /// Replaces the help of the table.
    help: Option<&'static str>,
    hide_short_help: bool,
}

impl FieldOption {
    const fn new(field: Field) -> Self {
        Self {
            field,
            help: None,
            hide_short_help: false,
        }
    }

    const fn with_help(field: Field, help: &'static str) -> Self {
        Self {
            help: Some(help),
            ..Self::new(field)
        }
    }

    /// Returns the option. The library checks its value.
    fn arg(&self) -> Arg {
        // The table has Markdown.
        let help = self
            .help
            .map_or_else(|| self.field.help().replace('`', ""), str::to_owned);
        let arg = Arg::new(self.field.name())
            .long(self.field.name())
            .value_name(self.field.value_name())
            .hide_short_help(self.hide_short_help)
            .help(help);
        match self.field.value_type() {
            ValueType::Boolean => arg.num_args(0..=1).default_missing_value("true"),
            _ => arg,
        }
    }
}

/// Every field: the build that persists.
#[derive(Debug)]
pub(crate) struct EveryField;

impl FieldSet for EveryField {
    const HEADING: Option<&'static str> = Some("Context options (default: from the runner or git)");

    fn options() -> Vec<FieldOption> {
        Field::ALL.iter().copied().map(FieldOption::new).collect()
    }
}

const PROJECT: &str = "Project, for example gh/acme/shop [default: from the runner or git]";

/// The project alone.
#[derive(Debug)]
pub(crate) struct ProjectField;

impl FieldSet for ProjectField {
    fn options() -> Vec<FieldOption> {
        vec![FieldOption::with_help(Field::Project, PROJECT)]
    }
}

/// The project whose variable `baton latest set` sets.
#[derive(Debug)]
pub(crate) struct VariableField;

impl FieldSet for VariableField {
    fn options() -> Vec<FieldOption> {
        let help = "Project [default: the project of --store circleci:SLUG, or from the runner or git]";
        vec![FieldOption::with_help(Field::Project, help)]
    }
}

/// The fields that a look-up refers to.
#[derive(Debug)]
pub(crate) struct LookUpFields;

impl FieldSet for LookUpFields {
    fn options() -> Vec<FieldOption> {
        let branch = "Branch that latest refers to [default: from the runner or git]";
        let workspace = "Workspace that the selector workspace refers to [default: from the runner]";
        vec![
            FieldOption::with_help(Field::Project, PROJECT),
            FieldOption::with_help(Field::Branch, branch),
            FieldOption {
                hide_short_help: true,
                ..FieldOption::with_help(Field::Workspace, workspace)
            },
        ]
    }
}

/// The project of a channel, and who moves it.
#[derive(Debug)]
pub(crate) struct MoverFields;

impl FieldSet for MoverFields {
    fn options() -> Vec<FieldOption> {
        let actor = "User who makes the change, kept in the history [default: from the runner]";
        vec![
            FieldOption::with_help(Field::Project, PROJECT),
            FieldOption::with_help(Field::Actor, actor),
        ]
    }
}

/// The fields of the context that the command line sets.
#[derive(Debug)]
pub(crate) struct ContextArgs<S: FieldSet> {
    /// The texts of the options that are given. The library checks them.
    pub(crate) values: FieldValues,
    fields: PhantomData<S>,
}

impl<S: FieldSet> Args for ContextArgs<S> {
    fn augment_args(command: Command) -> Command {
        let args = S::options().into_iter().map(|option| match S::HEADING {
            Some(heading) => option.arg().help_heading(heading),
            None => option.arg(),
        });
        command.args(args)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<S: FieldSet> FromArgMatches for ContextArgs<S> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut args = Self {
            values: FieldValues::default(),
            fields: PhantomData,
        };
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for FieldOption { field, .. } in S::options() {
            let given = matches.get_one::<String>(field.name()).cloned();
            self.values = std::mem::take(&mut self.values).with(field, given);
        }
        Ok(())
    }
}
