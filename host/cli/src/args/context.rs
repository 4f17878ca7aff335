//! The options that set the fields of the context, built from the table of fields in the library.

use baton_host::context::{Field, FieldValues, ValueType};
use clap::error::Error;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

const HEADING: &str = "Context options (default: from the runner or git)";

/// The fields of the context that the command line sets: one option for each field of the table.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContextArgs(pub(crate) FieldValues);

impl Args for ContextArgs {
    fn augment_args(command: Command) -> Command {
        let options = Field::ALL
            .iter()
            .map(|field| option(*field).help_heading(HEADING));
        command.args(options)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ContextArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        let given = |field: &Field| matches.get_one::<String>(field.name()).cloned();
        self.0 = Field::ALL
            .iter()
            .fold(std::mem::take(&mut self.0), |values, field| {
                values.with(*field, given(field))
            });
        Ok(())
    }
}

/// Returns the option of a field. The library checks the value.
fn option(field: Field) -> Arg {
    let option = Arg::new(field.name())
        .long(field.name())
        .value_name(field.value_name())
        // The table has Markdown.
        .help(field.help().replace('`', ""));
    match field.value_type() {
        ValueType::Boolean => option.num_args(0..=1).default_missing_value("true"),
        _ => option,
    }
}
