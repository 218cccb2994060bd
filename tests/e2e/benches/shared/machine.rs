//! What a benchmark ran on, and how much memory a process holds there: both as the kernel tells them.

use std::fs;

use anyhow::{Context, Result};

/// The memory of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// What is resident now.
    pub(crate) resident: u64,
    /// The part of it that is the process's own, and no page of a file.
    pub(crate) anonymous: u64,
    /// The most that was ever resident.
    pub(crate) peak: u64,
}

/// Asks the kernel how much memory a process holds.
pub(crate) fn memory_of(process: u32) -> Result<Memory> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()).with_context(|| format!("no {name}"))?;
        number.parse::<u64>().with_context(|| format!("{name} is {number:?}"))
    };
    Ok(Memory { resident: kib("VmRSS")?, anonymous: kib("RssAnon")?, peak: kib("VmHWM")? })
}

/// Prints processor, kernel and load: numbers without them cannot be compared.
#[allow(clippy::print_stdout, reason = "it is part of the benchmark's output")]
pub(crate) fn describe() {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown processor");
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let (kernel, load) = (read("/proc/sys/kernel/osrelease"), read("/proc/loadavg"));
    let load = load.split(' ').next().unwrap_or_default();
    println!("\n{cores} ×{}, Linux {}, load {load}", model.trim_start_matches(['\t', ':']), kernel.trim());
}
