//! A turnstile of the virtual club behaves as one: told with the agent's end of the link alone, in real time.
#![allow(clippy::disallowed_methods, reason = "these stories are the world outside the agent")]

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use firmware_proto::frame::Decoder;
use firmware_proto::from_gate::{Alarm, Event, FromGate};
use firmware_proto::link::host_end::{Fresh, Happened, HostEnd};
use firmware_proto::to_gate::{Config, Grant, Offline, Order};
use firmware_proto::uptime::Uptime;
use firmware_proto::words::{Answer, BootId, By, GrantId, Line, Show, Signal};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use site::pty::open_port;
use site::turnstile::{Because, Output, Turnstile, Way, Weather};

const SOON: Duration = Duration::from_secs(10);
const CARD: &str = "7B11D7";

/// An agent that lets everybody pass and shows their way on the display.
struct Desk {
    port: File,
    host: HostEnd,
    decoder: Decoder<FromGate>,
    began: Instant,
    boot: Option<BootId>,
    grants: u64,
    events: Vec<Event>,
    downs: usize,
    unkept: bool,
}

impl Desk {
    fn at(turnstile: &Turnstile) -> Result<Self> {
        let fresh = Fresh { session: 1, boot: 7 };
        Ok(Self {
            port: open(turnstile)?,
            host: HostEnd::new(fresh, None, Uptime(0)),
            decoder: Decoder::default(),
            began: Instant::now(),
            boot: None,
            grants: 0,
            events: Vec::new(),
            downs: 0,
            unkept: false,
        })
    }

    /// Works until something holds of itself and the turnstile.
    fn until(&mut self, what: &str, turnstile: &Turnstile, holds: impl Fn(&Self, &Turnstile) -> bool) -> Result<()> {
        let end = Instant::now() + SOON;
        while !holds(self, turnstile) {
            ensure!(Instant::now() < end, "{what}: {:?}, {:?}", self.events, turnstile.look(Clone::clone));
            self.turn()?;
            std::thread::park_timeout(Duration::from_millis(1));
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<()> {
        let now = Uptime(self.began.elapsed().as_millis() as u64);
        let mut bytes = [0; 512];
        let read = match self.port.read(&mut bytes) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            // The cable was pulled: whoever has it plugged in again gives the desk its new port.
            Err(_) => 0,
        };
        for byte in &bytes[..read] {
            let Some(Ok(packet)) = self.decoder.push(*byte) else { continue };
            if let Some(happened) = self.host.receive(packet, now) {
                self.hear(happened, now);
            }
        }
        if let Some(happened) = self.host.tick(now) {
            self.hear(happened, now);
        }
        while let Some(packet) = self.host.transmit(now) {
            let wire = packet.to_wire().expect("every message fits");
            // A pulled cable takes nothing.
            let _ = self.port.write_all(&wire);
        }
        Ok(())
    }

    fn hear(&mut self, happened: Happened, now: Uptime) {
        match happened {
            Happened::Up { boot, .. } => {
                self.boot = Some(boot);
                self.host.order(Order::Configure(config())).expect("it is up");
            }
            Happened::Down => self.downs += 1,
            Happened::Event(kept) => {
                if let Event::Read { reader, answer: Answer::None, .. } = kept.event {
                    self.grants += 1;
                    let way = if reader == 0 { Way::In } else { Way::Out };
                    let grant = Grant {
                        id: GrantId(self.grants),
                        read: Some(kept.number),
                        way,
                        open_ms: 500,
                        passage_ms: 2000,
                        show: show(&format!("{way:?}")),
                    };
                    self.host.order(Order::Grant(grant)).expect("it is up");
                }
                self.events.push(kept.event);
                if !self.unkept {
                    self.host.keep(self.boot.expect("it is up"), kept.number, now);
                }
            }
            Happened::Beat(_) | Happened::BadRead { .. } => {}
            other => panic!("nobody said {other:?}"),
        }
    }

    fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        self.events.iter().filter(|event| is(event)).count()
    }
}

fn open(turnstile: &Turnstile) -> Result<File> {
    let port = open_port(turnstile.path())?;
    let flags = OFlag::from_bits_retain(fcntl(&port, FcntlArg::F_GETFL)?);
    fcntl(&port, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(port)
}

fn line(text: &str) -> Line {
    Line::try_from(text).expect("short enough")
}

fn show(text: &str) -> Show {
    Show { lines: [line("Ciao"), line(text)], signal: Signal::Welcome, for_ms: 800 }
}

fn config() -> Config {
    Config {
        readers: [Some(Way::In), Some(Way::Out)],
        free_exit: false,
        open_ms: 500,
        passage_ms: 2000,
        grace_ms: 200,
        held_ms: 1000,
        offline: Offline::Closed,
        idle: [line("Varco"), line("")],
        closed: [line("Un momento"), line("")],
    }
}

fn club() -> Result<(tempfile::TempDir, Turnstile, Desk)> {
    let folder = tempfile::tempdir()?;
    let turnstile = Turnstile::plugged_in(folder.path(), "turnstile-1")?;
    let mut desk = Desk::at(&turnstile)?;
    desk.until("the gate is ready", &turnstile, |_, it| it.look(|truth| truth.shows() == ["Varco", ""]))?;
    Ok((folder, turnstile, desk))
}

fn rotated(by: fn(&By) -> bool) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Rotated { by: this, .. } if by(this))
}

#[test]
fn a_badge_opens_the_display_greets_and_whoever_walks_is_counted_and_the_next_one_behind_forces() -> Result<()> {
    let (_folder, turnstile, mut desk) = club()?;
    turnstile.present(0, CARD)?;
    desk.until("it opens", &turnstile, |_, it| it.look(|truth| truth.is_on(Output::RelayIn)))?;
    desk.until("it greets", &turnstile, |_, it| it.look(|truth| truth.shows() == ["Ciao", "In"]))?;
    turnstile.walk(Way::In, Some(CARD));
    turnstile.run(Way::In, None);
    desk.until("both are told", &turnstile, |desk, _| desk.count(|it| matches!(it, Event::Rotated { .. })) == 2)?;
    let truth = turnstile.look(Clone::clone);
    let seen: Vec<_> = truth.rotations.iter().map(|it| (it.badge.as_deref(), it.because)).collect();
    assert_eq!(seen, [(Some(CARD), Because::Released), (None, Because::Forced)]);
    assert_eq!(desk.count(rotated(|by| *by == By::Grant(GrantId(1)))), 1, "{:?}", desk.events);
    assert_eq!(desk.count(rotated(|by| *by == By::Nobody)), 1, "{:?}", desk.events);
    assert!(truth.pulses(Output::RelayIn)[0] < Duration::from_millis(600), "{truth:?}");
    desk.until("it is idle again", &turnstile, |_, it| it.look(|truth| truth.shows() == ["Varco", ""]))
}

#[test]
fn who_turns_back_has_not_passed_and_who_stands_between_is_held() -> Result<()> {
    let (_folder, turnstile, mut desk) = club()?;
    turnstile.present(0, CARD)?;
    desk.until("it opens", &turnstile, |_, it| it.look(|truth| truth.times_on(Output::RelayIn) == 1))?;
    turnstile.turn_back(Way::In);
    desk.until("nobody passed", &turnstile, |desk, _| desk.count(|it| matches!(it, Event::NotPassed { .. })) == 1)?;
    turnstile.stand_between(Way::In, Duration::from_millis(1200));
    let held = |on| move |it: &Event| *it == Event::Alarm { alarm: Alarm::HeldOpen, on };
    desk.until("it is held", &turnstile, |desk, _| desk.count(held(true)) == 1)?;
    desk.until("it is let go", &turnstile, |desk, _| desk.count(held(false)) == 1)?;
    turnstile.look(|truth| assert_eq!((truth.turned_back, truth.rotations.len()), (2, 0)));
    Ok(())
}

#[test]
fn an_emergency_unlocks_a_board_without_power_too_and_an_open_housing_is_told() -> Result<()> {
    let (_folder, turnstile, mut desk) = club()?;
    turnstile.press_emergency(true);
    desk.until("it is unlocked", &turnstile, |_, it| it.look(|truth| !truth.is_on(Output::Lock)))?;
    turnstile.run(Way::Out, None);
    desk.until("it is free", &turnstile, |desk, _| desk.count(rotated(|by| *by == By::Free)) == 1)?;
    turnstile.press_emergency(false);
    turnstile.open_housing(true);
    let tamper = Event::Alarm { alarm: Alarm::Tamper, on: true };
    desk.until("it is told", &turnstile, |desk, _| desk.count(|it| *it == tamper) == 1)?;
    desk.until("it locks", &turnstile, |_, it| it.look(|truth| truth.is_on(Output::Lock)))?;

    turnstile.power_off();
    turnstile.run(Way::In, None);
    desk.until("it turns unseen", &turnstile, |_, it| it.look(|truth| truth.rotations.len() == 2))?;
    turnstile.look(|truth| assert!(truth.rotations.iter().all(|it| it.because == Because::Unlocked)));
    turnstile.power_on();
    desk.until("it is back", &turnstile, |desk, it| desk.downs == 1 && it.look(|truth| truth.shows()[0] == "Varco"))?;
    assert_eq!(desk.count(|it| matches!(it, Event::Rotated { .. })), 1, "nobody saw the second one");
    Ok(())
}

#[test]
fn without_a_cable_who_leaves_goes_through_and_it_is_told_when_it_is_mended() -> Result<()> {
    let (_folder, turnstile, mut desk) = club()?;
    turnstile.cable().unplug()?;
    desk.until("the gate is closed", &turnstile, |_, it| it.look(|truth| truth.shows() == ["Un momento", ""]))?;
    turnstile.present(1, CARD)?;
    desk.until("it opens", &turnstile, |_, it| it.look(|truth| truth.times_on(Output::RelayOut) == 1))?;
    turnstile.run(Way::Out, Some(CARD));
    turnstile.cable().plug_in()?;
    desk.port = open(&turnstile)?;
    desk.until("it is told", &turnstile, |desk, _| desk.count(rotated(|by| matches!(by, By::Own(_)))) == 1)
}

#[test]
fn a_storm_on_the_cable_loses_nobody_and_tells_nobody_twice() -> Result<()> {
    const PEOPLE: usize = 12;
    let (_folder, turnstile, mut desk) = club()?;
    turnstile.weather(Weather::STORM);
    for person in 1..=PEOPLE {
        let badge = format!("{person:06X}");
        turnstile.present(1, &badge)?;
        let opens = |_: &Desk, it: &Turnstile| it.look(|truth| truth.times_on(Output::RelayOut) == person);
        desk.until("it opens, by the agent's word or its own", &turnstile, opens)?;
        turnstile.run(Way::Out, Some(&badge));
        desk.until("they are out", &turnstile, |_, it| it.look(|truth| truth.rotations.len() == person))?;
    }
    turnstile.weather(Weather::CALM);
    let told = |desk: &Desk, _: &Turnstile| desk.count(|it| matches!(it, Event::Rotated { .. })) >= PEOPLE;
    desk.until("everybody is told", &turnstile, told)?;
    assert_eq!(desk.count(|it| matches!(it, Event::Rotated { .. })), PEOPLE);
    assert_eq!(desk.count(rotated(|by| matches!(by, By::Nobody | By::Free))), 0, "{:?}", desk.events);
    Ok(())
}

#[test]
fn a_frozen_board_opens_for_nobody_until_it_goes_on_and_a_reset_forgets_its_boot() -> Result<()> {
    let (_folder, turnstile, mut desk) = club()?;
    turnstile.freeze();
    desk.until("it is silent", &turnstile, |desk, _| desk.downs == 1)?;
    turnstile.present(0, CARD)?;
    turnstile.power_on();
    let first = desk.boot;
    desk.until("it answers", &turnstile, |_, it| it.look(|truth| truth.presented.len() == 1))?;
    turnstile.reset();
    desk.until("it has a new boot", &turnstile, |desk, _| desk.boot != first)?;
    assert_eq!(turnstile.look(|truth| (truth.boots, truth.times_on(Output::RelayIn))), (2, 0));
    Ok(())
}

#[test]
fn events_that_were_not_kept_are_told_again_to_the_next_agent() -> Result<()> {
    let (_folder, turnstile, mut desk) = club()?;
    desk.unkept = true;
    turnstile.present(0, CARD)?;
    desk.until("it opens", &turnstile, |_, it| it.look(|truth| truth.times_on(Output::RelayIn) == 1))?;
    turnstile.run(Way::In, Some(CARD));
    desk.until("it is told", &turnstile, |desk, _| desk.count(|it| matches!(it, Event::Rotated { .. })) == 1)?;
    drop(desk);
    turnstile.cable().forget_session()?;
    let mut next = Desk::at(&turnstile)?;
    next.host = HostEnd::new(Fresh { session: 900, boot: 900 }, None, Uptime(0));
    next.until("it is told again", &turnstile, |desk, _| desk.count(|it| matches!(it, Event::Rotated { .. })) == 1)?;
    let granted = Answer::Granted(GrantId(1));
    assert_eq!(next.count(|it| matches!(it, Event::Read { answer, .. } if *answer == granted)), 1);
    assert_eq!(turnstile.look(|truth| truth.times_on(Output::RelayIn)), 1, "nothing is opened for it");
    Ok(())
}
