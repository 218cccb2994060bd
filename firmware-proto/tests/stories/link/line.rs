//! One direction of a serial line in virtual time.

use std::collections::VecDeque;

use firmware_proto::frame::{BadFrame, Decoder, Message, Packet};

use crate::dice::Dice;

/// How bad the line is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    Calm,
    Stormy,
}

pub(crate) struct Line<M> {
    /// Bytes, and when they arrive.
    under_way: VecDeque<(u64, Vec<u8>)>,
    /// A frame from some time ago, still in a buffer somewhere.
    old: Option<Vec<u8>>,
    decoder: Decoder<M>,
    pub(crate) is_cut: bool,
}

impl<M: Message> Line<M> {
    pub(crate) fn new() -> Self {
        Self { under_way: VecDeque::new(), old: None, decoder: Decoder::default(), is_cut: false }
    }

    pub(crate) fn send(&mut self, packet: &Packet<M>, now: u64, weather: Weather, dice: &mut Dice) {
        let mut bytes = packet.to_wire().expect("every message fits").to_vec();
        if self.is_cut {
            return;
        }
        let mut arrives = now + 1;
        if weather == Weather::Stormy {
            if dice.one_in(12) {
                return;
            }
            if dice.one_in(12) {
                let at = dice.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << dice.below(8);
            }
            if dice.one_in(12) {
                self.under_way.push_back((arrives, bytes.clone()));
            }
            if dice.one_in(30) {
                self.under_way.extend(self.old.replace(bytes.clone()).map(|old| (arrives, old)));
            }
            arrives += dice.below(30);
        }
        self.under_way.push_back((arrives, bytes));
    }

    /// What has arrived. A line keeps order.
    pub(crate) fn arrived(&mut self, now: u64) -> Vec<Result<Packet<M>, BadFrame>> {
        let mut heard = Vec::new();
        while self.under_way.front().is_some_and(|(when, _)| *when <= now) {
            let (_, bytes) = self.under_way.pop_front().expect("just seen");
            heard.extend(bytes.into_iter().filter_map(|byte| self.decoder.push(byte)));
        }
        heard
    }
}
