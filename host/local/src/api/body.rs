//! The body of a response, read while it is sent.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};

use super::records::Content;

/// The size of a frame in bytes.
const PIECE_BYTES: u64 = 256 << 10;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Returns the size of an artifact in bytes.
pub(super) fn length(content: &Content) -> io::Result<u64> {
    match content {
        Content::Bytes(bytes) => Ok(bytes.len() as u64),
        Content::File(path) => Ok(path.metadata()?.len()),
        Content::Repeated { length, .. } => Ok(*length),
    }
}

/// How a body ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End {
    /// With its last byte.
    Whole,
    /// The connection breaks off after so many bytes.
    Broken(u64),
    /// Nothing comes after so many bytes, and the connection stays.
    Silent(u64),
}

/// Returns `length` bytes of an artifact from `offset` on, unless they are to end before.
pub(super) fn of(content: &Content, offset: u64, length: u64, end: End) -> io::Result<Body> {
    let mut source = Source::open(content, offset)?;
    let sent_max = match end {
        End::Whole => length,
        End::Broken(bytes) | End::Silent(bytes) => bytes.min(length),
    };
    let pieces = stream::unfold(Some(0u64), move |sent| {
        std::future::ready(source.next_piece(sent, sent_max))
    });
    let broken = io::Error::new(io::ErrorKind::ConnectionReset, "cut short on purpose");
    Ok(match end {
        End::Whole => StreamBody::new(pieces).boxed_unsync(),
        End::Broken(_) => StreamBody::new(pieces.chain(stream::iter([Err(broken)]))).boxed_unsync(),
        End::Silent(_) => StreamBody::new(pieces.chain(stream::pending())).boxed_unsync(),
    })
}

/// Returns a body that is in memory.
pub(super) fn whole(bytes: impl Into<Bytes>) -> Body {
    let frame: io::Result<Frame<Bytes>> = Ok(Frame::data(bytes.into()));
    StreamBody::new(stream::iter([frame])).boxed_unsync()
}

enum Source {
    Bytes(Bytes),
    File(File),
    Repeated(Bytes),
}

impl Source {
    fn open(content: &Content, offset: u64) -> io::Result<Source> {
        match content {
            Content::Bytes(bytes) => {
                let start = bytes.len().min(offset as usize);
                let rest = bytes.get(start..).unwrap_or_default();
                Ok(Source::Bytes(Bytes::copy_from_slice(rest)))
            }
            Content::File(path) => {
                let mut file = File::open(path)?;
                file.seek(SeekFrom::Start(offset))?;
                Ok(Source::File(file))
            }
            Content::Repeated { byte, .. } => Ok(Source::Repeated(vec![*byte; PIECE_BYTES as usize].into())),
        }
    }

    /// Returns what comes next, and how much was sent with it.
    fn next_piece(
        &mut self,
        sent: Option<u64>,
        sent_max: u64,
    ) -> Option<(io::Result<Frame<Bytes>>, Option<u64>)> {
        let sent = sent?;
        if sent >= sent_max {
            return None;
        }
        match self.read((sent_max - sent).min(PIECE_BYTES) as usize) {
            Ok(piece) if piece.is_empty() => Some((Err(io::ErrorKind::UnexpectedEof.into()), None)),
            Ok(piece) => {
                let sent = sent + piece.len() as u64;
                Some((Ok(Frame::data(piece)), Some(sent)))
            }
            Err(error) => Some((Err(error), None)),
        }
    }

    fn read(&mut self, wanted: usize) -> io::Result<Bytes> {
        match self {
            Source::Bytes(rest) => Ok(rest.split_to(wanted.min(rest.len()))),
            Source::Repeated(piece) => Ok(piece.slice(..wanted.min(piece.len()))),
            Source::File(file) => {
                let mut piece = vec![0; wanted];
                file.read_exact(&mut piece)?;
                Ok(piece.into())
            }
        }
    }
}
