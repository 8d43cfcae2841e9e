//! Components, loaded and checked, ready to be instantiated.

use std::{path::Path, sync::Arc, thread};

use wasmtime::{
    Config, Engine, OptLevel,
    component::{Component, InstancePre, Linker},
};

use crate::{
    CompileError, Grants, Kind, Limits, LoadError, PluginError, PluginId,
    cache::Cache,
    clock::Stop,
    contract::{CONTRACT_VERSION, DescriptionRecord, OFFERED, PACKAGE, full_name},
    imports,
    instance::Instance,
    kinds,
    limits::EPOCH_TICK,
    state::State,
    text::printable,
    wasi,
};

/// The engine that runs plugins: the compiler's configuration, the clock that bounds calls, and
/// the cache of compiled components.
pub struct Runtime {
    engine: Engine,
    linker: Linker<State>,
    cache: Option<Cache>,
    stop: Stop,
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
            // The same plugin and the same rows give the same bytes, whatever the machine.
            .cranelift_nan_canonicalization(true)
            .relaxed_simd_deterministic(true)
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
            stop: Stop::new(|| false),
        }
    }

    /// Has the calls of all plugins that are loaded from now on cut when `is_asked` says so, which
    /// is found out within a tenth of a second. They end with [`PluginError::Stopped`].
    #[must_use]
    pub fn stopped_by(self, is_asked: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            stop: Stop::new(is_asked),
            ..self
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
        let kind = check_world(&self.engine, &component, id)?;
        let exports = |error: &wasmtime::Error| LoadError::Exports {
            plugin: id.clone(),
            kind,
            source: CompileError::new(error),
        };
        let prepared = self.prepare(&component).map_err(|error| exports(&error))?;
        let loaded = Loaded {
            id: id.clone(),
            kind,
            engine: self.engine.clone(),
            prepared,
            stop: self.stop.clone(),
            description: Description::default(),
        };
        let mut plugin = Plugin {
            loaded: Arc::new(loaded),
            grants: Grants::default(),
        };
        let mut instance = Instance::new(&plugin, Limits::of_loading())?;
        kinds::check_exports(kind, &mut instance).map_err(|error| exports(&error))?;
        let describe = instance
            .function("describe")
            .map_err(|error| exports(&error))?;
        let (described,): (DescriptionRecord,) = instance.call("describe", &describe, ())?;
        drop(instance);
        let loaded = Arc::get_mut(&mut plugin.loaded).expect("only the instance had a clone");
        loaded.description = described.into();
        Ok(plugin)
    }

    /// Links a component. Only one that imports WASI has a linker of its own.
    fn prepare(&self, component: &Component) -> wasmtime::Result<InstancePre<State>> {
        let world = component.component_type();
        if world
            .imports(&self.engine)
            .any(|(name, _)| wasi::is_wasi(name))
        {
            return wasi::linker(&self.engine, component)?.instantiate_pre(component);
        }
        self.linker.instantiate_pre(component)
    }

    fn compile(&self, id: &PluginId, bytes: &[u8]) -> Result<Component, LoadError> {
        let cached = self.cache.as_ref();
        if let Some(component) = cached.and_then(|cache| cache.get(&id.digest, &self.engine)) {
            return Ok(component);
        }
        // The version and the layer, behind the magic number.
        match bytes.strip_prefix(b"\0asm") {
            None => {
                return Err(LoadError::NotWebAssembly { plugin: id.clone() });
            }
            Some([1, 0, 0, 0, ..]) => {
                return Err(LoadError::CoreModule { plugin: id.clone() });
            }
            Some(_) => {}
        }
        // `from_binary`: text would be compiled by `new` if the feature for it were on.
        let component = Component::from_binary(&self.engine, bytes).map_err(|error| {
            LoadError::NotAComponent {
                plugin: id.clone(),
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
pub struct Plugin {
    loaded: Arc<Loaded>,
    grants: Grants,
}

struct Loaded {
    id: PluginId,
    kind: Kind,
    engine: Engine,
    prepared: InstancePre<State>,
    stop: Stop,
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
            name: printable(&record.name),
            version: printable(&record.version),
            summary: printable(&record.summary),
            options_schema: record.options_schema,
        }
    }
}

impl Plugin {
    /// Returns which plugin it is.
    pub fn id(&self) -> &PluginId {
        &self.loaded.id
    }

    /// Returns the kind of step that it serves.
    pub fn kind(&self) -> Kind {
        self.loaded.kind
    }

    /// Returns what it says of itself.
    pub fn description(&self) -> &Description {
        &self.loaded.description
    }

    /// Gives it more than nothing of WASI, if it imports that: its instances, from now on.
    #[must_use]
    pub fn with_grants(self, grants: Grants) -> Self {
        Self { grants, ..self }
    }

    /// Returns what it asks for by importing WASI, in words: `clock`, `environment`, `exit`, `files`,
    /// `network`, `output`, `random`, `stdin`, or the name of an interface that is none of these.
    pub fn asks_for(&self) -> Vec<String> {
        wasi::asked_for(self.imports().iter().map(String::as_str))
    }

    /// Returns the full names of the interfaces that it imports.
    pub fn imports(&self) -> Vec<String> {
        let component = self.loaded.prepared.component();
        let component = component.component_type();
        component
            .imports(&self.loaded.engine)
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
        let image = self.loaded.prepared.component().image_range();
        image.end as usize - image.start as usize
    }

    pub(crate) fn grants(&self) -> Grants {
        self.grants
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.loaded.engine
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.loaded.stop
    }

    pub(crate) fn prepared(&self) -> &InstancePre<State> {
        &self.loaded.prepared
    }

    pub(crate) fn interface(&self) -> String {
        full_name(self.loaded.kind.interface())
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("id", &self.loaded.id)
            .field("kind", &self.loaded.kind)
            .finish_non_exhaustive()
    }
}

/// Finds the kind of a component, and refuses one that imports neither the contract nor WASI.
fn check_world(engine: &Engine, component: &Component, id: &PluginId) -> Result<Kind, LoadError> {
    let world = component.component_type();
    for (name, _) in world.exports(engine) {
        other_version(name, id)?;
    }
    for (name, _) in world.imports(engine) {
        other_version(name, id)?;
        if !wasi::is_wasi(name) && !OFFERED.iter().any(|offered| name == full_name(offered)) {
            return Err(LoadError::Import {
                plugin: id.clone(),
                import: printable(name),
            });
        }
    }
    let exported: Vec<_> = world.exports(engine).map(|(name, _)| name).collect();
    Kind::ALL
        .into_iter()
        .find(|kind| exported.contains(&full_name(kind.interface()).as_str()))
        .ok_or_else(|| LoadError::NoStep { plugin: id.clone() })
}

/// Refuses an interface of our package in a version that is not ours.
fn other_version(name: &str, id: &PluginId) -> Result<(), LoadError> {
    let ours = name.strip_prefix(PACKAGE).and_then(|n| n.strip_prefix('/'));
    match ours.and_then(|interface| interface.split_once('@')) {
        Some((_, version)) if version != CONTRACT_VERSION => Err(LoadError::ContractVersion {
            plugin: id.clone(),
            found: printable(version),
        }),
        _ => Ok(()),
    }
}
