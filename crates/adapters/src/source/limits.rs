//! What the process that reads a file may use. Set by itself, before it looks at a byte, and never given back.
//!
//! Linux keeps all of them. macOS knows no limit on memory that holds, and Windows none of these: there a reader that
//! breaks still takes nothing else with it.

/// Most memory beside the program itself.
pub(super) const MEMORY_BYTES: u64 = 1 << 30;
/// Time on a processor that any file gets, and how many bytes more earn another second.
const CPU_SECONDS: u64 = 60;
const BYTES_A_SECOND: u64 = 1 << 20;

/// Time on a processor for a file of a size, in seconds.
pub(super) fn cpu_seconds(bytes: u64) -> u64 {
    CPU_SECONDS + bytes / BYTES_A_SECOND
}

/// Gives up what reading does not need: memory, time, writing, other files and sockets, other processes.
///
/// # Errors
/// What the system said when it kept no such limit.
#[cfg(unix)]
pub(super) fn set(memory_bytes: u64, cpu_seconds: u64) -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |resource, most| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    limit(Resource::Cpu, cpu_seconds)?;
    limit(Resource::As, used_bytes() + memory_bytes)?;
    limit(Resource::Nproc, 0)?;
    // No file and no socket can be opened from here on.
    limit(Resource::Nofile, 0)?;
    Ok(())
}

/// Gives up nothing: this system knows no such limits.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub(super) fn set(_memory_bytes: u64, _cpu_seconds: u64) -> std::io::Result<()> {
    Ok(())
}

/// Address space that the program has before it reads.
#[cfg(unix)]
fn used_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:"));
    let kibibytes = size.and_then(|size| size.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kibibytes.unwrap_or(MEMORY_BYTES >> 10) << 10
}
