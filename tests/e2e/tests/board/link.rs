//! The link to the image, without an agent: it answers, it takes nothing that is broken, and it comes back after a reset.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use firmware_proto::from_gate::Event;
use firmware_proto::to_gate::{Grant, Order, ToGate};
use firmware_proto::words::{Answer, By, GrantId, Show, Signal, Way};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use site::link::Line;
use site::qemu::Image;
use site::turnstile::Output;

/// Longer than anything takes on a busy machine; nothing waits it out unless it fails.
const SOON: Duration = Duration::from_secs(30);

/// How often the controller is spoken to.
const PINGS: u32 = 1_000;

/// Frames with one error each.
const BROKEN_FRAMES: usize = 2_000;

const BADGE: &str = "7B11D7";

fn grant(id: u64, read: Option<u32>) -> Order {
    let line = |text: &str| text.try_into().expect("short enough");
    let show = Show { lines: [line("Ciao Anna"), line("Benvenuta")], signal: Signal::Welcome, for_ms: 60_000 };
    Order::Grant(Grant { id: GrantId(id), read, way: Way::In, open_ms: 200, passage_ms: 30_000, show })
}

fn board() -> Result<(tempfile::TempDir, Image)> {
    let folder = tempfile::tempdir()?;
    let image = Image::switched_on(folder.path(), "turnstile-1")?;
    Ok((folder, image))
}

#[tokio::test]
async fn a_badge_is_read_granted_shown_and_its_passage_told_and_a_thousand_questions_answered() -> Result<()> {
    let (_folder, image) = board()?;
    let mut line = Line::begin(image.path(), 1)?;
    for asked in 0..PINGS {
        let (beat, _) = line.ping()?;
        ensure!(beat.health.bad_frames == 0, "after {asked} beats: {beat:?}");
    }
    image.present(0, BADGE)?;
    let read = line.next_event(SOON)?.context("a read")?;
    let Event::Read { reader: 0, credential, answer: Answer::None } = &read.event else { panic!("{read:?}") };
    assert_eq!(credential.0.as_slice(), [0x7B, 0x11, 0xD7]);
    line.order(grant(1, Some(read.number)))?;
    image.wait_until(|truth| truth.times_on(Output::RelayIn) == 1, SOON).await?;
    image.wait_until(|truth| truth.shows() == ["Ciao Anna", "Benvenuta"], SOON).await?;
    image.walk(Way::In)?;
    let passed = line.next_event(SOON)?.context("a rotation")?;
    assert_eq!(passed.event, Event::Rotated { way: Way::In, by: By::Grant(GrantId(1)) });
    image.wait_until(|truth| !truth.is_on(Output::RelayIn), SOON).await?;
    // 12 KB are left for it behind the variables.
    let stack = image.stack_bytes()?;
    ensure!((1_000..6_000).contains(&stack), "{stack} bytes of stack were used");
    Ok(())
}

#[tokio::test]
async fn of_two_thousand_broken_grants_none_opens_and_the_link_lives() -> Result<()> {
    let (_folder, image) = board()?;
    let mut line = Line::begin(image.path(), 2)?;
    let good = line.wire(&ToGate::Order { number: 1, order: grant(1, None) });
    let mut random = StdRng::seed_from_u64(1);
    for broken in 1..=BROKEN_FRAMES {
        line.send_bytes(&disturbed(&good, &mut random))?;
        if broken % 100 == 0 {
            let (beat, _) = line.ping()?;
            // A bit that makes a zero makes two frames of one, each as broken as the other.
            ensure!((beat.taken, beat.health.bad_frames as usize >= broken) == (0, true), "{broken}: {beat:?}");
        }
    }
    assert_eq!(image.look(|truth| truth.times_on(Output::RelayIn)), 0);
    line.send_bytes(&good)?;
    image.wait_until(|truth| truth.times_on(Output::RelayIn) == 1, SOON).await
}

/// A frame with a bit flipped, a byte lost or a byte too many. The zero at its end stays, since the next one's would
/// otherwise make it whole; and none comes to stand before it, since that is nothing.
fn disturbed(frame: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let place = random.random_range(0..frame.len() - 1);
    match random.random_range(0..3) {
        0 => frame[place] ^= 1 << random.random_range(0..8),
        1 => drop(frame.remove(place)),
        _ => frame.insert(place, random.random_range(1..=u8::MAX)),
    }
    frame
}

#[tokio::test]
async fn a_loop_that_stands_still_is_reset_with_all_relays_off_and_the_gate_goes_on() -> Result<()> {
    let (_folder, image) = board()?;
    let before = Line::open(image.path(), 3)?.hello()?;
    assert_eq!((before.boot, before.firmware), (None, [0, 1, 0]));
    let mut line = Line::begin(image.path(), 3)?;
    line.order(grant(1, None))?;
    image.wait_until(|truth| truth.is_on(Output::RelayIn), SOON).await?;
    image.hang()?;
    image.wait_until(|truth| truth.boots == 2, SOON).await?;
    assert!(!image.look(|truth| truth.is_on(Output::RelayIn)));
    image.wait_until(|truth| truth.is_on(Output::Lock), SOON).await?;
    // A welcome from before the reset must not be taken after it.
    let after = Line::open(image.path(), 3)?.hello()?;
    assert!(after.boot.is_none() && after.nonce != before.nonce, "{before:?}, {after:?}");
    let mut line = Line::begin(image.path(), 4)?;
    line.order(grant(2, None))?;
    image.wait_until(|truth| truth.is_on(Output::RelayIn), SOON).await
}

#[tokio::test]
async fn an_emergency_frees_the_gate_with_no_agent_anywhere_and_an_exit_opens_by_any_card() -> Result<()> {
    let (_folder, image) = board()?;
    image.wait_until(|truth| truth.is_on(Output::Lock), SOON).await?;
    image.press_emergency(true)?;
    image.wait_until(|truth| !truth.is_on(Output::Lock), SOON).await?;
    image.press_emergency(false)?;
    image.wait_until(|truth| truth.is_on(Output::Lock), SOON).await?;
    image.present(1, BADGE)?;
    image.wait_until(|truth| truth.times_on(Output::RelayOut) == 1, SOON).await
}
