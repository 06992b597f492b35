//! The C header, from the functions of `src/ffi` and the constants of the crate.
//!
//! cbindgen does not look into macros, in which all functions are. So it is shown plain functions of
//! the same name, arguments and documentation.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use quote::{ToTokens, quote};
use signpath_pkcs11::config::{CONFIG_FILE, DEFAULT_API_URL, PIN_CONFIG, SETTINGS};
use signpath_pkcs11::token;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Block, FnArg, Ident, Item, LitStr, Token, parse_quote};

use crate::common::raw;

/// Types that a PKCS #11 header may lack, and what says in cbindgen.toml whether it does.
const NEWER_TYPES: [(&str, &str); 3] = [
    ("CK_INTERFACE", "pkcs11_3_0"),
    ("CK_ASYNC_DATA", "pkcs11_3_2"),
    ("CK_SESSION_VALIDATION_FLAGS_TYPE", "pkcs11_3_2"),
];

/// The header as it has to be.
pub fn header(folder: &Path) -> String {
    let source = folder.join("interface.rs");
    fs::create_dir_all(folder).unwrap();
    fs::write(&source, functions()).unwrap();
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/header/cbindgen.toml");
    let mut configuration = cbindgen::Config::from_file(configuration).unwrap();
    configuration
        .after_includes
        .get_or_insert_default()
        .push_str(&constants());
    let bindings = cbindgen::Builder::new()
        .with_config(configuration)
        .with_src(source)
        .generate()
        .unwrap();
    let mut header = Vec::new();
    bindings.write(&mut header);
    String::from_utf8(header).unwrap()
}

/// The constants, as macros: cbindgen takes no texts.
fn constants() -> String {
    let number =
        |name: &str, value: u64, doc: &str| (name.to_owned(), value.to_string(), doc.to_owned());
    let text = |name: &str, value: &str, doc: &str| {
        (name.to_owned(), format!("{value:?}"), doc.to_owned())
    };
    let mut constants = vec![
        number("SLOT_ID", token::SLOT_ID, "The one slot."),
        text(
            "TOKEN_LABEL",
            token::LABEL,
            "`label` of the token, blank-padded there.",
        ),
        text(
            "TOKEN_MANUFACTURER_ID",
            token::MANUFACTURER,
            "`manufacturerID` of the token, blank-padded there.",
        ),
        text(
            "TOKEN_MODEL",
            token::MODEL,
            "`model` of the token, blank-padded there.",
        ),
        text(
            "TOKEN_SERIAL_NUMBER",
            token::SERIAL_NUMBER,
            "`serialNumber` of the token, blank-padded there.",
        ),
        number(
            "MAX_PIN_LENGTH",
            token::MAX_PIN_LENGTH,
            "The longest PIN that the token says it takes, in bytes.",
        ),
        text(
            "PIN_CONFIG",
            PIN_CONFIG,
            "The PIN that stands for the credentials of the configuration.",
        ),
        text(
            "DEFAULT_API_URL",
            DEFAULT_API_URL,
            "The API that is asked if none is configured.",
        ),
        text(
            "VARIABLE_CONFIG_FILE",
            CONFIG_FILE,
            "The environment variable that names the JSON file of the configuration.",
        ),
    ];
    constants.extend(SETTINGS.iter().map(|setting| {
        let name = setting.variable.to_uppercase();
        let name = name.strip_prefix("SIGNPATH_").unwrap_or(&name);
        let doc = format!(
            "The environment variable of the setting `{}`.",
            setting.json
        );
        text(&format!("VARIABLE_{name}"), setting.variable, &doc)
    }));
    constants
        .into_iter()
        .map(|(name, value, doc)| format!("\n\n/** {doc} */\n#define SIGNPATH_{name} {value}"))
        .collect()
}

/// All functions, in the order of the standard's function list.
fn functions() -> String {
    let mut functions: HashMap<String, Function> = HashMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ffi");
    for entry in fs::read_dir(folder).unwrap() {
        let file = syn::parse_file(&fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        for item in file.items {
            let Item::Macro(item) = item else { continue };
            let found = match item.mac.path.get_ident() {
                Some(name) if name == "functions" => item.mac.parse_body::<Functions>().unwrap().0,
                Some(name) if name == "refusals" => item.mac.parse_body::<Refusals>().unwrap().0,
                _ => continue,
            };
            functions.extend(
                found
                    .into_iter()
                    .map(|found| (found.name.to_string(), found)),
            );
        }
    }
    raw::function_names()
        .iter()
        .map(|name| {
            functions
                .remove(name)
                .unwrap_or_else(|| panic!("{name}"))
                .source()
        })
        .collect()
}

struct Function {
    docs: Vec<Attribute>,
    name: Ident,
    arguments: Punctuated<FnArg, Token![,]>,
}

impl Function {
    fn source(&self) -> String {
        let Self {
            docs,
            name,
            arguments,
        } = self;
        let condition = NEWER_TYPES.iter().find_map(|(newer, condition)| {
            let words = arguments.to_token_stream().to_string();
            let is_used = words.split(' ').any(|word| word == *newer);
            is_used.then(|| Ident::new(condition, name.span()))
        });
        let condition = condition.map(|condition| quote!(#[cfg(#condition)]));
        quote! {
            #(#docs)*
            #condition
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn #name(#arguments) -> CK_RV {}
        }
        .to_string()
    }
}

/// The content of `functions!`.
struct Functions(Vec<Function>);

impl Parse for Functions {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut functions = Vec::new();
        while !input.is_empty() {
            let docs = input.call(Attribute::parse_outer)?;
            input.parse::<Token![fn]>()?;
            functions.push(Function {
                docs,
                name: input.parse()?,
                arguments: arguments(input)?,
            });
            input.parse::<Block>()?;
        }
        Ok(Self(functions))
    }
}

/// The content of `refusals!`.
struct Refusals(Vec<Function>);

impl Parse for Refusals {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let (_kind, _) = (input.parse::<Ident>()?, input.parse::<Token![,]>()?);
        let (reason, _) = (input.parse::<LitStr>()?, input.parse::<Token![:]>()?);
        let mut functions = Vec::new();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            let doc = format!(" {name}: {}.", reason.value());
            functions.push(Function {
                docs: vec![parse_quote!(#[doc = #doc])],
                name,
                arguments: arguments(input)?,
            });
            input.parse::<Token![;]>()?;
        }
        Ok(Self(functions))
    }
}

fn arguments(input: ParseStream) -> syn::Result<Punctuated<FnArg, Token![,]>> {
    let content;
    syn::parenthesized!(content in input);
    content.parse_terminated(FnArg::parse, Token![,])
}
