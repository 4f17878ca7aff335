//! One chunk as one zstd frame (RFC 8878), both ways.
//!
//! Every frame says its content's size and has no checksum of its own: digests are checked above. What does not
//! compress becomes a frame of raw blocks, which any zstd reads at the price of a copy.

use structured_zstd::decoding::FrameDecoder;
use structured_zstd::encoding::{CompressionLevel, FrameCompressor};

use crate::chunk::CHUNK_BYTES_MAX;

/// RFC 8878, 3.1.1.2.3: no block has more than 128 KiB.
const BLOCK_BYTES_MAX: usize = 128 << 10;
const MAGIC: [u8; 4] = 0xfd2f_b528_u32.to_le_bytes();
const SKIPPABLE_MAGIC: [u8; 4] = 0x184d_2a50_u32.to_le_bytes();
/// Single segment, content size in four bytes, no checksum, no dictionary (RFC 8878, 3.1.1.1.1).
const DESCRIPTOR: u8 = 0b1010_0000;
/// Magic, descriptor, content size.
const HEADER_BYTES: usize = 9;

/// The level of bulk data. Level 1 compresses source code a sixth better and takes a third longer, and compression is
/// what a persist waits for (docs/reference/benchmarks.md).
const LEVEL: i32 = -1;

/// The size of the sample that is compressed before the whole chunk.
const SAMPLE_BYTES: usize = 4096;
const SAMPLES: usize = 4;

/// Compresses chunks, keeping its tables from one to the next.
pub struct Compressor {
    zstd: FrameCompressor,
    scratch: Vec<u8>,
    /// Whether the last chunk shrank: then the next one, its neighbour, is not sampled first.
    shrank: bool,
}

impl Default for Compressor {
    fn default() -> Self {
        Compressor {
            zstd: FrameCompressor::new(CompressionLevel::from_level(LEVEL)),
            scratch: Vec::new(),
            shrank: false,
        }
    }
}

impl Compressor {
    /// Appends `content` as one frame to `out`. At most [`CHUNK_BYTES_MAX`] bytes.
    pub fn append(&mut self, content: &[u8], out: &mut Vec<u8>) {
        if self.shrank || self.compresses(content) {
            self.zstd
                .compress_independent_frame_into(content, &mut self.scratch);
            self.shrank = self.scratch.len() < content.len() - content.len() / 16;
            if self.scratch.len() < HEADER_BYTES + content.len() {
                out.extend_from_slice(&self.scratch);
                return;
            }
        }
        append_raw(content, out);
    }

    /// Returns whether a few samples of `content` shrink by more than a sixteenth. Below four samples' length there is
    /// nothing to gain by guessing.
    fn compresses(&mut self, content: &[u8]) -> bool {
        if content.len() <= SAMPLES * SAMPLE_BYTES {
            return true;
        }
        let mut shrunk = 0;
        for piece in content.chunks(content.len() / SAMPLES).take(SAMPLES) {
            let sample = piece.get(..SAMPLE_BYTES).unwrap_or(piece);
            self.zstd
                .compress_independent_frame_into(sample, &mut self.scratch);
            shrunk += self.scratch.len();
        }
        shrunk < SAMPLES * SAMPLE_BYTES * 15 / 16
    }
}

/// Appends a frame that readers of zstd skip (RFC 8878, 3.1.2).
pub fn append_skippable(content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&SKIPPABLE_MAGIC);
    out.extend_from_slice(&(content.len() as u32).to_le_bytes());
    out.extend_from_slice(content);
}

/// Appends a frame of raw blocks.
fn append_raw(content: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&MAGIC);
    out.push(DESCRIPTOR);
    out.extend_from_slice(&(content.len() as u32).to_le_bytes());
    let mut blocks = content.chunks(BLOCK_BYTES_MAX).peekable();
    if blocks.peek().is_none() {
        // An empty frame still has a last block.
        out.extend_from_slice(&[1, 0, 0]);
    }
    while let Some(block) = blocks.next() {
        // 3.1.1.2: bit 0 is "last", bits 1 and 2 the type (0 is raw), then the size.
        let header = ((block.len() as u32) << 3) | u32::from(blocks.peek().is_none());
        out.extend(header.to_le_bytes().into_iter().take(3));
        out.extend_from_slice(block);
    }
}

/// Opens frames, keeping its tables from one to the next.
#[derive(Default)]
pub struct Decompressor {
    zstd: FrameDecoder,
}

impl Decompressor {
    /// Replaces `content` by what `frame` holds, which must be exactly `length` bytes. Whatever the frame says of
    /// itself, no more than that is ever allocated or written. The error says what is wrong.
    pub fn open(&mut self, frame: &[u8], length: usize, content: &mut Vec<u8>) -> Result<(), String> {
        content.clear();
        if length > CHUNK_BYTES_MAX {
            return Err(format!(
                "a chunk of {length} bytes is larger than any that baton writes"
            ));
        }
        // The window buffer is the decoder's only other large allocation.
        self.zstd
            .set_max_window_size(4 << 20)
            .map_err(|error| error.to_string())?;
        content.resize(length, 0);
        let written = self
            .zstd
            .decode_all(frame, content)
            .map_err(|error| error.to_string())?;
        if written != length {
            return Err(format!("it holds {written} bytes where {length} were expected"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use proptest::prelude::*;

    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1u64;
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        (0..length).map(next).collect()
    }

    fn round_trip(content: &[u8]) -> usize {
        let (mut frame, mut opened) = (Vec::new(), Vec::new());
        Compressor::default().append(content, &mut frame);
        Decompressor::default()
            .open(&frame, content.len(), &mut opened)
            .unwrap();
        assert!(opened == content);
        frame.len()
    }

    #[test]
    fn noise_costs_a_header_and_text_shrinks() {
        for length in [0, 1, 100, BLOCK_BYTES_MAX, BLOCK_BYTES_MAX + 1, CHUNK_BYTES_MAX] {
            let blocks = length.div_ceil(BLOCK_BYTES_MAX).max(1);
            assert!(
                round_trip(&noise(length)) <= length + HEADER_BYTES + 3 * blocks,
                "{length}"
            );
        }
        assert!(round_trip(&b"let baton = pass(baton);\n".repeat(20_000)) < 5_000);
    }

    #[test]
    fn a_frame_that_lies_about_its_size_is_refused() {
        let mut frame = Vec::new();
        Compressor::default().append(&vec![7; 1 << 20], &mut frame);
        let mut content = Vec::new();
        for length in [0, 1, (1 << 20) - 1, (1 << 20) + 1, CHUNK_BYTES_MAX + 1] {
            assert!(
                Decompressor::default()
                    .open(&frame, length, &mut content)
                    .is_err(),
                "{length}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_content_round_trips(content in prop::collection::vec(0u8..4, 0..200_000)) {
            round_trip(&content);
        }

        #[test]
        fn damage_never_panics(at in 0usize..2000, bit in 0u8..8) {
            let content = b"some text, and some more text".repeat(300);
            let mut frame = Vec::new();
            Compressor::default().append(&content, &mut frame);
            let at = at % frame.len();
            *frame.get_mut(at).unwrap() ^= 1 << bit;
            let _ = Decompressor::default().open(&frame, content.len(), &mut Vec::new());
            let _ = Decompressor::default().open(frame.get(..at).unwrap(), content.len(), &mut Vec::new());
        }
    }
}
