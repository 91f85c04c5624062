//! What a program costs: wall time, CPU time and peak memory, read from `/proc` while it runs (Linux only).

use anyhow::{Context, bail};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Kernel ticks a second in `/proc/PID/stat`; fixed at 100 on Linux for user space.
const TICKS_PER_SECOND: f64 = 100.0;
const POLL: Duration = Duration::from_millis(20);

/// What one run cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of user and system time, of the program itself (not of programs that it starts).
    pub cpu: f64,
    /// Peak resident memory in MiB.
    pub peak_mib: f64,
}

/// Runs a program to its end and measures it.
pub fn measure(command: &mut Command) -> anyhow::Result<Cost> {
    let started = Instant::now();
    let mut child =
        command.stdout(Stdio::null()).spawn().with_context(|| format!("{command:?} could not be started"))?;
    let mut cost = Cost::default();
    let status = loop {
        if let Some(seen) = look(child.id()) {
            cost = Cost { cpu: seen.cpu, peak_mib: seen.peak_mib.max(cost.peak_mib), ..cost };
        }
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(POLL);
    };
    if !status.success() {
        bail!("{command:?} failed with {status}");
    }
    Ok(Cost { wall: started.elapsed().as_secs_f64(), ..cost })
}

fn look(pid: u32) -> Option<Cost> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(Cost { wall: 0.0, cpu: ticks / TICKS_PER_SECOND, peak_mib: kib / 1024.0 })
}
