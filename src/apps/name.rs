//! Names of apps. Members read them on the page that asks for their records, so a name must be visible, must read the same
//! for everybody, and must be neither the plan's nor another app's. Names are compared by their skeleton (Unicode
//! Technical Standard 39): what looks alike is alike.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_security::{MixedScript, skeleton};

/// Characters of a name.
const MAX_NAME: usize = 60;
/// Marks on one letter: Vietnamese has two, and more run into the lines above.
const MAX_MARKS: usize = 2;
/// Characters beside letters, digits and their marks.
const PUNCTUATION: &str = " .,-'&+():!/’–·";
/// Letters by their class that nobody sees (`Default_Ignorable_Code_Point`).
const INVISIBLE: [char; 4] = ['\u{115f}', '\u{1160}', '\u{3164}', '\u{ffa0}'];
/// Words that only the plan may say of an app.
const RESERVED: [&str; 8] =
    ["official", "verified", "certified by", "your plan", "oficial", "verificado", "verificada", "su plan"];
/// A plan's name that is shorter is compared word by word only: "Scan" is in "Scanner".
const LONG_NAME: usize = 8;

/// A name as it will be shown, if it may be.
pub(super) fn checked(typed: &str) -> Option<String> {
    let name: String = typed.nfkc().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ");
    let is_fit =
        |c: char| !INVISIBLE.contains(&c) && (c.is_alphanumeric() || is_combining_mark(c) || PUNCTUATION.contains(c));
    let mut marks = 0;
    let has_few_marks = name.chars().all(|c| {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        marks <= MAX_MARKS
    });
    let is_of_one_script =
        |word: &str| word.chars().filter(|c| c.is_alphabetic()).collect::<String>().is_single_script();
    let is_good = name.chars().count() <= MAX_NAME
        && name.chars().any(char::is_alphabetic)
        && !name.starts_with(is_combining_mark)
        && name.chars().all(is_fit)
        && has_few_marks
        && name.split(' ').all(is_of_one_script);
    is_good.then_some(name)
}

/// A capital I is drawn as a small l, and is a small i where case does not count: both readings of a name.
type Readings<T> = [T; 2];

/// True if two names are read as one by somebody.
pub(super) fn look_alike(one: &str, other: &str) -> bool {
    let [as_drawn, as_said] = readings(one).map(|words| words.concat());
    let [other_drawn, other_said] = readings(other).map(|words| words.concat());
    as_drawn == other_drawn || as_said == other_said
}

/// The words of a name, each as its skeleton.
fn readings(name: &str) -> Readings<Vec<String>> {
    let plain: String = name.nfkc().collect();
    let words = |text: &str| {
        let look = |word: &str| skeleton(word).collect::<String>().to_lowercase();
        let words = text.split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)).map(look);
        words.filter(|word| !word.is_empty()).collect()
    };
    [words(&plain), words(&plain.to_lowercase())]
}

/// True if a name says, or looks as if, the app were the plan's.
pub(super) fn claims_the_plan(name: &str, plan_names: &[String]) -> bool {
    let said = readings(name);
    let says = |phrase: &str| {
        said.iter().zip(&readings(phrase)).any(|(said, phrase)| {
            !phrase.is_empty() && said.windows(phrase.len()).any(|part| part == phrase.as_slice())
        })
    };
    let holds = |plan: &str| {
        said.iter().zip(&readings(plan)).any(|(said, plan)| {
            let plan = plan.concat();
            plan.chars().count() >= LONG_NAME && said.concat().contains(&plan)
        })
    };
    RESERVED.iter().any(|phrase| says(phrase)) || plan_names.iter().any(|plan| says(plan) || holds(plan))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Access.md S12: names that were taken, and their kind.
    #[test]
    fn threat_97_names_that_mislead_are_refused() {
        let plan = ["Alder County Health Plan".to_owned(), "Alder Health".to_owned()];
        let taken = |name: &str| checked(name).is_some_and(|name| !claims_the_plan(&name, &plan));
        let mut invisible: Vec<String> = vec![
            "Alder County Health Plan".into(),
            "alder county  health plan".into(),
            "\u{410}lder County Health Plan".into(),
            "Alder\u{200b}County Health Plan".into(),
            "Al\u{ad}der County Health Plan".into(),
            "Alder\u{2060} County Health Plan".into(),
            "Ａｌｄｅｒ Ｃｏｕｎｔｙ Ｈｅａｌｔｈ Ｐｌａｎ".into(),
            "AlderCountyHealthPlan".into(),
            "A1der County Hea1th P1an".into(),
            "The Alder County Health Plan App".into(),
            "Alder Health".into(),
            "My Alder Health Records".into(),
            "Alder Health ✅ verified by your plan".into(),
            "Records, verified".into(),
            "Official Claims".into(),
            "Ηealth History".into(),
            "Heаlth History".into(),
            "\u{3164}".into(),
            "\u{200b}\u{200b}".into(),
            "\u{2800}".into(),
            "\u{301}".into(),
            "\u{61c}Name".into(),
            "Name\u{e0041}".into(),
            "N\u{301}\u{301}\u{301}\u{301}ame".into(),
            "😀😀😀".into(),
            "123".into(),
            "...".into(),
            "<b>Name</b>".into(),
            "Name\u{202e}eman".into(),
            "a".repeat(61),
        ];
        // Each letter of the plan's name by each that is drawn alike.
        for (from, to) in
            [("A", "Α"), ("o", "о"), ("e", "е"), ("l", "I"), ("C", "С"), ("H", "Н"), ("P", "Р"), ("u", "υ"), ("y", "у")]
        {
            invisible.push("Alder County Health Plan".replacen(from, to, 1));
            invisible.push("Alder County Health Plan".replace(from, to));
        }
        for name in &invisible {
            assert!(!taken(name), "{name:?}");
        }
        for name in [
            "Health History",
            "Mi Salud",
            "Diabète & Moi",
            "My Records 2.0",
            "Ñandú Health",
            "健康手帳",
            "Моё здоровье",
            "O’Brien Care (beta)",
        ] {
            assert!(taken(name), "{name:?}");
        }
        assert!(look_alike("Health History", "HEALTH-HIST0RY") && look_alike("Health History", "Health HIstory"));
        assert!(!look_alike("Health History", "Health Story"));
        let short = ["Scan".to_owned()];
        assert!(!claims_the_plan("Scanner", &short) && claims_the_plan("Scan App", &short));
    }
}
