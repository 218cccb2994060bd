//! The moving part of a turnstile, seen through two contacts: somebody passes, turns back, or stands in the way.
//!
//! ```text
//!     in:   rest ─▶ A ─▶ A+B ─▶ B ─▶ rest          out: the other way round
//!     a person who turns back leaves by the contact that was first: nothing happened
//! ```

use super::contact::Contact;
use crate::uptime::Uptime;
use crate::words::Way;

/// Contacts of a barrier bounce for about a millisecond; a person takes a hundred times that.
pub const BOUNCE_MS: u32 = 5;

/// What the barrier did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Seen {
    /// Somebody went through.
    Rotated(Way),
    /// It has been standing between its rests for too long.
    Held,
    /// It is at rest again.
    Released,
}

/// The barrier.
#[derive(Clone, Copy, Debug, Default)]
pub struct Barrier {
    a: Contact,
    b: Contact,
    movement: Option<Movement>,
}

#[derive(Clone, Copy, Debug)]
struct Movement {
    /// Where the first contact points.
    way: Way,
    began: Uptime,
    /// Both contacts were on: the middle was passed.
    half: bool,
    is_held: bool,
}

impl Barrier {
    /// Takes what both contacts read.
    pub fn reads(&mut self, a: bool, b: bool, held_ms: u16, now: Uptime) -> Option<Seen> {
        let was = (self.a.is_on(), self.b.is_on());
        self.a.reads(a, BOUNCE_MS, now);
        self.b.reads(b, BOUNCE_MS, now);
        let is = (self.a.is_on(), self.b.is_on());
        let Some(movement) = &mut self.movement else {
            let way = match is {
                (false, false) => return None,
                (_, false) => Way::In,
                (_, true) => Way::Out,
            };
            self.movement = Some(Movement { way, began: now, half: is == (true, true), is_held: false });
            return None;
        };
        movement.half |= is == (true, true);
        if is == (false, false) {
            let seen = movement.ended(was);
            self.movement = None;
            return seen;
        }
        let held = !movement.is_held && now.since(movement.began) >= u64::from(held_ms);
        movement.is_held |= held;
        held.then_some(Seen::Held)
    }
}

impl Movement {
    /// What it was, given the contacts just before the rest. One that was held is over, whoever went through.
    fn ended(&self, last: (bool, bool)) -> Option<Seen> {
        if self.is_held {
            return Some(Seen::Released);
        }
        let left_by_the_other = match self.way {
            Way::In => last == (false, true),
            Way::Out => last == (true, false),
        };
        (self.half && left_by_the_other).then_some(Seen::Rotated(self.way))
    }
}
