//! When everybody is compared with what Mywellness was told last: once a day, at a time of the site's own day.

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// The newest moment at or before `now` at which it was that time of day. A time that a change of the clocks skips is
/// reached as much later; one that comes twice counts the first time.
#[must_use]
pub fn last_moment(now: Timestamp, timezone: &TimeZone, at: Time) -> Timestamp {
    let moment = |date: jiff::civil::Date| timezone.to_ambiguous_timestamp(date.to_datetime(at)).compatible().ok();
    let today = now.to_zoned(timezone.clone()).date();
    let yesterday = today.yesterday().unwrap_or(today);
    moment(today).filter(|it| *it <= now).or_else(|| moment(yesterday)).unwrap_or(now)
}

/// Whether a comparison is due: none was made since that time of day last came. One that lies in the future was dated
/// by a clock that was wrong.
#[must_use]
pub fn is_due(last: Option<Timestamp>, now: Timestamp, timezone: &TimeZone, at: Time) -> bool {
    last.is_none_or(|last| last > now || last < last_moment(now, timezone, at))
}

#[cfg(test)]
mod tests {
    use jiff::civil::time;

    use super::*;

    #[test]
    fn the_comparison_is_due_once_a_night_also_when_the_clocks_change_and_after_the_agent_was_off() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let due = |last: Option<&str>, now: &str, at| {
            is_due(last.map(|it| it.parse().unwrap()), now.parse().unwrap(), &rome, at)
        };
        let three = time(3, 0, 0, 0);
        assert!(due(None, "2026-11-22T12:00:00Z", three), "never made");
        assert!(!due(Some("2026-11-22T02:00:01Z"), "2026-11-22T12:00:00Z", three), "made this night");
        assert!(!due(Some("2026-11-22T02:00:01Z"), "2026-11-23T01:59:59Z", three), "not three o'clock yet");
        assert!(due(Some("2026-11-22T02:00:01Z"), "2026-11-23T02:00:00Z", three), "three o'clock");
        assert!(due(Some("2026-11-01T02:00:01Z"), "2026-11-22T12:00:00Z", three), "off for weeks");
        assert!(due(Some("2027-11-22T02:00:01Z"), "2026-11-22T12:00:00Z", three), "dated by a wrong clock");
        // 02:30 never comes on the 29th of March, and comes twice on the 25th of October.
        let half_past_two = time(2, 30, 0, 0);
        assert!(!due(Some("2026-03-28T01:30:00Z"), "2026-03-29T01:29:59Z", half_past_two));
        assert!(due(Some("2026-03-28T01:30:00Z"), "2026-03-29T01:30:00Z", half_past_two), "03:30 in summer time");
        assert!(due(Some("2026-10-24T00:30:00Z"), "2026-10-25T00:30:00Z", half_past_two));
        assert!(!due(Some("2026-10-25T00:30:00Z"), "2026-10-25T01:30:00Z", half_past_two), "the second 02:30");
    }
}
