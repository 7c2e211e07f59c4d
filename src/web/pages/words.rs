//! The words of the pages in both languages, from `templates/text/*.toml`. A test compares the two files and looks for
//! every key that a template or a handler uses, so a missing word fails the build and never a reader.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Language;

type Table = HashMap<String, String>;

static ENGLISH: LazyLock<Table> = LazyLock::new(|| read(include_str!("../../../templates/text/en.toml")));
static SPANISH: LazyLock<Table> = LazyLock::new(|| read(include_str!("../../../templates/text/es.toml")));

const ENGLISH_MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const SPANISH_MONTHS: [&str; 12] = [
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
];

/// One language's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words(Language);

impl Words {
    pub(super) const fn new(language: Language) -> Self {
        Self(language)
    }

    pub(super) const fn language(self) -> Language {
        self.0
    }

    /// The language's code, for `lang` attributes and cookies.
    pub(super) const fn code(self) -> &'static str {
        match self.0 {
            Language::En => "en",
            Language::Es => "es",
        }
    }

    pub(super) const fn other_code(self) -> &'static str {
        match self.0 {
            Language::En => "es",
            Language::Es => "en",
        }
    }

    /// The words of a key. A key that is missing shows itself, which the test prevents.
    pub(super) fn say(self, key: &str) -> &'static str {
        let table = match self.0 {
            Language::En => &*ENGLISH,
            Language::Es => &*SPANISH,
        };
        table.get(key).map_or("?", String::as_str)
    }

    /// The words with `{1}` filled in.
    pub(super) fn fill(self, key: &str, one: impl Display) -> String {
        self.say(key).replace("{1}", &one.to_string())
    }

    /// The words with `{1}` and `{2}` filled in. What is filled in first is not looked at again.
    pub(super) fn fill2(self, key: &str, one: impl Display, two: impl Display) -> String {
        let parts: Vec<String> = self.say(key).split("{1}").map(|part| part.replace("{2}", &two.to_string())).collect();
        parts.join(&one.to_string())
    }

    /// The words of `section.name`, for names that come from the data (cards, categories, states).
    pub(super) fn named(self, section: &str, name: &str) -> &'static str {
        self.say(&format!("{section}.{name}"))
    }

    /// The words of `section.name_part`.
    pub(super) fn part(self, section: &str, name: &str, part: &str) -> &'static str {
        self.say(&format!("{section}.{name}_{part}"))
    }

    /// A day in words (UTC).
    pub(super) fn day(self, second: i64) -> String {
        let Ok(at) = Timestamp::from_second(second) else { return String::new() };
        let date = TimeZone::UTC.to_datetime(at).date();
        let months = if self.0 == Language::En { ENGLISH_MONTHS } else { SPANISH_MONTHS };
        let month = usize::try_from(date.month() - 1).ok().and_then(|at| months.get(at)).copied().unwrap_or_default();
        match self.0 {
            Language::En => format!("{month} {}, {}", date.day(), date.year()),
            Language::Es => format!("{} de {month} de {}", date.day(), date.year()),
        }
    }

    /// A moment in words (UTC).
    pub(super) fn moment(self, at: Timestamp) -> String {
        format!("{}, {} UTC", self.day(at.as_second()), TimeZone::UTC.to_datetime(at).strftime("%H:%M"))
    }

    /// How long to wait, in seconds or whole minutes.
    pub(super) fn wait(self, seconds: i64) -> String {
        if seconds < 120 {
            self.fill("login.seconds", seconds.max(1))
        } else {
            self.fill("login.minutes", seconds.div_euclid(60) + 1)
        }
    }
}

fn read(text: &str) -> Table {
    let sections: HashMap<String, Table> = toml::from_str(text).unwrap_or_default();
    sections
        .into_iter()
        .flat_map(|(section, words)| {
            words.into_iter().map(move |(name, text)| (format!("{section}.{name}"), text)).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn marks(text: &str) -> BTreeSet<&str> {
        ["{1}", "{2}", "{code}"].into_iter().filter(|mark| text.contains(mark)).collect()
    }

    #[test]
    fn both_languages_say_the_same_things() {
        assert!(ENGLISH.len() > 200, "the catalogue was read");
        let keys = |table: &Table| table.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&ENGLISH), keys(&SPANISH));
        for (key, english) in &*ENGLISH {
            let spanish = &SPANISH[key];
            assert!(!english.is_empty() && !spanish.is_empty(), "{key}");
            assert_eq!(marks(english), marks(spanish), "{key}");
        }
    }

    /// A code in a message is the only run of six digits in it and stands on a line of its own.
    #[test]
    fn messages_hold_no_other_six_digits() {
        for table in [&*ENGLISH, &*SPANISH] {
            for key in ["mail.body", "mail.sms"] {
                let text = &table[key];
                assert!(text.lines().any(|line| line == "{code}"), "{key}");
                let longest = text.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
                assert!(longest < Some(6), "{key}");
            }
        }
    }

    /// Every key that a template or handler names exists, and every key is named somewhere.
    #[test]
    fn every_key_is_there_and_used() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut sources = String::new();
        for folder in ["templates", "src/web/pages", "src/web/oauth"] {
            for entry in std::fs::read_dir(root.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                if path.is_file() && path.file_name().unwrap() != "words.rs" {
                    sources.push_str(&std::fs::read_to_string(path).unwrap());
                }
            }
        }
        let sections: BTreeSet<&str> = ENGLISH.keys().filter_map(|key| key.split('.').next()).collect();
        let mut named = BTreeSet::new();
        for literal in sources.split('"').skip(1) {
            if let Some((section, rest)) = literal.split_once('.')
                && sections.contains(section)
                && !rest.is_empty()
                && rest.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == '-')
                && rest != "html"
            {
                named.insert(literal.to_owned());
            }
        }
        for key in &named {
            assert!(ENGLISH.contains_key(key), "{key} is used and has no words");
        }
        // Keys made from data: see `Words::named` and `Words::part`.
        let made = |key: &str| {
            // `login.seconds` and `login.minutes` are said by `Words::wait` itself.
            ["card.", "category.", "new_app.scope_", "login.seconds", "login.minutes"]
                .iter()
                .any(|start| key.starts_with(start))
                || ["app.active", "app.waiting", "app.suspended"].contains(&key)
                || ["web", "browser", "native"]
                    .iter()
                    .any(|kind| key.strip_prefix("new_app.").is_some_and(|k| k == *kind || k == format!("{kind}_hint")))
        };
        for key in ENGLISH.keys().filter(|key| !made(key)) {
            assert!(named.contains(key), "{key} has words and is not used");
        }
    }

    #[test]
    fn every_category_has_a_name() {
        for category in crate::access::Category::ALL {
            assert!(ENGLISH.contains_key(&format!("category.{}", category.name())), "{}", category.name());
        }
    }

    #[test]
    fn days_are_written_as_people_write_them() {
        let second = "2027-03-02T23:00:00Z".parse::<Timestamp>().unwrap().as_second();
        assert_eq!(Words::new(Language::En).day(second), "March 2, 2027");
        assert_eq!(Words::new(Language::Es).day(second), "2 de marzo de 2027");
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        assert_eq!(Words::new(Language::En).fill2("code.sent", "{2}", "Plan").matches("Plan").count(), 1);
    }
}
