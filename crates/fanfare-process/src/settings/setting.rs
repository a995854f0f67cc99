//! What a variable's text can be read as.

use std::net::SocketAddr;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

/// A type that a variable's text can be read as.
pub trait Setting: Sized {
    /// Whether a text of this type must never be shown, whatever the variable says.
    const IS_SECRET: bool = false;

    /// Reads `text`, which is never empty.
    ///
    /// The error says what the value is not ("is not …") and leaves the value
    /// out, since it may be a secret; the reader adds it where it may be shown.
    fn parse(text: &str) -> Result<Self, String>;
}

impl Setting for String {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Setting for PathBuf {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }
}

impl Setting for SecretString {
    const IS_SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        // A space or a carriage return from an env file would travel in a
        // header and come back as a refusal that is hard to understand.
        if text.trim() != text {
            return Err("starts or ends with white space".into());
        }
        Ok(text.into())
    }
}

impl Setting for bool {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("is neither `true` nor `false`".into()),
        }
    }
}

impl Setting for SocketAddr {
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "is not an IP address with a port".into())
    }
}

/// `http://` or `https://`, without user and password: those have variables of their own.
impl Setting for Url {
    fn parse(text: &str) -> Result<Self, String> {
        let url: Self = text.parse().map_err(|why| format!("is not a URL ({why})"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("is not an http or https URL".into());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("is a URL with a user or password in it, which would be logged".into());
        }
        Ok(url)
    }
}

/// A whole number directly followed by `ms`, `s`, `m`, `h` or `d`.
impl Setting for Duration {
    fn parse(text: &str) -> Result<Self, String> {
        duration(text)
            .ok_or_else(|| "is not a duration (a whole number with ms, s, m, h or d)".into())
    }
}

/// Comma-separated; white space around an element and empty elements are dropped.
impl<T: Setting> Setting for Vec<T> {
    const IS_SECRET: bool = T::IS_SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        text.split(',')
            .map(str::trim)
            .filter(|element| !element.is_empty())
            .enumerate()
            .map(|(index, element)| {
                T::parse(element).map_err(|what| format!("has a number {} that {what}", index + 1))
            })
            .collect()
    }
}

fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().ok()?;
    let seconds_per_unit = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds_per_unit).map(Duration::from_secs)
}

macro_rules! whole_numbers {
    ($($number:ty),*) => {$(
        impl Setting for $number {
            fn parse(text: &str) -> Result<Self, String> {
                text.parse().map_err(|_| {
                    format!("is not a whole number from {} to {}", Self::MIN, Self::MAX)
                })
            }
        }
    )*};
}

whole_numbers!(u8, u16, u32, u64, usize, NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_whole_number_and_a_unit() {
        let minute = 60;
        let table = [
            ("0s", Some(Duration::ZERO)),
            ("250ms", Some(Duration::from_millis(250))),
            ("30s", Some(Duration::from_secs(30))),
            ("5m", Some(Duration::from_secs(5 * minute))),
            ("24h", Some(Duration::from_secs(24 * 60 * minute))),
            ("7d", Some(Duration::from_secs(7 * 24 * 60 * minute))),
            ("18446744073709551615s", Some(Duration::from_secs(u64::MAX))),
            ("18446744073709551615m", None),
            ("18446744073709551616s", None),
            ("30", None),
            ("s", None),
            ("1.5s", None),
            ("-1s", None),
            ("+1s", None),
            ("30 s", None),
            ("1h30m", None),
            ("30S", None),
            ("30sec", None),
            ("٣s", None),
        ];
        for (text, expected) in table {
            assert_eq!(Duration::parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn whole_numbers_say_their_range() {
        assert_eq!(u16::parse("128"), Ok(128));
        assert_eq!(u16::parse("65536").unwrap_err(), "is not a whole number from 0 to 65535");
        assert_eq!(NonZeroU16::parse("0").unwrap_err(), "is not a whole number from 1 to 65535");
    }

    #[test]
    fn urls_are_http_and_carry_no_credentials() {
        assert!(Url::parse("https://api.example").is_ok());
        let refused = |text| <Url as Setting>::parse(text).unwrap_err();
        assert!(refused("api.example").contains("not a URL"));
        assert!(refused("ftp://api.example").contains("http or https"));
        assert!(refused("https://u:hunter2@api.example").contains("user or password"));
        assert!(refused("https://u@api.example").contains("user or password"));
    }

    #[test]
    fn lists_are_separated_by_commas() {
        assert_eq!(Vec::<u8>::parse("1, 2,,3,"), Ok(vec![1, 2, 3]));
        assert_eq!(
            Vec::<u8>::parse("1,x").unwrap_err(),
            "has a number 2 that is not a whole number from 0 to 255"
        );
    }

    #[test]
    fn secrets_with_stray_white_space_are_refused() {
        assert!(SecretString::parse("key").is_ok());
        assert!(SecretString::parse("key\r").is_err());
        assert!(SecretString::parse(" key").is_err());
    }
}
