//! What tests ask of a log about time: how many requests came within a span.

use std::time::Duration;

use super::record::RequestRecord;

/// The most requests that arrived within any span of this length.
///
/// A span ends before the moment at which the next one of the same length begins: of two
/// requests that are exactly `span` apart, one is within it. That is how rate limits count.
pub fn most_within(span: Duration, requests: &[RequestRecord]) -> usize {
    let span_us = span.as_micros() as f64;
    let mut arrived: Vec<f64> = requests.iter().map(|one| (one.arrived_ms * 1e3).round()).collect();
    arrived.sort_unstable_by(f64::total_cmp);
    let mut first = 0;
    let mut most = 0;
    for (last, moment) in arrived.iter().enumerate() {
        while moment - arrived[first] >= span_us {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arriving(moments_ms: &[f64]) -> Vec<RequestRecord> {
        let since_epoch_ms = 1_795_000_000_000.0;
        let record = |moment| RequestRecord {
            arrived_ms: since_epoch_ms + moment,
            ..RequestRecord::default()
        };
        moments_ms.iter().copied().map(record).collect()
    }

    #[test]
    fn a_span_is_counted_wherever_it_begins() {
        let table: [(&[f64], usize); 6] = [
            (&[], 0),
            (&[0.0], 1),
            (&[0.0, 10.0, 20.0], 1),
            (&[0.0, 9.999, 10.0, 19.999], 2),
            (&[0.0, 6.0, 12.0, 13.0, 15.9], 4),
            (&[15.0, 0.0, 6.0, 14.0], 3),
        ];
        for (moments, most) in table {
            assert_eq!(
                most_within(Duration::from_millis(10), &arriving(moments)),
                most,
                "{moments:?}"
            );
        }
    }
}
