//! Texts as FHIR wants them, and names as they are compared. Pure.

/// A text as FHIR wants it: without control characters and surrounding white space. Line ends stay.
pub(crate) fn clean(text: &str) -> String {
    let kept = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
    text.replace("\r\n", "\n").replace('\r', "\n").chars().filter(kept).collect::<String>().trim().to_owned()
}

/// A text in one line.
pub(crate) fn line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A cell in one line, without characters that nobody sees: zero-width spaces, marks of direction and byte order. They come with
/// copied text, and two names that look alike would be two.
pub(crate) fn visible(text: &str) -> std::borrow::Cow<'_, str> {
    let is_hidden = |c: &char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}');
    if text.chars().any(|c| c.is_control() || is_hidden(&c)) {
        return line(&text.chars().filter(|c| !is_hidden(c)).collect::<String>()).into();
    }
    text.into()
}

/// A ZIP code with the zeros that spreadsheets drop, and with its hyphen; any other text as it is.
pub(crate) fn zip(text: &str) -> String {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.len() {
        3..=4 if is_number => format!("{text:0>5}"),
        7..=9 if is_number => {
            let whole = format!("{text:0>9}");
            whole.split_at_checked(5).map_or(whole.clone(), |(zip, more)| format!("{zip}-{more}"))
        }
        _ => text.to_owned(),
    }
}

/// Letters and digits, lower case: `Member ID`, `member_id` and `MEMBERID` are one name.
pub(crate) fn normal(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_dropped() {
        for (text, expected) in
            [("Sam\u{200b}ple", "Sample"), ("Sam\nple", "Sam ple"), ("\u{202e}Ana", "Ana"), ("José", "José")]
        {
            assert_eq!(visible(text), expected);
        }
        for (text, expected) in [
            ("6103", "06103"),
            ("06103", "06103"),
            ("061030001", "06103-0001"),
            ("61030001", "06103-0001"),
            ("06103-0001", "06103-0001"),
            ("M5V 2T6", "M5V 2T6"),
            ("", ""),
        ] {
            assert_eq!(zip(text), expected, "{text}");
        }
    }
}
