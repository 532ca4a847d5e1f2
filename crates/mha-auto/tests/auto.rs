//! Contract: what path `auto` learns on a device is what it then plans by, in this process and in later ones; a file of choices
//! that can't be used changes nothing.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mha_auto::{Auto, Effort, Known, Undecided, measure};
use mha_gpu::{Gpu, GpuError, GpuSettings};
use mha_plan::{DeviceKind, candidates};
use mha_spec::{AdapterChoice, AttentionProblem};
use mha_testkit::plain;
use mha_tune::Class;

/// How long a busy machine may take for what takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(60);

fn gpu() -> Arc<Gpu> {
    Gpu::open(&AdapterChoice::Auto, &GpuSettings::default())
        .expect("the tests need a Vulkan, Metal or Direct3D 12 driver")
}

fn problem(q_len: u32) -> AttentionProblem {
    plain(1, 2, q_len, 40, 64)
}

fn decision(auto: &Auto, problem: &AttentionProblem) -> String {
    auto.plan(problem).unwrap().decision
}

/// Something that the tables would not choose.
fn unusual(gpu: &Gpu, problem: &AttentionProblem) -> Known {
    let found = candidates(problem, gpu.caps()).unwrap();
    let position = (0..found.all.len()).find(|&position| position != found.usual).unwrap();
    let [time, baseline] = [5, 9].map(Duration::from_micros);
    Known { candidate: found.all[position].clone(), time, baseline: Some(baseline) }
}

fn file_in(directory: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(directory.join("choices")).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "json")).last().unwrap()
}

#[test]
fn every_candidate_is_timed_or_left_behind() {
    let gpu = gpu();
    let effort = Effort { budget: PATIENCE, launch: PATIENCE, ..Effort::ASIDE };
    for problem in [problem(33), problem(3)] {
        let measured = measure(&gpu, &problem, &effort, || true).expect("there is time enough");
        assert!(measured.times.iter().all(Option::is_some), "all of them run here: {measured:?}");
        assert_eq!(measured.known.candidate, measured.candidates.all[measured.winner]);
        assert_eq!(measured.known.time, measured.times[measured.winner].unwrap());
        let usual = measured.times[measured.candidates.usual].unwrap();
        assert!(measured.known.time <= usual, "the winner is no slower than what the tables say: {measured:?}");
    }
}

#[test]
fn a_measurement_can_be_called_off() {
    let mut asked = 0;
    let measured = measure(&gpu(), &problem(33), &Effort::ASIDE, || {
        asked += 1;
        asked < 3
    });
    assert!(matches!(measured, Err(Undecided::CalledOff)), "{measured:?}");
    assert_eq!(asked, 3);
}

#[test]
fn only_what_meets_every_process_is_lasting() {
    let gpu = gpu();
    let why = |problem: &AttentionProblem, effort| measure(&gpu, problem, &effort, || true).unwrap_err();
    let too_large = why(&problem(33), Effort { bytes: 1 << 10, ..Effort::ASIDE });
    assert!(matches!(too_large, Undecided::TooLarge { needed, allowed: 1024 } if needed > 1024), "{too_large:?}");
    let nothing = why(&AttentionProblem { v_head_size: 0, ..problem(0) }, Effort::ASIDE);
    assert!(matches!(nothing, Undecided::NoChoice), "{nothing:?}");
    // As on a device that another program keeps busy.
    let too_slow = why(&problem(33), Effort { launch: Duration::from_nanos(1), ..Effort::ASIDE });
    assert!(matches!(too_slow, Undecided::TooSlow(time) if !time.is_zero()), "{too_slow:?}");
    let out_of_time = why(&problem(33), Effort { budget: Duration::ZERO, launch: PATIENCE, ..Effort::ASIDE });
    assert!(matches!(out_of_time, Undecided::OutOfTime), "{out_of_time:?}");
    let failed = Undecided::Failed(GpuError::OutOfMemory { operation: "create a buffer of 16 bytes".into() });
    let lasting = [too_large, nothing, too_slow, out_of_time, failed, Undecided::NoneRuns, Undecided::CalledOff];
    assert_eq!(lasting.map(|why| why.is_lasting()), [true, true, false, false, false, false, false]);
}

#[test]
fn what_is_learnt_is_planned_by_and_kept() {
    let directory = tempfile::tempdir().unwrap();
    let (gpu, problem) = (gpu(), problem(100));
    let auto = Auto::of(&gpu, Some(directory.path()));
    let (before, usual_steps) = (decision(&auto, &problem), auto.plan(&problem).unwrap().steps);
    assert!(!before.contains("measured"), "{before}");
    let (generation, known) = (auto.generation(), unusual(&gpu, &problem));
    auto.learn(&problem, known.clone()).unwrap();
    assert_ne!(auto.generation(), generation);
    let after = decision(&auto, &problem);
    assert!(after.contains("path auto, the fastest measured on this device: 5.000µs, baseline 9.000µs"), "{after}");
    assert_ne!(auto.plan(&problem).unwrap().steps, usual_steps, "another kernel or another workgroup");
    assert!(Arc::ptr_eq(&auto, &Auto::of(&gpu, Some(directory.path()))), "shared while someone holds it");

    drop(auto);
    let later = Auto::of(&gpu, Some(directory.path()));
    assert_eq!(later.known(&problem), Some(known));
    assert_eq!(decision(&later, &problem), after);
    let elsewhere = tempfile::tempdir().unwrap();
    assert_eq!(decision(&Auto::of(&gpu, Some(elsewhere.path())), &problem), before);
    assert_eq!(decision(&Auto::of(&gpu, None), &problem), before);
}

#[test]
fn a_file_that_cannot_be_used_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (gpu, problem) = (gpu(), problem(100));
    let auto = Auto::of(&gpu, Some(directory.path()));
    let before = decision(&auto, &problem);
    auto.learn(&problem, unusual(&gpu, &problem)).unwrap();
    drop(auto);
    let file = file_in(directory.path());
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("5000", "6000")).unwrap();
    let auto = Auto::of(&gpu, Some(directory.path()));
    assert_eq!(decision(&auto, &problem), before);
    // It is replaced when there is something to keep.
    auto.learn(&problem, unusual(&gpu, &problem)).unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), text);

    let blocked = directory.path().join("a file");
    fs::write(&blocked, b"").unwrap();
    let auto = Auto::of(&gpu, Some(&blocked));
    assert!(auto.learn(&problem, unusual(&gpu, &problem)).is_err());
    assert!(decision(&auto, &problem).contains("measured"), "this process knows it all the same");
}

#[test]
fn the_second_call_of_a_class_has_it_measured() {
    let directory = tempfile::tempdir().unwrap();
    let gpu = gpu();
    let auto = Auto::of(&gpu, Some(directory.path()));
    let problem = problem(20);
    assert!(!auto.called(&problem));
    assert_eq!((auto.generation(), auto.known(&problem)), (0, None), "one call is not worth it");
    // A software device is left to `tune`.
    let is_software = gpu.caps().kind == DeviceKind::Software;
    assert_ne!(auto.called(&problem), is_software);
    assert!(!auto.called(&problem), "once is enough");
    if is_software {
        auto.learn_aside(&problem);
    }
    let begin = Instant::now();
    while auto.generation() == 0 {
        assert!(begin.elapsed() < PATIENCE, "nothing was learnt");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(auto.known(&problem).is_some());
    assert!(decision(&auto, &problem).contains("the fastest measured on this device"));
    drop(auto);
    assert!(Auto::of(&gpu, Some(directory.path())).known(&problem).is_some(), "it was written");
}

#[test]
fn what_can_not_be_decided_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let gpu = gpu();
    // Its tensors are larger than a measurement beside a session may make them, even with one head.
    let problem = plain(1, 1, 1 << 20, 1 << 20, 64);
    let auto = Auto::of(&gpu, Some(directory.path()));
    let before = decision(&auto, &problem);
    auto.learn_aside(&problem);
    let begin = Instant::now();
    while auto.is_measuring() {
        assert!(begin.elapsed() < PATIENCE, "it is not measured at all");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!((auto.known(&problem), decision(&auto, &problem)), (None, before), "the tables' choice stays");
    drop(auto);
    let kept = fs::read_to_string(file_in(directory.path())).unwrap();
    assert!(kept.contains(&format!("\"{}\": null", Class::of(&problem))), "{kept}");
}

#[test]
fn an_end_does_not_wait_for_measurements() {
    let auto = Auto::of(&gpu(), None);
    for q_len in [17, 33, 70, 150, 300, 600, 1200] {
        auto.learn_aside(&problem(q_len));
    }
    auto.stop();
    let generation = auto.generation();
    assert!(generation < 7, "some were left");
    auto.learn_aside(&problem(5));
    assert_eq!(auto.generation(), generation, "nothing is measured after the end");
}
