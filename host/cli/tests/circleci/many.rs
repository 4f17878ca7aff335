//! Much at once, within the limit of memory.

use std::time::Duration;

use baton_local::api::{Content, JobStatus};

use crate::world::World;

const FILES: u64 = 300;
const FILE_BYTES: u64 = 10 << 20;

/// Returns the most memory that a process had so far, in KiB.
fn peak_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

#[test]
fn three_gigabytes_arrive_within_the_limit_of_memory() {
    let world = World::with(|settings| settings.page_size = 100);
    let number = world.run(&world.pipeline("main"), "build", JobStatus::Success);
    for index in 0..FILES {
        let content = Content::Repeated {
            byte: index as u8,
            length: FILE_BYTES,
        };
        world.add(number, 0, &format!("dist/{index}.bin"), content);
    }
    let deploy = world
        .job("deploy", 90)
        .set("BATON_MEMORY_MIB", "32")
        .set("BATON_WORKERS", "4");
    let mut running = deploy.start("attach latest --job build --at out");
    let mut peak = 0;
    let ended = loop {
        peak = peak.max(peak_kib(running.id()).unwrap_or(0));
        if let Some(ended) = running.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(ended.success(), "{ended}");
    // Four workers at a MiB or so each, and the process itself: the limit of the whole is 256 MiB.
    assert!(peak > 0 && peak < 256 << 10, "{peak} KiB");
    println!("peak: {peak} KiB");
    for index in 0..FILES {
        let size = deploy
            .path(&format!("out/dist/{index}.bin"))
            .metadata()
            .unwrap()
            .len();
        assert_eq!(size, FILE_BYTES, "{index}");
    }
}
