//! Pharmacy claims as the pharmacy and the plan's switch exchange them: NCPDP Telecommunication D.0, requests and
//! responses.
//!
//! A request and its response have no number in common; pharmacy, prescription and date of service identify both. A
//! request alone is a claim without a decision; a response alone names neither the member nor the drug, and waits.
//!
//! Absent: eligibility (E1), prior authorization (P1 to P4) and information messages, which are named and left out;
//! other versions than D.0; SCRIPT, which is XML and prescribes.

mod message;

pub(crate) use message::Transmission;

use crate::formats::cells;
use crate::formats::encoding;
use crate::formats::issue::Rule;
use crate::formats::records::{ClaimField, ClaimRow, ClaimSource, Facts, RowOutcome};

/// Messages of one file.
const MESSAGES_MAX: usize = 2_000_000;

/// Whether a file begins with a message.
pub(crate) fn looks_like(start: &[u8]) -> bool {
    let start = start.get(start.iter().take_while(|byte| is_between(**byte)).count()..).unwrap_or_default();
    let is_d0 = |from: usize| start.get(from..from + 2) == Some(b"D0");
    (is_d0(6) || is_d0(0)) && start.iter().take(200).any(|byte| (0x1c..=0x1e).contains(byte))
}

/// Bytes between messages: start and end of text, and line ends.
const fn is_between(byte: u8) -> bool {
    matches!(byte, 2 | 3 | b'\n' | b'\r')
}

/// Reads messages; their number in the file stands for a line.
pub(crate) fn read(bytes: &[u8], take: &mut dyn FnMut(RowOutcome) -> bool) {
    let texts = bytes.split(|byte| is_between(*byte)).filter(|text| !text.iter().all(u8::is_ascii_whitespace));
    for (at, text) in texts.take(MESSAGES_MAX).enumerate() {
        let at = at as u64 + 1;
        let refused = |reason: &str| RowOutcome::Refused(at, Rule::ClaimRow, reason.to_owned());
        let text = encoding::text(text);
        let Some(message) = Transmission::parse(&text) else {
            if !take(refused("the message is no NCPDP D.0")) {
                return;
            }
            continue;
        };
        for row in rows(&message) {
            let found = match row {
                Ok((key, row)) => RowOutcome::Part(row.part(ClaimSource::Ncpdp, &key, at)),
                Err(reason) => refused(reason),
            };
            if !take(found) {
                return;
            }
        }
    }
}

/// A row for each transaction, with the key that request and response share.
fn rows(message: &Transmission<'_>) -> Vec<Result<(String, ClaimRow), &'static str>> {
    let kind = if message.is_question { message.header(8, 10) } else { message.header(2, 4) };
    if !matches!(kind, "B1" | "B2" | "B3") {
        return vec![Err("the message is no claim and no reversal (B1, B2, B3)")];
    }
    message.transactions().into_iter().map(|fields| row(message, kind, &fields)).collect()
}

fn row(message: &Transmission<'_>, kind: &str, fields: &[(String, &str)]) -> Result<(String, ClaimRow), &'static str> {
    let get = |name: &str| fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| *value);
    let mut facts = Facts::new();
    let mut set = |field: ClaimField, text: Option<String>| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            facts.insert((field, 0), text);
        }
    };
    let text = |name: &str| Some(get(name).split_whitespace().collect::<Vec<_>>().join(" "));
    let amount = |name: &str| message::amount(get(name));
    let (pharmacy, date) = if message.is_question {
        (message.header(23, 38), message.header(38, 46))
    } else {
        (message.header(8, 23), message.header(23, 31))
    };
    let day = cells::day(date).value().ok_or("the header has no day of service")?;
    let prescription = if message.is_question { get("07D2") } else { get("22D2") }.trim_start_matches('0');
    if prescription.is_empty() {
        return Err(if message.is_question {
            "the claim has no prescription number (D2)"
        } else {
            "the answer does not say which prescription it is about (D2)"
        });
    }
    let key = [pharmacy, prescription, &day].join("\u{1f}");
    set(ClaimField::Claim, Some(format!("{prescription}-{day}")));
    set(ClaimField::From, Some(day));
    set(ClaimField::PharmacyNpi, Some(pharmacy.to_owned()));
    set(ClaimField::Prescription, Some(prescription.to_owned()));
    if kind == "B2" {
        set(ClaimField::Status, Some("reversal".to_owned()));
    }
    if message.is_question {
        set(ClaimField::Kind, Some("pharmacy".to_owned()));
        for (field, name) in [
            (ClaimField::Member, "04C2"),
            (ClaimField::Given, "01CA"),
            (ClaimField::Family, "01CB"),
            (ClaimField::PrescriberNpi, "03DB"),
            (ClaimField::PrescriberName, "03DR"),
            (ClaimField::Daw, "07D8"),
            (ClaimField::Origin, "07DJ"),
            (ClaimField::Compound, "07D6"),
        ] {
            set(field, text(name));
        }
        // A compound claim has no code of its own, so its first ingredient's code is taken.
        set(
            ClaimField::Ndc,
            text("07D7").filter(|code| code.bytes().any(|digit| digit != b'0')).or_else(|| text("10TE")),
        );
        for (field, name) in [(ClaimField::Fill, "07D3"), (ClaimField::Refills, "07DF"), (ClaimField::Days, "07D5")] {
            set(field, cells::number(get(name)).value());
        }
        set(ClaimField::Birth, cells::day(get("01C4")).value());
        set(ClaimField::Units, thousandths(get("07E7")));
        set(ClaimField::Charge, amount("11DU").or_else(|| amount("11DQ")).or_else(|| amount("11D9")));
        set(ClaimField::OtherPayer, amount("05DV"));
        // A reversal names the prescription and often no member.
        if get("04C2").is_empty() && kind != "B2" {
            return Err("the claim has no cardholder id (C2)");
        }
    } else {
        let status = match get("21AN") {
            "P" | "C" | "A" | "D" | "S" => "paid",
            "R" => "denied",
            _ => return Err("the answer has no status that decides (AN)"),
        };
        if kind != "B2" {
            set(ClaimField::Status, Some(status.to_owned()));
        } else if status == "denied" {
            return Err("the reversal was refused; the claim stands");
        }
        for (field, name) in [
            (ClaimField::Paid, "23F9"),
            (ClaimField::Share, "23F5"),
            (ClaimField::Copay, "23FI"),
            (ClaimField::Deductible, "23FH"),
        ] {
            set(field, amount(name));
        }
    }
    let facet = if message.is_question { "asked" } else { "answered" };
    Ok((key, ClaimRow { facet: facet.to_owned(), line: 1, facts, ..ClaimRow::default() }))
}

/// A quantity with three decimals and no point.
fn thousandths(text: &str) -> Option<String> {
    let digits = format!("{text:0>4}");
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return cells::number(text).value();
    }
    let (whole, part) = digits.split_at_checked(digits.len() - 3)?;
    cells::number(&format!("{whole}.{part}")).value()
}
