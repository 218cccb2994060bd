//! The controller's link: what a frame costs, what the agent adds between a badge and the relay, and how the image for a
//! Cortex-M4 answers in QEMU.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod shared;

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use crc::{CRC_32_ISCSI, Crc};
use firmware_proto::frame::{Decoder, Message, Packet};
use firmware_proto::from_gate::{Beat, Event, FromGate, Kept};
use firmware_proto::to_gate::{Grant, Order, ToGate};
use firmware_proto::uptime::Uptime;
use firmware_proto::words::{Answer, Credential, GrantId, Session, Show, Signal, Way};
use rand::{Rng, SeedableRng, rngs::StdRng};
use shared::club::{card, prepare_store};
use shared::controller::Gate;
use shared::{Times, machine, micros, table};
use site::agent::{Agent, build_fresh};
use site::config::Club;
use site::link::Line;
use site::qemu::{self, Image};
use site::turnstile::Output;

/// People in the store.
const PEOPLE: usize = 500_000;
/// Badges held to a controller on this machine, and to the image.
const PASSAGES: usize = 500;
const PASSAGES_IN_QEMU: usize = 100;
/// Questions to the image.
const PINGS: usize = 1_000;
/// Frames of each kind in a round, and rounds, of which the median counts.
const FRAMES: u32 = 100_000;
const ROUNDS: usize = 5;
/// Longer than anything takes that is measured.
const PATIENCE: Duration = Duration::from_secs(10);

const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

#[tokio::main]
async fn main() -> Result<()> {
    build_fresh()?;
    let sizes = qemu::build()?;
    machine::describe();
    frames()?;
    grants().await?;
    in_qemu(&sizes).await
}

fn frames() -> Result<()> {
    let credential = Credential([0x7B, 0x11, 0xD7].into_iter().collect());
    let read = Event::Read { reader: 0, credential, answer: Answer::Granted(GrantId(0x0123_4567_89AB_CDEF)) };
    let rows = [
        costs("a beat", FromGate::Beat(Beat::default()))?,
        costs("a read", FromGate::Event(Kept { number: 70_000, at: Uptime(86_400_000), event: read }))?,
        costs("a grant", ToGate::Order { number: 70_000, order: grant(u64::MAX, 70_000) })?,
    ];
    let header = ["", "bytes", "encoded/s", "plain", "ratio", "decoded/s", "plain", "ratio"];
    table("Frames, beside COBS and a CRC-32 of the same bytes without any meaning", &header, &rows);
    Ok(())
}

fn costs<M: Message>(name: &str, message: M) -> Result<Vec<String>> {
    let packet = Packet { session: Session(0x0A0B_0C0D), message };
    let wire = packet.to_wire().map_err(|_| anyhow!("{name} is too long for a frame"))?;
    let mut plain = [0; 256];
    let length = cobs::decode(&wire[..wire.len() - 1], &mut plain).map_err(|_| anyhow!("{name} is no COBS"))?;
    let plain = &plain[..length - 4];
    let mut decoder = Decoder::<M>::default();
    let rates = [
        rate(|| black_box(&packet).to_wire().is_ok()),
        rate(|| plainly_encoded(black_box(plain)) == wire.len()),
        rate(|| black_box(&wire).iter().find_map(|byte| decoder.push(*byte)).is_some_and(|it| it.is_ok())),
        rate(|| plainly_decoded(black_box(&wire))),
    ];
    let [encoded, plainly_encoded, decoded, plainly_decoded] = rates;
    let number = |rate: f64| format!("{:.2} M", rate / 1e6);
    Ok(vec![
        name.to_owned(),
        wire.len().to_string(),
        number(encoded),
        number(plainly_encoded),
        format!("{:.2}", encoded / plainly_encoded),
        number(decoded),
        number(plainly_decoded),
        format!("{:.2}", decoded / plainly_decoded),
    ])
}

/// How often in a second something succeeds.
fn rate(mut once: impl FnMut() -> bool) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            assert!((0..FRAMES).all(|_| once()), "a frame that was encoded is decoded");
            f64::from(FRAMES) / begun.elapsed().as_secs_f64()
        })
        .collect();
    rounds.sort_unstable_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

fn plainly_encoded(plain: &[u8]) -> usize {
    let (mut with_crc, mut wire) = ([0; 256], [0; 260]);
    let end = plain.len();
    with_crc[..end].copy_from_slice(plain);
    with_crc[end..end + 4].copy_from_slice(&CRC.checksum(plain).to_le_bytes());
    black_box(cobs::encode(&with_crc[..end + 4], &mut wire) + 1)
}

fn plainly_decoded(wire: &[u8]) -> bool {
    let mut plain = [0; 256];
    let Ok(length) = cobs::decode(&wire[..wire.len() - 1], &mut plain) else { return false };
    let Some((covered, crc)) = plain[..length].split_last_chunk::<4>() else { return false };
    black_box(CRC.checksum(covered)) == u32::from_le_bytes(*crc)
}

/// From the controller's word of a badge to its relay: with the real agent, and with one that does not think.
async fn grants() -> Result<()> {
    let mut club = Club::new()?;
    let mut gate = Gate::in_folder(club.folder())?;
    let agent = Answering::at(gate.path(), 1)?;
    let mut bare = passages(&mut gate)?;
    agent.end()?;
    club.controller_gate("turnstile-1", gate.path());
    club.controller_reader("entry-1", "turnstile-1", 0);
    prepare_store(club.folder(), PEOPLE, 0).await;
    let agent = Agent::start(&club.write()?).await?;
    let mut varco = passages(&mut gate).with_context(|| agent.log())?;
    agent.terminate().await?;
    let rows = [
        row("an agent that grants without thinking", &mut bare),
        row(&format!("varco, {PEOPLE} people"), &mut varco),
        vec!["goal".into(), "1000.0 µs".into(), "3000.0 µs".into(), "-".into()],
    ];
    table("From the controller's word of a badge to its relay, on a pty", &HEADER, &rows);
    Ok(())
}

/// Members hold their badges to the gate, one after the other, and go through.
fn passages(gate: &mut Gate) -> Result<Times> {
    let (mut random, mut times) = (StdRng::seed_from_u64(7), Times::default());
    gate.stand_until_led()?;
    for _ in 0..PASSAGES {
        // Uneven, so that passages keep step with nothing.
        gate.stand(Duration::from_micros(random.random_range(20_000..35_000)))?;
        times.push(gate.pass(card(random.random_range(0..PEOPLE)).value())?);
    }
    Ok(times)
}

const HEADER: [&str; 4] = ["", "median", "p99", "max"];

fn row(name: &str, times: &mut Times) -> Vec<String> {
    let times = [500, 990, 1000].map(|share| micros(times.per_mille(share)));
    [name.to_owned()].into_iter().chain(times).collect()
}

/// The image: how fast it answers, and how soon behind a badge's last pulse its relay goes on.
async fn in_qemu(sizes: &str) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let image = Image::switched_on(folder.path(), "turnstile-1")?;
    let mut times = Times::default();
    let mut line = Line::begin(image.path(), 2)?;
    for _ in 0..PINGS {
        times.push(line.ping()?.1);
    }
    drop(line);
    let agent = Answering::at(image.path(), 3)?;
    let mut bare = Times::default();
    for number in 0..PASSAGES_IN_QEMU {
        bare.push(pass_in_qemu(&image, card(number).value()).await?);
    }
    agent.end()?;
    let rows = [
        row("a question and its answer", &mut times),
        row("from a badge to the relay, 20 ms of quiet among it", &mut bare),
    ];
    table(&format!("The image in QEMU: {sizes}; stack {} bytes", image.stack_bytes()?), &HEADER, &rows);
    Ok(())
}

async fn pass_in_qemu(image: &Image, badge: &str) -> Result<Duration> {
    let before = image.look(|truth| truth.times_on(Output::RelayIn));
    let begun = Instant::now();
    image.present(0, badge)?;
    image.wait_until(|truth| truth.times_on(Output::RelayIn) > before, PATIENCE).await?;
    let on = image.look(|truth| truth.last_on(Output::RelayIn)).context("the relay went on")?;
    image.walk(Way::In)?;
    image.wait_until(|truth| !truth.is_on(Output::RelayIn), PATIENCE).await?;
    // Its relay rests for 100 ms, and a card is another read after a second: these are all different.
    tokio::time::sleep(Duration::from_millis(150)).await;
    Ok(on - begun)
}

/// An agent that grants everything at once: what is left is the price of the line.
struct Answering {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Result<()>>,
}

impl Answering {
    fn at(path: &Path, session: u32) -> Result<Self> {
        let (path, is_over) = (path.to_owned(), Arc::new(AtomicBool::new(false)));
        let until = Arc::clone(&is_over);
        Ok(Self { is_over, thread: thread::spawn(move || answer(&path, session, &until)) })
    }

    fn end(self) -> Result<()> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the bare agent panicked"))?
    }
}

fn answer(path: &Path, session: u32, is_over: &AtomicBool) -> Result<()> {
    let mut line = Line::begin(path, session)?;
    let mut grants = u64::from(session) << 32;
    while !is_over.load(Ordering::Relaxed) {
        let Some(event) = line.next_event(Duration::from_millis(250))? else { continue };
        if let Event::Read { answer: Answer::None, .. } = event.event {
            grants += 1;
            line.order(grant(grants, event.number))?;
        }
    }
    Ok(())
}

fn grant(id: u64, read: u32) -> Order {
    let line = |text: &str| text.try_into().expect("short enough");
    let show = Show { lines: [line("Buongiorno Anna"), line("Benvenuta")], signal: Signal::Welcome, for_ms: 3_000 };
    Order::Grant(Grant { id: GrantId(id), read: Some(read), way: Way::In, open_ms: 50, passage_ms: 8_000, show })
}
