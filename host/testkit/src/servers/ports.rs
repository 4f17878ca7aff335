//! Ports of loopback that nobody listens on.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};

/// Below the ports that Linux gives to outgoing connections (32,768 and up), so that no connection takes one between the
/// look at it here and the start of the server.
const FIRST: u16 = 18_000;
const LAST: u16 = 32_000;
const TRIES_MAX: u32 = 1000;

/// Returns `count` consecutive ports.
pub(super) fn free_in_a_row(count: u16) -> u16 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |now| now.subsec_nanos());
    // Test binaries that start at once begin at different places.
    let mut number = now ^ std::process::id().rotate_left(16);
    for _ in 0..TRIES_MAX {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let first = FIRST + (number >> 8) as u16 % (LAST - FIRST - count);
        let listeners: Result<Vec<_>, _> = (first..first + count)
            .map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
            .collect();
        if listeners.is_ok() {
            return first;
        }
    }
    panic!("no {count} ports in a row are free between {FIRST} and {LAST}");
}
