//! What SendGrid finds wrong with a mail, in its own words.

use super::super::email::is_valid_email;
use super::error::Problem;
use super::message::{Address, Message, Personalization};

/// Personalizations in one request, and recipients in one request.
const MAX_RECIPIENTS: usize = 1000;
const MAX_CATEGORIES: usize = 10;
/// Bytes of `custom_args` as JSON.
const MAX_CUSTOM_ARGS: usize = 10_000;

const BAD_ADDRESS: &str = "Does not contain a valid address.";

/// Everything that is wrong; empty when the mail is accepted.
pub(super) fn problems(message: &Message) -> Vec<Problem> {
    let mut found = Vec::new();
    recipients(message, &mut found);
    sender(message, &mut found);
    text(message, &mut found);
    extras(message, &mut found);
    found
}

fn recipients(message: &Message, found: &mut Vec<Problem>) {
    let personalizations = &message.personalizations;
    if personalizations.is_empty() {
        found.push(Problem::at(
            "personalizations",
            "The personalizations field is required and must have at least one personalization.",
        ));
    }
    let total: usize = personalizations.iter().map(|p| p.to.len() + p.cc.len() + p.bcc.len()).sum();
    if personalizations.len() > MAX_RECIPIENTS || total > MAX_RECIPIENTS {
        found.push(Problem::at(
            "personalizations",
            "Too many recipients: a request has at most 1000 of them.",
        ));
    }
    for (index, Personalization { to, cc, bcc, .. }) in personalizations.iter().enumerate() {
        if to.is_empty() {
            found.push(Problem::at(
                format!("personalizations.{index}.to"),
                "The to array is required for all personalization objects, and must have at \
                 least one email object with a valid email address.",
            ));
        }
        for (list, addresses) in [("to", to), ("cc", cc), ("bcc", bcc)] {
            for (place, address) in addresses.iter().enumerate() {
                let field = || format!("personalizations.{index}.{list}.{place}.email");
                found.extend(bad_address(address, field));
            }
        }
    }
}

fn sender(message: &Message, found: &mut Vec<Problem>) {
    match &message.from {
        None => found.push(Problem::at(
            "from.email",
            "The from object must be provided for every email send. It is an object that requires \
             the email parameter, but may also contain a name parameter.  e.g. {\"email\" : \
             \"example@example.com\"}  or {\"email\" : \"example@example.com\", \"name\" : \
             \"Example Recipient\"}.",
        )),
        Some(from) => found.extend(bad_address(from, || "from.email".to_owned())),
    }
    let reply_to = message.reply_to.as_ref();
    found.extend(reply_to.and_then(|to| bad_address(to, || "reply_to.email".to_owned())));
}

fn text(message: &Message, found: &mut Vec<Problem>) {
    let given = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    if given(&message.template_id) {
        return;
    }
    let everywhere = message.personalizations.iter().all(|one| given(&one.subject));
    if !given(&message.subject) && (message.personalizations.is_empty() || !everywhere) {
        found.push(Problem::at(
            "subject",
            "The subject is required. You can get around this requirement if you use a template \
             with a subject defined or if every personalization has a subject defined.",
        ));
    }
    if message.content.is_empty() {
        found.push(Problem::at(
            "content",
            "Unless a valid template_id is provided, the content parameter is required. There \
             must be at least one defined content block. We typically suggest both text/plain and \
             text/html blocks are included, but only one block is required.",
        ));
    }
    for (index, content) in message.content.iter().enumerate() {
        if content.media_type.is_empty() {
            found.push(Problem::at(
                format!("content.{index}.type"),
                "The content type must be a string at least one character in length.",
            ));
        }
        if content.value.is_empty() {
            found.push(Problem::at(
                format!("content.{index}.value"),
                "The content value must be a string at least one character in length.",
            ));
        }
    }
}

fn extras(message: &Message, found: &mut Vec<Problem>) {
    if message.categories.len() > MAX_CATEGORIES {
        found.push(Problem::at("categories", "The number of categories is limited to 10."));
    }
    let size: usize =
        message.custom_args.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size >= MAX_CUSTOM_ARGS {
        found.push(Problem::at("custom_args", "The custom_args are limited to 10000 bytes."));
    }
}

fn bad_address(address: &Address, field: impl Fn() -> String) -> Option<Problem> {
    (!is_valid_email(&address.email)).then(|| Problem::at(field(), BAD_ADDRESS))
}
