//! The code that the fuzz targets run. The properties are in `targets/`, which the tests of the guest and of the host include as
//! well: what a fuzzer found stays in `guest/tests/regressions`, and they replay it.

#[path = "../../../host/src/escape.rs"]
mod escape;
#[path = "lists.rs"]
mod lists;
mod targets;

/// Runs a target by its name.
///
/// # Panics
///
/// If a property does not hold.
pub fn check(target: &str, data: &[u8]) {
    if target == "lists" {
        return lists::check(data);
    }
    match targets::TARGETS.iter().find(|(name, _)| *name == target) {
        Some((_, check)) => check(data),
        None => panic!("no target {target}"),
    }
}

/// Compares what a frame holds with what the reference implementation of zstd says.
///
/// # Panics
///
/// If both open it, and differ.
pub fn compare_with_reference(data: &[u8]) {
    let (length, frame) = targets::frame::split(data);
    let mut content = Vec::new();
    let opened = baton_guest::frame::Decompressor::default().open(frame, length, &mut content);
    let reference = zstd::bulk::decompress(frame, length);
    match (opened, reference) {
        (Ok(()), Ok(reference)) => assert!(content == reference, "two readers, two contents"),
        // A checksum is not looked at: the digest of the content decides.
        (Ok(()), Err(error)) => assert!(
            error.to_string().contains("checksum"),
            "the reference refuses it: {error}"
        ),
        _ => {}
    }
}
