//! Says in time that a client certificate expires, which no retry could mend.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tracing::warn;

use super::certificates::certificates;
use super::{File, Pem, TlsFiles};

/// What a person should know about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Notice {
    Expired,
    Soon { days_left: u64 },
}

/// Time enough to get another one.
const NOTICE: Duration = Duration::from_secs(14 * DAY_SECONDS);

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// Warns when the client certificate has expired, or will soon.
pub(super) fn warn_of_it(files: &TlsFiles, pem: &Pem) {
    let (Some(files), Some(pem)) = (&files.identity, &pem.identity) else { return };
    let Ok(chain) = certificates(File::Cert, &files.cert, &pem.cert) else { return };
    let file = files.cert.display();
    match chain.first().and_then(|leaf| end_of(leaf)).and_then(|end| notice(end, SystemTime::now()))
    {
        Some(Notice::Expired) => warn!(%file, "The client certificate has expired"),
        Some(Notice::Soon { days_left }) => {
            warn!(%file, days_left, "The client certificate expires soon");
        }
        None => {}
    }
}

/// The last second in which a certificate is valid, from 1970.
fn end_of(certificate: &[u8]) -> Option<i64> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(certificate.validity().not_after.timestamp())
}

fn notice(end: i64, now: SystemTime) -> Option<Notice> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let left = u64::try_from(end).ok().and_then(|end| Duration::from_secs(end).checked_sub(now));
    match left {
        None => Some(Notice::Expired),
        Some(left) if left < NOTICE => {
            Some(Notice::Soon { days_left: left.as_secs() / DAY_SECONDS })
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn there_are_fourteen_days_to_get_another_certificate() {
        let now = UNIX_EPOCH + Duration::from_secs(100 * DAY_SECONDS);
        for (day, expected) in [
            (-1, Some(Notice::Expired)),
            (99, Some(Notice::Expired)),
            (100, Some(Notice::Soon { days_left: 0 })),
            (113, Some(Notice::Soon { days_left: 13 })),
            (114, None),
            (1000, None),
        ] {
            assert_eq!(notice(day * DAY_SECONDS as i64, now), expected, "{day}");
        }
    }

    #[test]
    fn the_end_is_read_from_the_certificate() {
        let mut params = CertificateParams::default();
        params.not_after = OffsetDateTime::from_unix_timestamp(4_102_444_800).unwrap();
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(end_of(certificate.der()), Some(4_102_444_800));
        assert_eq!(end_of(b"no certificate"), None);
    }
}
