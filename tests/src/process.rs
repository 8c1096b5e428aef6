//! One child process: its log, its signals, its cost.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use tokio::{
    process::{Child, Command},
    sync::Mutex,
};

/// How much of a log is quoted when its process has failed.
const QUOTED_BYTES: u64 = 4096;

/// The kernel's clock ticks per second, in which it accounts processor time; 100 on every Linux of today.
const TICKS_PER_SECOND: u64 = 100;

/// A running child, killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Mutex<Child>,
    log: PathBuf,
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// Processor time, user and system, of all its threads.
    pub processor: Duration,
    /// Resident memory in bytes.
    pub resident: u64,
}

impl Process {
    /// Starts `command`, with its output appended to `<logs>/<name>.log`.
    pub fn spawn(name: &str, command: Command, logs: &Path) -> Result<Self> {
        std::fs::create_dir_all(logs)?;
        let log = logs.join(format!("{name}.log"));
        let child = Mutex::new(start(command, &log)?);
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
        })
    }

    /// Kills what runs (-9), waits until it is gone, and starts `command` in its place.
    pub async fn restart(&self, command: Command) -> Result<()> {
        let mut child = self.child.lock().await;
        child
            .kill()
            .await
            .with_context(|| format!("killing {}", self.name))?;
        *child = start(command, &self.log)?;
        Ok(())
    }

    /// The process id.
    pub async fn pid(&self) -> Result<u32> {
        let id = self.child.lock().await.id();
        id.ok_or_else(|| anyhow!("{} has exited; see {}", self.name, self.log.display()))
    }

    /// Fails, quoting the log, if the process has ended.
    pub async fn check(&self) -> Result<()> {
        match self.child.lock().await.try_wait()? {
            None => Ok(()),
            Some(status) => Err(anyhow!("{} ended with {status}:\n{}", self.name, self.log_tail())),
        }
    }

    /// Kills it at once (-9) and waits until it is gone.
    pub async fn kill(&self) -> Result<()> {
        self.child
            .lock()
            .await
            .kill()
            .await
            .with_context(|| format!("killing {}", self.name))
    }

    /// Stops it where it is (SIGSTOP), until it is resumed.
    pub async fn pause(&self) -> Result<()> {
        self.signal("-STOP").await
    }

    /// Lets it go on (SIGCONT) as if no time had passed.
    pub async fn resume(&self) -> Result<()> {
        self.signal("-CONT").await
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        let pid = self.pid().await?;
        let sent = std::process::Command::new("kill")
            .args([signal, &pid.to_string()])
            .status()?;
        ensure!(sent.success(), "kill {signal} {}: {sent}", self.name);
        Ok(())
    }

    /// Asks it to exit (SIGTERM), and gives its status once it has.
    pub async fn terminate(&self, within: Duration) -> Result<ExitStatus> {
        self.signal("-TERM").await?;
        let mut child = self.child.lock().await;
        let ended = tokio::time::timeout(within, child.wait()).await;
        let status = ended.with_context(|| format!("{} still runs {within:?} after SIGTERM", self.name))?;
        Ok(status?)
    }

    /// What it has used so far, from the kernel's accounting.
    pub async fn usage(&self) -> Result<Usage> {
        let pid = self.pid().await?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(Usage {
            processor: processor_time(&stat)?,
            resident: resident_bytes(&status)?,
        })
    }

    /// How many lines of its log hold all of these words.
    pub fn logged(&self, words: &[&str]) -> Result<usize> {
        let text = std::fs::read_to_string(&self.log)?;
        let holds = |line: &&str| words.iter().all(|word| line.contains(word));
        Ok(text.lines().filter(holds).count())
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        read_tail(&self.log).unwrap_or_else(|error| format!("(no log: {error})"))
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }
}

fn start(mut command: Command, log: &Path) -> Result<Child> {
    let output = File::options().create(true).append(true).open(log)?;
    command
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(true);
    let program = command.as_std().get_program().to_owned();
    command
        .spawn()
        .with_context(|| format!("starting {}", program.display()))
}

fn read_tail(path: &Path) -> Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(QUOTED_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Fields 14 and 15 of `proc_pid_stat(5)`, counted from behind the name, which may hold spaces.
fn processor_time(stat: &str) -> Result<Duration> {
    let (_, fields) = stat.rsplit_once(')').context("a stat line without a name")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>);
    let total = ticks.sum::<Result<u64, _>>().context("reading processor time")?;
    Ok(Duration::from_millis(total * 1000 / TICKS_PER_SECOND))
}

/// `VmRSS` of `proc_pid_status(5)`, which is in KiB.
fn resident_bytes(status: &str) -> Result<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS")?;
    let kibibytes: u64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .context("reading VmRSS")?;
    Ok(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::{Duration, processor_time, resident_bytes};

    #[test]
    fn sums_user_and_system_time_behind_a_name_with_spaces() {
        let stat = "42 (a b) c) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0";
        assert_eq!(processor_time(stat).unwrap(), Duration::from_secs(2));
    }

    #[test]
    fn reads_resident_memory_in_bytes() {
        assert_eq!(
            resident_bytes("Name:\tx\nVmRSS:\t    12 kB\n").unwrap(),
            12 * 1024
        );
    }
}
