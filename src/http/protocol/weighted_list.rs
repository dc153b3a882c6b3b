//! Headers with weighted lists, such as `Accept`.

use poem::http::{HeaderMap, HeaderName};

/// The entries of a header such as `Accept`, in lower case and in their order, with their weights (RFC 9110, 12.4.2). The weight
/// of an entry that is not acceptable is 0. An invalid weight counts as none, which is 1.
pub fn weighted(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, f32)> {
    let lines = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes()).to_ascii_lowercase());
    let entry = |entry: &str| {
        let mut parts = entry.split(';').map(str::trim);
        let value = parts.next().unwrap_or_default().to_owned();
        let weight = parts.find_map(|parameter| parameter.strip_prefix("q=")?.trim().parse().ok());
        (value, weight.unwrap_or(1.0))
    };
    lines
        .flat_map(|line| line.split(',').map(entry).collect::<Vec<_>>())
        .filter(|(value, _)| !value.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use poem::http::header;

    use super::*;

    #[test]
    fn weights_are_read_in_every_form() {
        let headers = HeaderMap::from_iter([(
            header::ACCEPT,
            "A/b;q=0.5, c/d ;level=1; Q=0, e/f;q=x,, ,g/h".parse().expect("ASCII"),
        )]);
        let expected =
            [("a/b", 0.5), ("c/d", 0.0), ("e/f", 1.0), ("g/h", 1.0)].map(|(range, weight)| (range.to_owned(), weight));
        assert_eq!(weighted(&headers, &header::ACCEPT), expected);
    }
}
