//! Languages as people write them, as the codes that FHIR uses.

use crate::fhir::json::{Node, node};

/// Code, and its words in lower case. The most spoken languages of the United States.
const LANGUAGES: [(&str, &str); 38] = [
    ("en", "english eng"),
    ("es", "spanish spa espanol español"),
    ("zh", "chinese chi zho"),
    ("cmn", "mandarin"),
    ("yue", "cantonese"),
    ("vi", "vietnamese vie"),
    ("tl", "tagalog filipino tgl"),
    ("ko", "korean kor"),
    ("ru", "russian rus"),
    ("ar", "arabic ara"),
    ("fr", "french fra fre"),
    ("ht", "haitian creole hat"),
    ("de", "german deu ger"),
    ("hi", "hindi hin"),
    ("ur", "urdu urd"),
    ("bn", "bengali ben"),
    ("gu", "gujarati guj"),
    ("pa", "punjabi panjabi pan"),
    ("te", "telugu tel"),
    ("ta", "tamil tam"),
    ("mr", "marathi"),
    ("fa", "farsi persian"),
    ("pt", "portuguese por"),
    ("pl", "polish pol"),
    ("it", "italian ita"),
    ("ja", "japanese jpn"),
    ("he", "hebrew heb"),
    ("yi", "yiddish"),
    ("el", "greek"),
    ("uk", "ukrainian"),
    ("hy", "armenian"),
    ("so", "somali"),
    ("am", "amharic"),
    ("hmn", "hmong"),
    ("km", "khmer cambodian"),
    ("lo", "lao laotian"),
    ("nv", "navajo"),
    ("ase", "asl"),
];

/// A language as a `CodeableConcept`: the code if the words are known, else the words themselves.
pub(super) fn value(words: &str) -> Node<'static> {
    let plain = words.to_lowercase();
    let is_code = |code: &str| plain == code || plain.split_once('-').is_some_and(|(before, _)| before == code);
    let known = LANGUAGES.into_iter().find(|(code, names)| {
        is_code(code) || plain.split([' ', '(', ')', '/']).any(|word| names.split(' ').any(|name| name == word))
    });
    match known {
        Some((code, _)) => node!({"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}),
        None if plain.contains("sign language") => node!({"coding": [{"system": "urn:ietf:bcp:47", "code": "ase"}]}),
        None => node!({"text": words}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes_are_known() {
        for (words, code) in [("Spanish", "es"), ("es", "es"), ("en-US", "en"), ("American Sign Language", "ase")] {
            assert_eq!(value(words), node!({"coding": [{"system": "urn:ietf:bcp:47", "code": code}]}), "{words}");
        }
        assert_eq!(value("Klingon"), node!({"text": "Klingon"}));
    }
}
