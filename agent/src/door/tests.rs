//! Doors on real pseudo-terminals: cables that are pulled and plugged in again, held badges, relays left on.

mod cable;

use std::time::Duration;

use tokio::time::timeout;

use self::cable::Cable;
use super::*;
use crate::domain::{BadgeForm, BadgeFormat, BadgeOrder};

const FOB: &[u8] = b"\x02010063E9AE25\x03";
const ON: [u8; 4] = [0xA0, 1, 1, 0xA2];
const OFF: [u8; 4] = [0xA0, 1, 0, 0xA1];
const OFF_2: [u8; 4] = [0xA0, 2, 0, 0xA2];
/// No step of a story takes longer, on the busiest machine.
const DEADLINE: Duration = Duration::from_secs(20);

/// A club's doors, running.
struct Doors {
    lines: Vec<GateLine>,
    tasks: JoinSet<()>,
    cancel: CancellationToken,
}

impl Doors {
    fn start(config: &Config) -> Self {
        let (mut tasks, cancel) = (JoinSet::new(), CancellationToken::new());
        let lines = start(config, &Clock::system(), &mut tasks, &cancel);
        Self { lines: lines.plain, tasks, cancel }
    }

    async fn next(&mut self) -> DoorEvent {
        self.next_of(0).await
    }

    async fn next_of(&mut self, gate: usize) -> DoorEvent {
        timeout(DEADLINE, self.lines[gate].events.recv()).await.expect("an event in time").expect("doors are running")
    }

    async fn open(&self, gate: usize) {
        self.lines[gate].commands.send(GateCommand::Open).await.expect("the board is served");
    }

    /// Skips to the next time that a line is up.
    async fn up(&mut self) {
        while !matches!(
            self.next().await,
            DoorEvent::Reader { state: LineState::Up, .. } | DoorEvent::Gate { state: LineState::Up, .. }
        ) {}
    }

    async fn stop(mut self) {
        self.cancel.cancel();
        while let Some(ended) = timeout(DEADLINE, self.tasks.join_next()).await.expect("tasks end in time") {
            ended.expect("no task panics");
        }
    }
}

fn gate_id() -> GateId {
    "turnstile-1".parse().unwrap()
}

fn reader_config(cable: &Cable, frame: FrameFormat) -> Config {
    let line = SerialLine { port: cable.path(), baud: 9600, data_bits: 8, parity: Parity::None, stop_bits: 1 };
    let badge = BadgeFormat { form: BadgeForm::Text, order: BadgeOrder::AsSent, strip: None, take: None };
    Config {
        gates: vec![GateWiring {
            gate: gate_id(),
            driver: GateDriver::UsbRelay { port: cable.path() + "-none", channel: 1, pulse: Duration::ZERO },
        }],
        readers: vec![ReaderWiring {
            reader: "entry-1".parse().unwrap(),
            gate: gate_id(),
            driver: ReaderDriver::Serial { line, frame, badge },
        }],
    }
}

fn relay_config(cable: &Cable, pulse: Duration, channels: u8) -> Config {
    let gate = |channel| GateWiring {
        gate: format!("turnstile-{channel}").parse().unwrap(),
        driver: GateDriver::UsbRelay { port: cable.path(), channel, pulse },
    };
    Config { gates: (1..=channels).map(gate).collect(), readers: Vec::new() }
}

/// Doors with one reader on a cable; its gate's board is missing for good and only said to be, once.
async fn one_reader(frame: FrameFormat) -> (Cable, Doors) {
    let mut cable = Cable::new();
    cable.plug_in();
    let mut doors = Doors::start(&reader_config(&cable, frame));
    doors.up().await;
    (cable, doors)
}

async fn one_relay(pulse: Duration) -> (Cable, Doors) {
    let mut cable = Cable::new();
    cable.plug_in();
    let mut doors = Doors::start(&relay_config(&cable, pulse, 1));
    doors.up().await;
    assert_eq!(cable.take(4).await, OFF);
    (cable, doors)
}

/// Skips the missing board's state.
async fn read_value(doors: &mut Doors) -> String {
    loop {
        match doors.next().await {
            DoorEvent::Read { badge, .. } => return badge.value().to_owned(),
            DoorEvent::Gate { .. } => {}
            other => panic!("not a read: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_published_frame_becomes_a_read() {
    let (cable, mut doors) = one_reader(FrameFormat::Rdm6300).await;
    cable.send(FOB).await;
    assert_eq!(read_value(&mut doors).await, "010063E9AE");
    doors.stop().await;
}

#[tokio::test]
async fn a_held_badge_gives_each_of_its_frames_through_split_and_merged_reads() {
    let (cable, mut doors) = one_reader(FrameFormat::Rdm6300).await;
    for piece in FOB.repeat(10).chunks(9) {
        cable.send(piece).await;
    }
    for _ in 0..10 {
        assert_eq!(read_value(&mut doors).await, "010063E9AE");
    }
    doors.stop().await;
}

#[tokio::test]
async fn garbage_is_a_misread_and_the_badge_after_it_is_read() {
    let (cable, mut doors) = one_reader(FrameFormat::Rdm6300).await;
    cable.send(b"\x00\xFF\x02\x0201\x02010063E9AE26\x03").await;
    cable.send(FOB).await;
    let misread = loop {
        match doors.next().await {
            DoorEvent::Misread { why, .. } => break why,
            DoorEvent::Gate { .. } => {}
            other => panic!("not a misread: {other:?}"),
        }
    };
    assert!(misread.contains("checksum"), "{misread}");
    assert_eq!(read_value(&mut doors).await, "010063E9AE");
    doors.stop().await;
}

#[tokio::test]
async fn a_pulled_cable_is_a_state_and_the_reader_is_back_when_the_cable_is() {
    let (mut cable, mut doors) = one_reader(FrameFormat::Rdm6300).await;
    for _ in 0..2 {
        cable.pull();
        loop {
            match doors.next().await {
                DoorEvent::Reader { state: LineState::Down { why }, .. } if why.contains("unplugged") => break,
                DoorEvent::Reader { state: LineState::Down { .. }, .. } | DoorEvent::Gate { .. } => {}
                other => panic!("not a loss: {other:?}"),
            }
        }
        cable.plug_in();
        doors.up().await;
        cable.send(FOB).await;
        assert_eq!(read_value(&mut doors).await, "010063E9AE");
    }
    doors.stop().await;
}

#[tokio::test]
async fn half_a_line_at_an_unplugging_is_no_badge() {
    let (mut cable, mut doors) = one_reader(FrameFormat::Line).await;
    cable.send(b"0415\r041").await;
    assert_eq!(read_value(&mut doors).await, "0415");
    cable.pull();
    cable.plug_in();
    doors.up().await;
    cable.send(b"777\r").await;
    assert_eq!(read_value(&mut doors).await, "777");
    doors.stop().await;
}

#[tokio::test]
async fn an_unplugged_reader_costs_no_processor_time() {
    let (mut cable, mut doors) = one_reader(FrameFormat::Rdm6300).await;
    cable.pull();
    while !matches!(doors.next().await, DoorEvent::Reader { state: LineState::Down { .. }, .. }) {}
    // The test's runtime runs on this thread alone: a task that spins on the dead line uses all of the second.
    let used = || Duration::try_from(rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime)).unwrap();
    let before = used();
    let only_other_words = timeout(Duration::from_secs(1), async {
        while let DoorEvent::Reader { state: LineState::Down { .. }, .. } | DoorEvent::Gate { .. } = doors.next().await
        {
        }
    });
    only_other_words.await.expect_err("nothing but the state is told");
    assert!(used() - before < Duration::from_millis(200), "{:?} of processor time", used() - before);
    doors.stop().await;
}

#[tokio::test]
async fn a_port_in_use_is_told_and_not_shared() {
    let (cable, doors) = one_reader(FrameFormat::Rdm6300).await;
    let mut second = Doors::start(&relay_config(&cable, Duration::ZERO, 1));
    let DoorEvent::Gate { state: LineState::Down { why }, .. } = second.next().await else { panic!("not refused") };
    assert!(why.contains("lock") || why.contains("busy"), "{why}");
    second.stop().await;
    doors.stop().await;
}

#[tokio::test]
async fn a_relay_is_off_at_the_start_on_for_its_pulse_and_off_again() {
    let (cable, mut doors) = one_relay(Duration::from_millis(50)).await;
    doors.open(0).await;
    assert!(matches!(doors.next().await, DoorEvent::Opened { .. }));
    assert_eq!(cable.take(4).await, ON);
    let on = tokio::time::Instant::now();
    assert_eq!(cable.take(4).await, OFF);
    assert!(on.elapsed() >= Duration::from_millis(40), "{:?}", on.elapsed());
    doors.stop().await;
}

#[tokio::test]
async fn a_second_open_prolongs_the_pulse() {
    let (cable, mut doors) = one_relay(Duration::from_millis(300)).await;
    doors.open(0).await;
    assert!(matches!(doors.next().await, DoorEvent::Opened { .. }));
    tokio::time::sleep(Duration::from_millis(150)).await;
    let second = tokio::time::Instant::now();
    doors.open(0).await;
    assert!(matches!(doors.next().await, DoorEvent::Opened { .. }));
    assert_eq!(cable.take(12).await, [ON, ON, OFF].concat());
    assert!(second.elapsed() >= Duration::from_millis(290), "{:?}", second.elapsed());
    doors.stop().await;
}

#[tokio::test]
async fn two_who_follow_closely_each_get_a_pulse_of_their_own() {
    // A pulse that is over at once: the second command finds it over and not ended yet.
    let (cable, mut doors) = one_relay(Duration::ZERO).await;
    doors.open(0).await;
    doors.open(0).await;
    assert!(matches!(doors.next().await, DoorEvent::Opened { .. }));
    assert_eq!(cable.take(8).await, [ON, OFF].concat());
    let off = tokio::time::Instant::now();
    assert_eq!(cable.take(8).await, [ON, OFF].concat());
    assert!(off.elapsed() >= Duration::from_millis(40), "the contacts rested only {:?}", off.elapsed());
    assert!(matches!(doors.next().await, DoorEvent::Opened { .. }));
    doors.stop().await;
}

#[tokio::test]
async fn a_relay_goes_off_when_the_agent_stops_and_when_its_task_is_aborted() {
    let (cable, mut doors) = one_relay(Duration::from_secs(60)).await;
    doors.open(0).await;
    assert!(matches!(doors.next().await, DoorEvent::Opened { .. }));
    doors.stop().await;
    assert_eq!(cable.take(8).await, [ON, OFF].concat());

    let mut doors = Doors::start(&relay_config(&cable, Duration::from_secs(60), 1));
    doors.up().await;
    doors.open(0).await;
    assert!(matches!(doors.next().await, DoorEvent::Opened { .. }));
    doors.tasks.abort_all();
    assert_eq!(cable.take(12).await, [OFF, ON, OFF].concat());
}

#[tokio::test]
async fn a_board_plugged_in_again_during_a_pulse_is_switched_off_at_once() {
    let (mut cable, mut doors) = one_relay(Duration::from_secs(60)).await;
    doors.open(0).await;
    assert!(matches!(doors.next().await, DoorEvent::Opened { .. }));
    cable.pull();
    assert!(matches!(doors.next().await, DoorEvent::Gate { state: LineState::Down { .. }, .. }));
    cable.plug_in();
    doors.up().await;
    assert_eq!(cable.take(4).await, OFF);
    doors.stop().await;
}

#[tokio::test]
async fn an_open_command_waits_a_moment_for_its_board_and_then_fails() {
    let mut cable = Cable::new();
    let mut doors = Doors::start(&relay_config(&cable, Duration::from_secs(60), 1));
    assert!(matches!(doors.next().await, DoorEvent::Gate { state: LineState::Down { .. }, .. }));
    doors.open(0).await;
    let DoorEvent::OpenFailed { why, .. } = doors.next().await else { panic!("opened what is not there") };
    assert!(why.contains("varco ports"), "{why}");
    cable.plug_in();
    doors.up().await;
    // The command that failed is not carried out late: what follows the first frame belongs to the new one.
    doors.open(0).await;
    assert_eq!(cable.take(8).await, [OFF, ON].concat());
    doors.stop().await;
}

#[tokio::test]
async fn an_open_command_in_a_short_outage_is_carried_out() {
    let (mut cable, mut doors) = one_relay(Duration::from_secs(60)).await;
    cable.pull();
    assert!(matches!(doors.next().await, DoorEvent::Gate { state: LineState::Down { .. }, .. }));
    doors.open(0).await;
    cable.plug_in();
    doors.up().await;
    assert!(matches!(doors.next().await, DoorEvent::Opened { .. }));
    assert_eq!(cable.take(8).await, [OFF, ON].concat());
    doors.stop().await;
}

#[tokio::test]
async fn two_gates_share_a_board() {
    let mut cable = Cable::new();
    cable.plug_in();
    let mut doors = Doors::start(&relay_config(&cable, Duration::from_secs(60), 2));
    doors.up().await;
    assert_eq!(cable.take(8).await, [OFF, OFF_2].concat());
    doors.open(1).await;
    while !matches!(doors.next_of(1).await, DoorEvent::Opened { .. }) {}
    assert_eq!(cable.take(4).await, [0xA0, 2, 1, 0xA3]);
    doors.stop().await;
}

#[tokio::test]
async fn an_answer_is_kept_while_the_turnstile_is_behind() {
    let (cable, mut doors) = one_relay(Duration::ZERO).await;
    for _ in 0..GATE_EVENTS_MAX + GATE_COMMANDS_MAX + 1 {
        doors.open(0).await;
    }
    // The channel is full, the board holds one answer, and the rest of the commands wait.
    for _ in 0..GATE_EVENTS_MAX + GATE_COMMANDS_MAX + 1 {
        assert!(matches!(doors.next().await, DoorEvent::Opened { .. }));
    }
    assert_eq!(cable.take(4).await, ON);
    doors.stop().await;
}

#[tokio::test]
async fn gates_without_a_board_open_at_once() {
    let gate = GateWiring { gate: gate_id(), driver: GateDriver::None };
    let mut doors = Doors::start(&Config { gates: vec![gate], readers: Vec::new() });
    doors.open(0).await;
    let told = [doors.next().await, doors.next().await];
    assert!(matches!(told, [DoorEvent::Gate { state: LineState::Up, .. }, DoorEvent::Opened { .. }]), "{told:?}");
    doors.stop().await;
}

/// The admin's terminal.
struct Terminal(mpsc::Sender<String>);

impl std::io::Write for Terminal {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.try_send(String::from_utf8(text.to_vec()).unwrap()).map_err(std::io::Error::other)?;
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn listening_tells_when_the_cable_is_pulled_and_goes_on_when_it_is_back() {
    let mut cable = Cable::new();
    cable.plug_in();
    let (terminal, mut text) = mpsc::channel(10_000);
    let line = SerialLine { port: cable.path(), baud: 9600, data_bits: 8, parity: Parity::None, stop_bits: 1 };
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { listen(&line, None, &mut Terminal(terminal)).await });
    let mut seen = String::new();
    let mut shows = async |wanted: &str| {
        while !seen.contains(wanted) {
            let more = timeout(DEADLINE, text.recv()).await.unwrap_or_else(|_| panic!("no {wanted:?} in {seen}"));
            seen.push_str(&more.expect("listening goes on"));
        }
        seen.clear();
    };
    shows("the line is open").await;
    cable.send(FOB).await;
    shows("frame = \"rdm6300\" fits").await;
    cable.pull();
    shows("the cable was unplugged").await;
    cable.plug_in();
    shows("the line is open").await;
    cable.send(b"0415\r\n").await;
    shows("frame = \"line\" fits").await;
    tasks.abort_all();
}
