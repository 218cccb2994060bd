//! What HTTP says about trying again: why a request came to nothing, and how long a server asks to be left alone; pure.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;

/// Longest wait taken from a `Retry-After`: an hour, so that a wrong header cannot silence a lane for days.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// The innermost cause alone: the outer texts repeat the address, with ids of people or secrets in it.
#[must_use]
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    let Some(mut cause) = error.source() else { return "the request failed".into() };
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The seconds or the date of a `Retry-After`, at most an hour.
#[must_use]
pub fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    let asked = match header.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(header.trim()).ok()?;
            Duration::try_from(until.duration_since(now)).unwrap_or_default()
        }
    };
    Some(asked.min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_after_is_read_as_seconds_or_as_a_date_and_never_means_more_than_an_hour() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let asked = |header| retry_after(header, now).map(|wait| wait.as_secs());
        assert_eq!(asked("30"), Some(30));
        assert_eq!(asked(" 999999999 "), Some(3600));
        assert_eq!(asked("Sat, 21 Nov 2026 10:02:00 GMT"), Some(120));
        assert_eq!(asked("Sat, 21 Nov 2026 09:00:00 GMT"), Some(0));
        assert_eq!(asked("soon"), None);
        assert_eq!(asked("-5"), None);
    }

    #[test]
    fn only_the_innermost_cause_is_told() {
        #[derive(Debug, thiserror::Error)]
        #[error("asking https://host/people/M-1001")]
        struct Asking(#[source] std::net::AddrParseError);
        let inner = "host".parse::<std::net::SocketAddr>().unwrap_err();
        assert_eq!(root_cause(&Asking(inner.clone())), inner.to_string());
        assert_eq!(root_cause(&std::fmt::Error), "the request failed");
    }
}
