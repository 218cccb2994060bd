//! Stories about the wire and the controller, told in virtual time on the host.

mod board;
mod bytes;
mod dice;
mod every_message;
mod gate;
mod golden;
mod link;
mod sizes;
