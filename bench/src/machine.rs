//! On what the figures were taken. Figures without it mean nothing.

use std::fs;

use serde::Serialize;

/// The machine, as far as it bears on the figures.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    kernel: String,
    cores: usize,
}

impl Machine {
    /// This machine.
    pub(crate) fn look() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let model = processors
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        Self {
            processor: model
                .unwrap_or("unknown")
                .trim_start_matches(['\t', ' ', ':'])
                .to_owned(),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            cores: processors
                .lines()
                .filter(|line| line.starts_with("processor"))
                .count(),
        }
    }

    /// It in a few words.
    pub(crate) fn describe(&self) -> String {
        let Self {
            processor,
            kernel,
            cores,
        } = self;
        format!("{processor}, {cores} cores, Linux {kernel}")
    }
}
