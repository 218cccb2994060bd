//! The real `varco` binary as a child process: started, watched, killed, and spoken to over its own HTTP API.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::api::Api;
use crate::world;

/// How long the agent may take to be ready, or to drain after SIGTERM, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much of its log a failure shows.
const LOG_TAIL_BYTES: usize = 4096;

/// A running agent. Dropping it kills it.
#[derive(Debug)]
pub struct Agent {
    child: Child,
    config: PathBuf,
    console: String,
    store: PathBuf,
}

/// What a subcommand answered.
#[derive(Debug, Clone)]
pub struct Output {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Agent {
    /// Runs `varco run --config` and waits for its ready line.
    pub async fn start(config: &Path) -> Result<Self> {
        Self::start_with(config, &[]).await
    }

    /// The same with environment variables of its own, such as a preloaded clock.
    pub async fn start_with(config: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        Self::launch(&binary()?, config, environment).await
    }

    async fn launch(binary: &Path, config: &Path, environment: &[(&str, &str)]) -> Result<Self> {
        let log = File::options().create(true).append(true).open(log_path(config))?;
        let mut command = Command::new(binary);
        command.arg("run").arg("--config").arg(config).envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.try_clone()?).kill_on_drop(true);
        // Ctrl-C is for the program that runs the club; the agent is ended by it, after its books are read.
        command.process_group(0);
        let mut child = {
            let _world = world::handle().enter();
            command.spawn().context("starting varco")?
        };
        let (said, ready) = oneshot::channel();
        let stdout = child.stdout.take().expect("its standard output is a pipe");
        world::spawn(copy_lines(stdout, tokio::fs::File::from_std(log), said));
        let line = tokio::select! {
            line = timeout(PATIENCE, ready) => match line {
                Ok(Ok(line)) => line,
                Ok(Err(_)) => bail!("varco closed its output before it was ready: {}", log_tail(config)),
                Err(_) => bail!("varco was not ready within {PATIENCE:?}: {}", log_tail(config)),
            },
            status = child.wait() => bail!("varco ended with {}: {}", status?, log_tail(config)),
        };
        let (console, store) = parse_ready(&line).with_context(|| format!("reading the ready line {line:?}"))?;
        Ok(Self { child, config: config.to_owned(), console, store })
    }

    /// Where its console is, as in `http://127.0.0.1:41234`.
    pub fn console(&self) -> &str {
        &self.console
    }

    /// Where its store is.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Its process id; none once it has ended.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Everything it logged, this run and earlier ones.
    pub fn log(&self) -> String {
        fs::read_to_string(log_path(&self.config)).unwrap_or_default()
    }

    /// Its API without a token.
    pub fn public_api(&self) -> Api {
        Api::new(&self.console, None)
    }

    /// Its API with a new token of `role`: admin, operator, gateway or viewer.
    pub async fn api(&self, role: &str) -> Result<Api> {
        let config = self.config.to_str().context("a path in UTF-8")?;
        let output = varco(&["token", "create", "--config", config, "--name", "site", "--role", role]).await?;
        ensure!(output.code == Some(0), "varco token create: {}", output.stderr);
        Ok(Api::new(&self.console, Some(output.stdout.trim())))
    }

    /// Asks it to read its configuration again.
    pub fn hup(&self) -> Result<()> {
        self.signal(Signal::SIGHUP)
    }

    /// Makes it stand still, as a machine that swaps does, until [`Agent::go_on`].
    pub fn stand_still(&self) -> Result<()> {
        self.signal(Signal::SIGSTOP)
    }

    /// Lets it go on after [`Agent::stand_still`].
    pub fn go_on(&self) -> Result<()> {
        self.signal(Signal::SIGCONT)
    }

    /// Kills it at once, and waits until it is gone.
    pub async fn kill9(mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.ended().await?;
        Ok(())
    }

    /// Asks it to drain and end, and expects exit code 0.
    pub async fn terminate(mut self) -> Result<()> {
        self.signal(Signal::SIGTERM)?;
        let status = self.ended().await?;
        ensure!(status.success(), "varco ended with {status}: {}", log_tail(&self.config));
        Ok(())
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        Ok(ended.with_context(|| format!("varco did not end within {PATIENCE:?}: {}", log_tail(&self.config)))??)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.child.id().with_context(|| format!("varco had ended: {}", log_tail(&self.config)))?;
        kill(Pid::from_raw(id.cast_signed()), signal).with_context(|| format!("sending {signal} to varco"))
    }
}

/// Runs a subcommand to its end.
pub async fn varco(arguments: &[&str]) -> Result<Output> {
    let output = Command::new(binary()?).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(PATIENCE * 4, output).await.with_context(|| format!("varco {arguments:?} hangs"))??;
    Ok(Output {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The binary under test: `VARCO_BIN`, or the one built beside this program, which is built if it is missing.
pub fn binary() -> Result<PathBuf> {
    if let Ok(named) = std::env::var("VARCO_BIN") {
        return Ok(named.into());
    }
    let program = std::env::current_exe()?;
    let mut folder = program.parent().context("a program is in a folder")?;
    if folder.ends_with("deps") {
        folder = folder.parent().context("deps is in a folder")?;
    }
    let binary = folder.join("varco");
    if !binary.exists() {
        build(folder)?;
    }
    ensure!(binary.exists(), "{} is missing: run `cargo build -p varco`", binary.display());
    Ok(binary)
}

/// Builds the binary under test unless `VARCO_BIN` names one: for programs that are run by hand after a change.
pub fn build_fresh() -> Result<()> {
    if std::env::var("VARCO_BIN").is_ok() {
        return Ok(());
    }
    let binary = binary()?;
    build(binary.parent().context("a program is in a folder")?)
}

/// Cargo holds a lock on the folder, so tests that start at the same time build once. Naming both packages gives their
/// dependencies the same features as when this crate is built, so that nothing is compiled twice.
fn build(folder: &Path) -> Result<()> {
    let mut command = std::process::Command::new("cargo");
    command
        .args(["build", "-p", "varco", "-p", "site", "--bin", "varco"])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    if folder.ends_with("release") {
        command.arg("--release");
    }
    // What cargo tells the program it runs is not for the build: ring, for one, would be compiled again because of it,
    // and once more at the next build by hand.
    let told_to_this_program = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(told_to_this_program)) {
        command.env_remove(name);
    }
    command.arg("--target-dir").arg(folder.parent().context("a profile is in the target folder")?);
    ensure!(command.status().context("running cargo build")?.success(), "cargo build -p varco failed");
    Ok(())
}

/// `varco ready console=http://127.0.0.1:41234 store=/tmp/x/varco.db`
fn parse_ready(line: &str) -> Option<(String, PathBuf)> {
    let (console, store) = line.strip_prefix("varco ready console=")?.split_once(" store=")?;
    Some((console.trim_end_matches('/').to_owned(), PathBuf::from(store)))
}

/// Keeps the pipe empty for as long as the agent lives: a full one would stop it at its next line.
async fn copy_lines(stdout: impl AsyncRead + Unpin, mut log: tokio::fs::File, said: oneshot::Sender<String>) {
    let mut said = Some(said);
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let _ = log.write_all(format!("{line}\n").as_bytes()).await;
        if line.starts_with("varco ready ")
            && let Some(said) = said.take()
        {
            // Nobody waits for it any more when the start has been given up.
            let _ = said.send(line);
        }
    }
}

fn log_path(config: &Path) -> PathBuf {
    config.with_extension("log")
}

fn log_tail(config: &Path) -> String {
    let log = fs::read(log_path(config)).unwrap_or_default();
    String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_TAIL_BYTES)..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stand-in that obeys signals as the agent does.
    async fn stand_in(folder: &Path, mood: &str) -> Result<Agent> {
        let binary = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stand-in.sh");
        Agent::launch(Path::new(binary), &folder.join("varco.toml"), &[("MOOD", mood)]).await
    }

    #[test]
    fn the_ready_line_names_console_and_store() {
        let line = "varco ready console=http://127.0.0.1:41234 store=/tmp/a folder/varco.db";
        let expected = ("http://127.0.0.1:41234".to_owned(), PathBuf::from("/tmp/a folder/varco.db"));
        assert_eq!(parse_ready(line), Some(expected));
        assert_eq!(parse_ready("varco starting"), None);
    }

    #[tokio::test]
    async fn an_agent_is_started_told_to_reread_drained_and_killed() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let agent = stand_in(folder.path(), "good").await?;
        assert_eq!((agent.console(), agent.store()), ("http://127.0.0.1:9", Path::new("/nowhere/varco.db")));
        agent.hup()?;
        agent.terminate().await?;
        let agent = stand_in(folder.path(), "good").await?;
        assert!(agent.log().contains("reads its configuration"), "{}", agent.log());
        agent.kill9().await
    }

    #[tokio::test]
    async fn an_agent_that_fails_shows_its_log() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let error = stand_in(folder.path(), "broken").await.expect_err("it ends before it is ready");
        assert!(format!("{error:#}").contains("zone \"gim\" does not exist"), "{error:#}");
        let agent = stand_in(folder.path(), "stubborn").await?;
        assert!(agent.terminate().await.is_err(), "an exit code other than 0 is a failed drain");
        Ok(())
    }
}
