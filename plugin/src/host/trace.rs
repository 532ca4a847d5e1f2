//! ONNX Runtime's profile of a session: the times of its MultiHeadAttention nodes.

use serde_json::Value;

use super::HostError;

/// A MultiHeadAttention node with its times.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeTimes {
    /// Its name, or its operator and index where it has none.
    pub name: String,
    /// Whether it works on float16.
    pub float16: bool,
    /// Milliseconds of each time it was run, in order.
    pub ms: Vec<f64>,
    /// Whether it never had anything to compute, as it had no queries, or neither keys nor a past.
    pub empty: bool,
}

const OPERATOR: &str = "MultiHeadAttention";
const SUFFIX: &str = "_kernel_time";

/// The MultiHeadAttention nodes among the events of a profile, in the order in which they first ran.
pub(super) fn attention_nodes(profile: &str) -> Result<Vec<NodeTimes>, HostError> {
    let events: Vec<Value> = serde_json::from_str(profile).map_err(|error| HostError::Profile(error.to_string()))?;
    // Names need not be unique, and subgraphs count their nodes anew.
    let mut nodes: Vec<((&str, &Value), NodeTimes)> = Vec::new();
    for event in &events {
        let args = &event["args"];
        let (Some(name), Some(dur)) = (event["name"].as_str(), event["dur"].as_f64()) else { continue };
        let Some(name) = name.strip_suffix(SUFFIX) else { continue };
        if event["cat"] != "Node" || args["op_name"] != OPERATOR {
            continue;
        }
        let key = (name, &args["node_index"]);
        let at = nodes.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
            let float16 = args["input_type_shape"][0].get("float16").is_some();
            nodes.push((key, NodeTimes { name: name.to_owned(), float16, ms: Vec::new(), empty: true }));
            nodes.len() - 1
        });
        nodes[at].1.ms.push(dur / 1e3);
        nodes[at].1.empty &= is_empty(&args["input_type_shape"]);
    }
    Ok(nodes.into_iter().map(|(_, node)| node).collect())
}

/// Whether a node with such inputs, a list of `{type: shape}`, has nothing to compute.
fn is_empty(inputs: &Value) -> bool {
    let mut shapes =
        inputs.as_array().into_iter().flatten().filter_map(|input| input.as_object()?.values().next()?.as_array());
    let has_none = |shape: &Vec<Value>| shape.iter().any(|size| size == 0);
    let Some(query) = shapes.next() else { return false };
    // The list has no places of inputs that a node lacks, but biases and lengths have fewer dimensions than keys and values.
    let others: Vec<_> = shapes.filter(|shape| shape.len() >= 3).collect();
    has_none(query) || (!others.is_empty() && others.into_iter().all(has_none))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_gathered_by_node() {
        let event = |name: &str, op: &str, index: u32, dur: u32, element: &str| {
            format!(
                r#"{{"cat":"Node","name":"{name}","dur":{dur},"args":
                    {{"op_name":"{op}","node_index":"{index}","input_type_shape":[{{"{element}":[1,2]}}]}}}}"#
            )
        };
        let events = [
            r#"{"cat":"Session","name":"model_run","dur":9}"#.to_owned(),
            event("b_kernel_time", "MultiHeadAttention", 7, 1500, "float"),
            event("b_fence_before", "MultiHeadAttention", 7, 1, "float"),
            event("a_kernel_time", "MatMul", 8, 1, "float"),
            event("a_kernel_time", "MultiHeadAttention", 9, 500, "float16"),
            event("a_kernel_time", "MultiHeadAttention", 2, 100, "float16"),
            event("b_kernel_time", "MultiHeadAttention", 7, 2500, "float"),
        ];
        let node =
            |name: &str, float16, ms: &[f64]| NodeTimes { name: name.into(), float16, ms: ms.into(), empty: false };
        assert_eq!(
            attention_nodes(&format!("[{}]", events.join(","))).unwrap(),
            [node("b", false, &[1.5, 2.5]), node("a", true, &[0.5]), node("a", true, &[0.1])]
        );
        assert!(attention_nodes("[{").is_err());
    }

    #[test]
    fn work_is_empty_without_queries_and_without_keys() {
        let cases = [
            (r#"[{"float":[1,4,32]},{"float":[1,4,32]},{"float":[1,4,32]}]"#, false),
            (r#"[{"float":[1,0,32]},{"float":[1,4,32]},{"float":[1,4,32]}]"#, true),
            (r#"[{"float":[1,4,32]},{"float":[1,0,32]},{"float":[1,0,32]},{"float":[96]}]"#, true),
            (
                r#"[{"float":[1,4,32]},{"float":[1,0,32]},{"float":[1,0,32]},{"float":[1,4,7,8]},{"float":[1,4,7,8]}]"#,
                false,
            ),
            (r#"[{"float":[1,0,4,3,8]}]"#, true),
            (r#"[{"float":[1,2,4,3,8]}]"#, false),
            ("[]", false),
            ("null", false),
        ];
        for (inputs, expected) in cases {
            assert_eq!(is_empty(&serde_json::from_str(inputs).unwrap()), expected, "{inputs}");
        }
    }
}
