//! `baton component`.

use serde_json::json;

use super::args::Format;
use super::failure::Failure;
use super::output::counted;
use super::settings::Settings;
use super::sink::{print, print_json, print_lines};

pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let component = &settings.options.component;
    let wit = component.wit()?;
    match settings.format {
        Format::Json => print_json(&json!({
            "digest": component.digest(),
            "size_bytes": component.size_bytes(),
            "file": component.path().map(|path| path.display().to_string()),
            "wit": wit,
        })),
        Format::Text => {
            let origin = component
                .path()
                .map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
            print(&format!("component {origin}"));
            print(&format!("blake3    {}", component.digest()));
            print(&format!("size      {} bytes", counted(component.size_bytes())));
            print("");
            print_lines(&wit);
        }
    }
    Ok(())
}
