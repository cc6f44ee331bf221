//! Times for people. The wire has unix seconds; people want "in 4 min" and, for what happened, the clock
//! on their wall. The present is a parameter.

use jiff::{Timestamp, tz::TimeZone};
use std::time::{SystemTime, UNIX_EPOCH};

/// Now, in unix seconds. A clock before 1970 counts as 1970: `doctor` says what is wrong with it.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// A length: `45 s`, `4 min`, `3 h 10 min`, `2 days`.
#[must_use]
pub fn length(seconds: u64) -> String {
    match seconds {
        0..=89 => format!("{seconds} s"),
        90..=5399 => format!("{} min", (seconds + 30) / 60),
        5400..=172_799 => {
            let minutes = (seconds + 30) / 60;
            match (minutes / 60, minutes % 60) {
                (h, 0) => format!("{h} h"),
                (h, m) => format!("{h} h {m} min"),
            }
        }
        _ => format!("{} days", (seconds + 43_200) / 86_400),
    }
}

/// `in 4 min`, `12 s ago`, `now`.
#[must_use]
pub fn distance(at: u64, now: u64) -> String {
    match at.cmp(&now) {
        std::cmp::Ordering::Equal => "now".to_owned(),
        std::cmp::Ordering::Greater => format!("in {}", length(at - now)),
        std::cmp::Ordering::Less => format!("{} ago", length(now - at)),
    }
}

/// The clock on the wall: `14:02:31` today, `2026-11-20 14:02` on another day.
#[must_use]
pub fn clock(at: u64, now: u64, zone: &TimeZone) -> String {
    let Some(then) = zoned(at, zone) else { return format!("@{at}") };
    match zoned(now, zone) {
        Some(today) if today.date() == then.date() => then.strftime("%H:%M:%S").to_string(),
        _ => then.strftime("%Y-%m-%d %H:%M").to_string(),
    }
}

/// RFC 3339 with the zone's offset, for logs and receipts that are kept.
#[must_use]
pub fn stamp(at: u64, zone: &TimeZone) -> String {
    zoned(at, zone).map_or_else(|| format!("@{at}"), |z| z.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
}

fn zoned(at: u64, zone: &TimeZone) -> Option<jiff::Zoned> {
    Some(Timestamp::from_second(i64::try_from(at).ok()?).ok()?.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        for (s, text) in [
            (0, "0 s"),
            (89, "89 s"),
            (90, "2 min"),
            (300, "5 min"),
            (5399, "90 min"),
            (5400, "1 h 30 min"),
            (7200, "2 h"),
            (172_800, "2 days"),
            (2_592_000, "30 days"),
        ] {
            assert_eq!(length(s), text, "{s}");
        }
    }

    #[test]
    fn distances() {
        assert_eq!(distance(160, 100), "in 60 s");
        assert_eq!(distance(40, 100), "60 s ago");
        assert_eq!(distance(100, 100), "now");
    }

    #[test]
    fn the_clock_names_the_day_when_it_is_another() {
        let zone = TimeZone::UTC;
        let noon = 1_795_219_200; // 2026-11-21T00:00:00Z is 1 795 219 200
        assert_eq!(clock(noon + 3600, noon + 7200, &zone), "01:00:00");
        assert_eq!(clock(noon - 60, noon + 7200, &zone), "2026-11-20 23:59");
        assert_eq!(stamp(noon, &zone), "2026-11-21T00:00:00+00:00");
        assert_eq!(clock(u64::MAX, 0, &zone), format!("@{}", u64::MAX));
    }
}
