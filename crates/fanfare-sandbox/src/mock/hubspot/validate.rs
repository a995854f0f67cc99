//! Which property values HubSpot takes, and how it says that it does not.

use std::collections::{BTreeMap, HashSet};

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::super::email::is_valid_email;
use super::contacts::{Contacts, Properties};
use super::error;

/// Writable contact properties that every account has; a subset of HubSpot's list.
pub(super) const BUILT_IN_PROPERTIES: &[&str] = &[
    "address",
    "annualrevenue",
    "city",
    "company",
    "company_size",
    "country",
    "date_of_birth",
    "degree",
    "email",
    "fax",
    "field_of_study",
    "firstname",
    "gender",
    "graduation_date",
    "hs_language",
    "hs_lead_status",
    "hs_legal_basis",
    "hs_persona",
    "hs_timezone",
    "hubspot_owner_id",
    "industry",
    "job_function",
    "jobtitle",
    "lastname",
    "lifecyclestage",
    "marital_status",
    "message",
    "mobilephone",
    "numemployees",
    "phone",
    "salutation",
    "school",
    "seniority",
    "start_date",
    "state",
    "twitterhandle",
    "website",
    "work_email",
    "zip",
];

/// Why one item was refused.
#[derive(Debug)]
pub(super) enum Refusal {
    Properties(Vec<InvalidProperty>),
    Conflict { existing: u64 },
}

#[derive(Debug)]
pub(super) struct InvalidProperty {
    name: String,
    code: &'static str,
    message: String,
}

/// Checks the properties for the contact `own`, which `id` names if it is found by email.
pub(super) fn check(
    own: Option<u64>,
    id: Option<&str>,
    properties: &Properties,
    known: &HashSet<String>,
    contacts: &Contacts,
) -> Result<(), Refusal> {
    let own_email = properties.get("email").map(String::as_str);
    let mut invalid: Vec<_> = properties
        .keys()
        .filter(|name| !known.contains(*name))
        .map(|name| InvalidProperty::unknown(name))
        .collect();
    let emails = own_email.into_iter().chain(id.filter(|id| own_email != Some(*id)));
    invalid.extend(emails.filter_map(|email| InvalidProperty::email(email, contacts)));
    if !invalid.is_empty() {
        return Err(Refusal::Properties(invalid));
    }
    // An email that belongs to another contact already cannot be given to this one.
    match own_email.and_then(|email| contacts.id_of(email)) {
        Some(existing) if own != Some(existing) => Err(Refusal::Conflict { existing }),
        Some(_) | None => Ok(()),
    }
}

impl InvalidProperty {
    fn unknown(name: &str) -> Self {
        let message = format!("Property \"{name}\" does not exist");
        Self { name: name.to_owned(), code: "PROPERTY_DOESNT_EXIST", message }
    }

    fn email(email: &str, contacts: &Contacts) -> Option<Self> {
        let message = if !is_valid_email(email) {
            format!("Email address {email} is invalid")
        } else if contacts.is_blocked(email) {
            format!("Email address {email} was deleted for privacy and cannot be used")
        } else {
            return None;
        };
        Some(Self { name: "email".to_owned(), code: "INVALID_EMAIL", message })
    }
}

impl Refusal {
    pub(super) fn category(&self) -> &'static str {
        match self {
            Self::Properties(_) => "VALIDATION_ERROR",
            Self::Conflict { .. } => "CONFLICT",
        }
    }

    pub(super) fn message(&self) -> String {
        match self {
            Self::Properties(invalid) => not_valid(invalid.iter()),
            Self::Conflict { existing } => {
                format!("Contact already exists. Existing ID: {existing}")
            }
        }
    }

    pub(super) fn errors(&self) -> Vec<Value> {
        match self {
            Self::Properties(invalid) => invalid.iter().map(InvalidProperty::to_json).collect(),
            Self::Conflict { .. } => Vec::new(),
        }
    }
}

impl InvalidProperty {
    fn to_json(&self) -> Value {
        json!({
            "message": self.message,
            "code": self.code,
            "context": { "propertyName": [self.name] },
        })
    }
}

/// The answer when nothing of a request is carried out because of these items.
pub(super) fn refuse_all(refusals: &[Refusal]) -> Response {
    let mut invalid = Vec::new();
    let mut conflict = None;
    for refusal in refusals {
        match refusal {
            Refusal::Properties(properties) => invalid.extend(properties),
            Refusal::Conflict { .. } => conflict = conflict.or(Some(refusal)),
        }
    }
    match conflict {
        Some(conflict) if invalid.is_empty() => {
            error::error(StatusCode::CONFLICT, conflict.category(), &conflict.message())
        }
        _ => error::detailed(
            StatusCode::BAD_REQUEST,
            "VALIDATION_ERROR",
            &not_valid(invalid.iter().copied()),
            &json!({}),
            &invalid.iter().map(|property| property.to_json()).collect::<Vec<_>>(),
        ),
    }
}

/// HubSpot writes the list as JSON inside the message.
fn not_valid<'a>(invalid: impl Iterator<Item = &'a InvalidProperty>) -> String {
    let list: Vec<BTreeMap<&str, Value>> = invalid
        .map(|property| {
            BTreeMap::from([
                ("isValid", json!(false)),
                ("message", json!(property.message)),
                ("error", json!(property.code)),
                ("name", json!(property.name)),
                ("localizedErrorMessage", json!(property.message)),
            ])
        })
        .collect();
    format!("Property values were not valid: {}", json!(list))
}
