//! Loads of what plans have: claims with their payments, and the registry of providers.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::ensure;

use super::Figure;
use super::plan::{configure, forget_peak, own_memory};
use crate::config::{Policy, Registry};
use crate::fhir::definitions::Definitions;
use crate::load::{self, Mapping, Request, Summary, Target};
use crate::outbound::{Chance, Clock, Mail, Sms};
use crate::realm::{Outside, Realm, RealmKind};

/// Claims of one member.
const PER_MEMBER: usize = 20;
/// Claims in one transaction set.
const PER_SET: usize = 5_000;
/// Times the X12 is cut, of which the fastest counts.
const CUTS: usize = 3;

/// Measures loads of so many claims, and of as many rows of the registry.
pub(super) fn measure(folder: &Path, claims: usize, clock: &Clock) -> anyhow::Result<()> {
    let folder = folder.join("loads");
    std::fs::create_dir_all(&folder)?;
    let members = claims.div_ceil(PER_MEMBER);
    let enrolment = folder.join("834.x12");
    std::fs::write(&enrolment, enrolments(members))?;
    let (sent, paid) = (folder.join("837.x12"), folder.join("835.x12"));
    write_claims(&sent, &paid, claims)?;
    let registry = folder.join("npidata.csv");
    write_registry(&registry, claims)?;

    let text = std::fs::read(&sent)?;
    let figure = |measure, value, unit| Figure { measure, value, unit, members, ..Figure::default() };
    for (reads, measure) in [(false, "X12 cut into claims"), (true, "X12 cut and read")] {
        let mut best = f64::MAX;
        for _ in 0..CUTS {
            let started = clock.monotonic();
            ensure!(load::parse::x12(&text, reads) == claims, "claims were lost");
            best = best.min(clock.monotonic().saturating_sub(started).as_secs_f64());
        }
        figure(measure, text.len() as f64 / 1e6 / best, "MB/s").print();
    }
    drop(text);

    let realm = realm(&folder, clock)?;
    // As `ingle load` does.
    realm.index.in_bulk();
    let run = |paths: Vec<PathBuf>, registry: Registry| -> anyhow::Result<(Summary, f64)> {
        let started = clock.monotonic();
        let request = Request {
            paths,
            format: None,
            mapping: Mapping::default(),
            dry_run: false,
            report: folder.join("rejects.ndjson"),
            validation: Policy::Off,
            claims_as_clinical: crate::config::ClaimsAsClinical::Encounters,
            registry,
            complete: Vec::new(),
            stop: load::Stop::default(),
        };
        let target = Target {
            store: &realm.store,
            contacts: realm.identity.contact_key(),
            now: clock.now(),
            find: &|_, _, _| None,
            ids: "https://plan.example/ids",
            plan: "Bench",
        };
        let summary = load::run(&request, &target, clock, &mut |_| {})?;
        ensure!(summary.rejected == 0, "{} made-up records were rejected", summary.rejected);
        // Durable is not enough: the figure counts until everything is in the index itself.
        realm.index.settle()?;
        Ok((summary, clock.monotonic().saturating_sub(started).as_secs_f64()))
    };
    let (_, seconds) = run(vec![enrolment], Registry::All)?;
    figure("members of an 834", members as f64 / seconds, "members/s").print();
    forget_peak();
    let (_, seconds) = run(vec![sent, paid], Registry::All)?;
    figure("claims of 837 and 835, stored and indexed", claims as f64 / seconds, "claims/s").print();
    figure("load of claims, peak memory", own_memory("VmHWM").unwrap_or(0.0), "MB").print();
    forget_peak();
    let (_, seconds) = run(vec![registry.clone()], Registry::Listed)?;
    figure("rows of NPPES about others' providers", claims as f64 / seconds, "rows/s").print();
    let (_, seconds) = run(vec![registry], Registry::All)?;
    figure("rows of NPPES into the directory", claims as f64 / seconds, "rows/s").print();
    figure("load of NPPES, peak memory", own_memory("VmHWM").unwrap_or(0.0), "MB").print();
    // Merges under way would still write into the folder that is about to be removed.
    super::super::install::close_after_much(&realm);
    Ok(())
}

fn realm(folder: &Path, clock: &Clock) -> anyhow::Result<Realm> {
    let (config, _) = configure(folder)?;
    let outside = Outside { clock: clock.clone(), chance: Chance::system(), mail: Mail::memory().0, sms: Sms::off() };
    Ok(Realm::open(RealmKind::Plan, &config, &config.storage.path, &outside, &Definitions::default())?)
}

const ISA: &str =
    "ISA*00*          *00*          *ZZ*BENCH          *ZZ*PLAN           *260101*1200*^*00501*000000001*0*P*:~\n";

fn enrolments(members: usize) -> String {
    let mut out = format!("{ISA}GS*BE*BENCH*PLAN*20260101*1200*1*X*005010X220A1~\nST*834*0001~\nBGN*00*1*20260101~\n");
    for n in 0..members {
        let (year, month, day) = (1940 + n % 70, 1 + n % 12, 1 + n % 28);
        let _ = write!(
            out,
            "INS*Y*18*021*28*A***FT~\nREF*0F*M{n:07}~\nREF*1L*G1~\nDTP*356*D8*20260101~\n\
             NM1*IL*1*BENCH{n}*ANA****MI*M{n:07}~\nPER*IP**TE*5551{:06}~\nN3*{n} MAIN ST~\nN4*ALDER*OH*43004~\n\
             DMG*D8*{year}{month:02}{day:02}*F~\nHD*021**HLT*SILVER*EMP~\nDTP*348*D8*20260101~\n",
            n % 1_000_000
        );
    }
    let _ = write!(out, "SE*{}*0001~\nGE*1*1~\nIEA*1*000000001~\n", members * 11 + 3);
    out
}

/// Writes the claims and, in another file, what was paid for them.
fn write_claims(sent: &Path, paid: &Path, claims: usize) -> anyhow::Result<()> {
    let (mut sent, mut paid) = (BufWriter::new(File::create(sent)?), BufWriter::new(File::create(paid)?));
    writeln!(sent, "{ISA}GS*HC*BENCH*PLAN*20260301*1200*1*X*005010X222A1~")?;
    writeln!(paid, "{ISA}GS*HP*BENCH*PLAN*20260315*1200*1*X*005010X221A1~")?;
    for (set, from) in (0..claims).step_by(PER_SET).enumerate() {
        let to = (from + PER_SET).min(claims);
        write!(
            sent,
            "ST*837*{set:04}~\nBHT*0019*00*B{set}*20260301*1200*CH~\nHL*1**20*1~\nPRV*BI*PXC*207Q00000X~\n\
             NM1*85*2*MILL STREET CLINIC*****XX*1234567893~\nN3*2 MILL STREET~\nN4*ALDER*OH*43004~\nREF*EI*900000003~\n"
        )?;
        write!(
            paid,
            "ST*835*{set:04}~\nBPR*I*1000*C*ACH************20260315~\nTRN*1*T{set}*1900000002~\n\
             N1*PR*PLAN~\nN1*PE*MILL STREET CLINIC*XX*1234567893~\nLX*1~\n"
        )?;
        for n in from..to {
            let member = n / PER_MEMBER;
            let (year, month, day) = (1940 + member % 70, 1 + member % 12, 1 + member % 28);
            write!(
                sent,
                "HL*{}*1*22*0~\nSBR*P*18*G1******CI~\nNM1*IL*1*BENCH{member}*ANA****MI*M{member:07}~\n\
                 N3*{member} MAIN ST~\nN4*ALDER*OH*43004~\nDMG*D8*{year}{month:02}{day:02}*F~\nNM1*PR*2*PLAN*****PI*P1~\n\
                 CLM*BC{n}*360***11:B:1*Y*A*Y*Y~\nHI*ABK:E119*ABF:I10*ABF:M1711~\n\
                 NM1*82*1*OKORO*LENA****XX*1245319599~\nPRV*PE*PXC*207Q00000X~\n",
                n - from + 2
            )?;
            write!(
                paid,
                "CLP*BC{n}*1*360*240*60*12*ICN{n:08}*11*1~\nNM1*QC*1*BENCH{member}*ANA****MI*M{member:07}~\n"
            )?;
            for (at, (code, charge)) in [("99213", 150), ("83036", 60), ("80053", 90), ("36415", 60)].iter().enumerate()
            {
                let line = at + 1;
                let day = 1 + n % 27;
                write!(
                    sent,
                    "LX*{line}~\nSV1*HC:{code}*{charge}*UN*1***1:2~\nDTP*472*D8*202602{day:02}~\nREF*6R*{n}L{line}~\n"
                )?;
                write!(
                    paid,
                    "SVC*HC:{code}*{charge}*{}**1~\nDTM*472*202602{day:02}~\nCAS*CO*45*15~\nCAS*PR*3*15~\nREF*6R*{n}L{line}~\n\
                     AMT*B6*{}~\n",
                    charge - 30,
                    charge - 15
                )?;
            }
        }
        writeln!(sent, "SE*{}*{set:04}~", (to - from) * 27 + 9)?;
        writeln!(paid, "SE*{}*{set:04}~", (to - from) * 26 + 7)?;
    }
    write!(sent, "GE*1*1~\nIEA*1*000000001~\n")?;
    write!(paid, "GE*1*1~\nIEA*1*000000001~\n")?;
    sent.flush()?;
    paid.flush()?;
    Ok(())
}

const REGISTRY: &str = "\"NPI\",\"Entity Type Code\",\"Provider Organization Name (Legal Business Name)\",\
\"Provider Last Name (Legal Name)\",\"Provider First Name\",\"Provider Credential Text\",\
\"Provider First Line Business Practice Location Address\",\"Provider Business Practice Location Address City Name\",\
\"Provider Business Practice Location Address State Name\",\"Provider Business Practice Location Address Postal Code\",\
\"Provider Business Practice Location Address Telephone Number\",\"Provider Enumeration Date\",\"Last Update Date\",\
\"NPI Deactivation Date\",\"Provider Gender Code\",\"Healthcare Provider Taxonomy Code_1\"";

/// Writes rows of individual providers, each with a practice of her own.
fn write_registry(path: &Path, rows: usize) -> anyhow::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    write!(out, "{REGISTRY}\r\n")?;
    for n in 0..rows {
        let npi = npi(100_000_000 + n as u64);
        write!(
            out,
            "\"{npi}\",\"1\",\"\",\"BENCH{n}\",\"LENA\",\"M.D.\",\"{n} ELM STREET\",\"HARTFORD\",\"CT\",\"061030000\",\
             \"8605550100\",\"01/02/2010\",\"03/04/2024\",\"\",\"F\",\"207Q00000X\"\r\n"
        )?;
    }
    out.flush()?;
    Ok(())
}

/// Nine digits with the one that checks them.
fn npi(nine: u64) -> String {
    let text = nine.to_string();
    let sum: u32 = text
        .bytes()
        .rev()
        .enumerate()
        .map(|(at, byte)| match (at % 2, u32::from(byte - b'0')) {
            (0, digit) if digit > 4 => digit * 2 - 9,
            (0, digit) => digit * 2,
            (_, digit) => digit,
        })
        .sum();
    format!("{text}{}", (10 - (sum + 24) % 10) % 10)
}
