//! Writing into what is a hole so far: runs of zeros stay holes.

use std::sync::OnceLock;

use crate::chunk::SLICE_BYTES_MAX;
use crate::error::Result;
use crate::id::Digest;
use crate::ports::{File, Files};

/// File systems store nothing for blocks of this size, or a multiple.
const BLOCK_BYTES: usize = 4 << 10;
/// A shorter run of zeros is written: a hole costs a call and splits the file on the disk.
const HOLE_BYTES_MIN: usize = 32 << 10;

/// Writes `content` at `at` of a file that has no other bytes there but zeros, and leaves long runs of zeros out. Returns
/// whether it left out the end.
pub(super) fn write(file: &impl File, at: u64, content: &[u8]) -> Result<bool> {
    let mut next = 0;
    while let Some(start) = next_data(content, at, next) {
        let mut end = start;
        // The data continues until a run of zeros that is long enough for a hole.
        next = loop {
            end = first_zero_block(content, at, end);
            let data = next_data(content, at, end);
            let hole_end = data.unwrap_or(content.len());
            if hole_end - end >= HOLE_BYTES_MIN {
                break hole_end;
            }
            end = hole_end;
            if end == content.len() {
                break end;
            }
        };
        file.write(at + start as u64, content.get(start..end).unwrap_or_default())?;
        if end == content.len() {
            return Ok(false);
        }
    }
    Ok(!content.is_empty())
}

/// Returns whether a piece is all zeros, by its digest: in a file that is new there is nothing to write. Only of the
/// largest slice is that known, and a hole is cut into such.
pub(super) fn is_zeros(length: u32, digest: &Digest) -> bool {
    static ZEROS: OnceLock<Digest> = OnceLock::new();
    length as usize == SLICE_BYTES_MAX
        && digest == ZEROS.get_or_init(|| Digest::of(&vec![0; SLICE_BYTES_MAX]))
}

/// Returns whether a file has a hole just where a slice of zeros belongs: then it need not be read. `at` is where in
/// the file.
pub(super) fn is_hole(files: &impl Files, path: &str, at: u64, length: u32, digest: &Digest) -> bool {
    let size = u64::from(length);
    // Where nobody can tell, the file is read.
    is_zeros(length, digest)
        && files
            .holes(path, at, size, size)
            .is_ok_and(|holes| holes == [(at, size)])
}

/// Returns where the first block at or after `from` begins that is not all zeros.
fn next_data(content: &[u8], at: u64, from: usize) -> Option<usize> {
    blocks(content, at, from)
        .find(|(_, block)| !is_zero(block))
        .map(|(start, _)| start)
}

/// Returns where the first block at or after `from` begins that is all zeros: the end of the content, if none is.
fn first_zero_block(content: &[u8], at: u64, from: usize) -> usize {
    blocks(content, at, from)
        .find(|(_, block)| is_zero(block))
        .map_or(content.len(), |(start, _)| start)
}

/// Returns the content from `from` on, cut where blocks of the file begin.
fn blocks(content: &[u8], at: u64, from: usize) -> impl Iterator<Item = (usize, &[u8])> {
    let mut start = from;
    std::iter::from_fn(move || {
        let into_block = ((at + start as u64) % BLOCK_BYTES as u64) as usize;
        let end = content.len().min(start + BLOCK_BYTES - into_block);
        let block = content.get(start..end).filter(|block| !block.is_empty())?;
        let found = (start, block);
        start = end;
        Some(found)
    })
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::ports::{Files, Open};
    use crate::testing::MemoryFiles;

    /// Writes `content` at `at` of a file of zeros. Returns how many bytes were written, and whether the end was left out.
    fn written(at: usize, content: &[u8]) -> (u64, bool) {
        let files = MemoryFiles::default();
        let file = files.open("f", Open::Create).unwrap();
        file.set_size((at + content.len()) as u64).unwrap();
        let left_out = write(&file, at as u64, content).unwrap();
        assert_eq!(files.content("f").unwrap().get(at..).unwrap(), content);
        (files.moved_bytes.get().1, left_out)
    }

    #[test]
    fn runs_of_zeros_are_left_out() {
        let kib = 1 << 10;
        let with = |length: usize, data: &[(usize, usize)]| {
            let mut content = vec![0; length];
            for (start, length) in data {
                content.get_mut(*start..start + length).unwrap().fill(7);
            }
            content
        };
        assert_eq!(written(0, &[]), (0, false));
        assert_eq!(written(0, &with(1024 * kib, &[])), (0, true));
        assert_eq!(written(0, &with(10, &[])), (0, true));
        assert_eq!(written(0, &with(10, &[(0, 10)])), (10, false));
        // Data in the middle takes the blocks that it touches, as the file has them.
        assert_eq!(written(0, &with(256 * kib, &[(100 * kib, 1)])), (4096, true));
        assert_eq!(written(0, &with(256 * kib, &[(100 * kib - 1, 2)])), (8192, true));
        assert_eq!(written(3, &with(256 * kib, &[(100 * kib - 3, 1)])), (4096, true));
        assert_eq!(
            written(0, &with(256 * kib, &[(0, 1), (255 * kib, kib)])),
            (8192, false)
        );
        // A short run between data is written with it.
        assert_eq!(
            written(0, &with(256 * kib, &[(0, 1), (20 * kib, 1)])),
            (24 * 1024, true)
        );
        assert_eq!(written(0, &with(20 * kib, &[(0, 1)])), (20 * 1024, false));
    }
}
