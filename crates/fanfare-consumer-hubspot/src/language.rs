//! A user's locale as HubSpot's `hs_language`.

/// HubSpot's name of a locale: language and region in lower case, such as `de` or `de-ch`.
///
/// Script, variants and extensions are left out: the property is a choice from a list that has
/// none of them, and a contact is not to be refused for the sake of its language's details.
pub(crate) fn hs_language(locale: &str) -> String {
    let mut subtags = locale.trim().split(['-', '_']);
    let language = subtags.next().unwrap_or_default();
    // A single letter or digit begins an extension (RFC 5646 §2.2.6), where `de-u-ca` has no region.
    let region = subtags.take_while(|subtag| subtag.len() > 1).find(|subtag| is_region(subtag));
    let tag = match region {
        Some(region) => format!("{language}-{region}"),
        None => language.to_owned(),
    };
    tag.to_ascii_lowercase()
}

/// Only countries: whether the list has areas such as `es-419` is not documented, `es` it has.
fn is_region(subtag: &str) -> bool {
    subtag.len() == 2 && subtag.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::hs_language;

    #[test]
    fn a_locale_becomes_language_and_country_in_lower_case() {
        for (locale, expected) in [
            ("de", "de"),
            ("de-CH", "de-ch"),
            ("pt_BR", "pt-br"),
            ("zh-Hant-TW", "zh-tw"),
            ("sr-Latn", "sr"),
            ("de-CH-1996", "de-ch"),
            ("de-u-co-phonebk", "de"),
            ("es-419", "es"),
            (" EN-gb ", "en-gb"),
            ("", ""),
        ] {
            assert_eq!(hs_language(locale), expected, "{locale:?}");
        }
    }
}
