//! The lists of codes by topic: ours in `codes.txt`, which tells how a line is written, and the plan's own behind it.
//!
//! A code is looked up among the sorted codes of its system: the last that is not behind it, or one of those that this one begins
//! with, is the longest listed beginning of it. Nothing is allocated for a look-up.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::category::{Categories, Category};
use super::systems::{Form, SYSTEMS, Written};

const BUILT_IN: &str = include_str!("codes.txt");
/// Codes that one range may stand for.
const MAX_RANGE: u32 = 10_000;

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Wrong {
    /// Its number, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// What is put on a code or a beginning of codes, and what is taken from it.
#[derive(Clone, Copy, Default)]
struct Marks {
    on: Categories,
    off: Categories,
}

impl Marks {
    fn mark(&mut self, topic: Category, taken: bool) {
        let topic = Categories::NONE.with(topic);
        (self.on, self.off) = if taken {
            (self.on.without(topic), self.off.and(topic))
        } else {
            (self.on.and(topic), self.off.without(topic))
        };
    }

    /// These behind others that are shorter.
    const fn over(self, shorter: Self) -> Self {
        Self { on: shorter.on.without(self.off).and(self.on), off: shorter.off.without(self.on).and(self.off) }
    }
}

/// By code: the marks of exactly the code, and of what begins with it.
type Marked = BTreeMap<Box<[u8]>, (Marks, Marks)>;
/// A code with `?`, whether codes that begin so are meant too, and its topic.
type Open = (Box<[u8]>, bool, Categories);

/// One listed code or beginning.
struct Listed {
    code: Box<[u8]>,
    /// The longest other one that it begins with.
    shorter: Option<usize>,
    /// For exactly this code.
    exactly: Marks,
    /// For what begins with it.
    below: Marks,
}

/// The codes of one system.
#[derive(Default)]
struct Codes {
    sorted: Vec<Listed>,
    /// Those with `?`.
    open: Vec<Open>,
}

/// The lists of one process.
pub(super) struct Lists {
    /// By the length of an address: addresses and the positions of their systems.
    addresses: Vec<Vec<(&'static str, usize)>>,
    codes: Vec<Codes>,
    hash: u64,
}

impl Lists {
    /// Ours alone.
    pub(super) fn built_in() -> Self {
        let mut read = Reading::default();
        // A test reads it to the end.
        drop(read.text(BUILT_IN));
        read.done(BUILT_IN)
    }

    /// Ours, and a plan's own behind them.
    pub(super) fn with(own: &str) -> Result<Self, Wrong> {
        let mut read = Reading::default();
        read.text(BUILT_IN)?;
        read.text(own)?;
        Ok(read.done(&[BUILT_IN, own].join("\n")))
    }

    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }

    /// The topics of a code.
    pub(super) fn of(&self, system: &str, code: &str) -> Categories {
        let known = self.addresses.get(system.len()).and_then(|known| known.iter().find(|(known, _)| *known == system));
        let Some((_, at)) = known else { return Categories::NONE };
        let (Some(codes), Some(system)) = (self.codes.get(*at), SYSTEMS.get(*at)) else { return Categories::NONE };
        let mut topics = Categories::NONE;
        Written::new(code).each(system.form, |code| topics = topics.and(codes.of(code)));
        topics
    }
}

impl Codes {
    fn of(&self, code: &[u8]) -> Categories {
        let mut marks = Marks::default();
        let mut at = self.sorted.partition_point(|listed| *listed.code <= *code).checked_sub(1);
        while let Some(listed) = at.and_then(|at| self.sorted.get(at)) {
            if code.starts_with(&listed.code) {
                marks = if code.len() == listed.code.len() { listed.exactly } else { listed.below };
                break;
            }
            at = listed.shorter;
        }
        let fits = |open: &[u8], begins: bool| {
            (code.len() == open.len() || begins && code.len() > open.len())
                && open.iter().zip(code).all(|(open, code)| *open == b'?' || open == code)
        };
        let open = self.open.iter().filter(|(open, begins, _)| fits(open, *begins));
        open.fold(marks.on, |topics, (_, _, more)| topics.and(more.without(marks.off)))
    }
}

/// Lists that are being read, by system.
struct Reading {
    marks: [Marked; SYSTEMS.len()],
    open: [Vec<Open>; SYSTEMS.len()],
}

impl Default for Reading {
    fn default() -> Self {
        Self { marks: std::array::from_fn(|_| BTreeMap::new()), open: std::array::from_fn(|_| Vec::new()) }
    }
}

impl Reading {
    fn text(&mut self, text: &str) -> Result<(), Wrong> {
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_start_matches('\u{feff}').trim();
            if !line.is_empty() && !line.starts_with('#') {
                self.line(line).map_err(|why| Wrong { line: at + 1, why })?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (taken, line) = line.strip_prefix('-').map_or((false, line), |rest| (true, rest));
        let mut words = line.split_ascii_whitespace();
        let topic = words.next().unwrap_or_default();
        let topic = Category::parse(topic).ok_or_else(|| {
            let topics = Category::ALL.map(Category::name).join(", ");
            format!("'{topic}' is no topic; there are {topics}")
        })?;
        let name = words.next().unwrap_or_default();
        let system = SYSTEMS.iter().position(|system| system.names.contains(&name)).ok_or_else(|| {
            let names: Vec<&str> = SYSTEMS.iter().flat_map(|system| system.names).copied().collect();
            format!("'{name}' is no code system; there are {}", names.join(", "))
        })?;
        let mut count = 0;
        for word in words {
            count += 1;
            let (word, begins) = word.strip_suffix('*').map_or((word, false), |word| (word, true));
            match word.split_once("..") {
                Some((first, last)) => {
                    for code in range(first, last).ok_or_else(|| format!("'{first}..{last}' is no range"))? {
                        self.code(system, &code, (begins, topic, taken))?;
                    }
                }
                None => self.code(system, word, (begins, topic, taken))?,
            }
        }
        if count == 0 { Err("there are no codes".to_owned()) } else { Ok(()) }
    }

    fn code(&mut self, system: usize, text: &str, how: (bool, Category, bool)) -> Result<(), String> {
        let (begins, topic, taken) = how;
        let is_code = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'?');
        if text.is_empty() || !text.bytes().all(is_code) {
            return Err(format!("'{text}' is no code"));
        }
        let (Some(known), Some(marks), Some(open)) =
            (SYSTEMS.get(system), self.marks.get_mut(system), self.open.get_mut(system))
        else {
            return Ok(());
        };
        let mut codes: Vec<Box<[u8]>> = Vec::new();
        // The beginning of a number has no leading zeros to add.
        let form = if begins && matches!(known.form, Form::Wide(_)) { Form::Plain } else { known.form };
        Written::new(text).each(form, |code| codes.push(code.into()));
        if codes.is_empty() {
            return Err(format!("'{text}' is too long for a code"));
        }
        for code in codes {
            if code.contains(&b'?') {
                if taken {
                    return Err(format!("'{text}': codes with ? cannot be taken away"));
                }
                open.push((code, begins, Categories::NONE.with(topic)));
                continue;
            }
            let (exactly, below) = marks.entry(code).or_default();
            exactly.mark(topic, taken);
            if begins {
                below.mark(topic, taken);
            }
        }
        Ok(())
    }

    fn done(self, text: &str) -> Lists {
        let mut addresses: Vec<Vec<(&str, usize)>> = Vec::new();
        for (at, system) in SYSTEMS.iter().enumerate() {
            for address in system.addresses {
                let wanted = addresses.len().max(address.len() + 1);
                addresses.resize_with(wanted, Vec::new);
                if let Some(same) = addresses.get_mut(address.len()) {
                    same.push((address, at));
                }
            }
        }
        let codes = self.marks.into_iter().zip(self.open).map(|(marks, open)| Codes { sorted: sorted(marks), open });
        Lists { addresses, codes: codes.collect(), hash: xxh3_64(text.as_bytes()) }
    }
}

fn sorted(marks: Marked) -> Vec<Listed> {
    let mut out: Vec<Listed> = Vec::with_capacity(marks.len());
    for (code, (exactly, below)) in marks {
        let mut shorter = out.len().checked_sub(1);
        while let Some(known) = shorter.and_then(|at| out.get(at)) {
            if code.starts_with(&known.code) {
                break;
            }
            shorter = known.shorter;
        }
        let above = shorter.and_then(|at| out.get(at)).map(|known| known.below).unwrap_or_default();
        out.push(Listed { code, shorter, exactly: exactly.over(above), below: below.over(above) });
    }
    out
}

/// The codes from one to another, which differ in a number at their end.
fn range(first: &str, last: &str) -> Option<Vec<String>> {
    let digits = |text: &str| text.len() - text.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let width = digits(first).min(digits(last));
    let (stem, low) = first.split_at_checked(first.len().checked_sub(width)?)?;
    let (other, high) = last.split_at_checked(last.len().checked_sub(width)?)?;
    let (from, to): (u32, u32) = (low.parse().ok()?, high.parse().ok()?);
    let is_range = stem == other && from <= to && to - from < MAX_RANGE;
    is_range.then(|| (from..=to).map(|number| format!("{stem}{number:0width$}")).collect())
}
