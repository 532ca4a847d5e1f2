//! The list of kernels and its templates, as `build.rs` reads them: what a line stands for, what a template becomes, and what is said of
//! a mistake.

#[path = "../compile/compose.rs"]
mod compose;
#[path = "../compile/variants.rs"]
mod variants;

use compose::Composer;
use variants::expand;

/// Each kernel as `name: file file:counts`.
fn kernels(text: &str) -> Vec<String> {
    let variants = expand(text).unwrap();
    let file = |file: &variants::File| {
        let counts: Vec<String> = file.counts.iter().map(u32::to_string).collect();
        format!(" {}{}{}", file.path, if counts.is_empty() { "" } else { ":" }, counts.join("x"))
    };
    variants
        .iter()
        .map(|variant| format!("{}:{}", variant.name, variant.files.iter().map(file).collect::<String>()))
        .collect()
}

#[test]
fn a_line_stands_for_all_values_of_its_axes() {
    let cases: [(&str, &[&str]); 5] = [
        ("# nothing\n\n", &[]),
        ("a: x b/y", &["a: x.wgsl b/y.wgsl"]),
        ("axis t = f32 f16\nk_{t}: p/{t} k", &["k_f32: p/f32.wgsl k.wgsl", "k_f16: p/f16.wgsl k.wgsl"]),
        ("axis t = one=x+y two=z\nk_{t}: {t} k", &["k_one: x.wgsl y.wgsl k.wgsl", "k_two: z.wgsl k.wgsl"]),
        (
            "axis t = l4_r2s16 l8_r1s3h=extra:5\nk_{t}: lanes{t.l} rows:{t.r} slice:{t.s} {t}",
            &[
                "k_l4_r2s16: lanes4.wgsl rows.wgsl:2 slice.wgsl:16 l4_r2s16.wgsl",
                "k_l8_r1s3h: lanes8.wgsl rows.wgsl:1 slice.wgsl:3 extra.wgsl:5",
            ],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(kernels(text), expected, "{text}");
    }
}

#[test]
fn mistakes_are_named() {
    let cases = [
        ("axis t", "variants.txt:1: an axis is `axis NAME = VALUES`, got `axis t`"),
        ("axis t =", "variants.txt:1: an axis is `axis NAME = VALUES`, got `axis t =`"),
        ("\nk x", "variants.txt:2: a kernel is `NAME: FILES`, got `k x`"),
        ("k: a\nk: b", "variants.txt:2: a kernel is listed once, got k again"),
        ("k_{t}: a", "got `k_{t}: a`"),
        ("axis t = r2\nk_{t}: rows:{t.s}", "{axis.x} among its files a number behind x, got `k_r2: rows:{t.s}`"),
        ("axis t = r2\nk: rows:{t.r}", "{axis} is defined above and in its kernel's name, and"),
        ("axis t = r2\nk_{t}_{t.r}: a", "got `k_r2_{t.r}: a`"),
        ("k: rows:two", "a template is FILE:N, FILE:NxM, FILE:NxMxK or FILE:NxMxKxL, got rows:two in k"),
    ];
    for (text, expected) in cases {
        let error = expand(text).err().unwrap_or_else(|| panic!("accepts {text}"));
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn templates_are_written_out_for_their_counts() {
    let folder = tempfile::tempdir().unwrap();
    let text = "const ROWS: u32 = ${N}u;\n//% for r in range(N)\n    x.r${r} = at(first${plus(r)}, y${plus(r, \"LANES\")});\n//% endfor\n";
    std::fs::write(folder.path().join("rows.wgsl"), text).unwrap();
    std::fs::write(folder.path().join("wrong.wgsl"), "a\n${M}\n").unwrap();
    let joined = |list: &str| Composer::new(folder.path()).unwrap().join(&expand(list).unwrap()[0].files);
    assert_eq!(
        joined("k: rows:3").unwrap(),
        "const ROWS: u32 = 3u;\n    x.r0 = at(first, y);\n    x.r1 = at(first + 1u, y + LANES);\n    x.r2 = at(first + 2u, y + 2u * \
         LANES);\n// ^ kernels/rows.wgsl, for 3\n\n"
    );
    // Without counts it is a file like any other.
    assert_eq!(joined("k: rows").unwrap(), format!("{text}// ^ kernels/rows.wgsl\n\n"));
    std::fs::write(folder.path().join("plain.wgsl"), "a\n").unwrap();
    std::fs::write(folder.path().join("three.wgsl"), "${N} ${M} ${K}\n").unwrap();
    assert_eq!(joined("k: three:2x3x8").unwrap(), "2 3 8\n// ^ kernels/three.wgsl, for 2x3x8\n\n");
    for (list, expected) in [
        ("k: plain:2", "kernels/plain.wgsl: only a template has counts, got 2 for a file without N"),
        ("k: three:1x2x3x4x5", "kernels/three.wgsl: a template has counts NxMxKxL, got 1x2x3x4x5"),
        ("k: wrong:2", "kernels/wrong.wgsl: "),
        ("k: missing", "kernels/missing.wgsl: "),
    ] {
        let error = joined(list).unwrap_err();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(joined("k: wrong:2").unwrap_err().contains("undefined value"));
}
