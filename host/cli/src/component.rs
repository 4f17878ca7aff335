//! `baton component`.

use anyhow::Context as _;

use super::args::{self, Format};
use super::failure::Failure;
use super::json;
use super::output::counted;
use super::settings::Settings;
use super::sink::{note, print, print_json, print_lines};

pub(crate) fn run(settings: &Settings, args: &args::Component) -> Result<(), Failure> {
    let component = &settings.options.component;
    let wit = component.wit()?;
    if let Some(file) = &args.output {
        std::fs::write(file, component.bytes())
            .with_context(|| format!("cannot write the component to {}", file.display()))?;
        note(&format!("wrote the component to {}", file.display()));
    }
    match settings.format {
        Format::Json => print_json(&json::Component {
            digest: component.digest().to_owned(),
            file: component.path().map(|path| path.display().to_string()),
            sha256: component.sha256().to_owned(),
            size_bytes: component.size_bytes(),
            wit,
        }),
        Format::Text => {
            let origin = component
                .path()
                .map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
            print(&format!("component {origin}"));
            print(&format!("sha256    {}", component.sha256()));
            print(&format!("blake3    {}", component.digest()));
            print(&format!("size      {} bytes", counted(component.size_bytes())));
            if args.output.is_none() {
                print("");
                print_lines(&wit);
            }
        }
    }
    Ok(())
}
