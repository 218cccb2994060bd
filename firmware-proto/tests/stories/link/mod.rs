//! The link between two machines over a line that cuts, loses, doubles, delays and disturbs.

mod line;
mod club;
mod sweep;
mod told;
