//! Writes the payload types' JSON Schemas into `schemas/`: after a member has been added.

use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    for (urn, schema) in fanfare_events::json_schemas() {
        let name = urn.trim_start_matches("urn:fanfare:").replace(':', ".");
        let text = format!("{}\n", serde_json::to_string_pretty(&schema)?);
        std::fs::write(folder.join(format!("{name}.json")), text)?;
    }
    Ok(())
}
