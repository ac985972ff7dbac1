//! Time zones by their names.

use jiff::tz::TimeZone;

use crate::error::Invalid;

/// A time zone by its IANA name, such as `Europe/Berlin`. An error says which known name is near.
pub fn time_zone(name: &str) -> Result<TimeZone, Invalid> {
    match TimeZone::get(name) {
        Ok(zone) if zone.iana_name().is_some() => Ok(zone),
        _ => {
            let meant =
                nearest(name).map(|known| format!("; did you mean {known:?}?")).unwrap_or_default();
            let expected =
                format!("expected the name of a time zone, such as Europe/Berlin or UTC{meant}");
            Err(Invalid::new("time zone", name, expected))
        }
    }
}

fn nearest(name: &str) -> Option<String> {
    // No zone has a name near to one that is longer, and comparing costs the product of both lengths.
    const LONGEST: usize = 60;
    if name.len() > LONGEST {
        return None;
    }
    let name = name.to_lowercase();
    let distance = |known: &str| strsim::damerau_levenshtein(&name, &known.to_lowercase());
    jiff::tz::db()
        .available()
        .map(|known| (distance(known.as_str()), known.to_string()))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, known)| *distance <= (known.len() / 3).max(1))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_time_zone_is_suggested() {
        assert_eq!(time_zone("Europe/Berlin").unwrap().iana_name(), Some("Europe/Berlin"));
        let error = time_zone("Europe/Berlim").unwrap_err().to_string();
        assert!(error.contains("did you mean \"Europe/Berlin\"?"), "{error}");
        assert!(!time_zone("Nowhere/At/All/Far").unwrap_err().to_string().contains("did you"));
        assert!(time_zone(&"x".repeat(100_000)).is_err() && time_zone("").is_err());
    }
}
