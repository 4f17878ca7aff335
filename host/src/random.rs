//! Random numbers of the operating system, which the crate `getrandom` asks: the only source of the library.

use std::io;

/// Returns 128 random bits as 32 hexadecimal digits.
///
/// # Errors
///
/// Fails if the system's random number generator fails.
pub(crate) fn id() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| io::Error::other(format!("the system's random number generator failed: {error}")))?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// Returns a random number from 0 to below 1, to spread the retries of several processes. If the system has none, they are not
/// spread.
pub(crate) fn fraction() -> f64 {
    let number = getrandom::u64().unwrap_or_default();
    (number >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn an_id_is_never_repeated_and_a_fraction_is_below_one() {
        let (first, second) = (id().unwrap(), id().unwrap());
        assert!(first != second && first.len() == 32);
        assert!(first.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!((0..1000).all(|_| (0.0..1.0).contains(&fraction())));
    }
}
