//! How much memory this process uses, as Linux tells it in `/proc/self/status`; elsewhere nobody tells.

/// The bytes in use now.
pub fn used_memory() -> Option<u64> {
    status_field("VmRSS:")
}

/// The most bytes that were in use at any time.
pub fn peak_memory() -> Option<u64> {
    status_field("VmHWM:")
}

fn status_field(name: &str) -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
