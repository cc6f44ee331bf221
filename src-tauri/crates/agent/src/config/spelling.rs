//! What a key that nobody knows may have been meant to be.
//!
//! Invariant: a key is guessed only when it is near enough to be a slip of the pen, and what is a secret by its name is known
//! as one, however it is written.

pub(super) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["secret", "password", "access_token", "refresh_token", "token_value"]
        .iter()
        .any(|word| name.contains(word))
}

/// The known key that is at most a third of its length away.
pub(super) fn closest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let (distance, best) = known.iter().map(|key| (distance(name, key), *key)).min()?;
    (distance <= best.len().div_ceil(3)).then_some(best)
}

/// Levenshtein's, one row.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
