//! The elements of R4's own types in their order, with their contents: XML states this and JSON leaves it open, and a
//! `FHIRPath` Patch needs it to distinguish a list from a single element.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;

use super::structures::{self, Structure, Tree};

/// The longest chain of base types, from a type to Element.
const MAX_BASES: usize = 6;

/// The members of one type, or of one backbone element.
#[derive(Debug, Default)]
pub struct Shape {
    /// In the order of XML; a choice is one member per type.
    pub members: Vec<Member>,
    places: HashMap<String, usize>,
}

/// One element.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name in JSON, such as `valueQuantity`.
    pub name: String,
    /// For a choice, the name without the type: `value`.
    pub stem: Option<&'static str>,
    /// The content.
    pub content: Content,
    /// True for a list.
    pub is_list: bool,
    /// True for an element that XML writes as an attribute.
    pub is_attribute: bool,
}

/// The content of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// A value of that primitive type.
    Primitive(&'static str),
    /// Elements.
    Elements(At),
    /// A whole resource.
    Resource,
    /// The XHTML of a narrative.
    Xhtml,
}

/// A position in the structure of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct At {
    kind: &'static str,
    node: usize,
}

impl Shape {
    /// The shape of a type of R4; nothing if there is no such type.
    #[must_use]
    pub fn of(kind: &str) -> Option<Arc<Self>> {
        Some(At { kind: own(kind)?.address, node: 0 }.shape())
    }

    /// The element of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.get(self.place(name)?)
    }

    /// The position of the element with that name.
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }

    fn take(&mut self, tree: &Tree, at: At, is_resource: bool) {
        let children = tree.node(at.node).map(|element| element.children.as_slice()).unwrap_or_default();
        for child in children {
            let Some(element) = tree.node(*child) else { continue };
            let is_list = element.max.is_some_and(|max| max > 1);
            if let Some(node) = element.content.and_then(|path| tree.find(path)) {
                let content = Content::Elements(At { kind: at.kind, node });
                self.push(Member { name: element.name.into(), stem: None, content, is_list, is_attribute: false });
                continue;
            }
            let stem = element.name.strip_suffix("[x]");
            for kind in &element.types {
                let name = stem.map_or_else(|| element.name.to_owned(), |stem| format!("{stem}{}", capital(kind.code)));
                let content = match kind.code {
                    "Resource" => Content::Resource,
                    "xhtml" => Content::Xhtml,
                    "BackboneElement" | "Element" => Content::Elements(At { kind: at.kind, node: *child }),
                    code => match own(code) {
                        Some(structure) => Content::Elements(At { kind: structure.address, node: 0 }),
                        None => Content::Primitive(code),
                    },
                };
                let is_attribute = (name == "id" && !is_resource) || (name == "url" && at.kind == "Extension");
                self.push(Member { name, stem, content, is_list, is_attribute });
            }
        }
    }

    fn push(&mut self, member: Member) {
        self.places.entry(member.name.clone()).or_insert(self.members.len());
        self.members.push(member);
    }
}

impl At {
    /// The elements there.
    #[must_use]
    pub fn shape(self) -> Arc<Shape> {
        static KNOWN: OnceLock<RwLock<HashMap<At, Arc<Shape>>>> = OnceLock::new();
        let known = KNOWN.get_or_init(RwLock::default);
        if let Some(shape) = known.read().get(&self) {
            return Arc::clone(shape);
        }
        let shape = Arc::new(self.make().unwrap_or_default());
        known.write().insert(self, Arc::clone(&shape));
        shape
    }

    fn make(self) -> Option<Shape> {
        let structure = own(self.kind)?;
        let tree = structures::tree(structure);
        let first = if self.node == 0 { self.kind } else { tree.node(self.node)?.types.first()?.code };
        let mut lineage = Vec::new();
        let mut next = own(first);
        while let Some(base) = next.filter(|_| lineage.len() < MAX_BASES) {
            lineage.push(base);
            next = own(base.base).filter(|next| next.address != base.address);
        }
        let mut shape = Shape::default();
        for base in lineage.into_iter().rev() {
            shape.take(&structures::tree(base), At { kind: base.address, node: 0 }, base.is_resource);
        }
        if self.node != 0 {
            shape.take(&tree, self, false);
        }
        Some(shape)
    }
}

/// The structure of a type; for a profile that R4 treats as a type (Age, Count), the structure of its base type.
fn own(kind: &str) -> Option<&'static Structure> {
    let found = structures::find(kind)?;
    if found.is_profile { structures::find(found.kind) } else { Some(found) }
}

fn capital(code: &str) -> String {
    let mut chars = code.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stand_in_the_order_of_the_standard() {
        let patient = Shape::of("Patient").unwrap();
        let names: Vec<&str> = patient.members.iter().map(|member| member.name.as_str()).collect();
        let start = [
            "id",
            "meta",
            "implicitRules",
            "language",
            "text",
            "contained",
            "extension",
            "modifierExtension",
            "identifier",
        ];
        assert_eq!(names[..9], start);
        assert!(!patient.member("id").unwrap().is_attribute);
        assert_eq!(patient.member("deceasedDateTime").unwrap().stem, Some("deceased"));
        let Content::Elements(contact) = patient.member("contact").unwrap().content else { panic!() };
        let contact = contact.shape();
        let names: Vec<&str> = contact.members.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names[..4], ["id", "extension", "modifierExtension", "relationship"]);
        assert!(contact.member("id").unwrap().is_attribute);
        assert!(contact.member("relationship").unwrap().is_list);
        assert_eq!(patient.member("birthDate").unwrap().content, Content::Primitive("date"));
        // An element with the content of another.
        let Content::Elements(entry) = Shape::of("Bundle").unwrap().member("entry").unwrap().content else { panic!() };
        assert!(matches!(entry.shape().member("link").unwrap().content, Content::Elements(_)));
        assert_eq!(entry.shape().member("resource").unwrap().content, Content::Resource);
        assert!(Shape::of("Extension").unwrap().member("valueAge").is_some());
        assert!(Shape::of("Cat").is_none());
    }
}
