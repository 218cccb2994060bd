//! `varco token`: bearer tokens of the HTTP API. A token is printed once; the store keeps its hash.

use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use super::ConfigFile;
use super::table::Table;
use crate::clock::Clock;
use crate::config::Config;
use crate::console::NewToken;
use crate::store::{Role, Store};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Make a token and print it, alone, on standard output.
    Create {
        #[command(flatten)]
        file: ConfigFile,
        /// Who uses it; names may repeat.
        #[arg(long)]
        name: String,
        /// What it may do.
        #[arg(long)]
        role: Role,
    },
    /// List tokens, the revoked ones included.
    List {
        #[command(flatten)]
        file: ConfigFile,
    },
    /// Revoke tokens by name or number.
    Revoke {
        #[command(flatten)]
        file: ConfigFile,
        /// The name (all of that name) or the number (that one).
        #[arg(value_name = "NAME|NUMBER")]
        which: String,
    },
}

#[expect(clippy::print_stdout, reason = "the token or the list is the command's output")]
pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    let now = clock.now().wall;
    let open = |file: &ConfigFile| -> anyhow::Result<Store> {
        let config = Config::load(&file.config)?.config;
        Store::open_beside(&config.store, clock.clone()).context("opening the store")
    };
    match arguments.action {
        Action::Create { file, name, role } => {
            let token = NewToken::make().context("drawing random bytes")?;
            let hash = token.hash();
            let insert = move |tx: &crate::store::Tx<'_>| tx.insert_token(&name, role, &hash, now);
            open(&file)?.write("creating a token", insert).await?;
            println!("{}", token.reveal());
        }
        Action::List { file } => {
            let mut table = Table::of(&["NUMBER", "ROLE", "MADE", "REVOKED", "NAME"]);
            for token in open(&file)?.read("listing tokens", |view| view.tokens()).await? {
                let role = format!("{:?}", token.role).to_lowercase();
                let revoked = token.revoked_at.map_or("-".to_owned(), |at| format!("{at:.0}"));
                table.row(vec![token.id.to_string(), role, format!("{:.0}", token.created_at), revoked, token.name]);
            }
            table.lines().iter().for_each(|line| println!("{line}"));
        }
        Action::Revoke { file, which } => {
            let name = which.clone();
            let revoke = move |tx: &crate::store::Tx<'_>| tx.revoke_tokens(&name, now);
            if open(&file)?.write("revoking tokens", revoke).await? == 0 {
                bail!("there is no live token {which:?}; `varco token list` shows them");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
