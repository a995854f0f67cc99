//! Which addresses the vendors take: stricter than RFC 5322, looser than a mail server.

/// Longest address that fits a mail path (RFC 5321 §4.5.3.1.3).
const MAX_LENGTH: usize = 254;

pub(crate) fn is_valid_email(address: &str) -> bool {
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let local_fits = !local.is_empty()
        && local
            .chars()
            .all(|c| !c.is_whitespace() && !c.is_control() && !"@<>(),;:\"".contains(c))
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..");
    let label_fits = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    address.len() <= MAX_LENGTH
        && local_fits
        && domain.contains('.')
        && domain.split('.').all(label_fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_what_is_none() {
        for good in ["a@b.co", "first.last+tag@sub.example.com", "o'neil@example.org"] {
            assert!(is_valid_email(good), "{good}");
        }
        for bad in ["", "a", "a@b", "@b.co", "a b@c.de", "a@b..co", "a@-b.co", ".a@b.co", "a@@b.co"]
        {
            assert!(!is_valid_email(bad), "{bad}");
        }
    }
}
