//! A long history for a directory store: the records of many builds, made after those of one that was persisted. To persist
//! a hundred thousand would take an hour, and look-ups, prunes and verifies read records only (docs/reference/format.md,
//! "Order" and "Record").

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Adds the builds 1 to `newest - 1` to a store that has only the build `newest`, with the same tree. The build's run has
/// the same number.
pub fn lengthen(store: &Path, newest: u64) -> Result<(), Box<dyn Error>> {
    let mut keys = Vec::new();
    files_below(&store.join("v1/projects"), &mut keys)?;
    let (header, body) = read(keys.first().ok_or("the store has no build")?)?;
    let commit = body.pointer("/commit").and_then(Value::as_str);
    let commit = commit.ok_or("the build has no commit")?;
    for number in 1..newest {
        // Commits whose first digits differ, as those of git do.
        let other = format!("{:016x}{number:024x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (mut header, mut body) = (header.clone(), body.clone());
        set(&mut body, "/number", number)?;
        set(&mut body, "/order/run", number)?;
        set(&mut body, "/commit", other.as_str())?;
        let line = format!("{body}\n");
        set(
            &mut header,
            "/digest",
            blake3::hash(line.as_bytes()).to_hex().as_str(),
        )?;
        let record = format!("{header}\n{line}");
        for key in &keys {
            let key = key
                .to_string_lossy()
                .replace(&spread(newest), &spread(number))
                .replace(&format!("/{:016x}-", !newest), &format!("/{:016x}-", !number))
                .replace(&sharded(commit)?, &sharded(&other)?);
            fs::create_dir_all(Path::new(&key).parent().ok_or("a key is no path")?)?;
            fs::write(key, &record)?;
        }
    }
    Ok(())
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files_below(&path, found)?;
        } else {
            found.push(path);
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

/// Returns a number as names whose ascending order is the number's descending order.
fn spread(number: u64) -> String {
    let unused = (number.leading_zeros() / 8).min(7) as usize;
    let bytes = number.to_be_bytes();
    let names = bytes.iter().skip(unused);
    names.fold(format!("/{unused}"), |name, byte| format!("{name}/{:02x}", !byte)) + "/"
}

/// Returns a commit as the names of a key.
fn sharded(commit: &str) -> Result<String, Box<dyn Error>> {
    let (first, rest) = commit.split_at_checked(2).ok_or("a short commit")?;
    let (second, rest) = rest.split_at_checked(2).ok_or("a short commit")?;
    Ok(format!("/{first}/{second}/{rest}/"))
}
