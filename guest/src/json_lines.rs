//! JSON lines in a zstd stream, both ways, within limits that both ways share: what is written can be read.

use std::fmt::Display;
use std::io::{BufRead, BufReader, Cursor, Read, Write};

use serde::{Deserialize, Serialize};
use structured_zstd::decoding::{FrameDecoder, StreamingDecoder};
use structured_zstd::encoding::{CompressionLevel, StreamingEncoder};

use crate::error::{Error, Result};
use crate::sealed;
use crate::text::shown;

/// The longest line: the chunk table of one pack, or the slices of one file.
const LINE_BYTES_MAX: u64 = 16 << 20;
/// All lines of one object: what an enemy's few bytes may expand to.
const LINES_BYTES_MAX: u64 = 1 << 30;
/// Digests do not compress, paths and attributes do: a higher level gains nothing.
const LEVEL: i32 = 3;
/// More than any level that baton writes with needs.
const WINDOW_BYTES_MAX: u64 = 16 << 20;

/// Reads the lines of the object `key`.
pub(crate) struct Reader {
    key: String,
    reader: BufReader<StreamingDecoder<Cursor<Vec<u8>>, FrameDecoder>>,
    line: Vec<u8>,
    left_bytes: u64,
}

impl Reader {
    /// Begins with the first line of `bytes`.
    pub(crate) fn new(key: &str, bytes: Vec<u8>) -> Result<Reader> {
        let mut decoder = FrameDecoder::new();
        decoder
            .set_max_window_size(WINDOW_BYTES_MAX)
            .map_err(|error| Error::internal("the decoder refuses its limit").because(error))?;
        let decoder = StreamingDecoder::new_with_decoder(Cursor::new(bytes), decoder);
        let reader = BufReader::with_capacity(64 << 10, decoder);
        Ok(Reader {
            key: key.to_owned(),
            reader,
            line: Vec::new(),
            left_bytes: LINES_BYTES_MAX,
        })
    }

    /// Reads the first line: the header of `kind`.
    pub(crate) fn header<T: for<'de> Deserialize<'de>>(&mut self, kind: &str) -> Result<T> {
        self.read("the header")?;
        sealed::header(kind, &self.key, &self.line)
    }

    /// Reads the next line: `what` names it in the error.
    pub(crate) fn next<T: for<'de> Deserialize<'de>>(&mut self, what: &str) -> Result<T> {
        self.read(what)?;
        serde_json::from_slice(&self.line).map_err(|error| damaged(&self.key, what, &error))
    }

    fn read(&mut self, what: &str) -> Result<()> {
        self.line.clear();
        (&mut self.reader)
            .take(LINE_BYTES_MAX.min(self.left_bytes))
            .read_until(b'\n', &mut self.line)
            .map_err(|error| damaged(&self.key, what, &error))?;
        self.left_bytes -= self.line.len() as u64;
        if self.line.last() != Some(&b'\n') {
            return Err(if self.left_bytes == 0 {
                too_large(&self.key)
            } else {
                damaged(&self.key, what, &"the line has no end")
            });
        }
        Ok(())
    }

    /// Checks that there are no more.
    pub(crate) fn end(&mut self) -> Result<()> {
        match self.reader.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(Error::damaged(&self.key, "it has bytes after its end")),
            Err(error) => Err(Error::damaged(
                &self.key,
                format!("it cannot be read to its end: {error}"),
            )),
        }
    }
}

fn damaged(key: &str, what: &str, error: &dyn Display) -> Error {
    Error::damaged(
        key,
        format!("{what} cannot be read: {}", shown(&error.to_string())),
    )
}

/// Writes lines.
pub(crate) struct Writer {
    out: StreamingEncoder<Vec<u8>>,
    line: Vec<u8>,
    left_bytes: u64,
}

impl Writer {
    /// Begins with nothing.
    pub(crate) fn new() -> Writer {
        let out = StreamingEncoder::new(Vec::new(), CompressionLevel::from_level(LEVEL));
        Writer {
            out,
            line: Vec::new(),
            left_bytes: LINES_BYTES_MAX,
        }
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, value: &impl Serialize) -> Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value).map_err(|error| failed(&error))?;
        self.line.push(b'\n');
        let length = self.line.len() as u64;
        if length > LINE_BYTES_MAX || length > self.left_bytes {
            return Err(too_large(""));
        }
        self.left_bytes -= length;
        self.out.write_all(&self.line).map_err(|error| failed(&error))
    }

    /// Returns the stored form.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        self.out.finish().map_err(|error| failed(&error))
    }
}

fn failed(error: &dyn Display) -> Error {
    Error::internal("lines could not be written").because(error)
}

fn too_large(key: &str) -> Error {
    let message = format!("a tree has lines of {LINE_BYTES_MAX} bytes and {LINES_BYTES_MAX} in all at most");
    Error::limit("tree-too-large", message, key)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn written(lines: &[&str]) -> Vec<u8> {
        let mut writer = Writer::new();
        lines.iter().for_each(|line| writer.line(line).unwrap());
        writer.finish().unwrap()
    }

    #[test]
    fn lines_come_back() {
        let stored = written(&["a", "", "\n\"\u{1f980}"]);
        let mut reader = Reader::new("key", stored).unwrap();
        for line in ["a", "", "\n\"\u{1f980}"] {
            assert_eq!(reader.next::<String>("a line").unwrap(), line);
        }
        reader.end().unwrap();
    }

    #[test]
    fn all_lines_together_have_a_limit_for_reading_and_for_writing() {
        // Each line is short enough: 5 bytes.
        let stored = written(&["ab"; 4]);
        let mut reader = Reader {
            left_bytes: 12,
            ..Reader::new("key", stored).unwrap()
        };
        assert_eq!(reader.next::<String>("a line").unwrap(), "ab");
        assert_eq!(reader.next::<String>("a line").unwrap(), "ab");
        assert!(matches!(reader.next::<String>("a line"), Err(Error::Limit(_))));
        assert!(
            matches!(reader.next::<String>("a line"), Err(Error::Limit(_))),
            "and stays at its end"
        );
        let mut writer = Writer {
            left_bytes: 12,
            ..Writer::new()
        };
        writer.line(&"ab").unwrap();
        writer.line(&"ab").unwrap();
        assert!(matches!(writer.line(&"ab"), Err(Error::Limit(_))));
    }

    #[test]
    fn one_line_has_a_limit() {
        let mut writer = Writer::new();
        let most = "x".repeat(LINE_BYTES_MAX as usize - 3);
        writer.line(&most).unwrap();
        assert!(matches!(writer.line(&(most.clone() + "x")), Err(Error::Limit(_))));
        let stored = writer.finish().unwrap();
        assert_eq!(
            Reader::new("key", stored)
                .unwrap()
                .next::<String>("a line")
                .unwrap(),
            most
        );
    }
}
