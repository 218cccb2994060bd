//! One of each message, with the largest contents it may have.

use firmware_proto::from_gate::*;
use firmware_proto::to_gate::*;
use firmware_proto::uptime::Uptime;
use firmware_proto::words::*;
use heapless::Vec;

pub(crate) fn show(first: &str, second: &str, signal: Signal) -> Show {
    Show { lines: [line(first), line(second)], signal, for_ms: 3000 }
}

pub(crate) fn line(text: &str) -> Line {
    Line::try_from(text).expect("it fits the display")
}

pub(crate) fn config() -> Config {
    Config {
        readers: [Some(Way::In), Some(Way::Out)],
        free_exit: false,
        open_ms: 500,
        passage_ms: 8000,
        grace_ms: 1500,
        held_ms: 10_000,
        offline: Offline::List { key: *b"0123456789abcdef", age_s_max: 86_400 },
        idle: [line("Avvicina il"), line("badge")],
        closed: [line("Fuori servizio"), line("Chiedi al banco")],
    }
}

pub(crate) fn credential(bytes: &[u8]) -> Credential {
    Credential(Vec::from_slice(bytes).expect("it fits a credential"))
}

pub(crate) fn to_gate() -> std::vec::Vec<ToGate> {
    let orders = [
        Order::Grant(Grant {
            id: GrantId(0x0123_4567_89AB_CDEF),
            read: Some(300),
            way: Way::In,
            open_ms: 500,
            passage_ms: 8000,
            show: show("Ciao Anna", "buon lavoro", Signal::Welcome),
        }),
        Order::Deny { read: 301, show: show("Passa in", "segreteria", Signal::Denied) },
        Order::Show(show("", "", Signal::Quiet)),
        Order::Extend { id: GrantId(1), passage_ms: 8000 },
        Order::Withdraw { id: GrantId(1) },
        Order::Mode(Mode::Free),
        Order::Configure(config()),
        Order::ListBegin { version: 7 },
        Order::ListPart { hashes: Vec::from_slice(&[[0; 8], [0xFF; 8]]).expect("two fit") },
        Order::ListEnd { version: 7, count: 2 },
    ];
    let messages = [
        ToGate::Ask { min: 1, current: 1 },
        ToGate::Welcome { proto: 1, nonce: 0xDEAD_BEEF, boot: BootId(u64::MAX) },
        ToGate::Beat { beat: 1, heard: 300, kept: 299, list: 7 },
    ];
    messages.into_iter().chain((1..).zip(orders).map(|(number, order)| ToGate::Order { number, order })).collect()
}

pub(crate) fn from_gate() -> std::vec::Vec<FromGate> {
    let events = [
        Event::Read { reader: 0, credential: credential(&[0xA1, 0x02, 0x34]), answer: Answer::None },
        Event::Read { reader: 1, credential: credential(&[4, 1, 2, 3, 4, 5, 6]), answer: Answer::Granted(GrantId(9)) },
        Event::Rotated { way: Way::In, by: By::Grant(GrantId(9)) },
        Event::NotPassed { by: By::Own(2) },
        Event::GrantRefused { id: GrantId(9), why: GrantRefusal::TooLate },
        Event::Alarm { alarm: Alarm::Emergency, on: true },
        Event::Lost { count: 17 },
    ];
    let hello = Hello {
        min: 1,
        current: 1,
        firmware: [0, 1, 0],
        capabilities: capability::DISPLAY + capability::ROTATION + capability::LIST,
        nonce: 0xDEAD_BEEF,
        boot: None,
        uptime: Uptime(60_000),
    };
    let health = Health { alarms: 0b101, list: 7, room: 250, lost: 0, bad_frames: 3, bad_reads: 4 };
    let messages = [
        FromGate::Hello(hello.clone()),
        FromGate::Hello(Hello { boot: Some(BootId(5)), ..hello }),
        FromGate::Beat(Beat { beat: 1, uptime: Uptime(60_250), taken: 13, first: 298, health }),
        FromGate::Unsupported { number: 14, kind: 99 },
        FromGate::BadRead { reader: 0, why: BadRead::SwappedWires, bits: 26 },
    ];
    let kept = |(number, event)| FromGate::Event(Kept { number, at: Uptime(60_300), event });
    messages.into_iter().chain((1..).zip(events).map(kept)).collect()
}

/// The longest of each kind that has a length.
pub(crate) fn longest() -> std::vec::Vec<ToGate> {
    let line = || line("WWWWWWWWWWWWWWWW");
    let show = || Show { lines: [line(), line()], signal: Signal::Alarm, for_ms: u16::MAX };
    let (id, read) = (GrantId(u64::MAX), u32::MAX);
    let grant = Grant { id, read: Some(read), way: Way::Out, open_ms: u16::MAX, passage_ms: u16::MAX, show: show() };
    let config = Config {
        readers: [Some(Way::Out); 2],
        free_exit: true,
        open_ms: u16::MAX,
        passage_ms: u16::MAX,
        grace_ms: u16::MAX,
        held_ms: u16::MAX,
        offline: Offline::List { key: [0xFF; 16], age_s_max: u32::MAX },
        idle: [line(), line()],
        closed: [line(), line()],
    };
    let hashes = Vec::from_slice(&[[0xFF; 8]; LIST_PART_HASHES_MAX]).expect("as many as fit");
    [Order::Grant(grant), Order::Deny { read, show: show() }, Order::Configure(config), Order::ListPart { hashes }]
        .map(|order| ToGate::Order { number: u32::MAX, order })
        .into()
}
