//! Faults of plugins that their own cases do not show, and the properties that do.

use insta::assert_snapshot;
use wigeon_tests::{Project, filters, guest};

/// A project of this kind whose component is built already, without a case.
pub(crate) fn without_cases(name: &str, kind: &str) -> Project {
    let project = Project::new("");
    let component = format!("{name}.wasm");
    project.write(&component, guest(&format!("wigeon-test-{name}")));
    project.write(
        "plugin.toml",
        format!(
            "name = \"{name}\"\nkind = \"{kind}\"\nlanguage = \"other\"\n\n\
             [build]\ncommand = [\"true\"]\noutput = \"{component}\"\n"
        ),
    );
    project
}

/// Writes what the cases come to, which hides the fault, and returns what the tests find then.
pub(crate) fn found(project: &Project) -> String {
    project.run(&["plugin", "test", "--bless"]);
    project.snapshot(&["plugin", "test"])
}

/// A transform with one case of numbers.
fn careless(fault: &str) -> Project {
    let project = without_cases("careless", "transform");
    project.write(
        "tests/cases/numbers/case.toml",
        format!(
            "[options]\nfault = \"{fault}\"\n\n[columns.rows]\nnumber = \"int64\"\nword = \"utf8\"\n"
        ),
    );
    project.write(
        "tests/cases/numbers/rows.csv",
        "number,word\n1,one\n2,two\n3,\n3,three\n5,five\n8,eight\n",
    );
    project
}

/// Returns what the tests find in a transform with this fault.
fn tested(fault: &str) -> String {
    found(&careless(fault))
}

#[test]
fn a_plugin_without_faults_passes() {
    assert!(tested("none").starts_with("exit code: 0\n"));
}

#[test]
fn a_plugin_that_loses_rows_where_batches_end_is_caught() {
    insta::with_settings!({ filters => filters() }, {
        assert_snapshot!(tested("drop_last"));
    });
}

#[test]
fn a_plugin_that_remembers_other_batches_is_caught() {
    insta::with_settings!({ filters => filters() }, {
        assert_snapshot!(tested("remember"));
    });
}

#[test]
fn a_plugin_that_depends_on_the_order_is_caught() {
    insta::with_settings!({ filters => filters() }, {
        assert_snapshot!(tested("keep_rising"));
    });
}

#[test]
fn a_plugin_that_traps_without_rows_is_caught() {
    insta::with_settings!({ filters => filters() }, {
        assert_snapshot!(tested("trap_on_empty"));
    });
}

#[test]
fn a_plugin_that_traps_on_nulls_is_caught() {
    insta::with_settings!({ filters => filters() }, {
        assert_snapshot!(tested("trap_on_null"));
    });
}

#[test]
fn a_plugin_that_tires_is_caught() {
    insta::with_settings!({ filters => filters() }, {
        assert_snapshot!(tested("tire"));
    });
}

#[test]
fn a_project_without_cases_is_told_how_to_begin_one() {
    let project = careless("none");
    fs_err::remove_dir_all(project.path("tests")).unwrap();
    assert_snapshot!(project.snapshot(&["plugin", "test"]));
}

#[test]
fn a_value_of_another_type_in_a_case_is_told_with_its_row() {
    let project = careless("none");
    project.write(
        "tests/cases/numbers/rows.csv",
        "number,word\n1,one\ntwo,two\n",
    );
    assert_snapshot!(project.snapshot(&["plugin", "test"]));
}
