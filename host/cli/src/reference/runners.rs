//! The generated blocks of docs/reference/runners.md: the variables of the context, and where each runner has each field.

use baton_host::context::{Field, Runner};

/// Returns a block of the page: `variables`, or the name of a runner.
pub(super) fn block(name: &str) -> Option<String> {
    match name {
        "variables" => Some(variables()),
        _ => Runner::ALL
            .into_iter()
            .find(|runner| runner.as_str() == name)
            .map(origins),
    }
}

fn variables() -> String {
    let runners = Runner::ALL.map(|runner| format!("`{runner}`")).join(", ");
    let runner = format!(
        "| `BATON_RUNNER` | CI system: one of {runners}. The variables of other CI systems are not read | it is detected |\n"
    );
    let fields = Field::ALL.iter().map(|field| {
        let if_missing = match (field.default(), field.if_missing()) {
            (Some(default), _) => format!("`{default}`"),
            (None, Some(consequence)) => consequence.to_owned(),
            (None, None) => "most builds have none".to_owned(),
        };
        format!("| `{}` | {} | {if_missing} |\n", field.variable(), field.help())
    });
    let head = "\n| variable | meaning | if it is missing |\n|---|---|---|\n";
    format!("{head}{runner}{}\n", fields.collect::<String>())
}

fn origins(runner: Runner) -> String {
    let rows = Field::ALL.iter().map(|field| {
        let origin = runner.documented_origin(*field);
        format!("| `{}` | {origin} |\n", field.name())
    });
    format!("\n| field | origin |\n|---|---|\n{}\n", rows.collect::<String>())
}
