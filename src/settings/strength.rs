//! Whether a key looks as if it was made at random (SEC-29, SEC-47). It finds keys that somebody typed, not every weak one.

/// Of a random key of 24 bytes or more, however it is written, there are more.
const MIN_DISTINCT_BYTES: usize = 8;
/// A key that repeats no more than this is found; a longer text may be random by itself.
const MAX_REPEATED_BYTES: usize = 15;
/// Texts that stand in examples in a key's place.
const PLACEHOLDERS: [&str; 8] =
    ["changeme", "change-me", "change_me", "change this", "your-secret", "your_secret", "yoursecret", "replace-me"];

/// Errors: why the key is weak, without any part of it.
pub(super) fn check(key: &[u8]) -> Result<(), &'static str> {
    let mut distinct = key.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < MIN_DISTINCT_BYTES {
        return Err("consists of a few characters only; make it at random, as `openssl rand -base64 48` does");
    }
    if (1..=(key.len() / 2).min(MAX_REPEATED_BYTES))
        .any(|length| key.iter().skip(length).eq(key.iter().take(key.len() - length)))
    {
        return Err("repeats one short text; make it at random, as `openssl rand -base64 48` does");
    }
    let runs = key.windows(2).filter(|pair| pair[0] == pair[1]).count();
    if runs * 2 > key.len() {
        return Err("repeats single characters; make it at random, as `openssl rand -base64 48` does");
    }
    let text = String::from_utf8_lossy(key).to_ascii_lowercase();
    if PLACEHOLDERS.iter().any(|placeholder| text.contains(placeholder)) {
        return Err("is the text of an example; make it at random, as `openssl rand -base64 48` does");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fault_a28_keys_that_nobody_made_at_random_are_weak() {
        for weak in [
            "a".repeat(64),
            "ab".repeat(32),
            "correct horse ".repeat(4),
            format!("{}{}", "a".repeat(40), "bcdefghi"),
            "please-changeme-before-production-use".to_owned(),
            "\0".repeat(32),
        ] {
            assert!(check(weak.as_bytes()).is_err(), "{weak}");
        }
        for good in [
            "a secret key for tests of more than 32 bytes",
            "3f0c9a4be1d27765c08e3fb2915ad46b7c01e8f2946d3a5b",
            "8347192056473829104756382910475638",
            "Zk7vQ0sXr1mB9pLw2NfYtJ5cHdGqAe8uKi3oTy6VbRz4SxWn",
            "django-insecure-7$k@w2!p9z#q&v5m(x)r+3t^y8u",
        ] {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
        let bytes: Vec<u8> = (0..24_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as u8).collect();
        assert_eq!(check(&bytes), Ok(()));
    }
}
