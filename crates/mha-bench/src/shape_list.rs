//! Shapes of a user's own: lists in files, and what they must keep to.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::error::BenchError;
use crate::shape::Shape;

/// Elements that a tensor may have: 2 GiB of float32.
const MAX_ELEMENTS: u64 = 1 << 29;

/// What a list looks like.
const EXAMPLE: &str =
    r#"[{"name": "mine", "batch": 1, "q_len": 512, "kv_len": 512, "heads": 8, "head_size": 64, "causal": false}]"#;

impl Shape {
    /// Whether it can be measured.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if name.is_empty() || !name.chars().all(plain) {
            return Err(format!("a name is made of letters, digits, `-`, `_` and `.`, got `{name}`"));
        }
        let sizes = [
            ("batch", self.batch),
            ("q_len", self.q_len),
            ("kv_len", self.kv_len),
            ("heads", self.heads),
            ("head_size", self.head_size),
        ];
        if let Some((size, _)) = sizes.into_iter().find(|(_, value)| *value == 0) {
            return Err(format!("the {size} of `{name}` is 1 or more, got 0"));
        }
        let elements = self.largest_tensor();
        if elements > MAX_ELEMENTS {
            return Err(format!(
                "a tensor of `{name}` has {MAX_ELEMENTS} elements at most (batch x length x heads x head_size), got {elements}"
            ));
        }
        Ok(())
    }

    /// The shapes of a JSON file, a list as `data/shapes.json`.
    ///
    /// # Errors
    /// [`BenchError::ShapeList`] where the file can't be read, is no such list, or holds a shape that can't be measured.
    pub fn read(path: &Path) -> Result<Vec<Shape>, BenchError> {
        let fail = |message: String| BenchError::ShapeList { path: path.to_owned(), message };
        let text = fs::read_to_string(path).map_err(|error| {
            fail(format!("it can't be read: {error}; --shapes takes names, or a FILE.json that is there"))
        })?;
        let shapes: Vec<Shape> = serde_json::from_str(&text)
            .map_err(|error| fail(format!("it must hold a list of shapes as {EXAMPLE}, got another text: {error}")))?;
        if shapes.is_empty() {
            return Err(fail("it must hold one shape or more, got an empty list".to_owned()));
        }
        let mut names = BTreeSet::new();
        for shape in &shapes {
            shape.check().map_err(fail)?;
            if !names.insert(shape.name.as_str()) {
                return Err(fail(format!("every shape has a name of its own, got `{}` twice", shape.name)));
            }
        }
        Ok(shapes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Shape>, String> {
        let file = tempfile::NamedTempFile::new().expect("there is room for a file");
        fs::write(file.path(), text).expect("it can be written");
        Shape::read(file.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_list_is_read_with_and_without_an_origin() {
        assert_eq!(read(EXAMPLE).expect("the example is right")[0].origin, "");
        let built_in = read(include_str!("../data/shapes.json")).expect("the built-in list is right");
        assert_eq!(built_in, Shape::built_in().expect("it parses"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let list = |edit: &dyn Fn(&mut Shape)| {
            let mut shape = Shape::square("mine", 64);
            edit(&mut shape);
            serde_json::to_string(&[Shape::square("other", 64), shape]).expect("shapes are JSON")
        };
        for (text, want) in [
            ("{}".to_owned(), "must hold a list of shapes"),
            ("[]".to_owned(), "one shape or more"),
            (EXAMPLE.replace("\"causal\"", "\"casual\""), "unknown field `casual`"),
            (EXAMPLE.replace(", \"causal\": false", ""), "missing field `causal`"),
            (EXAMPLE.replace("512", "-1"), "invalid value: integer `-1`"),
            (list(&|shape| shape.heads = 0), "the heads of `mine` is 1 or more, got 0"),
            (list(&|shape| shape.kv_len = 0), "the kv_len of `mine`"),
            (list(&|shape| shape.head_size = 1 << 20), "536870912 elements at most"),
            (list(&|shape| (shape.batch, shape.heads, shape.q_len) = (u32::MAX, u32::MAX, u32::MAX)), "got 1844"),
            (list(&|shape| shape.name = "a|b".to_owned()), "letters, digits"),
            (list(&|shape| shape.name = "other".to_owned()), "got `other` twice"),
        ] {
            let error = read(&text).expect_err(&text);
            assert!(error.contains(want) && !error.contains('\n'), "{want} is not in: {error}");
        }
        let error = Shape::read(Path::new("no/such.json")).expect_err("it is not there").to_string();
        assert!(error.contains("no/such.json") && error.contains("can't be read"), "{error}");
    }
}
