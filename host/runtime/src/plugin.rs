//! Components, loaded and checked, ready to be instantiated.

use std::{path::Path, sync::Arc, thread};

use wasmtime::{
    Config, Engine, OptLevel,
    component::{Component, InstancePre, Linker},
};

use crate::{
    CompileError, Kind, Limits, LoadError, PluginError, PluginId,
    cache::Cache,
    contract::{CONTRACT_VERSION, DescriptionRecord, OFFERED, PACKAGE, full_name},
    imports,
    instance::Instance,
    kinds,
    limits::EPOCH_TICK,
    state::State,
};

/// The engine that runs plugins: the compiler's configuration, the clock that bounds calls, and
/// the cache of compiled components.
pub struct Runtime {
    engine: Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
}

impl Runtime {
    /// Starts a runtime, which keeps compiled components in `cache` if that is given and can be
    /// private to this user.
    ///
    /// A thread moves the epoch on every [`EPOCH_TICK`] until the last plugin is gone.
    ///
    /// # Panics
    ///
    /// Panics if wasmtime refuses its configuration, which is fixed.
    pub fn new(cache: Option<&Path>) -> Self {
        let mut config = Config::new();
        config
            .epoch_interruption(true)
            .cranelift_opt_level(OptLevel::Speed)
            .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(20));
        let engine = Engine::new(&config).expect("the configuration is fixed");
        let weak = engine.weak();
        thread::spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(EPOCH_TICK);
            }
        });
        let linker = imports::linker(&engine).expect("the imports are fixed");
        Self {
            cache: cache.and_then(|directory| Cache::open(directory, &engine)),
            engine,
            linker,
        }
    }

    /// Loads a component: compiles it, or takes it from the cache, and checks what it imports and
    /// exports before any of it runs.
    ///
    /// # Errors
    ///
    /// Any variant of [`LoadError`].
    #[expect(
        clippy::missing_panics_doc,
        reason = "nothing else holds the plugin yet"
    )]
    pub fn load(&self, id: &PluginId, bytes: &[u8]) -> Result<Plugin, LoadError> {
        let component = self.compile(id, bytes)?;
        let kind = check_world(&self.engine, &component, &id.reference)?;
        let exports = |error: &wasmtime::Error| LoadError::Exports {
            reference: id.reference.clone(),
            kind,
            source: CompileError::new(error),
        };
        let prepared = self
            .linker
            .instantiate_pre(&component)
            .map_err(|error| exports(&error))?;
        let mut plugin = Plugin(Arc::new(Loaded {
            id: id.clone(),
            kind,
            engine: self.engine.clone(),
            prepared,
            description: Description::default(),
        }));
        let mut instance = Instance::new(&plugin, Limits::of_loading())?;
        kinds::check_exports(kind, &mut instance).map_err(|error| exports(&error))?;
        let describe = instance
            .function("describe")
            .map_err(|error| exports(&error))?;
        let (described,): (DescriptionRecord,) = instance.call("describe", &describe, ())?;
        drop(instance);
        let loaded = Arc::get_mut(&mut plugin.0).expect("only the instance had a clone");
        loaded.description = described.into();
        Ok(plugin)
    }

    fn compile(&self, id: &PluginId, bytes: &[u8]) -> Result<Component, LoadError> {
        let cached = self.cache.as_ref();
        if let Some(component) = cached.and_then(|cache| cache.get(&id.digest, &self.engine)) {
            return Ok(component);
        }
        let reference = || id.reference.clone();
        // The version and the layer, behind the magic number.
        match bytes.strip_prefix(b"\0asm") {
            None => {
                return Err(LoadError::NotWebAssembly {
                    reference: reference(),
                });
            }
            Some([1, 0, 0, 0, ..]) => {
                return Err(LoadError::CoreModule {
                    reference: reference(),
                });
            }
            Some(_) => {}
        }
        // `from_binary`: text would be compiled by `new` if the feature for it were on.
        let component = Component::from_binary(&self.engine, bytes).map_err(|error| {
            LoadError::NotAComponent {
                reference: reference(),
                source: CompileError::new(&error),
            }
        })?;
        if let Some(cache) = cached {
            cache.put(&id.digest, &component);
        }
        Ok(component)
    }
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime")
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

/// A component that was loaded and checked. Clones are cheap and share it.
#[derive(Clone)]
pub struct Plugin(Arc<Loaded>);

struct Loaded {
    id: PluginId,
    kind: Kind,
    engine: Engine,
    prepared: InstancePre<State>,
    description: Description,
}

/// What a plugin says of itself. Texts are the plugin's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    /// Its name in kebab case.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One sentence.
    pub summary: String,
    /// The JSON Schema of its options, as text.
    pub options_schema: String,
}

impl From<DescriptionRecord> for Description {
    fn from(record: DescriptionRecord) -> Self {
        Self {
            name: imports::printable(&record.name),
            version: imports::printable(&record.version),
            summary: imports::printable(&record.summary),
            options_schema: record.options_schema,
        }
    }
}

impl Plugin {
    /// Returns which plugin it is.
    pub fn id(&self) -> &PluginId {
        &self.0.id
    }

    /// Returns the kind of step that it serves.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// Returns what it says of itself.
    pub fn description(&self) -> &Description {
        &self.0.description
    }

    /// Returns the full names of the interfaces that it imports.
    pub fn imports(&self) -> Vec<String> {
        let component = self.0.prepared.component();
        let component = component.component_type();
        component
            .imports(&self.0.engine)
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// Returns how much memory a fresh instance has.
    ///
    /// # Errors
    ///
    /// - [`PluginError`] if the plugin fails when it is instantiated.
    pub fn memory_at_start(&self) -> Result<usize, PluginError> {
        Ok(Instance::new(self, Limits::of_loading())?.memory_bytes())
    }

    /// Returns the size of the machine code that the component was compiled to, in bytes.
    pub fn compiled_bytes(&self) -> usize {
        let image = self.0.prepared.component().image_range();
        image.end as usize - image.start as usize
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(crate) fn prepared(&self) -> &InstancePre<State> {
        &self.0.prepared
    }

    pub(crate) fn interface(&self) -> String {
        full_name(self.0.kind.interface())
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("id", &self.0.id)
            .field("kind", &self.0.kind)
            .finish_non_exhaustive()
    }
}

/// Finds the kind of a component, and refuses one that asks for more than the contract gives.
fn check_world(engine: &Engine, component: &Component, reference: &str) -> Result<Kind, LoadError> {
    let world = component.component_type();
    for (name, _) in world.exports(engine) {
        other_version(name, reference)?;
    }
    for (name, _) in world.imports(engine) {
        other_version(name, reference)?;
        if !OFFERED.iter().any(|offered| name == full_name(offered)) {
            return Err(LoadError::Import {
                reference: reference.to_owned(),
                import: imports::printable(name),
            });
        }
    }
    let exported: Vec<_> = world.exports(engine).map(|(name, _)| name).collect();
    Kind::ALL
        .into_iter()
        .find(|kind| exported.contains(&full_name(kind.interface()).as_str()))
        .ok_or_else(|| LoadError::NoStep {
            reference: reference.to_owned(),
        })
}

/// Refuses an interface of our package in a version that is not ours.
fn other_version(name: &str, reference: &str) -> Result<(), LoadError> {
    let ours = name.strip_prefix(PACKAGE).and_then(|n| n.strip_prefix('/'));
    match ours.and_then(|interface| interface.split_once('@')) {
        Some((_, version)) if version != CONTRACT_VERSION => Err(LoadError::ContractVersion {
            reference: reference.to_owned(),
            found: imports::printable(version),
        }),
        _ => Ok(()),
    }
}
