//! Plugins from an OCI registry: a real one, on loopback.

use std::{
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use fs_err as fs;
use serde_json::Value;
use tempfile::TempDir;
use wigeon_tests::{Project, Ran, guest, run_to_end, say_skipped, workspace};

static KEEP_HOST: LazyLock<Vec<u8>> = LazyLock::new(|| guest("wigeon-test-keep-host"));
static NORMALIZE: LazyLock<Vec<u8>> = LazyLock::new(|| guest("wigeon-normalize"));

/// A registry process, which ends with the test.
struct Registry {
    process: Child,
    host: String,
    directory: TempDir,
}

impl Registry {
    /// Starts Debian's `docker-registry`; none if the machine has none.
    fn start() -> Option<Self> {
        let Some(program) = program() else {
            say_skipped("there is no docker-registry (tools/setup-tests fetches it)");
            return None;
        };
        // Somebody else may have taken its port.
        let begun = (0..5).find_map(|_| Self::at_some_port(&program));
        Some(begun.expect("a registry that begins"))
    }

    /// Starts a registry at a port that was free a moment ago; none if it could not begin.
    fn at_some_port(program: &Path) -> Option<Self> {
        let directory = tempfile::tempdir().expect("a directory");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let host = format!("127.0.0.1:{}", port.expect("a port").port());
        let configuration = directory.path().join("registry.yml");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  delete:\n    enabled: true\n  filesystem:\n    \
             rootdirectory: {}\nhttp:\n  addr: {host}\n",
            directory.path().join("data").display()
        );
        fs::write(&configuration, text).expect("it can be written");
        let process = Command::new(program)
            .arg("serve")
            .arg(&configuration)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let mut registry = Self {
            process,
            host,
            directory,
        };
        let begun = Instant::now();
        while TcpStream::connect(&registry.host).is_err() {
            if registry.has_ended() {
                return None;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "no registry");
            thread::sleep(Duration::from_millis(20));
        }
        // It would have been somebody else's.
        (!registry.has_ended()).then_some(registry)
    }

    fn has_ended(&mut self) -> bool {
        let state = self.process.try_wait().expect("the state of a child");
        state.is_some()
    }

    fn reference(&self, name: &str) -> String {
        format!("oci:{}/{name}", self.host)
    }

    fn stop(&mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have been stopped.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn program() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let tools = std::env::var_os("WIGEON_TOOLS").map(PathBuf::from);
    let tools = tools.unwrap_or_else(|| workspace().join(".tools"));
    std::env::split_paths(&paths)
        .chain([tools.join("docker-registry/usr/bin")])
        .map(|directory| directory.join("docker-registry"))
        .find(|program| program.is_file())
}

/// A pipeline whose only step has a plugin of a registry, with a cache of its own.
fn project(reference: &str) -> Project {
    let project = Project::new(&format!(
        r#"
manifest_version = 1
name = "pages"

[source.views]
format = "csv"
path = "views_{{date}}.csv"
columns = {{ url = "utf8" }}

[[step]]
name = "mobile_views"
kind = "transform"
plugin = "{reference}"
input = "views"
store = true
options = {{ url = "url", host = "m.example.com" }}
"#
    ));
    view(&project, 1);
    project.write("keep-host.wasm", &*KEEP_HOST);
    project.write("normalize.wasm", &*NORMALIZE);
    project
}

fn view(project: &Project, day: u32) {
    let views = "url\nhttps://m.example.com/a\nhttps://www.example.com/b\n";
    project.write(&format!("views_2024-01-0{day}.csv"), views);
}

/// Runs `wigeon` with the project's own cache.
fn wigeon(project: &Project, arguments: &[&str]) -> Ran {
    let mut command = project.command(arguments);
    let cache = project.path("cache");
    run_to_end(command.env("WIGEON_CACHE_DIR", cache))
}

fn ok(project: &Project, arguments: &[&str]) -> String {
    let ran = wigeon(project, arguments);
    assert_eq!(ran.code, Some(0), "{arguments:?}\n{}", ran.stderr);
    ran.stdout
}

fn json(project: &Project, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["--format", "json"]].concat();
    serde_json::from_str(&ok(project, &arguments)).expect("JSON")
}

#[test]
fn what_is_pushed_is_pulled_and_pinned_and_runs_need_no_network_then() {
    let Some(mut registry) = Registry::start() else {
        return;
    };
    let reference = registry.reference("team/keep-host:1.0.0");
    let project = project(&reference);
    let pushed = json(&project, &["plugin", "push", "keep-host.wasm", &reference]);
    assert_eq!(pushed["reference"], reference);
    assert_eq!(pushed["size_bytes"], KEEP_HOST.len());

    let pull = ["plugin", "pull", &reference, "--output", "pulled.wasm"];
    let pulled = json(&project, &pull);
    assert_eq!(pulled["digest"], pushed["digest"]);
    let bytes = fs::read(project.path("pulled.wasm")).expect("it is there");
    assert!(bytes == *KEEP_HOST);

    ok(&project, &["plugin", "add", &reference]);
    let lock = fs::read_to_string(project.path("wigeon.lock")).expect("it was written");
    assert!(lock.contains(&reference) && lock.contains(pushed["digest"].as_str().expect("text")));
    ok(&project, &["run"]);

    // The version means another component now. Runs go on with the one that is pinned.
    ok(&project, &["plugin", "push", "normalize.wasm", &reference]);
    fs::remove_dir_all(project.path("cache")).expect("the cache");
    view(&project, 2);
    ok(&project, &["run"]);
    assert_eq!(
        ok(
            &project,
            &[
                "sql",
                "select count(*) as n from mobile_views",
                "--format",
                "csv"
            ]
        ),
        "n\n2\n"
    );

    registry.stop();
    view(&project, 3);
    ok(&project, &["run"]);
    // Without the cache there is only the folder beside the manifest.
    ok(&project, &["vendor"]);
    fs::remove_dir_all(project.path("cache")).expect("the cache");
    view(&project, 4);
    ok(&project, &["run"]);
    fs::remove_dir_all(project.path("cache")).expect("the cache");
    fs::remove_dir_all(project.path("wigeon-plugins")).expect("the vendored plugins");
    view(&project, 5);
    let failed = wigeon(&project, &["run"]);
    assert_eq!(failed.code, Some(3), "{}", failed.stderr);
    for words in [
        "could not pull",
        "did not answer as it should",
        "plugins that `wigeon vendor` has put beside the manifest need no network",
    ] {
        assert!(failed.stderr.contains(words), "{words}: {}", failed.stderr);
    }
    assert_eq!(
        ok(
            &project,
            &[
                "sql",
                "select count(*) as n from mobile_views",
                "--format",
                "csv"
            ]
        ),
        "n\n4\n"
    );
}

#[test]
fn a_moved_version_is_taken_when_that_is_asked_for() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let reference = registry.reference("keep-host:1");
    let project = project(&reference);
    let first = json(&project, &["plugin", "push", "keep-host.wasm", &reference]);
    ok(&project, &["lock"]);
    let second = json(&project, &["plugin", "push", "normalize.wasm", &reference]);
    assert_ne!(first["digest"], second["digest"]);
    assert_eq!(json(&project, &["lock"])[0]["digest"], first["digest"]);
    let updated = json(&project, &["lock", "--update"]);
    assert_eq!(updated[0]["digest"], second["digest"]);
    assert_eq!(updated[0]["changed"], true);
}

#[test]
fn a_registry_that_has_something_else_is_told_so() {
    let Some(registry) = Registry::start() else {
        return;
    };
    let reference = registry.reference("team/keep-host:1.0.0");
    let project = project(&reference);
    let refused = |arguments: &[&str], words: &str| {
        let ran = wigeon(&project, arguments);
        assert_ne!(ran.code, Some(0), "{arguments:?}");
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    };
    refused(
        &["plugin", "pull", &reference],
        "has no `team/keep-host:1.0.0`",
    );
    project.write("text.wasm", "no component");
    refused(
        &["plugin", "push", "text.wasm", &reference],
        "is not WebAssembly",
    );
    ok(&project, &["plugin", "push", "keep-host.wasm", &reference]);
    // What a disk or a man in the middle makes of it is not what its digest says.
    let blobs = registry
        .directory
        .path()
        .join("data/docker/registry/v2/blobs/sha256");
    let spoiled = walk(&blobs)
        .into_iter()
        .filter(|path| fs::metadata(path).expect("a file").len() == KEEP_HOST.len() as u64);
    for path in spoiled {
        let mut bytes = fs::read(&path).expect("it can be read");
        bytes[100] ^= 1;
        fs::write(&path, bytes).expect("it can be written");
    }
    fs::remove_dir_all(project.path("cache")).expect("the cache");
    refused(&["run"], "could not pull");
    refused(&["plugin", "pull", &reference], "igest");
}

/// `wkg`, the client that the Bytecode Alliance makes, and Wigeon read what the other has pushed.
#[test]
fn what_wigeon_pushes_wkg_pulls_and_the_other_way_round() {
    if Command::new("wkg").arg("--version").output().is_err() {
        say_skipped("there is no wkg (cargo install wkg --locked)");
        return;
    }
    let Some(registry) = Registry::start() else {
        return;
    };
    let ours = registry.reference("team/keep-host:1.0.0");
    let theirs = registry.reference("team/normalize:1.0.0");
    let project = project(&ours);
    let wkg = |arguments: &[&str]| {
        let mut command = Command::new("wkg");
        command.arg("oci").args(arguments);
        command.args(["--insecure", &registry.host]);
        let output = command.current_dir(project.path("")).output();
        let output = output.expect("wkg runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}\n{said}");
    };
    let name = |reference: &str| reference.trim_start_matches("oci:").to_owned();

    ok(&project, &["plugin", "push", "keep-host.wasm", &ours]);
    wkg(&["pull", &name(&ours), "--output", "by-wkg.wasm"]);
    let pulled = fs::read(project.path("by-wkg.wasm")).expect("it is there");
    assert!(pulled == *KEEP_HOST);

    wkg(&["push", &name(&theirs), "normalize.wasm"]);
    let pull = ["plugin", "pull", &theirs, "--output", "by-wigeon.wasm"];
    ok(&project, &pull);
    let pulled = fs::read(project.path("by-wigeon.wasm")).expect("it is there");
    assert!(pulled == *NORMALIZE);
    let inspected = ok(&project, &["plugin", "inspect", &theirs]);
    assert!(inspected.contains("kind       transform\n"), "{inspected}");
}

#[test]
fn a_plugin_in_a_file_comes_from_the_folder_where_there_is_no_such_file() {
    let project = project("file:keep-host.wasm");
    let vendored = json(&project, &["vendor"]);
    assert_eq!(vendored[0]["reference"], "file:keep-host.wasm");
    fs::remove_file(project.path("keep-host.wasm")).expect("the file");
    ok(&project, &["run"]);
    fs::remove_dir_all(project.path("wigeon-plugins")).expect("the vendored plugins");
    view(&project, 2);
    let failed = wigeon(&project, &["run"]);
    assert_eq!(failed.code, Some(3), "{}", failed.stderr);
    assert!(
        failed.stderr.contains("could not read the plugin"),
        "{}",
        failed.stderr
    );
}

fn walk(directory: &std::path::Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                walk(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
