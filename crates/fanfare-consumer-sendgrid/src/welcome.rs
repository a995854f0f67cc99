//! The plain mail for who has no template.

/// What the mail is called in an inbox.
pub(crate) fn subject(from_name: Option<&str>) -> String {
    match from_name {
        Some(name) => format!("Welcome to {name}"),
        None => "Welcome".to_owned(),
    }
}

/// What the mail says.
pub(crate) fn text(first_name: Option<&str>) -> String {
    let greeting = match first_name.map(str::trim).filter(|name| is_greetable(name)) {
        Some(name) => format!("Hello {name},"),
        None => "Hello,".to_owned(),
    };
    format!(
        "{greeting}\n\nwelcome, and thank you for registering. Your account is ready.\n\nIf you \
         did not register, somebody may have mistyped an address; you can ignore this mail.\n"
    )
}

const MAX_GREETED_CHARS: usize = 60;

/// Whoever registers chooses both name and recipient, so a name must not be able to carry a
/// message or a link to a stranger. Such a name is left out; the mail is sent all the same.
fn is_greetable(name: &str) -> bool {
    let is_link = name.split('.').skip(1).any(|rest| {
        let label = rest.chars().take_while(|c| c.is_alphanumeric());
        label.count() >= 2
    });
    !name.is_empty()
        && name.chars().count() <= MAX_GREETED_CHARS
        && !name.contains(|c: char| c.is_control() || "/\\:@<>&?=%#".contains(c))
        && !is_link
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(name: &str) -> String {
        text(Some(name)).lines().next().unwrap_or_default().to_owned()
    }

    #[test]
    fn a_name_is_greeted() {
        for name in ["Ada", "Zoë", "J. R. R.", "Dr. Ada", "Jean-Luc", "O'Neil", "李", "प्रिया"]
        {
            assert_eq!(greeting(name), format!("Hello {name},"));
        }
        assert_eq!(greeting(" Ada "), "Hello Ada,");
    }

    #[test]
    fn what_is_no_name_is_left_out() {
        let long = "x".repeat(61);
        for name in [
            "",
            "  ",
            "evil.example",
            "Win! www.evil.example",
            "https://evil",
            "Ada\r\nBcc: bob@example.com",
            "bob@example.com",
            "<b>Ada</b>",
            long.as_str(),
        ] {
            assert_eq!(greeting(name), "Hello,", "{name:?}");
        }
        assert!(text(None).starts_with("Hello,\n"));
    }
}
