//! Stories of a gate with a controller: its log in, a transcript out.
