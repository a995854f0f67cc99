//! The settings of a destination whose deliveries are ordered.

use std::time::Duration;

use fanfare_process::catalogue::consumer;
use fanfare_process::settings::Reader;

use super::positive;
use crate::ordered::{AfterDead, LONGEST_PATIENCE, OrderSettings, PREFETCH};

/// `Some(None)` where deliveries are not ordered.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Option<OrderSettings>> {
    let ordered = reader.choice(&consumer::ORDERED_BY, &[("off", false), ("subject", true)]);
    let after_dead = reader.choice(
        &consumer::ORDERED_AFTER_DEAD,
        &[("block", AfterDead::Block), ("skip", AfterDead::Skip)],
    );
    let patience = reader.or_default_with(&consumer::ORDERED_PATIENCE, patience);
    if !ordered? {
        return Some(None);
    }
    if reader.is_set(&consumer::PREFETCH) {
        let what = format!("goes without FANFARE_PREFETCH, which is always {PREFETCH} then");
        reader.problem(&consumer::ORDERED_BY, what);
        return None;
    }
    Some(Some(OrderSettings { after_dead: after_dead?, patience: patience? }))
}

fn patience(text: &str) -> Result<Duration, String> {
    let patience = positive(text)?;
    if patience > LONGEST_PATIENCE {
        let most = LONGEST_PATIENCE.as_secs() / 60;
        return Err(format!("is longer than {most}m, and RabbitMQ takes back what waits for 30"));
    }
    Ok(patience)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn told(variables: &[(&str, &str)]) -> Result<Option<OrderSettings>, String> {
        let vars: BTreeMap<String, String> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut reader = Reader::new(&vars);
        let order = read(&mut reader);
        reader.finish(&[], || order).map_err(|problems| problems.to_string())
    }

    #[test]
    fn order_is_off_and_its_defaults_are_careful() {
        assert_eq!(told(&[]).unwrap(), None);
        let ordered = told(&[("FANFARE_ORDERED_BY", "subject")]).unwrap().unwrap();
        assert_eq!(ordered.after_dead, AfterDead::Block);
        assert_eq!(ordered.patience, Duration::from_secs(600));
    }

    #[test]
    fn what_order_cannot_be_kept_with_is_refused() {
        let ordered = ("FANFARE_ORDERED_BY", "subject");
        for (other, expected) in [
            (("FANFARE_PREFETCH", "64"), "goes without FANFARE_PREFETCH"),
            (("FANFARE_ORDERED_PATIENCE", "21m"), "is longer than 20m"),
            (("FANFARE_ORDERED_AFTER_DEAD", "wait"), "is not one of `block`, `skip`"),
        ] {
            let problem = told(&[ordered, other]).unwrap_err();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
