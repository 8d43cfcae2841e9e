//! A plugin's tests: its own cases, then the properties of its kind on their rows.

use fs_err as fs;
use serde::Serialize;
use wigeon_runtime::{Plugin, PluginId, Runtime};

use crate::{
    AuthoringError, Built, Project,
    case::Case,
    execute::{Layout, Subject},
    laws,
    properties::{Property, tried},
    table::{difference, table, text_rows},
};

/// What a plugin's tests came to.
#[derive(Debug, Clone, Serialize)]
pub struct TestReport {
    /// The plugin's name.
    pub plugin: String,
    /// The digest of the component that was tested.
    pub digest: String,
    /// Every test, in the order in which they ran.
    pub tests: Vec<Test>,
}

impl TestReport {
    /// Returns how many tests came to this.
    pub fn count(&self, verdict: Verdict) -> usize {
        let tests = self.tests.iter();
        tests.filter(|test| test.verdict == verdict).count()
    }
}

/// One test: a case's expected output, or a property on a case's rows.
#[derive(Debug, Clone, Serialize)]
pub struct Test {
    /// The case.
    pub case: String,
    /// The property, or none for the case itself.
    pub property: Option<&'static str>,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What is wrong, or why it was not tried.
    pub details: Option<String>,
}

/// What one test came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// The expected output was written: it is to be looked at.
    Blessed,
    /// It could not be tried on this case.
    Skipped,
}

/// Loads what was built and checks that it is of the kind that the project says.
///
/// # Errors
///
/// - [`AuthoringError::Load`] if the component is no plugin.
/// - [`AuthoringError::Kind`] if it is of another kind.
pub(crate) fn load(
    runtime: &Runtime,
    project: &Project,
    built: &Built,
) -> Result<Plugin, AuthoringError> {
    let id = PluginId {
        reference: format!("file:{}", built.path.display()),
        digest: built.digest.clone(),
    };
    let plugin = runtime.load(&id, &built.component)?;
    if plugin.kind() != project.kind {
        return Err(AuthoringError::Kind {
            said: project.kind.to_string(),
            is: plugin.kind().to_string(),
        });
    }
    Ok(plugin)
}

/// Runs the cases of a project, then the properties on the rows of each. With `bless`, what a case
/// comes to is written to its `expected.txt` instead of being compared with it.
///
/// # Errors
///
/// - What [`Project::open`] says of files, for cases.
/// - [`AuthoringError::NoCase`] if there is none.
/// - [`AuthoringError::Load`] and [`AuthoringError::Kind`] if the component cannot be tested.
/// - [`AuthoringError::Write`] if an expected output cannot be written.
pub fn test(
    project: &Project,
    built: &Built,
    runtime: &Runtime,
    bless: bool,
) -> Result<TestReport, AuthoringError> {
    let cases = Case::all(project)?;
    let plugin = load(runtime, project, built)?;
    let mut tests = vec![];
    for case in &cases {
        let subject = Subject {
            plugin: &plugin,
            limits: project.limits,
            options: &case.options,
        };
        tests.push(own(case, subject, bless)?);
        tests.extend(Property::ALL.map(|property| {
            let (verdict, details) = match tried(property, subject, &case.input) {
                Ok(None) => (Verdict::Passed, None),
                Ok(Some(complaint)) => (Verdict::Failed, Some(complaint)),
                Err(reason) => (Verdict::Skipped, Some(reason)),
            };
            Test {
                case: case.name.clone(),
                property: Some(property.name()),
                verdict,
                details,
            }
        }));
    }
    Ok(TestReport {
        plugin: project.name.clone(),
        digest: built.digest.clone(),
        tests,
    })
}

/// Compares what a case comes to with what is expected.
fn own(case: &Case, subject: Subject<'_>, bless: bool) -> Result<Test, AuthoringError> {
    let test = |verdict, details| Test {
        case: case.name.clone(),
        property: None,
        verdict,
        details,
    };
    let actual = match output(case, subject) {
        Ok(actual) => actual,
        Err(failure) => return Ok(test(Verdict::Failed, Some(failure))),
    };
    let path = case.expected_path();
    let expected = if path.is_file() {
        let read = fs::read_to_string(&path);
        Some(read.map_err(|source| AuthoringError::Read {
            path: path.clone(),
            source,
        })?)
    } else {
        None
    };
    if expected.as_deref() == Some(&actual) {
        return Ok(test(Verdict::Passed, None));
    }
    if bless {
        fs::write(&path, &actual).map_err(|source| AuthoringError::Write { path, source })?;
        return Ok(test(Verdict::Blessed, None));
    }
    let details = match expected {
        Some(expected) => difference(&expected, &actual),
        None => format!("there is no `expected.txt`; `--bless` would write\n{actual}"),
    };
    Ok(test(Verdict::Failed, Some(details)))
}

/// Returns what a case comes to, as `expected.txt` has it: rows, sorted unless a transform emitted
/// them, or the plugin's error.
fn output(case: &Case, subject: Subject<'_>) -> Result<String, String> {
    let output = match subject.run(&case.input, Layout::default()) {
        Ok(output) => output,
        Err(failure) => return failure.answer().ok_or_else(|| failure.words()),
    };
    let kind = subject.plugin.kind();
    let shown = |error: arrow_schema::ArrowError| error.to_string();
    if let Some(law) = laws::broken(kind, &case.input, &output).map_err(shown)? {
        return Err(law);
    }
    let mut rows = text_rows(&output.batches).map_err(shown)?;
    if kind != wigeon_runtime::Kind::Transform {
        rows.sort_unstable();
    }
    Ok(table(&output.schema, &rows))
}
