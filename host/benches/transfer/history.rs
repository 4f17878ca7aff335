//! A long history for a store: the records of many builds, made after that of one that was persisted. To persist a hundred
//! thousand would take an hour, and what a look-up reads are records (docs/format.md, "Order" and "Record").

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::store;

/// Adds the builds 1 to `newest - 1` to a store that has only the build `newest`, with the same tree.
pub(crate) fn lengthen(store: &Path, newest: u64) -> Result<(), Box<dyn Error>> {
    let number_key = store::listing(store)?
        .into_keys()
        .find(|path| path.components().any(|name| name.as_os_str() == "numbers"))
        .ok_or("the store has no build")?;
    let (header, body) = read(&number_key)?;
    let project = ancestor_of(&number_key, "numbers").ok_or("the key has no project")?;
    let name = number_key.file_name().and_then(|name| name.to_str());
    let leaf = name
        .and_then(|name| name.split_once('-'))
        .ok_or("the key has no leaf")?
        .1;
    for number in 1..newest {
        // Commits whose first digits differ, as those of git do.
        let commit = format!("{:016x}{number:024x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut header, mut body) = (header.clone(), body.clone());
        set(&mut body, "/number", number)?;
        set(&mut body, "/order/run", number)?;
        set(&mut body, "/commit", commit.as_str())?;
        let line = format!("{body}\n");
        set(
            &mut header,
            "/digest",
            blake3::hash(line.as_bytes()).to_hex().as_str(),
        )?;
        let record = format!("{header}\n{line}");
        let look_up = format!("{:016x}-{leaf}", !number);
        let (first, rest) = commit.split_at(2);
        let (second, rest) = rest.split_at(2);
        for key in [
            format!("builds/default/main/{}/{leaf}", newest_first(number)),
            format!("numbers/default/{}/{look_up}", newest_first(number)),
            format!("commits/default/{first}/{second}/{rest}/{look_up}"),
        ] {
            let path = project.join(key);
            fs::create_dir_all(path.parent().unwrap_or(&project))?;
            fs::write(&path, &record)?;
        }
    }
    Ok(())
}

/// Returns the header and the value of a record.
fn read(path: &Path) -> Result<(Value, Value), Box<dyn Error>> {
    let text = fs::read_to_string(path)?;
    let (header, body) = text.split_once('\n').ok_or("the record has one line")?;
    Ok((serde_json::from_str(header)?, serde_json::from_str(body)?))
}

fn set(value: &mut Value, pointer: &str, new: impl Into<Value>) -> Result<(), Box<dyn Error>> {
    *value
        .pointer_mut(pointer)
        .ok_or_else(|| format!("no {pointer} in a record"))? = new.into();
    Ok(())
}

/// Returns the directory in which `name` is.
fn ancestor_of(path: &Path, name: &str) -> Option<PathBuf> {
    let below = path
        .ancestors()
        .find(|dir| dir.file_name().is_some_and(|last| last == name))?;
    below.parent().map(Path::to_owned)
}

/// Returns a number as names whose ascending order is the number's descending order.
fn newest_first(number: u64) -> String {
    let unused = (number.leading_zeros() / 8).min(7) as usize;
    let names = number.to_be_bytes().into_iter().skip(unused);
    names.fold(unused.to_string(), |name, byte| format!("{name}/{:02x}", !byte))
}
