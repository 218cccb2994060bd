//! The controller between an agent and people: cards, hesitation, tailgating, and an agent that comes and goes.

mod place;
mod told;
mod sweep;
