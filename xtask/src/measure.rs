//! What a program costs: wall time, CPU time and peak memory (Linux only). Programs are measured one at a time.

use anyhow::{Context, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::fs;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const POLL_FIRST: Duration = Duration::from_millis(1);
const POLL_MOST: Duration = Duration::from_millis(20);

/// What one run cost.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of user and system time, of the program and of those that it started and waited for.
    pub cpu: f64,
    /// Peak resident memory of the program itself in MiB, seen by looking every 1 to 20 ms.
    pub peak_mib: f64,
}

/// A program that ended.
pub struct Ended {
    /// What it cost.
    pub cost: Cost,
    /// Whether it ended well.
    pub success: bool,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error, where the command pipes it.
    pub stderr: String,
}

/// Runs a program to its end and measures it; fails when the program does.
pub fn measure(command: &mut Command) -> anyhow::Result<Cost> {
    let ended = run(command, None)?;
    if !ended.success {
        bail!("{command:?} failed");
    }
    Ok(ended.cost)
}

/// Runs a program to its end, measures it and keeps what it wrote; a program that fails is an answer too. One that
/// runs longer than `most` is killed.
pub fn run(command: &mut Command, most: Option<Duration>) -> anyhow::Result<Ended> {
    let (started, cpu_before) = (Instant::now(), cpu_of_children()?);
    let child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("{command:?} could not be started"))?;
    let (pid, over) = (child.id(), AtomicBool::new(false));
    let (output, peak_mib) = thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(pid, &over, most.map(|most| started + most)));
        let output = child.wait_with_output();
        over.store(true, Ordering::Relaxed);
        (output, watcher.join().expect("Invariant: the watcher only reads"))
    });
    let output = output?;
    let cost = Cost { wall: started.elapsed().as_secs_f64(), cpu: cpu_of_children()? - cpu_before, peak_mib };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended { cost, success: output.status.success(), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// Seconds of all programs that this one has started and waited for.
fn cpu_of_children() -> anyhow::Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let times = [usage.user_time(), usage.system_time()];
    Ok(times.iter().map(|time| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6).sum())
}

/// Peak memory in MiB of a program that this one has started and not yet waited for.
fn watch(pid: u32, over: &AtomicBool, end: Option<Instant>) -> f64 {
    let (mut peak, mut pause) = (0.0, POLL_FIRST);
    while !over.load(Ordering::Relaxed) {
        peak = peak_of(pid).unwrap_or(peak);
        if end.is_some_and(|end| Instant::now() > end) {
            // An error means that it has just ended.
            let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(POLL_MOST);
    }
    peak
}

/// Peak resident memory of a program that runs, in MiB.
pub fn peak_of(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_program_costs_cpu_and_memory_and_its_words_are_kept() {
        let busy = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; echo over";
        let ended = run(Command::new("sh").args(["-c", busy]), None).unwrap();
        assert!(ended.success && ended.stdout == "over\n");
        assert!(ended.cost.cpu > 0.005 && ended.cost.cpu < ended.cost.wall + 0.05, "{:?}", ended.cost);
        assert!(ended.cost.peak_mib > 0.1, "{:?}", ended.cost);
    }

    #[test]
    fn a_program_that_fails_is_an_answer_but_no_measurement() {
        assert!(!run(&mut Command::new("false"), None).unwrap().success);
        assert!(measure(&mut Command::new("false")).is_err());
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let ended = run(Command::new("sleep").arg("60"), Some(Duration::from_millis(100))).unwrap();
        assert!(!ended.success && ended.cost.wall < 10.0, "{:?}", ended.cost);
    }
}
