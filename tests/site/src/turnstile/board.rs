//! The board in the housing: the firmware's own logic in real time, on simulated pins and one end of the cable.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use firmware_proto::board::Board;
use firmware_proto::board::hd44780::{ADDRESS, Display};
use firmware_proto::from_gate::capability::{DISPLAY, LIST, ROTATION};
use firmware_proto::gate::Controller;
use firmware_proto::link::gate_end::Identity;
use firmware_proto::uptime::Uptime;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;

use super::glass::Bus;
use super::people::{Doings, Due, End, Power, State, Step};
use super::pins::{Delay, Pin, Wiring, wait};
use super::truth::{Because, Output, Presented, Rotation, Screen, Switch, Truth, Way};
use crate::pty::SerialLine;

/// Events and credentials that a board of the usual size holds.
const RING: usize = 256;
const CREDENTIALS: usize = 1024;

/// A turn while somebody is there, and while nobody is: a board's own are never longer than ten.
const BUSY_TURN_MS: u16 = 1;
const CALM_TURN_MS: u16 = 5;

/// A board has seen how a contact stands when it has read it for so long: a little more than contacts bounce.
const FELT_MS: u64 = 7;

/// Runs until the turnstile is dismantled.
pub(super) fn run(line: &SerialLine, doings: &Mutex<Doings>, truth: &watch::Sender<Truth>) {
    let mut turnstile = Housing::new();
    let mut turn_ms = BUSY_TURN_MS;
    loop {
        let arrived = line.read(turn_ms).unwrap_or_else(|_unplugged| {
            wait(Duration::from_millis(turn_ms.into()));
            Vec::new()
        });
        let due = {
            let mut doings = doings.lock().expect("nothing panics while it holds what people do");
            turn_ms = if doings.is_busy() { BUSY_TURN_MS } else { CALM_TURN_MS };
            doings.due(Instant::now(), turnstile.has_felt())
        };
        if due.state.is_dismantled {
            return;
        }
        turnstile.turn(due, &arrived, line, truth);
    }
}

/// The housing with everything that is wired to its board.
struct Housing {
    wiring: Wiring,
    powered: Option<Powered>,
    resets: usize,
    /// Whether a barrier of this way waits for one person.
    released: [bool; 2],
    /// The first and the last uptime at which the board read the contacts as they stand.
    felt: Option<(Uptime, Uptime)>,
    outputs: [bool; Output::ALL.len()],
    /// What the display showed after the last turn, and what of it was written down.
    lines: [String; 2],
    read: [String; 2],
    chance: StdRng,
}

/// A board with power.
struct Powered {
    controller: Box<Controller<RING, CREDENTIALS>>,
    board: Board<Pin, Pin, Bus, Delay>,
    since: Instant,
    is_frozen: bool,
}

impl Powered {
    fn uptime(&self, at: Instant) -> Uptime {
        Uptime(at.saturating_duration_since(self.since).as_millis() as u64)
    }
}

impl Housing {
    fn new() -> Self {
        Self {
            wiring: Wiring::new(),
            powered: None,
            resets: 0,
            released: [false; 2],
            felt: None,
            outputs: [false; Output::ALL.len()],
            lines: Default::default(),
            read: Default::default(),
            chance: StdRng::from_os_rng(),
        }
    }

    /// A board that is off or frozen feels nothing, and nobody waits for it.
    fn has_felt(&self) -> bool {
        let runs = self.powered.as_ref().is_some_and(|it| !it.is_frozen);
        !runs || self.felt.is_some_and(|(first, last)| last.since(first) >= FELT_MS)
    }

    fn turn(&mut self, due: Due, arrived: &[u8], line: &SerialLine, truth: &watch::Sender<Truth>) {
        self.power(due.state, truth);
        self.wiring.tamper.put(due.state.tamper);
        self.wiring.emergency.put(due.state.emergency);
        let (step, weather) = (due.step, due.state.weather);
        if let Some(step) = &step {
            self.wiring.a.put(step.a);
            self.wiring.b.put(step.b);
            self.felt = None;
        }
        let arrived = weather.pass(arrived, &mut self.chance);
        let mut sent = self.run_board(&due.pulses, &arrived);
        sent = [due.noise, weather.pass(&sent, &mut self.chance)].concat();
        // Without a cable the bytes go nowhere.
        let _ = line.write(&sent);
        self.write_down(truth);
        for pulse in due.pulses {
            let presented = |badge| Presented { reader: pulse.reader, badge, at: Timestamp::now() };
            truth.send_if_modified(|truth| {
                let before = truth.presented.len();
                truth.presented.extend(pulse.completes.map(presented));
                truth.presented.len() > before
            });
        }
        if let Some(Step { ends: Some(end), .. }) = step {
            self.came_to_rest(end, truth);
        }
    }

    fn power(&mut self, state: State, truth: &watch::Sender<Truth>) {
        if state.power == Power::Off || state.resets != self.resets {
            self.resets = state.resets;
            self.powered = None;
            self.felt = None;
            self.wiring.lose_power();
            self.write_down(truth);
        }
        if state.power == Power::On && self.powered.is_none() {
            self.powered = Some(self.boot());
            truth.send_modify(|truth| truth.boots += 1);
        }
        if let Some(powered) = &mut self.powered {
            powered.is_frozen = state.power == Power::Frozen;
        }
    }

    fn boot(&mut self) -> Powered {
        let identity =
            Identity { firmware: [0, 1, 0], capabilities: DISPLAY | ROTATION | LIST, seed: self.chance.random() };
        let display = Display::new(self.wiring.bus(), ADDRESS);
        Powered {
            controller: Box::new(Controller::new(identity)),
            board: Board::new(self.wiring.outputs(), self.wiring.inputs(), display, Delay),
            since: Instant::now(),
            is_frozen: false,
        }
    }

    /// One turn of the board; gives what it sends.
    fn run_board(&mut self, pulses: &[super::people::Pulse], arrived: &[u8]) -> Vec<u8> {
        let mut sent = Vec::new();
        let Some(powered) = self.powered.as_mut().filter(|it| !it.is_frozen) else { return sent };
        let now = powered.uptime(Instant::now());
        // Interrupts see each edge when it comes, however late the loop is.
        for pulse in pulses {
            powered.controller.pulse(pulse.reader, pulse.wire, powered.uptime(pulse.at));
        }
        arrived.iter().for_each(|byte| powered.controller.byte(*byte, now));
        powered.board.turn(&mut powered.controller, now).expect("every part of the board answers");
        while let Some(wire) = powered.controller.transmit(now) {
            sent.extend(wire);
        }
        let first = self.felt.map_or(now, |(first, _)| first);
        self.felt = Some((first, now));
        sent
    }

    /// What changed for whoever looks.
    fn write_down(&mut self, truth: &watch::Sender<Truth>) {
        let at = Instant::now();
        let mut switches = Vec::new();
        for (place, output) in Output::ALL.into_iter().enumerate() {
            let since = self.wiring.on_since(output);
            if since.is_some() != self.outputs[place] {
                self.outputs[place] = since.is_some();
                switches.push(Switch { output, on: since.is_some(), at: since.unwrap_or(at) });
            }
        }
        for way in [Way::In, Way::Out] {
            let relay = Output::relay(way);
            self.released[way as usize] |= switches.iter().any(|switch| switch.on && switch.output == relay);
        }
        let lines = self.wiring.glass.borrow().lines();
        // A text is written in parts, and read when it stands still.
        let screen = (lines == self.lines && lines != self.read).then(|| Screen { lines: lines.clone(), at });
        if screen.is_some() {
            self.read.clone_from(&lines);
        }
        self.lines = lines;
        if !switches.is_empty() || screen.is_some() {
            truth.send_modify(|truth| {
                truth.switches.extend(switches);
                truth.screens.extend(screen);
            });
        }
    }

    fn came_to_rest(&mut self, end: End, truth: &watch::Sender<Truth>) {
        let because = |way, released: &mut bool, wiring: &Wiring| match (wiring.is_on(Output::Lock), way) {
            (false, _) => Because::Unlocked,
            (true, _) if std::mem::take(released) => Because::Released,
            (true, _) => Because::Forced,
        };
        match end {
            End::Through { way, badge } => {
                let because = because(way, &mut self.released[way as usize], &self.wiring);
                let rotation = Rotation { way, badge, because, at: Timestamp::now() };
                truth.send_modify(|truth| truth.rotations.push(rotation));
            }
            End::Back => truth.send_modify(|truth| truth.turned_back += 1),
        }
    }
}
