//! `varco check`: everything that is wrong with the configuration, and with what it needs on this machine and beyond.

use std::process::ExitCode;

use clap::Args;

use super::ConfigFile;
use crate::config::check::{Finding, State, offline};
use crate::config::{Config, Loaded};
use crate::{mqtt, mywellness, webhook};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Look at the file and the secrets it names alone, and not at this machine: what a reload asks first.
    #[arg(long, conflicts_with = "online")]
    file_only: bool,
    /// Also reach the broker and the receivers of webhooks, and log in at Mywellness.
    #[arg(long)]
    online: bool,
}

#[expect(clippy::print_stdout, reason = "the findings are the command's output")]
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Loaded { config, warnings } = Config::load(&arguments.file.config)?;
    println!("{}: no problems", arguments.file.config.display());
    warnings.iter().for_each(|warning| println!("warning {warning}"));
    if arguments.file_only {
        return Ok(ExitCode::SUCCESS);
    }
    let mut findings = offline(&config);
    if arguments.online {
        findings.extend(online(&config).await);
    }
    findings.iter().for_each(|finding| println!("{finding}"));
    let failed = findings.iter().any(|finding| finding.state == State::Error);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn online(config: &Config) -> Vec<Finding> {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let mut findings = Vec::new();
    if let Some(config) = &config.mqtt {
        let subject = format!("broker {}:{}", config.host, config.port);
        findings.push(match mqtt::check(config).await {
            Ok(()) => Finding::good(subject, "accepts the agent's connection"),
            Err(why) => {
                Finding::error(subject, why.to_string(), "see [mqtt] in the configuration, and the broker's log")
            }
        });
    }
    if let Some(config) = &config.mywellness {
        let subject = format!("Mywellness at {}", config.base_url);
        findings.push(match mywellness::check(config).await {
            Ok(()) => Finding::good(subject, "accepts the login"),
            Err(why) => Finding::error(subject, why.to_string(), "see [mywellness] in the configuration"),
        });
    }
    for config in &config.webhooks {
        let subject = format!("receiver of {}", config.lane);
        findings.push(match webhook::check(config).await {
            Ok(status) => Finding::good(subject, format!("is reached; it answers HEAD with status {status}")),
            Err(why) => Finding::error(subject, why, "see its url and ca_file in the configuration"),
        });
    }
    findings
}
