//! Why a reader refuses or doubts a record: its place, the rule that it breaks, and the reason. Pure.

use std::sync::Arc;

use serde::Serialize;

/// The place of a record.
#[derive(Clone, Debug)]
pub(crate) struct RecordPlace {
    pub(crate) file: Arc<str>,
    pub(crate) line: u64,
    pub(crate) entry: Option<usize>,
}

impl RecordPlace {
    pub(crate) fn reject(&self, rule: Rule, reason: impl Into<String>) -> (Rule, Reject) {
        let reason = reason.into();
        (rule, Reject { file: self.file.to_string(), line: self.line, entry: self.entry, rule: rule.name(), reason })
    }
}

/// The place of a record in a file, by line or segment from 1.
pub(crate) fn place(file: &Arc<str>, line: u64) -> RecordPlace {
    RecordPlace { file: Arc::clone(file), line, entry: None }
}

/// One refused record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// The file as it was named.
    pub file: String,
    /// Line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// Entry of a Bundle, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<usize>,
    /// Name of the rule.
    pub rule: &'static str,
    /// The mistake; quotes nothing of the record.
    pub reason: String,
}

/// Makes the rules from one table: the description of a rule, its name, whether a record that breaks it is refused or
/// only noted, the stable name in machine-readable output, and how to fix it.
macro_rules! rules {
    ($($(#[$doc:meta])* $rule:ident $effect:ident $name:literal, $fix:literal;)*) => {
        /// Why a record was refused, or what is doubtful about one that was kept.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// The stable name in machine-readable output.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)*
                }
            }

            /// How to fix it.
            #[must_use]
            pub const fn fix(self) -> &'static str {
                match self {
                    $(Self::$rule => $fix,)*
                }
            }

            /// True if the record was not kept.
            #[must_use]
            pub const fn refuses(self) -> bool {
                match self {
                    $(Self::$rule => rules!(@$effect),)*
                }
            }
        }
    };
    (@refuses) => { true };
    (@notes) => { false };
}

rules! {
    /// The file has no format that can be loaded.
    UnknownFile refuses "unknown-file",
        "leave these files out, or force a format with --as";
    /// The file cannot be read: it is damaged, compressed in an unsupported way, or not a regular file.
    Unreadable refuses "unreadable-file",
        "unpack, save or copy these files as the reason says, and load them again";
    /// The file or line is not JSON.
    Json refuses "json",
        "export the named lines again; they are not whole JSON";
    /// The JSON is not a FHIR resource that can be kept.
    Resource refuses "resource",
        "correct the named elements where the data comes from";
    /// A line is longer than a resource may be.
    TooLong refuses "too-long",
        "split what is too long: a resource without its attachments, a table with every quotation mark closed";
    /// The file is cut off.
    Truncated refuses "truncated",
        "copy the file again; good records before the cut are kept";
    /// A row of a table lacks a field that a member needs.
    Member refuses "member",
        "fill the named columns; if they have other names, use --map";
    /// A row names a member that is not on the roster.
    UnknownMember refuses "unknown-member",
        "load the members file first, or together with this one; claims, payments and reviews are kept aside and \
         follow by themselves then, other records must be loaded again. A dry run enrols nobody, so who comes with \
         this load is not known yet";
    /// Kept; an address could not be read, so nobody can sign in with it.
    Contact notes "contact",
        "correct the address; until then the member cannot get a code there";
    /// Kept as a logical reference, because its target was not found.
    Unresolved notes "unresolved-reference",
        "load the resources that are referred to, then these again";
    /// The resource breaks FHIR R4 or a profile that it claims.
    Invalid refuses "invalid",
        "correct the named elements where the data comes from, or set [validation] loads to 'warn'";
    /// Kept, though it breaks FHIR R4 or a profile that it claims.
    Doubtful notes "not-valid-but-kept",
        "ask for $validate of some of them; set [validation] loads to 'reject' to see each in the report";
    /// A claim lacks data that an `ExplanationOfBenefit` needs.
    Claim refuses "claim",
        "correct the named segments where the claims come from, and send them again";
    /// A row of a table of claims lacks data that an `ExplanationOfBenefit` needs.
    ClaimRow refuses "claim-row",
        "correct the named cells where the table comes from; if its columns have other names, use --map";
    /// Kept; a row identifies the member by number alone.
    NumberAlone notes "member-by-number-alone",
        "add the birth date or the name of the patient to the export; a mistyped number would show a claim to \
         somebody else";
    /// Kept; two rows of one line contradict each other, and nothing says which is later.
    Undated notes "rows-without-order",
        "add the day on which each row was paid or processed to the export: two rows of one line differ, and nothing \
         says which is the later";
    /// Kept; a line has a day outside the days of its claim, which stand.
    LineOutside notes "line-outside-claim",
        "compare the days of these lines with those of their claims; one of them is wrong";
    /// A review lacks data that a prior authorization needs.
    Review refuses "prior-authorization",
        "correct the named segments where the reviews come from, and send them again";
    /// Segments that stand where no format allows them, or that are cut off.
    Segment refuses "segment",
        "ask the sender for the file again; what could be read of it was kept";
    /// A clinical document that is cut off, or not acceptable XML.
    Document refuses "document",
        "ask the sender for the whole document: a ClinicalDocument in XML, without a document type";
    /// Kept; the document has entries of kinds that are not read.
    NotRead notes "entries-not-read",
        "nothing to do: the document is kept whole, and members read there what these entries say";
    /// A transaction set or message that is not loaded.
    OtherMessage notes "other-message",
        "nothing to do unless the reason names something: they hold nothing that is served here, or are for another \
         system";
    /// Read and not kept: eligibility inquiries and responses.
    Eligibility notes "eligibility-not-kept",
        "nothing to do: who is covered, by what and when, follows from the enrolment (834) or the members table; an \
         answer (271) is a view of it that was true for a moment";
    /// An eligibility inquiry or response that breaks the implementation guide.
    EligibilityFlaw notes "eligibility-segment",
        "tell the sender; nothing of these questions and answers is kept in any case";
    /// Kept; counts or control numbers of the envelope disagree with the contents.
    Totals notes "envelope-totals",
        "tell the sender; a transfer may have lost segments";
    /// Kept; a payment does not balance to the cent, or the lines of a claim do not add up to its charge.
    Unbalanced notes "totals-disagree",
        "compare these claims and payments with the claims system: charge = paid + adjustments must hold, and the charge of a claim \
         is the sum of its lines";
    /// Kept; lines of a payment match no line of the claim.
    UnmatchedLines notes "payment-lines-unmatched",
        "check that payments carry the line control numbers of their claims (REF*6R)";
    /// Kept; a claim of another member or provider says that it replaces this one.
    StrangeReplacement notes "replaced-by-another-member",
        "nothing was cancelled: correct the original number (REF*F8) of the replacement, which names a claim of \
         another member or provider";
    /// Kept aside; a payment whose claim has not arrived.
    NoClaim notes "payment-without-claim",
        "load the 837 of these claims; the payments wait for them. If it is loaded, patient, provider or days of the \
         payment are not those of the claim";
    /// Kept aside since an earlier load; the member is still not on the roster.
    Waiting notes "waiting-for-member",
        "load the enrolment of these members; what is kept aside follows by itself";
    /// Kept; the claim has no decision yet.
    Undecided notes "claim-without-payment",
        "load the 835 of these claims; until then they are shown as not decided";
    /// A provider, facility or network lacks data that the directory needs.
    Provider refuses "provider",
        "correct what is named where the file comes from; if columns of your own table have other names, use --map";
    /// The check digit of an NPI is wrong.
    CheckDigit refuses "npi-check-digit",
        "look the provider up in the registry (NPPES); a digit was mistyped";
    /// Kept; a specialty is plain text, or its code is not one that a directory may use, so no search finds the
    /// provider by it.
    Specialty notes "specialty",
        "give the NUCC taxonomy code of the specialty, such as 207Q00000X";
    /// A drug or a plan of the formulary lacks data that the drug list needs.
    Drug refuses "drug",
        "fill what the reason names; a drug needs its RxNorm or NDC code, its plan and its tier";
    /// Kept as no longer available: the drug list says that the plan does not pay for the drug.
    NotCovered notes "drug-not-covered",
        "nothing to do; these drugs are kept with the status 'retired', so that nobody takes them for covered";
    /// Left out: a row of the registry about a provider who is not in the directory.
    NotListed notes "not-in-directory",
        "nothing to do; with [load] registry = 'all' these providers would be in your directory too";
    /// Retired: the files of a complete list no longer name it.
    NoLongerListed notes "no-longer-listed",
        "nothing to do; [load] complete says that these lists are whole, so what they name no longer is not current";
    /// Nothing was retired, since the files of a list that should be complete look cut off.
    ListTooShort notes "list-too-short",
        "compare these files with those of the load before; if they are whole, leave in what has ended and give it \
         an end date";
    /// Kept; a claim without any amounts.
    NoAdjudication notes "claim-without-amounts",
        "load what was decided about these claims; members see them without amounts until then";
    /// Kept; the check digit of an NPI is wrong.
    DoubtfulNpi notes "npi-doubtful",
        "look these providers up in the registry (NPPES); a digit was mistyped";
    /// Kept; no provider belongs to the network.
    EmptyNetwork notes "network-without-providers",
        "load the providers of these networks, or take the networks out";
    /// Kept; a location without a street.
    NoStreet notes "location-without-street",
        "give these places a street; nobody finds a doctor by the town alone";
    /// Kept; a member to whom no code can be sent.
    NoContact notes "member-without-contact",
        "put an e-mail address or a telephone number on file; until then these members cannot sign in";
    /// Kept; care is dated before the member was born.
    BeforeBirth notes "before-birth",
        "compare birth dates and days of service; one of them is wrong, or a record is filed on the wrong member";
    /// A file that somebody said is public, and which holds data of members.
    NotPublic refuses "not-public",
        "take the named columns out, or load the file as what it is: what is loaded as providers or drugs can be read by anybody";
    /// Kept without a code: a cell that should hold one has not the form of its system.
    CodeForm notes "code-of-another-form",
        "correct the named cells where the table comes from: spreadsheets drop zeros and write large numbers with an exponent, and \
         some systems export numbers of their own in place of codes";
    /// Kept; two columns are known for one field, and one of them counts.
    IdleColumn notes "two-columns-for-one-field",
        "see that the right column counts; if not, name it with --map, and the other lies idle";
    /// Kept; columns of a table that are not read.
    UnusedColumns notes "columns-not-used",
        "nothing to do unless one of them holds what is missing: then name it with --map";
    /// Kept; codes for sign-in go elsewhere than before.
    Redirected notes "sign-in-address-replaced",
        "see that these members have moved or changed their address, and that the table is the roster: codes go to the new one";
    /// A row gives the number of a member to somebody else.
    AnotherPerson refuses "number-of-another-person",
        "nothing of the row was taken: correct the number. If it is the same person, correct her name in one load and her birth \
         date in the next";
    /// Not a refusal: the row itself states that a newer one replaces it.
    Superseded notes "superseded",
        "nothing to do";
}
