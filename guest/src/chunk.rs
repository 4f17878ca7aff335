//! Sizes of chunks: how files are bundled and cut.

/// The most bytes that a chunk holds: a bundle's 512 KiB and one more file of 1 MiB, rounded up.
pub const CHUNK_BYTES_MAX: usize = 2 << 20;

/// A file above this size is cut into slices; the others go into bundles.
pub(crate) const SMALL_BYTES_MAX: u64 = 1 << 20;
/// A bundle is closed by the file that makes it this large.
pub(crate) const BUNDLE_BYTES: usize = 512 << 10;

/// FastCDC's limits for slices, in bytes.
pub(crate) const SLICE_BYTES_MIN: usize = 64 << 10;
pub(crate) const SLICE_BYTES: usize = 256 << 10;
pub(crate) const SLICE_BYTES_MAX: usize = 1 << 20;
