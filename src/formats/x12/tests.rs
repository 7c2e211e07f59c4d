use std::fs;

use proptest::prelude::*;

use super::*;
use crate::formats::records::Part;
use crate::formats::x12::claim::DateRange;
use crate::formats::x12::split::{EnvelopeIssue, PartTaker};

#[derive(Default)]
struct Found {
    parts: Vec<Part>,
    asked: Vec<(u64, String)>,
    troubles: Vec<EnvelopeIssue>,
}

impl PartTaker for Found {
    fn part(&mut self, part: Part) {
        self.parts.push(part);
    }

    fn asked(&mut self, segment: u64, part: &str) {
        self.asked.push((segment, part.to_owned()));
    }

    fn trouble(&mut self, trouble: EnvelopeIssue) {
        self.troubles.push(trouble);
    }
}

fn found(blocks: &[&[u8]]) -> Found {
    let (mut cutter, mut splitter, mut found) = (Cutter::default(), Splitter::default(), Found::default());
    for (at, block) in blocks.iter().enumerate() {
        cutter.push(block, at + 1 == blocks.len(), &mut |segment| splitter.take(segment, &mut found));
    }
    splitter.finish(&mut found);
    found
}

const ISA: &str =
    "ISA*00*          *00*          *ZZ*A              *ZZ*B              *260101*1200*^*00501*000000001*0*P*:~";

fn claims() -> String {
    let claim = |control: &str| {
        format!(
            "CLM*{control}*150***11:B:1*Y*A*Y*Y~HI*ABK:E119*ABF:I10~LX*1~SV1*HC:99213:25*150*UN*1***1:2~DTP*472*D8*20260105~REF*6R*L1~"
        )
    };
    format!(
        "{ISA}GS*HC*A*B*20260106*1200*1*X*005010X222A1~ST*837*0001~BHT*0019*00*1*20260106*1200*CH~NM1*41*2*SENDER~HL*1**20*1~PRV*BI*PXC*207Q00000X~NM1*85*2*CLINIC*****XX*1245319599~N3*1 MAIN ST~REF*EI*123456789~HL*2*1*22*1~SBR*P*18*GRP1~NM1*IL*1*DOE*ANA****MI*M1~DMG*D8*19600102*F~NM1*PR*2*PLAN~{}{}HL*3*2*23*0~PAT*19~NM1*QC*1*DOE*BEN~DMG*D8*20100102*M~{}SE*36*0001~GE*1*1~IEA*1*000000001~",
        claim("C1"),
        claim("C2"),
        claim("C3")
    )
}

#[test]
fn a_claim_has_the_levels_it_stands_in() {
    let found = found(&[claims().as_bytes()]);
    assert_eq!(found.troubles, []);
    let read: Vec<Claim<'_>> = found.parts.iter().map(|part| Claim::read(&part.text).unwrap()).collect();
    assert_eq!(read.iter().map(|claim| claim.control).collect::<Vec<_>>(), ["C1", "C2", "C3"]);
    let first = &read[0];
    assert_eq!((first.kind, first.charge, first.place, first.frequency), (ClaimKind::Professional, "150", "11", "1"));
    assert_eq!(
        (first.billing.npi(), first.billing.tax, first.billing.taxonomy),
        (Some("1245319599"), "123456789", "207Q00000X")
    );
    assert_eq!((first.subscriber.number, first.subscriber.birth, first.group), ("M1", "19600102", "GRP1"));
    assert!(first.patient.is_none());
    assert_eq!(
        first.codes.iter().map(|code| (code.qualifier, code.code)).collect::<Vec<_>>(),
        [("ABK", "E119"), ("ABF", "I10")]
    );
    let line = &first.lines[0];
    assert_eq!(
        (line.code, line.modifiers.as_slice(), line.pointers.as_slice()),
        ("99213", ["25"].as_slice(), ["1", "2"].as_slice())
    );
    assert_eq!((line.control, line.served), ("L1", Some(DateRange { from: "20260105", to: "20260105" })));
    assert_eq!(read[2].treated().given, "BEN");
    assert_eq!(read[2].subscriber.number, "M1");
    assert!(found.parts[0].order < found.parts[1].order);
}

#[test]
fn any_separators_line_ends_and_block_sizes_give_the_same_parts() {
    let plain = claims();
    let expected = found(&[plain.as_bytes()]);
    let other = plain.replace('~', "\u{1}").replace('*', "|").replace(':', ">").replace('\u{1}', "_");
    for text in [
        plain.replace('~', "~\n"),
        plain.replace('~', "~\r\n  "),
        format!("\u{feff}{plain}"),
        plain.replace('~', "\n"),
        other,
    ] {
        assert_eq!(found(&[text.as_bytes()]).parts, expected.parts);
        let blocks: Vec<&[u8]> = text.as_bytes().chunks(7).collect();
        assert_eq!(found(&blocks).parts, expected.parts);
    }
    // A short ISA, and no ISA at all.
    let short = plain.replacen("          ", "", 2);
    assert_eq!(found(&[short.as_bytes()]).parts, expected.parts);
    let (_, bare) = plain.split_once('~').unwrap();
    assert_eq!(found(&[bare.as_bytes()]).parts.len(), 3);
}

#[test]
fn what_is_wrong_costs_nothing_else() {
    let plain = claims();
    let wrong = found(&[plain.replace("SE*36*0001", "SE*3*0002").as_bytes()]);
    assert_eq!(wrong.parts.len(), 3);
    assert_eq!(wrong.troubles.len(), 2);
    let cut = found(&[plain.split_at(plain.find("CLM*C3").unwrap() + 40).0.as_bytes()]);
    assert_eq!(cut.parts.len(), 2);
    assert!(matches!(cut.troubles.as_slice(), [EnvelopeIssue::Cut(_)]));
    let other = found(&[plain.replace("ST*837", "ST*277").as_bytes()]);
    assert!(matches!(other.troubles.as_slice(), [EnvelopeIssue::OtherSet(_, number)] if number == "277"));
    let nameless = found(&[plain.replace("CLM*C2*", "CLM**").as_bytes()]);
    assert_eq!((nameless.parts.len(), nameless.troubles.len()), (2, 1));
    assert!(matches!(found(&[b"just words"]).troubles.as_slice(), [EnvelopeIssue::NotX12(_)]));
}

#[test]
fn a_payment_has_its_reasons() {
    let text = format!(
        "{ISA}GS*HP*A*B*20260110*1200*1*X*005010X221A1~ST*835*1~BPR*I*90*C*ACH************20260110~TRN*1*T9*1~N1*PR*PLAN~N1*PE*CLINIC*XX*1245319599~LX*1~CLP*C1*1*150*90*20*12*PC1~CAS*CO*45*10**253*1~SVC*HC:99213:25*150*90**1~DTM*472*20260105~CAS*CO*45*40~CAS*PR*1*15**3*5~AMT*B6*110~LQ*HE*N130~REF*6R*L1~CLP*C2*4*150*0**12*PC2~SE*16*1~"
    );
    let found = found(&[text.as_bytes()]);
    assert_eq!(found.parts.iter().map(|part| part.group.as_str()).collect::<Vec<_>>(), ["C1", "C2"]);
    let remit = Remit::read(&found.parts[0].text).unwrap();
    assert_eq!(
        (remit.paid, remit.day, remit.payer_control, remit.payee.npi()),
        ("90", "20260110", "PC1", Some("1245319599"))
    );
    let reasons = |list: &[Adjustment<'_>]| {
        list.iter().map(|a| format!("{}{} {}", a.group, a.reason, a.amount)).collect::<Vec<_>>()
    };
    assert_eq!(reasons(&remit.adjustments), ["CO45 10", "CO253 1"]);
    assert_eq!(reasons(&remit.lines[0].adjustments), ["CO45 40", "PR1 15", "PR3 5"]);
    assert_eq!(
        (remit.lines[0].allowed, remit.lines[0].control, remit.lines[0].remarks.as_slice()),
        ("110", "L1", ["N130"].as_slice())
    );
}

/// All cut segments, concatenated.
fn printed(blocks: &[&[u8]]) -> Vec<u8> {
    let (mut out, mut cutter) = (Vec::new(), Cutter::default());
    for (number, block) in blocks.iter().enumerate() {
        cutter.push(block, number + 1 == blocks.len(), &mut |segment| segment.print(&mut out));
    }
    out
}

/// Every public sample, of the sets that are loaded and of those that are not.
#[test]
fn printing_a_public_sample_is_the_sample() {
    let Some(shared) = crate::beside::beside("printing_a_public_sample_is_the_sample", "data") else { return };
    let mut folders = vec![shared];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
                continue;
            }
            if !path.components().any(|part| part.as_os_str().to_string_lossy().starts_with("x12-")) {
                continue;
            }
            files += 1;
            let text = fs::read(&path).unwrap();
            for step in [7, 4_096, text.len().max(1)] {
                let blocks: Vec<&[u8]> = text.chunks(step).collect();
                assert!(printed(&blocks) == text, "{}: blocks of {step}", path.display());
            }
        }
    }
    assert!(files > 100, "{files}");
}

proptest! {
    #[test]
    fn printing_what_was_cut_is_the_file(bytes in prop::collection::vec(any::<u8>(), 0..400), at in 0_usize..400, step in 1_usize..50) {
        let mut text = claims().into_bytes();
        let at = at.min(text.len());
        text.splice(at..at, bytes);
        let blocks: Vec<&[u8]> = text.chunks(step).collect();
        prop_assert_eq!(printed(&blocks), text.clone());
        let mut all = found(&blocks);
        for (_, part) in &all.asked {
            let _ = Eligibility::read(part);
        }
        for part in all.parts.drain(..) {
            let _ = (Claim::read(&part.text), Remit::read(&part.text), Event::read(&part.text), Review::read(&part.text));
        }
    }
}

const ASKED: &str = "ST*270*1*005010X279A1~BHT*0022*13*Q1*20260106*1319~HL*1**20*1~NM1*PR*2*PLAN*****PI*P1~HL*2*1*21*1~NM1*1P*2*CLINIC*****XX*1245319599~HL*3*2*22*0~TRN*1*T1*9877281234~NM1*IL*1*DOE*ANA****MI*M1~DMG*D8*19600102*F~DTP*291*D8*20260105~EQ*30^88~EQ**HC:99213~HL*4*2*22*1~NM1*IL*1*ROE*JO****MI*M2~HL*5*4*23*0~TRN*1*T2~NM1*03*1*ROE*KIM~EQ*30~DTP*291*D8*soon~SE*21*1~";

#[test]
fn what_is_asked_about_coverage_is_read() {
    let found =
        found(&[format!("{ISA}GS*HS*A*B*20260106*1200*1*X*005010X279A1~{ASKED}GE*1*1~IEA*1*000000001~").as_bytes()]);
    assert_eq!((found.parts.len(), found.troubles.as_slice()), (0, [].as_slice()));
    let read: Vec<_> = found.asked.iter().map(|(_, part)| Eligibility::read(part)).collect();
    let (first, flaws) = &read[0];
    assert_eq!(
        (first.is_answer, first.control, first.receiver.npi(), flaws.len()),
        (false, "Q1", Some("1245319599"), 0)
    );
    let subject = &first.subjects[0];
    assert_eq!(
        (subject.who.number, subject.who.birth, subject.traces.as_slice()),
        ("M1", "19600102", ["T1"].as_slice())
    );
    assert_eq!(subject.inquiries[0].services, ["30", "88"]);
    assert_eq!(subject.inquiries[1].procedure, Some(("HC", "99213")));
    // The subscriber only leads to her dependent.
    let (second, flaws) = &read[1];
    assert_eq!(
        second.subjects.iter().map(crate::formats::x12::eligibility::Subject::is_meant).collect::<Vec<_>>(),
        [false, true]
    );
    assert_eq!((second.source.number, second.subjects[1].is_dependant), ("P1", true));
    // ISA and GS are segments too.
    assert_eq!((found.asked[1].0 + flaws[0].0, flaws[0].1), (22, "DTP03 is no date"));
    let mut tally = Tally::default();
    for (part, _) in &read {
        tally.add(part);
    }
    assert_eq!(tally.words().unwrap(), "3 questions about 2 people; nothing of it is kept");
}

#[test]
fn what_is_answered_about_coverage_is_read() {
    let text = format!(
        "{ISA}GS*HB*A*B*20260106*1200*1*X*005010X279A1~ST*271*1~BHT*0022*11*Q1*20260106*1319~HL*1**20*1~NM1*PR*2*PLAN*****PI*P1~HL*2*1*21*1~NM1*1P*2*CLINIC~AAA*N**51*C~HL*3*1*21*1~NM1*1P*2*OTHER~HL*4*3*22*0~NM1*IL*1*DOE*ANA****MI*M1~DTP*346*D8*20260101~EB*1**30**GOLD~EB*B*IND*30^98*HM*GOLD*27*10.5*****Y~DTP*291*RD8*20260101-20261231~LS*2120~NM1*P3*1*RUDD*LEA~LE*2120~HL*5*1*22*0~NM1*IL*1*ROE****MI*M2~AAA*N***C~EB**IND~SE*23*1~"
    );
    let found = found(&[text.as_bytes()]);
    assert_eq!(found.troubles, []);
    let read: Vec<_> = found.asked.iter().map(|(_, part)| Eligibility::read(part)).collect();
    // The first receiver was refused before anybody was looked up.
    assert_eq!((read[0].0.subjects.len(), read[0].0.refusals[0].reason), (0, "51"));
    let subject = &read[1].0.subjects[0];
    let copay = &subject.benefits[1];
    assert_eq!((copay.what, copay.level, copay.amount, copay.in_network), ("B", "IND", "10.5", "Y"));
    assert_eq!((copay.services.as_slice(), copay.related[0].given), (["30", "98"].as_slice(), "LEA"));
    assert_eq!(copay.dates[0].1, DateRange { from: "20260101", to: "20261231" });
    assert_eq!(subject.dates[0].1.from, "20260101");
    let wrong: Vec<&str> = read[2].1.iter().map(|(_, what)| *what).collect();
    assert_eq!(
        wrong,
        [
            "HL02 does not name the level above",
            "AAA03 is empty: a refusal without a reason",
            "EB01 is empty: a benefit that says nothing"
        ]
    );
    let mut tally = Tally::default();
    for (part, _) in &read {
        tally.add(part);
    }
    assert_eq!(tally, Tally { inquiries: 0, benefits: 3, refusals: 2, people: 2 });
}
