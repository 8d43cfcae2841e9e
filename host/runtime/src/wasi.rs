//! WASI, for components that import it: next to everything is denied.
//!
//! Compilers and interpreters import far more than a plugin calls, so importing is no offence. What
//! is called is denied by the type of its answer: a list is empty, an option is none, and an error
//! is "access denied". What cannot be denied that way ends the call with [`Breach::Denied`]. The
//! few functions that are answered are in [`given`]: clocks, random numbers, output and waiting.
//!
//! Nothing here asks the operating system for anything, and nothing waits: a plugin that sleeps
//! moves its clock on, since the limit of a call's time could not end a sleep of the host's.

mod given;

use wasmtime::{
    Engine,
    component::{
        Component, Linker, LinkerInstance, ResourceType, Type, Val,
        types::{ComponentInstance, ComponentItem},
    },
};

pub(crate) use given::{Given, finish_lines};

use crate::{Breach, imports, refusal::RefusalHandle, state::State, text::printable};

/// The codes of WASI's errors that say that something is not allowed.
const DENIALS: [&str; 2] = ["access-denied", "access"];

/// Says whether an import is WASI's.
pub(crate) fn is_wasi(import: &str) -> bool {
    import.starts_with("wasi:")
}

/// Returns a linker for one component, which offers the contract's imports and what the component
/// imports of WASI.
pub(crate) fn linker(engine: &Engine, component: &Component) -> wasmtime::Result<Linker<State>> {
    let mut linker = imports::linker(engine)?;
    // What is given takes the place of what was denied.
    linker.allow_shadowing(true);
    let world = component.component_type();
    let mut known = vec![];
    for (name, import) in world.imports(engine) {
        let ComponentItem::ComponentInstance(interface) = import.ty else {
            continue;
        };
        if !is_wasi(name) {
            continue;
        }
        let mut instance = linker.instance(name)?;
        deny(engine, &mut instance, name, &interface, &mut known)?;
        if let Some((interface, version)) = name.split_once('@')
            && version.starts_with("0.2.")
        {
            given::offer(&mut instance, interface)?;
        }
    }
    Ok(linker)
}

/// Denies all of an interface. A resource is defined where it occurs first; elsewhere it is another
/// name of the same.
fn deny(
    engine: &Engine,
    instance: &mut LinkerInstance<'_, State>,
    name: &str,
    interface: &ComponentInstance,
    known: &mut Vec<ResourceType>,
) -> wasmtime::Result<()> {
    for (item, definition) in interface.exports(engine) {
        match definition.ty {
            ComponentItem::ComponentFunc(_) => deny_function(instance, name, item)?,
            ComponentItem::Resource(resource) if !known.contains(&resource) => {
                known.push(resource);
                instance.resource(item, given::resource(item), |mut caller, _| {
                    caller.data_mut().wasi.dropped_handle();
                    Ok(())
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn deny_function(
    instance: &mut LinkerInstance<'_, State>,
    interface: &str,
    name: &str,
) -> wasmtime::Result<()> {
    let function = printable(&format!("{interface}#{name}"));
    instance.func_new(name, move |mut caller, signature, params, results| {
        for param in params {
            if let Val::Resource(resource) = param {
                resource.resource_drop(&mut caller)?;
            }
        }
        let denials: Option<Vec<_>> = signature.results().map(|ty| denial(&ty)).collect();
        let Some(denials) = denials.filter(|denials| !denials.is_empty()) else {
            return Err(RefusalHandle::from(Breach::Denied {
                function: function.clone(),
            })
            .into());
        };
        for (result, denial) in results.iter_mut().zip(denials) {
            *result = denial;
        }
        Ok(())
    })
}

/// Returns the value of a type that says no, if there is one.
fn denial(ty: &Type) -> Option<Val> {
    match ty {
        Type::List(_) => Some(Val::List(vec![])),
        Type::Option(_) => Some(Val::Option(None)),
        Type::Result(result) => {
            let Some(Type::Enum(codes)) = result.err() else {
                return None;
            };
            let code = codes.names().find(|code| DENIALS.contains(code))?;
            let code = Val::Enum(code.to_owned());
            Some(Val::Result(Err(Some(Box::new(code)))))
        }
        _ => None,
    }
}

/// Returns what a component asks for by its imports, in words, sorted.
pub(crate) fn asked_for<'a>(imports: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut asked: Vec<_> = imports
        .filter(|import| is_wasi(import))
        .filter_map(capability)
        .collect();
    asked.sort();
    asked.dedup();
    asked
}

/// Returns what an interface of WASI is for; none if it is only for the others.
fn capability(import: &str) -> Option<String> {
    let interface = import.split('@').next().unwrap_or(import);
    let (package, name) = interface.split_once('/').unwrap_or((interface, ""));
    let word = match (package, name) {
        ("wasi:io", _) => return None,
        ("wasi:clocks", _) => "clock",
        ("wasi:random", _) => "random",
        ("wasi:filesystem", _) => "files",
        ("wasi:sockets" | "wasi:http", _) => "network",
        ("wasi:cli", "environment") => "environment",
        ("wasi:cli", "exit") => "exit",
        ("wasi:cli", "stdin" | "terminal-input" | "terminal-stdin") => "stdin",
        ("wasi:cli", _) => "output",
        _ => return Some(printable(interface)),
    };
    Some(word.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_told_as_what_they_are_for() {
        let imports = [
            "wigeon:plugin/columnar@0.1.0",
            "wasi:sockets/tcp@0.2.6",
            "wasi:io/streams@0.2.6",
            "wasi:cli/stderr@0.2.6",
            "wasi:cli/environment@0.2.6",
            "wasi:clocks/wall-clock@0.2.6",
            "wasi:clocks/monotonic-clock@0.2.6",
            "wasi:nn/tensor@0.2.0",
        ];
        assert_eq!(
            asked_for(imports.into_iter()),
            [
                "clock",
                "environment",
                "network",
                "output",
                "wasi:nn/tensor"
            ]
        );
        assert!(asked_for(["wigeon:plugin/log@0.1.0"].into_iter()).is_empty());
    }
}
