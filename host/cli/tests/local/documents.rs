//! Runs the CircleCI configs that the documents show.

use std::fs;
use std::path::{Path, PathBuf};

use crate::laptop::Laptop;

/// Stands for the reader's own build.
const BUILD: &str = "#!/bin/sh
mkdir -p dist
printf '#!/bin/sh\\necho deployed\\n' > dist/deploy.sh
chmod +x dist/deploy.sh
";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the README and every page below `docs`.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![repository().join("README.md")];
    let mut dirs = vec![repository().join("docs")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages
}

/// Returns the blocks of a page that are whole configs.
fn configs(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let blocks = text.split("```yaml\n").skip(1);
    blocks
        .filter_map(|rest| rest.split("\n```").next())
        .filter(|block| block.starts_with("version: 2.1\n"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_config_of_the_documents_expands() {
    let laptop = Laptop::new();
    let mut count = 0;
    for page in pages() {
        for config in configs(&page) {
            let ran = laptop.local(&config, &["--dry-run"]);
            assert_eq!(ran.code, Some(0), "{}: {}\n{config}", page.display(), ran.err);
            count += 1;
        }
    }
    assert!(count >= 4, "{count}");
}

#[test]
fn the_config_of_the_readme_passes_files_from_one_job_to_the_next() {
    let laptop = Laptop::new();
    laptop.program("make-dist.sh", BUILD);
    laptop.commit();
    let configs = configs(&repository().join("README.md"));
    let config = configs[0].replace("make dist", "./make-dist.sh");
    let ran = laptop.local(&config, &[]).succeeds();
    assert_eq!(ran.statuses()["deploy"], "success");
    assert!(ran.home("deploy", "project/dist/deploy.sh").exists());
}
