//! How deeply JSON nests, on its bytes and before anything recurses into it.

/// Whether arrays and objects stand more than `limit` deep in each other.
pub(crate) fn is_deeper_than(json: &[u8], limit: usize) -> bool {
    // Nearly every event has fewer brackets than the limit allows levels, and counting them
    // is many times faster than telling those in strings apart.
    let openers = json.iter().filter(|byte| matches!(byte, b'{' | b'[')).count();
    openers > limit && deepest_level(json) > limit
}

fn deepest_level(json: &[u8]) -> usize {
    let (mut level, mut deepest) = (0_usize, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                level += 1;
                deepest = deepest.max(level);
            }
            b'}' | b']' => level = level.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

/// Moves behind the closing quote.
fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}
