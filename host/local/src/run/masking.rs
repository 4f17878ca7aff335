//! Secrets in the output of steps, replaced by `****` as on CircleCI.

/// The replacement.
const MASK: &[u8] = b"****";
/// CircleCI does not mask shorter values.
const SECRET_BYTES_MIN: usize = 4;
/// CircleCI does not mask these values.
const PLAIN: [&str; 4] = ["true", "True", "false", "False"];
/// A longer line is printed in parts.
const LINE_BYTES_MAX: usize = 64 << 10;

/// The secrets of a job.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Lines, the longest first: a secret may contain another one.
    lines: Vec<Vec<u8>>,
}

impl Secrets {
    /// Returns the secrets among values of variables. Each line of a value of several lines is a secret.
    pub(super) fn among<'v>(values: impl IntoIterator<Item = &'v str>) -> Secrets {
        let mut lines: Vec<Vec<u8>> = values
            .into_iter()
            .filter(|value| !PLAIN.contains(value))
            .flat_map(str::lines)
            .filter(|line| line.len() >= SECRET_BYTES_MIN)
            .map(|line| line.as_bytes().to_vec())
            .collect();
        lines.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        lines.dedup();
        Secrets { lines }
    }

    /// Masks `bytes` up to `end`. Returns the masked bytes, and where the rest begins: after `end` if a secret reaches beyond.
    fn mask(&self, bytes: &[u8], end: usize) -> (Vec<u8>, usize) {
        let mut masked = Vec::with_capacity(end);
        let mut at = 0;
        while at < end {
            let rest = bytes.get(at..).unwrap_or_default();
            match self.lines.iter().find(|secret| rest.starts_with(secret)) {
                Some(secret) => {
                    masked.extend_from_slice(MASK);
                    at += secret.len();
                }
                None => {
                    masked.extend(rest.first());
                    at += 1;
                }
            }
        }
        (masked, at)
    }
}

/// The output of a step, masked line by line: a secret may arrive in pieces.
pub(super) struct MaskedLines<'s> {
    secrets: &'s Secrets,
    buffer: Vec<u8>,
}

impl MaskedLines<'_> {
    pub(super) fn new(secrets: &Secrets) -> MaskedLines<'_> {
        MaskedLines {
            secrets,
            buffer: Vec::new(),
        }
    }

    /// Adds output. Returns whole lines, or part of a line that is too long.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.buffer.extend_from_slice(bytes);
        let lines = self.buffer.iter().rposition(|byte| *byte == b'\n');
        let longest = self.secrets.lines.first().map_or(0, Vec::len);
        let end = match lines {
            Some(at) => at + 1,
            // A secret that begins in the part must be whole in the buffer.
            None if self.buffer.len() > LINE_BYTES_MAX + longest => self.buffer.len() - longest,
            None => return Vec::new(),
        };
        self.take(end)
    }

    /// Returns the rest.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        self.take(self.buffer.len())
    }

    fn take(&mut self, end: usize) -> Vec<u8> {
        let (masked, taken) = self.secrets.mask(&self.buffer, end);
        self.buffer.drain(..taken.min(self.buffer.len()));
        masked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(secrets: &[&str], pieces: &[&str]) -> String {
        let secrets = Secrets::among(secrets.iter().copied());
        let mut lines = MaskedLines::new(&secrets);
        let mut out = Vec::new();
        for piece in pieces {
            out.extend(lines.add(piece.as_bytes()));
        }
        out.extend(lines.finish());
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_secret_is_masked_even_in_pieces() {
        assert_eq!(masked(&["s3cret"], &["a s3", "cr", "et b\n"]), "a **** b\n");
        assert_eq!(masked(&["s3cret"], &["s3crets3cret"]), "********");
        assert_eq!(masked(&["pass", "password"], &["password\n"]), "****\n");
    }

    #[test]
    fn each_line_of_a_key_is_masked() {
        let key = "-----BEGIN-----\nabcdef\n\n-----END-----\n";
        assert_eq!(masked(&[key], &[key]), "****\n****\n\n****\n");
    }

    #[test]
    fn short_and_plain_values_are_not_masked() {
        assert_eq!(
            masked(&["abc", "true", "False"], &["abc true False\n"]),
            "abc true False\n"
        );
    }

    #[test]
    fn a_long_line_is_bounded_and_masked() {
        let line = "x".repeat(LINE_BYTES_MAX - 3) + "s3cret" + &"y".repeat(LINE_BYTES_MAX);
        let pieces: Vec<&str> = line
            .as_bytes()
            .chunks(1000)
            .filter_map(|chunk| std::str::from_utf8(chunk).ok())
            .collect();
        let out = masked(&["s3cret"], &pieces);
        assert!(!out.contains("s3c") && out.contains("x****y"));
    }
}
