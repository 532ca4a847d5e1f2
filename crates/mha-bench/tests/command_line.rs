//! Contract: the command line says in one line what is wrong with it, before it measures or writes anything, and plots
//! committed results without a GPU.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn bench(home: &Path, arguments: &[&str]) -> Output {
    // Without a driver: what gets as far as opening a device fails, too, but with another message.
    Command::new(env!("CARGO_BIN_EXE_attention-bench"))
        .args(arguments)
        .current_dir(home)
        .env("VK_DRIVER_FILES", "/nonexistent")
        .env("VK_ICD_FILENAMES", "/nonexistent")
        .output()
        .expect("the program starts")
}

#[test]
fn a_wrong_use_is_one_line_and_nothing_is_written() {
    let home = tempfile::tempdir().expect("there is room for a folder");
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/h100.json");
    let results = results.to_str().expect("the path is text");
    for (arguments, want) in [
        (&["--shapes", "whisper"][..], "did you mean `whisper-encoder`?"),
        (&["--shapes", "mine.json"], "mine.json: it can't be read"),
        (&["--subjects", "seed-after"], "did you mean `lane:seed-after`?"),
        (&["--dtypes", "f64"], "--dtypes takes f32, f16, got `f64`"),
        (&["--repeats", "0"], "a number from 1"),
        (&["--calls", "0"], "a number from 1"),
        (&["--rounds", "0"], "a number from 1"),
        (&["--checked-rows", "0"], "a number from 1"),
        (&["--score-deviations", "nan"], "a number above 0"),
        (&["--rows", "f32 | 64 | 4 | r4s4a2 | 32 | 256"], "--subjects lane:rows"),
        (&["--json", "no/such.json"], "`mkdir -p no` first"),
        (&["--plot", "no/such"], "`mkdir -p no/such` first"),
        (&["--write-inputs", "no/such"], "`mkdir -p no/such` first"),
        (&["--from", results, "--plot", "plots", "--write-inputs", "inputs"], "cannot be used with '--write-inputs"),
        // The plots' folder is not made for a use that is wrong otherwise.
        (&["--plot", "plots", "--shapes", "nothing"], "got `nothing`"),
        (&["--from", results], "--plot <DIR>"),
        (&["--from", results, "--plot", "plots", "--repeats", "3"], "cannot be used with '--repeats"),
        (&["--from", "none.json", "--plot", "plots"], "none.json: it can't be read"),
        (&["--first-call", "cache"], "add `--shapes lightonocr-4k"),
        (&["--first-call", "cache", "--plot", "plots"], "cannot be used with '--plot"),
        (&["--repeat", "3"], "type --repeats, or"),
    ] {
        let output = bench(home.path(), arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?}");
        assert!(error.contains(want) && error.lines().count() == 1, "{arguments:?}: {error}");
        let left = fs::read_dir(home.path()).expect("it is there").count();
        assert_eq!(left, 0, "{arguments:?} leaves something behind");
    }
}

#[test]
fn refusals_alone_are_a_failure() {
    let home = tempfile::tempdir().expect("there is room for a folder");
    let shape =
        r#"[{"name": "narrow", "batch": 1, "q_len": 3, "kv_len": 3, "heads": 1, "head_size": 48, "causal": false}]"#;
    fs::write(home.path().join("shapes.json"), shape).expect("the folder takes a file");
    let output = Command::new(env!("CARGO_BIN_EXE_attention-bench"))
        .args(["--shapes", "shapes.json", "--subjects", "lane:seed-after", "--dtypes", "f32", "--json", "results.json"])
        .current_dir(home.path())
        .output()
        .expect("the program starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{error}");
    let last = error.lines().last().expect("it says what is wrong");
    assert!(last.contains("nothing was measured") && last.contains("`--subjects paths`"), "{error}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("| refused: "), "the table says why");
    assert!(!home.path().join("results.json").exists());
}

#[test]
fn committed_results_are_plotted_without_a_device() {
    let home = tempfile::tempdir().expect("there is room for a folder");
    for (name, plots) in
        [("h100", ["bars-f16.svg", "bars-f32.svg"]), ("mesa-26.1", ["lengths-f16.svg", "lengths-f32.svg"])]
    {
        let results = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("results/{name}.json"));
        let output = bench(home.path(), &["--from", results.to_str().expect("the path is text"), "--plot", name]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for plot in plots {
            let svg = fs::read_to_string(home.path().join(name).join(plot)).expect(plot);
            assert!(svg.contains("baseline") && svg.ends_with("</svg>\n"), "{plot} is no plot");
        }
    }
}
