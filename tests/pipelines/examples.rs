//! The example plugins in their example pipelines, as `examples/plugins` has them.

use std::{env, path::PathBuf, process::Command};

use fs_err as fs;
use wigeon_tests::{Project, guest, say_skipped, workspace};

/// Makes a project of an example's manifest and data, without the files whose names contain
/// `later`.
fn project(example: &str, component: &[u8], later: &str) -> Project {
    let directory = workspace().join("examples/plugins").join(example);
    let manifest = fs::read_to_string(directory.join("pipeline.toml"));
    let project = Project::new(&manifest.expect("the example's manifest"));
    project.write(&format!("target/{example}.wasm"), component);
    for (name, contents) in data(example) {
        if later.is_empty() || !name.contains(later) {
            project.write(&format!("data/{name}"), contents);
        }
    }
    project
}

/// The files of an example's `data`, with their names.
fn data(example: &str) -> Vec<(String, Vec<u8>)> {
    let directory = workspace().join("examples/plugins").join(example);
    let files = fs::read_dir(directory.join("data")).expect("the example's data");
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.expect("a file");
        let name = entry.file_name().into_string().expect("UTF-8");
        (name, fs::read(entry.path()).expect("the file's contents"))
    };
    files.map(file).collect()
}

/// The history shows who changed, by masks that say nothing without the key.
#[test]
fn masked_people_have_a_history() {
    let component = guest("wigeon-example-mask");
    assert_its_tests_pass("mask", &component);
    let project = project("mask", &component, "");
    project.ok(&["run"]);
    assert_eq!(
        project.sql("select id, length(email) as email, length(phone) as phone, city from people order by id"),
        "id,email,phone,city\n1,64,64,London\n2,64,,Leeds\n3,,64,London\n"
    );
    assert_eq!(
        project.sql("select id, count(distinct email) as emails, count(*) as versions from people_history group by id order by id"),
        "id,emails,versions\n1,1,1\n2,2,2\n3,0,1\n"
    );
    let shared = "select count(distinct phone) as phones from people";
    assert_eq!(project.sql(shared), "phones\n1\n");
}

const VISITS: &str = "user_id,url,viewed_at,visit,visit_started_at
1,/,2024-03-04 09:00:00,1,2024-03-04 09:00:00
1,/cart,2024-03-04 09:30:00,1,2024-03-04 09:00:00
1,/pay,2024-03-04 10:00:01,2,2024-03-04 10:00:01
1,/,2024-03-05 09:10:00,1,2024-03-05 09:10:00
2,/,2024-03-04 23:40:00,1,2024-03-04 23:40:00
2,/help,2024-03-05 00:05:00,1,2024-03-05 00:05:00
2,/,2024-03-05 00:40:00,2,2024-03-05 00:40:00
3,/,2024-03-04 12:00:00,1,2024-03-04 12:00:00
";
const BY_TIME: &str = "select * from visits order by user_id, viewed_at";

/// Files that hold whole days give one table, whichever of them are loaded at once.
#[test]
fn visits_are_the_same_however_whole_days_are_loaded() {
    let component = guest("wigeon-example-sessionize");
    assert_its_tests_pass("sessionize", &component);
    let at_once = project("sessionize", &component, "");
    at_once.ok(&["run"]);
    assert_eq!(at_once.sql(BY_TIME), VISITS);

    for later in ["views_2024-03-05", "views_2024-03-04"] {
        let in_turn = project("sessionize", &component, later);
        in_turn.ok(&["run"]);
        for (name, contents) in data("sessionize") {
            in_turn.write(&format!("data/{name}"), contents);
        }
        in_turn.ok(&["run"]);
        assert_eq!(in_turn.sql(BY_TIME), VISITS, "with {later} last");
    }
}

/// Builds an example that is not in Rust with its `build.sh`, which writes `output` to `target`. If
/// a tool for it is not installed, a line says that the test is skipped.
fn built(example: &str, parts: &[&str], output: &str) -> Option<Vec<u8>> {
    let directory = workspace().join("examples/plugins").join(example);
    let copy = tempfile::tempdir().expect("a temporary directory");
    for part in parts {
        let mut copying = Command::new("cp");
        copying.arg("-r").arg(directory.join(part)).arg(copy.path());
        assert!(copying.status().expect("the part is copied").success());
    }
    // Packages are many files, and only read.
    let modules = env::var_os("WIGEON_NODE_MODULES").filter(|path| !path.is_empty());
    let modules = modules.map_or_else(|| directory.join("node_modules"), PathBuf::from);
    fs::os::unix::fs::symlink(modules, copy.path().join("node_modules")).expect("a link");
    let mut build = Command::new("sh");
    build.arg("build.sh").current_dir(copy.path());
    build.env("WIT", workspace().join("wit"));
    let built = build.output().expect("`sh` runs");
    let said = String::from_utf8_lossy(&built.stderr);
    let missing = said.lines().find(|line| line.contains(" is missing: "));
    if let Some(missing) = missing.filter(|_| !built.status.success()) {
        say_skipped(&format!("the plugin `{example}`: {missing}"));
        return None;
    }
    assert!(built.status.success(), "{said}");
    Some(fs::read(copy.path().join("target").join(output)).expect("what was built"))
}

/// Sees that an example's component asks for nothing but the contract.
fn assert_no_wasi(project: &Project, example: &str) {
    let reference = format!("file:target/{example}.wasm");
    let inspected = project.ok(&["plugin", "inspect", &reference]);
    assert!(!inspected.contains("wasi"), "{inspected}");
}

/// Sees that the cases of an example pass, which its README and `docs/plugins` show, and what every
/// plugin of its kind must hold.
fn assert_its_tests_pass(example: &str, component: &[u8]) {
    let directory = workspace().join("examples/plugins").join(example);
    let project = Project::new("");
    let table = fs::read_to_string(directory.join("plugin.toml")).expect("the plugin's project");
    let kept = |line: &&str| {
        ["name", "kind", "language"]
            .iter()
            .any(|key| line.starts_with(key))
    };
    let kept: Vec<_> = table.lines().filter(kept).collect();
    // It has been built.
    let build = "[build]\ncommand = [\"true\"]\noutput = \"built.wasm\"\n";
    project.write(
        "plugin/plugin.toml",
        format!("{}\n{build}", kept.join("\n")),
    );
    project.write("plugin/built.wasm", component);
    let mut copying = Command::new("cp");
    copying
        .arg("-r")
        .arg(directory.join("tests"))
        .arg(project.path("plugin"));
    assert!(copying.status().expect("`cp` runs").success());
    let tested = project.ok(&["plugin", "test", "plugin"]);
    assert!(tested.ends_with("9 passed\n"), "{example}\n{tested}");
}

const URLS: &str = "user_id,url_host,url_path,url_query
1,shop.example.com,/shoes/42,size=7&colour=r%C3%B8d
2,example.com,\"\",
3,,/cart,\"\"
4,,,
5,,\"\",
6,[2001:db8::1],/søk,q=å
7,,ann@example.com,
8,cdn.example.com,/a,b?c
";

/// The plugin in C, which is skipped where there is no clang.
#[test]
fn urls_are_taken_apart_in_c() {
    let parts = ["build.sh", "src", "bindings"];
    let Some(module) = built("url-parts", &parts, "url-parts.module.wasm") else {
        return;
    };
    let component = wigeon_build::componentize(&module).expect("a component");
    assert_its_tests_pass("url-parts", &component);
    let project = project("url-parts", &component, "");
    project.ok(&["run"]);
    let parts = "select user_id, url_host, url_path, url_query from views order by user_id";
    assert_eq!(project.sql(parts), URLS);
    assert_no_wasi(&project, "url-parts");

    for (option, says) in [
        (
            "{ column = \"link\" }",
            "`column` is `link`, which is no column",
        ),
        (
            "{ column = \"user_id\" }",
            "`column` is `user_id`, which is not text (utf8)",
        ),
        ("{ columns = \"url\" }", "there is no option `columns`"),
        ("{ column = 7 }", "`column` is no text"),
        ("{}", "the option `column` is missing"),
    ] {
        let manifest = project.path("pipeline.toml");
        let before = fs::read_to_string(&manifest).expect("the manifest");
        project.edit_manifest("{ column = \"url\" }", option);
        let refused = project.run(&["run"]);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(says), "{}", refused.stderr);
        fs::write(manifest, before).expect("the manifest");
    }
}

const SALES: &str = "id,sold_on,amount,holiday
1,2024-12-24,19.90,
2,2024-12-25,5.00,Christmas Day
3,2024-12-26,7.25,Boxing Day
4,,1.00,
5,1969-12-31,2.00,
";

/// The plugin in Python, which is skipped where there is no componentize-py.
#[test]
fn holidays_are_named_in_python() {
    let Some(component) = built("holiday", &["build.sh", "src"], "holiday.component.wasm") else {
        return;
    };
    assert_its_tests_pass("holiday", &component);
    let project = project("holiday", &component, "");
    project.ok(&["run"]);
    assert_eq!(project.sql("from sales order by id"), SALES);
    assert_no_wasi(&project, "holiday");

    project.edit_manifest("column = \"sold_on\"", "column = \"amount\"");
    let refused = project.run(&["run"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let says = "`column` is `amount`, which is no date32";
    assert!(refused.stderr.contains(says), "{}", refused.stderr);
}

const VIEWS: &str = "id,agent_family,agent_device
1,Firefox,
2,Mobile Safari,mobile
3,Chrome,tablet
4,,
5,,
6,,
";

/// The plugin in JavaScript, which is skipped where its packages are not installed.
#[test]
fn user_agents_are_told_apart_in_javascript() {
    let parts = ["build.sh", "build.js", "package.json", "src"];
    let Some(component) = built("user-agent", &parts, "user-agent.component.wasm") else {
        return;
    };
    assert_its_tests_pass("user-agent", &component);
    let project = project("user-agent", &component, "");
    project.ok(&["run"]);
    let views = "select id, agent_family, agent_device from views order by id";
    assert_eq!(project.sql(views), VIEWS);
    assert_no_wasi(&project, "user-agent");

    project.edit_manifest("column = \"agent\"", "column = \"id\"");
    let refused = project.run(&["run"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let says = "`column` is `id`, which is not text (utf8)";
    assert!(refused.stderr.contains(says), "{}", refused.stderr);
}
