//! Contract: plots show every subject and shape of the results, and longer bars and higher points for larger numbers.

use super::data::Figure;
use super::*;
use crate::results::tests::made_up;
use crate::results::{Peer, Refused};
use crate::shape::Shape;

const SUBJECTS: [&str; 10] = [
    "baseline",
    "apple",
    "auto",
    "lane:rows",
    "lane:short",
    "lane:wide",
    "lane:matrix",
    "lane:seed-before",
    "lane:seed-after",
    "lane:rows l4 r4s4a2 k32 w256",
];

/// Nine shapes, a sweep over eight lengths, and ten subjects.
fn everything() -> Results {
    let shapes = Shape::built_in().expect("it parses").into_iter().chain(Shape::sweep()).collect();
    made_up(shapes, &SUBJECTS)
}

fn drawn(results: &Results, name: &str) -> String {
    let plots = draw(results).expect("results can be drawn");
    plots.into_iter().find(|(file, _)| file == name).unwrap_or_else(|| panic!("there is a plot {name}")).1
}

/// What is written in a plot, in its order.
fn texts(svg: &str) -> Vec<&str> {
    let inside = |part: &'static str, from: &str| from.find(part).map(|at| at + part.len());
    svg.match_indices("<text")
        .filter_map(|(at, _)| {
            let rest = &svg[at..];
            let rest = &rest[inside(">", rest)?..];
            Some(rest[..rest.find("</text>")?].trim())
        })
        .collect()
}

/// The numbers of an attribute, of every element of a kind.
fn numbers(svg: &str, element: &str, attribute: &str) -> Vec<f64> {
    let find = |line: &str| {
        let rest = line.split_once(&format!(" {attribute}=\""))?.1;
        rest.split_once('"')?.0.parse().ok()
    };
    svg.lines().filter(|line| line.starts_with(&format!("<{element} "))).filter_map(find).collect()
}

#[test]
fn every_subject_and_shape_is_named() {
    let results = everything();
    let bars = drawn(&results, "bars-f32.svg");
    let texts_of_bars = texts(&bars);
    for shape in Shape::built_in().expect("it parses") {
        assert!(texts_of_bars.contains(&shape.name.as_str()), "bars lack {}", shape.name);
    }
    assert!(!bars.contains("sweep-"), "the sweep has a plot of its own");
    let lengths = drawn(&results, "lengths-f32.svg");
    let texts_of_lengths = texts(&lengths);
    for shape in Shape::sweep() {
        assert!(texts_of_lengths.contains(&shape.q_len.to_string().as_str()), "the axis lacks {}", shape.q_len);
    }
    for subject in SUBJECTS {
        assert_eq!(texts_of_bars.iter().filter(|text| **text == subject).count(), 9, "{subject} in each panel");
        assert_eq!(texts_of_lengths.iter().filter(|text| **text == subject).count(), 1, "{subject} in the legend");
    }
    for texts in [texts_of_bars, texts_of_lengths] {
        assert!(texts.contains(&"Device &lt;1&gt; &amp; Co"), "{texts:?}");
    }
}

#[test]
fn longer_bars_are_larger_rates() {
    // Within a panel, every subject of made-up results is faster than the one before it.
    let svg = drawn(&made_up(vec![Shape::square("only", 64)], &SUBJECTS), "bars-f32.svg");
    // The first rectangle is the background.
    let widths = numbers(&svg, "rect", "width").split_off(1);
    assert_eq!(widths.len(), SUBJECTS.len());
    assert!(widths.is_sorted_by(|a, b| a < b), "{widths:?}");
    // Rates are 1, 1.37, 1.74, ...: the scale begins at nothing.
    let ratio = widths[9] / widths[0];
    assert!((ratio - 4.33).abs() < 0.15, "{ratio}");
    assert!(texts(&svg).contains(&"4.33 TFLOP/s, 43 %, 0.00387 ms"), "{:?}", texts(&svg));
}

#[test]
fn higher_points_are_longer_times() {
    let svg = drawn(&made_up(Shape::sweep(), &["baseline", "auto"]), "lengths-f16.svg");
    let lines: Vec<Vec<(f64, f64)>> = svg
        .lines()
        .filter(|line| line.starts_with("<polyline") && line.contains("stroke-width=\"2\""))
        .map(|line| {
            let points = line.split_once("points=\"").expect("a line has points").1;
            let number = |text: &str| text.parse::<f64>().expect("a coordinate is a number");
            let points = points.split('"').next().unwrap_or_default().split_whitespace();
            points.filter_map(|point| point.split_once(',')).map(|(x, y)| (number(x), number(y))).collect()
        })
        .filter(|points: &Vec<_>| points.len() == 8)
        .collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert!(line.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1), "{line:?}");
        // Doublings are equally far apart.
        let steps: Vec<f64> = line.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        assert!(steps.iter().all(|step| (step - steps[0]).abs() <= 1.0), "{steps:?}");
    }
    // The second subject is the faster one at each length: lower in the plot, where y counts from the top.
    assert!(lines[0].iter().zip(&lines[1]).all(|(slow, fast)| fast.1 >= slow.1));
}

#[test]
fn nothing_overlaps() {
    let random = made_up(crate::random::shapes(50, 1), &SUBJECTS[..3]);
    let plots = [everything(), random].map(|results| draw(&results).expect("results can be drawn"));
    for (name, svg) in plots.into_iter().flatten() {
        let [wide, high] = ["width", "height"].map(|attribute| numbers(&svg, "svg", attribute)[0]);
        let (x, y) = (numbers(&svg, "text", "x"), numbers(&svg, "text", "y"));
        assert_eq!(x.len(), texts(&svg).len());
        assert!(x.iter().all(|x| (0.0..wide).contains(x)) && y.iter().all(|y| (0.0..high).contains(y)), "{name}");
        // Texts that begin at the same place are lines of a list: a line's height apart.
        let mut places: Vec<(i64, i64)> = x.iter().zip(&y).map(|(x, y)| (*x as i64, *y as i64)).collect();
        places.sort_unstable();
        for pair in places.windows(2).filter(|pair| pair[0].0 == pair[1].0) {
            assert!(pair[1].1 - pair[0].1 >= 14, "{name}: two texts at {pair:?}");
        }
    }
}

#[test]
fn refusals_and_peers_are_shown() {
    let mut results = made_up(vec![Shape::square("only", 64)], &["baseline"]);
    let (shape, dtype) = ("only".to_owned(), "f32".to_owned());
    results.refused.push(Refused {
        shape: shape.clone(),
        dtype: dtype.clone(),
        subject: "lane:matrix".to_owned(),
        why: "it has no matrices".to_owned(),
    });
    let peer = |subject: &str, gpu_ms: Option<f64>| Peer {
        shape: shape.clone(),
        dtype: dtype.clone(),
        score_deviation: 1.0,
        subject: subject.to_owned(),
        gpu_ms,
        tflops: gpu_ms.map(|ms| 1.0 / ms),
    };
    results.peers = vec![peer("timed", Some(2.0)), peer("untimed", None)];
    let svg = drawn(&results, "bars-f32.svg");
    let texts = texts(&svg);
    for text in ["lane:matrix", "refused", "timed"] {
        assert!(texts.contains(&text), "{text} is not among {texts:?}");
    }
    assert!(!texts.contains(&"untimed"));
}

#[test]
fn a_sweep_is_shapes_named_after_their_length() {
    let swept = |shapes: Vec<Shape>| -> Vec<String> {
        let results = made_up(shapes, &["baseline"]);
        Figure::all(&results)[0].swept.iter().map(|shape| shape.name.clone()).collect()
    };
    let named =
        |names: [&str; 3]| names.iter().zip([512, 128, 256]).map(|(name, len)| Shape::square(name, len)).collect();
    assert_eq!(swept(named(["my-512", "my-128", "my-256"])), ["my-128", "my-256", "my-512"]);
    assert!(swept(named(["my-512", "my-128", "other"])).is_empty());
    // vit-l-336 has the sizes of the sweep, and is none of it.
    assert_eq!(Figure::all(&everything())[0].plain.len(), 9);
}

#[test]
fn without_a_measurement_there_is_no_plot() {
    let error = draw(&made_up(vec![], &[])).expect_err("there is nothing").to_string();
    assert!(error.contains("nothing to plot"), "{error}");
}

#[test]
fn plots_are_written_and_replaced() {
    let home = tempfile::tempdir().expect("there is room for a folder");
    let results = everything();
    let folder = OutputFolder::new("--plot", home.path()).expect("it can be written to");
    for _ in 0..2 {
        let mut written = write(&results, &folder).expect("they can be written");
        written.sort();
        let names: Vec<_> = written.iter().map(|path| path.file_name().expect("a file has a name")).collect();
        assert_eq!(names, ["bars-f16.svg", "bars-f32.svg", "lengths-f16.svg", "lengths-f32.svg"]);
        assert!(std::fs::read_to_string(&written[0]).expect("it is there").ends_with("</svg>\n"));
    }
    assert_eq!(std::fs::read_dir(home.path()).expect("it is there").count(), 4, "nothing is left beside them");
}
