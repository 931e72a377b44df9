//! The layers in DESIGN.md against the imports in the code: each leads down, and none in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

use crate::cli::design::{document, table};

/// A module by the names on the way to it; of the crate itself there are none.
type Module = Vec<String>;

/// The modules, and those that each of them imports from.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// What one module imports from, in code that is no test.
struct Reader<'a> {
    module: &'a Module,
    all: &'a BTreeSet<Module>,
    imports: BTreeSet<Module>,
}

impl Reader<'_> {
    fn import(&mut self, names: &[String]) {
        let Some((first, rest)) = names.split_first() else { return };
        let (mut place, rest) = match first.as_str() {
            "crate" => (Vec::new(), rest),
            "self" => (self.module.clone(), rest),
            "super" => {
                let ups = names.iter().take_while(|name| *name == "super").count();
                (self.module[..self.module.len() - ups].to_vec(), &names[ups..])
            }
            name => {
                let child = [&self.module[..], &[name.to_owned()]].concat();
                if !self.all.contains(&child) {
                    return;
                }
                (child, rest)
            }
        };
        for name in rest {
            place.push(name.clone());
            if !self.all.contains(&place) {
                place.pop();
                break;
            }
        }
        if place != *self.module {
            self.imports.insert(place);
        }
    }

    fn import_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.import_tree(&with(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.import_tree(before, tree)),
            UseTree::Name(name) => self.import(&with(&name.ident)),
            UseTree::Rename(rename) => self.import(&with(&rename.ident)),
            UseTree::Glob(_) => self.import(before),
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Fn(item) => &item.attrs,
            Item::Mod(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !attributes.iter().any(is_test) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import_tree(&[], &item.tree);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        assert!(item.content.is_none(), "{} is a module within a file", item.ident);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.import(&path.segments.iter().map(|part| part.ident.to_string()).collect::<Vec<_>>());
        }
        visit::visit_path(self, path);
    }
}

fn is_test(attribute: &Attribute) -> bool {
    let list = attribute.meta.require_list();
    attribute.path().is_ident("cfg")
        && list.is_ok_and(|list| list.tokens.to_string().split([' ', '(', ')', ',']).any(|word| word == "test"))
}

/// Every file of the program that is no test, as a module, and its text.
fn sources() -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(&root).unwrap().with_extension("");
            let names: Module = name.iter().map(|name| name.to_str().unwrap().to_owned()).collect();
            if !names.iter().any(|name| matches!(name.as_str(), "tests" | "testing")) {
                found.insert(names, std::fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

fn imports() -> Imports {
    let sources = sources();
    let mut all: BTreeSet<_> = sources.keys().cloned().collect();
    all.insert(Vec::new());
    let read = |(module, text): (&Module, &String)| {
        let place = if module == &["lib"] { Vec::new() } else { module.clone() };
        let mut reader = Reader { module: &place, all: &all, imports: BTreeSet::new() };
        reader.visit_file(&syn::parse_file(text).unwrap());
        (module.clone(), reader.imports)
    };
    sources.iter().map(read).collect()
}

#[test]
fn imports_lead_down_from_layer_to_layer() {
    let rows = table(&document("DESIGN.md"), "layer");
    let mut layers = BTreeMap::new();
    for (number, row) in rows.iter().enumerate() {
        for room in row[1].split(", ") {
            assert!(layers.insert(room.trim_matches('`').to_owned(), number).is_none(), "{room} is there twice");
        }
    }
    let mut seen = BTreeSet::new();
    for (module, imports) in imports() {
        seen.insert(module[0].clone());
        for import in imports {
            let upper = module[0].clone();
            // The face of the crate has the result type and nothing else that a module may want.
            let lower = import.first().cloned().unwrap_or_else(|| "lib".to_owned());
            let floors = [&upper, &lower].map(|room| layers.get(room).unwrap_or_else(|| panic!("{room} has no layer")));
            assert!(upper == lower || floors[0] < floors[1], "{module:?} imports from {import:?}, which is not below");
        }
    }
    assert_eq!(seen, layers.into_keys().collect(), "the layers of DESIGN.md are not those of src");
}

#[test]
fn no_module_imports_one_that_imports_it() {
    let mut left = imports();
    // What imports nothing that is left is in no circle.
    loop {
        let free: Vec<_> = left
            .iter()
            .filter(|(_, imports)| !imports.iter().any(|import| left.contains_key(import)))
            .map(|(module, _)| module.clone())
            .collect();
        if free.is_empty() {
            break;
        }
        left.retain(|module, _| !free.contains(module));
    }
    assert!(left.is_empty(), "a circle is in {:#?}", left.keys().map(|module| module.join("/")).collect::<Vec<_>>());
}

#[test]
fn files_and_functions_stay_short() {
    struct Functions(Vec<(String, usize)>);

    impl Functions {
        fn note(&mut self, name: &syn::Ident, span: proc_macro2::Span) {
            self.0.push((name.to_string(), span.end().line - span.start().line + 1));
        }
    }

    impl<'ast> Visit<'ast> for Functions {
        fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
            self.note(&item.sig.ident, syn::spanned::Spanned::span(item));
            visit::visit_item_fn(self, item);
        }

        fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
            self.note(&item.sig.ident, syn::spanned::Spanned::span(item));
            visit::visit_impl_item_fn(self, item);
        }
    }

    for (module, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 400, "{module:?} has {lines} lines");
        let mut functions = Functions(Vec::new());
        functions.visit_file(&syn::parse_file(&text).unwrap());
        for (name, lines) in functions.0 {
            assert!(lines <= 60, "{name} in {module:?} has {lines} lines");
        }
    }
}
