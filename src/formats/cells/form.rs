//! The form of a cell that could not be read: enough for its writer to find the mistake, and nothing of its content.
//! Pure.
//!
//! Only for cells that should hold a day, an amount or a number, and never for names: a digit becomes a 9, consecutive
//! letters become one x, so that even their count is hidden, and any character that is not used in days and amounts
//! becomes a question mark. A birth date becomes `99/99/9999`, a name in the wrong column `x x` (THREATS 64).

/// Characters that are shown.
const SHOWN_MAX: usize = 20;

/// The form of a text, in words for the end of a reason.
pub(crate) fn form(text: &str) -> String {
    let mut out = String::with_capacity(SHOWN_MAX);
    for c in text.chars() {
        let shown = match c {
            _ if c.is_numeric() => '9',
            _ if c.is_alphabetic() => 'x',
            '-' | '/' | '.' | ',' | ':' | '$' | '(' | ')' | '+' | ' ' => c,
            _ => '?',
        };
        if shown == 'x' && out.ends_with('x') {
            continue;
        }
        if out.len() >= SHOWN_MAX {
            out.push('…');
            break;
        }
        out.push(shown);
    }
    format!("(its form is {out})")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_form_shows_what_is_wrong_with_a_day() {
        assert_eq!(form("31/31/1980"), "(its form is 99/99/9999)");
        assert_eq!(form("Jan 3rd, 80"), "(its form is x 9x, 99)");
        assert_eq!(form("García Márquez"), "(its form is x x)");
        assert_eq!(form("$1.234,50"), "(its form is $9.999,99)");
        assert_eq!(form("123456789012345678901"), "(its form is 99999999999999999999…)");
    }

    proptest! {
        /// Two texts of one form give the same words, so the words hold nothing of either.
        #[test]
        fn nothing_of_the_text_is_left(text in "\\PC{0,40}") {
            let words = form(&text);
            let shown = words.trim_start_matches("(its form is ").trim_end_matches(')');
            prop_assert!(shown.chars().all(|c| matches!(c, '9' | 'x' | '?' | '…' | '-' | '/' | '.' | ',' | ':' | '$' | '(' | ')' | '+' | ' ')), "{words}");
            prop_assert!(!shown.contains("xx") && shown.chars().count() <= SHOWN_MAX + 1);
        }
    }
}
