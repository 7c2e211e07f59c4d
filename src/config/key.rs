//! What a key is, and the macro that makes one declaration serve as struct, documentation, default and name list.
//!
//! Invariant: a key exists in exactly one place, the `section!` block of its file. The shipped `fhir.toml`, the refusal
//! of unknown names and the reading of values are all derived from that block, so they cannot drift apart.

/// Whether a plan has to write the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Must be written; `sample` is an example.
    Required,
    /// May be left out; `sample` is the value then used.
    Default,
    /// May be left out, and then nothing is there; `sample` is an example.
    Optional,
}

/// One key of `fhir.toml`.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Name as written in the file.
    pub name: &'static str,
    /// Doc lines, as written above the field.
    pub docs: &'static [&'static str],
    /// A TOML value: the default, or an example.
    pub sample: &'static str,
    /// Whether it may be left out.
    pub need: Need,
    /// The Rust type, by which secrets are recognised.
    pub kind: &'static str,
}

/// One section of `fhir.toml` with its keys in reading order.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Name as written between the brackets.
    pub name: &'static str,
    /// Doc lines of the section.
    pub about: &'static [&'static str],
    /// Its keys.
    pub keys: &'static [Key],
}

impl Key {
    /// Whether the value must never be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.kind.contains("Secret")
    }
}

/// Declares one section: `need key: Type = "TOML sample";` with doc comments above each key.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        $section:literal => $name:ident {
            $( $(#[doc = $doc:literal])* $need:ident $key:ident: $type:ty = $sample:literal; )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $key: $type, )*
        }

        impl $name {
            /// The section as the file and its documentation know it.
            pub(super) const SECTION: $crate::config::Section = $crate::config::Section {
                name: $section,
                about: &[$($about),*],
                keys: &[$( $crate::config::Key {
                    name: stringify!($key),
                    docs: &[$($doc),*],
                    sample: $sample,
                    need: $crate::config::Need::$need,
                    kind: stringify!($type),
                } ),*],
            };

            /// Takes every key of the section; `None` when one of them was refused, which the reader then knows.
            pub(super) fn read(reader: &mut $crate::config::read::Reader<'_>) -> Option<Self> {
                $( let $key = reader.take::<$type>($section, stringify!($key)); )*
                Some(Self { $( $key: $key?, )* })
            }
        }
    };
}

pub(super) use section;
