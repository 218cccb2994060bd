//! From the last byte of a badge's frame to the first byte of the relay's command, through the real agent: its own share
//! of opening a gate, with half a million people in the store and changes to them streaming in through the API.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod shared;

use std::fs::File;
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rand::{Rng, SeedableRng, rngs::StdRng};
use shared::club::{card, member, prepare_store};
use shared::door::{Door, OFF, ON};
use shared::{Times, machine, micros, table};
use site::agent::{Agent, build_fresh};
use site::api::Api;
use site::config::Club;
use site::pty::open_port;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::interval;

/// People in the store before the first passage.
const PEOPLE: usize = 500_000;
/// Passages measured under each condition.
const PASSAGES: usize = 500;
/// People written through the API each second, by so many clients.
const WRITTEN_A_SECOND: u64 = 200;
const CLIENTS: u64 = 4;
/// How long the frame itself is on the wire: 14 bytes of ten bits at 9600 baud.
const FRAME_TIME: Duration = Duration::from_nanos(14 * 10 * 1_000_000_000 / 9_600);

#[tokio::main]
async fn main() -> Result<()> {
    build_fresh()?;
    let mut club = Club::new()?;
    let door = Arc::new(Door::in_folder(club.folder())?);
    door.configure(&mut club)?;
    prepare_store(club.folder(), PEOPLE, 0).await;
    let agent = Agent::start(&club.write()?).await?;
    door.listen_afresh()?;

    let quiet = measure(Arc::clone(&door)).await.with_context(|| agent.log())?;
    let (written, begun) = (Arc::new(AtomicUsize::new(0)), Instant::now());
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        clients.spawn(keep_writing(agent.api("gateway").await?, client, Arc::clone(&written)));
    }
    let busy = measure(door).await.with_context(|| agent.log())?;
    let bare = measure(answering_without_thinking(&club)?).await?;
    let rate = written.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64();
    ensure!(clients.try_join_next().is_none(), "a client of the API gave up");
    agent.terminate().await?;
    report(rate, [bare, quiet, busy]);
    Ok(())
}

async fn measure(door: Arc<Door>) -> Result<Times> {
    spawn_blocking(move || {
        let (mut random, mut times) = (StdRng::seed_from_u64(7), Times::default());
        for _ in 0..PASSAGES {
            // Longer than a relay rests between two pulses, and uneven, so that passages do not keep step with the clients of
            // the API.
            let rest = Duration::from_micros(random.random_range(60_000..75_000));
            times.push(door.pass(card(random.random_range(0..PEOPLE)).value(), rest)?);
        }
        Ok(times)
    })
    .await?
}

/// Puts people at an even pace: old ones changed, now and then a new one.
async fn keep_writing(api: Api, client: u64, written: Arc<AtomicUsize>) -> Result<()> {
    let mut random = StdRng::seed_from_u64(client);
    let mut ticks = interval(Duration::from_secs(CLIENTS) / u32::try_from(WRITTEN_A_SECOND)?);
    loop {
        ticks.tick().await;
        let number = random.random_range(0..PEOPLE + PEOPLE / 10);
        let document = serde_json::to_value(member(number))?;
        let (status, answer) = api.put(&format!("people/M-{number}"), &document).await?;
        ensure!(matches!(status, 200 | 201), "the agent answers {status} {answer} to a PUT");
        written.fetch_add(1, Ordering::Relaxed);
    }
}

/// The baseline: a thread that waits for the end of a frame and writes the command. What is left is the price of two ptys
/// and of being woken, on a machine as busy as this.
fn answering_without_thinking(club: &Club) -> Result<Arc<Door>> {
    let folder = club.path("bare");
    std::fs::create_dir(&folder)?;
    let door = Door::in_folder(&folder)?;
    let (reader, relay) = (open_port(door.reader.path())?, open_port(door.relay.path())?);
    std::thread::spawn(move || answer_every_frame(reader, relay));
    Ok(Arc::new(door))
}

fn answer_every_frame(mut reader: File, mut relay: File) -> std::io::Result<()> {
    let mut bytes = [0; 64];
    loop {
        let read = reader.read(&mut bytes)?;
        if bytes[..read].ends_with(&[0x03]) {
            relay.write_all(&ON)?;
            std::thread::sleep(Duration::from_millis(50));
            relay.write_all(&OFF)?;
        }
    }
}

fn report(rate: f64, [mut bare, mut quiet, mut busy]: [Times; 3]) {
    let floor = bare.per_mille(500);
    let row = |name: String, times: &mut Times| {
        let (median, rare, worst) = (times.per_mille(500), times.per_mille(990), times.per_mille(1000));
        let (ratio, share) =
            (median.as_secs_f64() / floor.as_secs_f64(), median.as_secs_f64() / FRAME_TIME.as_secs_f64());
        vec![
            name,
            micros(median),
            micros(rare),
            micros(worst),
            format!("{ratio:.1}"),
            format!("{:.1} %", share * 100.0),
        ]
    };
    let rows = [
        row("a thread that answers without thinking".into(), &mut bare),
        row("varco, nobody writes".into(), &mut quiet),
        row(format!("varco, {rate:.0} people/s written through the API"), &mut busy),
        vec!["goal".into(), "1000.0 µs".into(), "3000.0 µs".into(), "-".into(), "-".into(), "-".into()],
    ];
    machine::describe();
    let title = format!(
        "Last byte of an RDM6300 frame in, first byte of the relay's command out, among {PEOPLE} people; the frame itself \
         takes {} at 9600 baud",
        micros(FRAME_TIME)
    );
    table(&title, &["", "median", "p99", "max", "median ÷ bare", "median ÷ frame"], &rows);
}
