//! Finds the ends of an array's elements without parsing them.

use std::ops::Range;

/// The length of the longest prefix that ends after a whole element of the array and its comma, or after the array.
/// `buffer` begins at the array's bracket or between two elements. Absent if no element is whole yet.
pub(crate) fn cut(buffer: &[u8]) -> Option<usize> {
    let mut scan = Scan::new(buffer);
    let mut found = None;
    while let Some((at, byte)) = scan.next() {
        if scan.depth == 0 && matches!(byte, b',' | b']') {
            found = Some(at + 1);
        }
    }
    found
}

/// The elements of a block, as ranges of it. An element that is cut off is returned as far as it goes.
pub(crate) fn elements(text: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut scan = Scan::new(text);
    let mut done = false;
    std::iter::from_fn(move || {
        loop {
            if done {
                return None;
            }
            let start = scan.at;
            let end = loop {
                match scan.next() {
                    Some((at, b',' | b']')) if scan.depth == 0 => break at,
                    Some(_) => {}
                    None => {
                        done = true;
                        break text.len();
                    }
                }
            };
            let bytes = text.get(start..end)?;
            let blank = bytes.len() - bytes.trim_ascii_start().len();
            let range = start + blank..start + blank + bytes.trim_ascii().len();
            if !range.is_empty() {
                return Some(range);
            }
        }
    })
}

/// Visits the bytes that give JSON its structure; strings are skipped.
struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// How many brackets inside the array are open; 0 between elements.
    depth: usize,
}

impl<'t> Scan<'t> {
    fn new(text: &'t [u8]) -> Self {
        let bom = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let rest = text.get(bom..).unwrap_or_default();
        let blank = rest.len() - rest.trim_ascii_start().len();
        let at = bom + blank;
        // The bracket of the array itself does not count.
        let at = if text.get(at) == Some(&b'[') { at + 1 } else { at };
        Self { text, at, depth: 0 }
    }

    /// The next structural byte and its position; the depth is the depth after it.
    fn next(&mut self) -> Option<(usize, u8)> {
        loop {
            let byte = *self.text.get(self.at)?;
            let at = self.at;
            self.at += 1;
            match byte {
                b'"' => self.string()?,
                b'{' | b'[' => {
                    self.depth += 1;
                    return Some((at, byte));
                }
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    // This closed an element's own bracket, not the array.
                    return Some((at, b'}'));
                }
                b']' | b',' => return Some((at, byte)),
                _ => {}
            }
        }
    }

    /// Skips the rest of a string; absent if it does not end.
    fn string(&mut self) -> Option<()> {
        loop {
            let found = memchr::memchr2(b'"', b'\\', self.text.get(self.at..)?);
            let Some(found) = found else {
                self.at = self.text.len();
                return None;
            };
            let is_escape = self.text.get(self.at + found) == Some(&b'\\');
            self.at += found + if is_escape { 2 } else { 1 };
            if !is_escape {
                return Some(());
            }
        }
    }
}

/// True for the beginning of one of these files.
pub(crate) fn looks_like(start: &[u8]) -> bool {
    let has = |name: &str| memchr::memmem::find(start, format!("\"{name}\"").as_bytes()).is_some();
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    if !matches!(text.first(), Some(b'[' | b'{')) || has("resourceType") || has("$schema") {
        return false;
    }
    has("rxnorm_id")
        || has("marketing_name")
        || has("provider_urls")
        || has("formulary_urls")
        || has("facility_name")
        || (has("npi") && (has("addresses") || has("plans") || has("accepting") || has("name")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<&str> {
        elements(text.as_bytes()).map(|range| &text[range]).collect()
    }

    #[test]
    fn whole_elements_are_cut_off() {
        assert_eq!(cut(b"["), None);
        assert_eq!(cut(b"[{\"a\": \"],\\\",\"}"), None);
        assert_eq!(cut(b"[{\"a\": [1, 2]}, {\"b\""), Some(15));
        assert_eq!(cut(b" {\"b\": 1}, {\"c\": 2} ]"), Some(21));
        assert_eq!(cut(b"{\"provider_urls\": [\"a\", \"b\"]}"), None);
    }

    #[test]
    fn elements_are_found_wherever_the_block_begins() {
        assert_eq!(of("\u{feff}[ {\"a\": [1]} ,\n{\"b\": \"}\"}]"), ["{\"a\": [1]}", "{\"b\": \"}\"}"]);
        assert_eq!(of("{\"a\": 1}, {\"b\": 2},"), ["{\"a\": 1}", "{\"b\": 2}"]);
        assert_eq!(of("{\"a\": 1}, {\"b\": \"x"), ["{\"a\": 1}", "{\"b\": \"x"]);
        assert_eq!(of("[]"), [""; 0]);
    }

    #[test]
    fn blocks_of_any_size_give_the_same_elements() {
        let text = r#"[{"a": "1,]"}, {"b": [{"c": 2}, {}]}, {"d": null}]"#;
        for size in 1..text.len() {
            let (mut buffer, mut found) = (Vec::new(), Vec::new());
            let take = |block: &[u8], found: &mut Vec<String>| {
                found.extend(elements(block).map(|range| String::from_utf8(block[range].to_vec()).unwrap()));
            };
            for chunk in text.as_bytes().chunks(size) {
                buffer.extend_from_slice(chunk);
                if let Some(length) = cut(&buffer) {
                    let rest = buffer.split_off(length);
                    take(&buffer, &mut found);
                    buffer = rest;
                }
            }
            take(&buffer, &mut found);
            assert_eq!(found, of(text), "{size}");
        }
    }
}
