//! Transforms: rows to rows, in front of any other step, chained, and stored.

use wigeon_tests::Project;

const USERS: &str = r#"
manifest_version = 1
name = "shops"

[source.extract]
format = "csv"
path = "shops_{date}.csv"
null_value = "NULL"
columns = { id = "int64", name = "utf8", postcode = "utf8" }
"#;

const SNAPSHOT: &str = r#"
[[step]]
name = "shops"
kind = "snapshot"
plugin = "builtin:scd2"
key = ["id"]
guard = { max_changed_share = 1.0, max_closed_share = 1.0 }
"#;

/// One transform of the chain.
fn normalize(name: &str, input: &str, options: &str) -> String {
    format!(
        "\n[[step]]\nname = \"{name}\"\nkind = \"transform\"\nplugin = \"builtin:normalize\"\n\
         input = \"{input}\"\noptions = {{ {options} }}\n"
    )
}

fn snapshot_of(input: &str) -> String {
    format!("{SNAPSHOT}input = \"{input}\"\n")
}

/// A postcode that is only written in another way is not another postcode.
#[test]
fn a_snapshot_sees_what_normalize_made_of_its_rows() {
    let clean = normalize(
        "clean",
        "extract",
        "columns = [\"postcode\"], case = \"upper\"",
    );
    let project = Project::new(&[USERS, &clean, &snapshot_of("clean")].concat());
    project.write(
        "shops_2024-05-01.csv",
        "id,name,postcode\n1, Ann ,  sw19 \n2,Bob,\"\"\n3,Cid,   \n4,Dora,NULL\n5,Eve,straße\n",
    );
    project.ok(&["run"]);
    let first = "id,name,postcode,valid_from,valid_to\n\
                 1, Ann ,SW19,2024-05-01 00:00:00,\n\
                 2,Bob,,2024-05-01 00:00:00,\n\
                 3,Cid,,2024-05-01 00:00:00,\n\
                 4,Dora,,2024-05-01 00:00:00,\n\
                 5,Eve,STRASSE,2024-05-01 00:00:00,\n";
    let history = "select * from shops_history order by id, valid_from";
    assert_eq!(project.sql(history), first);
    assert_eq!(
        project.sql("select count(*) as n from shops where postcode is null"),
        "n\n3\n"
    );

    project.write(
        "shops_2024-05-02.csv",
        "id,name,postcode\n5,Eve,STRASSE\n4,Dora, \n3,Cid,NULL\n2,Bob,\tw1\n1, Ann ,Sw19\n",
    );
    project.ok(&["run"]);
    let bob = "2,Bob,,2024-05-01 00:00:00,";
    let moved = format!("{bob}2024-05-02 00:00:00\n2,Bob,W1,2024-05-02 00:00:00,");
    assert_eq!(project.sql(history), first.replace(bob, &moved));
}

/// The second of two transforms sees what the first one made; the order of the manifest is not
/// the order of the chain.
#[test]
fn transforms_are_chained() {
    let upper = normalize(
        "upper",
        "trimmed",
        "columns = [\"name\"], trim = false, case = \"upper\"",
    );
    let trimmed = normalize(
        "trimmed",
        "extract",
        "columns = [\"name\", \"postcode\"], empty_to_null = false",
    );
    let project = Project::new(&[USERS, &snapshot_of("upper"), &upper, &trimmed].concat());
    project.write(
        "shops_2024-05-01.csv",
        "id,name,postcode\n1,  ann lee ,  sw19 \n2,NULL,   \n3,   ,n1\n",
    );
    project.ok(&["run"]);
    // The first keeps an empty text, the second makes a null of it.
    let shops = "select id, name, postcode, postcode is null as none, name is null as nameless from shops order by id";
    assert_eq!(
        project.sql(shops),
        "id,name,postcode,none,nameless\n1,ANN LEE,sw19,false,false\n2,,\"\",false,true\n3,,n1,false,true\n"
    );
}

/// A stored transform is a table of its own: each file once, whatever the order, with its rows
/// counted in the ledger.
#[test]
fn a_stored_transform_appends_each_file_once() {
    let clean = normalize(
        "clean",
        "extract",
        "columns = [\"postcode\"], case = \"upper\"",
    );
    let project = Project::new(&[USERS, &clean, "store = true\n"].concat());
    let table = "select * from clean order by all";
    project.write(
        "shops_2024-05-02.csv",
        "id,name,postcode\n1,Ann,sw19\n2,Bob,n1\n",
    );
    project.ok(&["run"]);
    assert_eq!(
        project.sql(table),
        "id,name,postcode\n1,Ann,SW19\n2,Bob,N1\n"
    );
    project.ok(&["run"]);
    // An earlier file that comes late is a new file like any other, and so is an equal one.
    project.write("shops_2024-05-01.csv", "id,name,postcode\n1,Ann,e1\n");
    project.write("shops_2024-05-03.csv", "id,name,postcode\n1,Ann,sw19\n");
    project.ok(&["run"]);
    project.ok(&["run", "--step", "clean"]);
    assert_eq!(
        project.sql(table),
        "id,name,postcode\n1,Ann,E1\n1,Ann,SW19\n1,Ann,SW19\n2,Bob,N1\n"
    );
    assert_eq!(
        project.sql("select kind, rows_in, rows_out from wigeon.ledger order by load_id"),
        "kind,rows_in,rows_out\ntransform,2,2\ntransform,2,2\n"
    );
    assert_eq!(
        project.sql("select count(*) as n, count(distinct path) as d from wigeon.input"),
        "n,d\n3,3\n"
    );
}

/// What a transform emits is known to its plugin only, so the engine looks at the names of its table.
#[test]
fn a_stored_transform_cannot_have_a_column_rowid() {
    let users = USERS.replace("name = \"utf8\"", "RowId = \"utf8\"");
    let clean = normalize("clean", "extract", "columns = [\"postcode\"]");
    let project = Project::new(&[users.as_str(), &clean, "store = true\n"].concat());
    project.write("shops_2024-05-01.csv", "id,RowId,postcode\n1,-5,n1\n");
    let ran = project.run(&["run"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    for words in [
        "its table cannot have a column `RowId`, which is what DuckDB calls the numbers of rows",
        "rename it in a transform",
    ] {
        let told = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(words), "{told}");
    }
}
