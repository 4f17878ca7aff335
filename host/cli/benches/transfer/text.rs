//! Pseudo-random numbers, and text that looks like source code.
//!
//! The text has to compress like source code, because compression decides the time of a transfer: `zstd -1`
//! makes the generated tree about five times smaller, as it does a real one. Three things bring that about:
//! each file draws on a small vocabulary of its own, lines follow few patterns, and some lines repeat earlier
//! ones. It is not meant to parse as any language.

/// SplitMix64: the same numbers on every machine, and fast enough to fill gigabytes.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, or 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// Returns a number from 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Returns a number of the standard normal distribution: twelve uniform ones, summed and centred.
    pub(crate) fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    pub(crate) fn percent(&mut self, share: usize) -> bool {
        self.below(100) < share
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T], otherwise: T) -> T {
        choices
            .get(self.below(choices.len()))
            .copied()
            .unwrap_or(otherwise)
    }

    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for word in bytes.chunks_mut(8) {
            for (byte, random) in word.iter_mut().zip(self.next().to_le_bytes()) {
                *byte = random;
            }
        }
    }
}

const STEMS: [&str; 96] = [
    "get", "set", "index", "node", "buffer", "value", "key", "path", "file", "entry", "state", "config",
    "name", "type", "list", "map", "find", "read", "write", "parse", "token", "error", "result", "context",
    "handle", "event", "request", "response", "client", "server", "session", "user", "id", "count", "size",
    "offset", "length", "start", "end", "next", "prev", "parent", "child", "root", "left", "right", "source",
    "target", "input", "output", "stream", "queue", "task", "worker", "thread", "lock", "cache", "store",
    "table", "column", "row", "query", "filter", "sort", "merge", "split", "join", "hash", "digest",
    "encode", "decode", "load", "save", "open", "close", "create", "delete", "update", "insert", "remove",
    "check", "verify", "test", "mock", "builder", "factory", "option", "flag", "mode", "level", "time",
    "date", "url", "header", "body", "message",
];

/// `%` stands for a word of the file, `~` for any word, `#` for a number, `@` for a hexadecimal one.
const PATTERNS: [&str; 40] = [
    "let % = %.%(%);",
    "if % == % {",
    "return %;",
    "}",
    "}",
    "}",
    "",
    "",
    "% = %;",
    "self.% = %;",
    "let % = self.%.%(&%)?;",
    "pub fn %(&self, %: &%) -> Result<%> {",
    "for % in %.iter() {",
    "// ~ the ~ of a ~ when ~ is not ~",
    "/// Returns the ~ of this ~, or the ~ if there is no ~.",
    "%.%(%, %);",
    "%: %,",
    "%: #,",
    "use ~::%::%;",
    "match % {",
    "%::% => %.%(),",
    "} else {",
    "assert_eq!(%.%(), #);",
    "while % < %.len() {",
    "const %: u32 = @;",
    "log.debug(\"~ ~ failed: {}\", %);",
    "let mut % = Vec::new();",
    "%.push(%);",
    "if let Some(%) = %.%() {",
    "struct % {",
    "break;",
    "fn %_~() {",
    "None => return Err(%::%),",
    "let % = # + %;",
    "Some(%) => %,",
    "throw new Error(\"~ ~ is not ~\");",
    "export function %(%: %, %: string) {",
    "\"~\": \"~\",",
    "import { %, % } from \"./~/%\";",
    "Ok(%)",
];

const LICENCE: &str = "\
// Licensed to the contributors under one or more agreements. See the NOTICE file
// distributed with this work for additional information. You may not use this file
// except in compliance with the terms. Unless required by law or agreed to in writing,
// software is distributed on an \"as is\" basis, without warranties of any kind.

";

/// How many lines back a repeated line may lie.
const REPEAT_LINES_MAX: usize = 48;

/// Generates words and source text.
pub(crate) struct SourceText {
    words: Vec<String>,
}

impl SourceText {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self {
            words: (0..20_000).map(|_| new_word(random)).collect(),
        }
    }

    /// Returns a word; the first ones of the vocabulary are the most frequent ones (Zipf's law, exponent 1).
    pub(crate) fn word(&self, random: &mut Random) -> &str {
        let rank = (self.words.len() as f64).powf(random.unit()) as usize;
        self.words.get(rank.saturating_sub(1)).map_or("", String::as_str)
    }

    /// Appends exactly `size_bytes` of text to `text`.
    pub(crate) fn append(&self, random: &mut Random, size_bytes: usize, text: &mut Vec<u8>) {
        let end = text.len() + size_bytes;
        let lexicon: Vec<&str> = (0..12 + size_bytes.min(65_536) / 400)
            .map(|_| self.word(random))
            .collect();
        let mut line_starts = Vec::with_capacity(size_bytes / 24);
        let mut depth = 0_usize;
        if random.percent(30) {
            text.extend_from_slice(LICENCE.as_bytes());
        }
        while text.len() < end {
            let start = text.len();
            if random.percent(10) && repeat_line(random, &line_starts, text) {
                line_starts.push(start);
                continue;
            }
            line_starts.push(start);
            let pattern = random.pick(&PATTERNS, "");
            if pattern.starts_with('}') {
                depth = depth.saturating_sub(1);
            }
            if !pattern.is_empty() {
                text.extend(std::iter::repeat_n(b' ', 4 * depth));
            }
            self.append_line(random, &lexicon, pattern, text);
            if pattern.ends_with('{') && depth < 6 {
                depth += 1;
            }
        }
        text.truncate(end);
    }

    fn append_line(&self, random: &mut Random, lexicon: &[&str], pattern: &str, text: &mut Vec<u8>) {
        for byte in pattern.bytes() {
            match byte {
                b'%' => {
                    // Squared, so that a file uses a few of its words much more often than the others.
                    let rank = random.unit().powi(2) * lexicon.len() as f64;
                    text.extend_from_slice(lexicon.get(rank as usize).map_or(b"", |word| word.as_bytes()));
                }
                b'~' => text.extend_from_slice(self.word(random).as_bytes()),
                b'#' => text.extend_from_slice(random.below(300).to_string().as_bytes()),
                b'@' => text.extend_from_slice(format!("0x{:08x}", random.next() as u32).as_bytes()),
                other => text.push(other),
            }
        }
        text.push(b'\n');
    }
}

/// Appends one of the last lines again. Returns false if there is none.
fn repeat_line(random: &mut Random, line_starts: &[usize], text: &mut Vec<u8>) -> bool {
    let back = 1 + random.below(line_starts.len().saturating_sub(1).min(REPEAT_LINES_MAX));
    let mut bounds = line_starts.iter().rev().skip(back - 1);
    let (Some(end), Some(start)) = (bounds.next(), bounds.next()) else {
        return false;
    };
    text.extend_from_within(*start..*end);
    true
}

fn new_word(random: &mut Random) -> String {
    let camel_case = random.percent(50);
    let mut word = String::new();
    for part in 0..1 + random.below(3) {
        let stem = random.pick(&STEMS, "");
        match (part, camel_case) {
            (0, _) => word.push_str(stem),
            (_, false) => {
                word.push('_');
                word.push_str(stem);
            }
            (_, true) => {
                let mut letters = stem.chars();
                word.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                word.push_str(letters.as_str());
            }
        }
    }
    word
}
