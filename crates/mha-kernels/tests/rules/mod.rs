//! What naga's representation of a module shows of its cost, in whatever language it is written out: arrays in thread memory, float16
//! that is converted without need or computed with. Lines that are found are for people to read.

use std::collections::{BTreeSet, HashSet};

use naga::valid::{FunctionInfo, ModuleInfo};
use naga::{
    AddressSpace, Block, Expression, Function, Handle, MathFunction, Module, Scalar, Statement, Type, TypeInner,
};

type Expr = Handle<Expression>;

/// A function, and what goes into and out of it.
struct Body<'a> {
    name: &'a str,
    function: &'a Function,
    info: &'a FunctionInfo,
    stores: Vec<(Expr, Expr)>,
    returns: Vec<Expr>,
    calls: Vec<(usize, &'a [Expr])>,
}

/// A number that is converted and, only moved from there, converted back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoundTrip<'a> {
    /// The functions of the first conversion and of the second.
    pub from: &'a str,
    pub to: &'a str,
    /// Whether the second makes float16, which had been float16: nothing is gained. Otherwise digits are lost.
    pub is_half: bool,
}

/// A valid module whose overrides have values.
pub struct Code<'a> {
    module: &'a Module,
    /// Functions in the order of the module, then entry points.
    bodies: Vec<Body<'a>>,
}

impl<'a> Code<'a> {
    pub fn new(module: &'a Module, info: &'a ModuleInfo) -> Code<'a> {
        let functions = module.functions.iter().map(|(handle, function)| (function, &info[handle]));
        let entry_points = module.entry_points.iter().enumerate();
        let entry_points = entry_points.map(|(i, entry)| (&entry.function, info.get_entry_point(i)));
        let bodies = functions.chain(entry_points).map(|(function, info)| {
            let name = function.name.as_deref().unwrap_or("the entry point");
            let mut body = Body { name, function, info, stores: vec![], returns: vec![], calls: vec![] };
            body.walk(&function.body);
            body
        });
        Code { module, bodies: bodies.collect() }
    }

    fn expressions(&self) -> impl Iterator<Item = (&Body<'a>, Expr, &'a Expression)> {
        self.bodies.iter().flat_map(|body| body.function.expressions.iter().map(move |(at, expr)| (body, at, expr)))
    }

    fn type_of(&self, body: &Body<'a>, expr: Expr) -> &TypeInner {
        body.info[expr].ty.inner_with(&self.module.types)
    }

    fn scalar(&self, body: &Body<'a>, expr: Expr) -> Option<Scalar> {
        self.type_of(body, expr).scalar()
    }

    /// Arrays of thread memory other than those of cooperative matrices, and indices into thread memory that are no constants. The one
    /// may land in memory, the other must.
    pub fn thread_arrays(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (body, at, expr) in self.expressions() {
            let is_array = match *self.type_of(body, at) {
                TypeInner::Pointer { base, space: AddressSpace::Function | AddressSpace::Private } => {
                    self.holds_array(&self.module.types[base].inner)
                }
                ref value => self.holds_array(value),
            };
            if is_array {
                found.push(format!("{}: an array in {expr:?}", body.name));
            }
            if let Expression::Access { base, index } = *expr {
                let is_shared = match self.type_of(body, base).pointer_space() {
                    Some(space) => !matches!(space, AddressSpace::Function | AddressSpace::Private),
                    None => false,
                };
                let index = &body.function.expressions[index];
                let is_constant = matches!(index, Expression::Literal(_) | Expression::Constant(_));
                if !is_shared && !is_constant {
                    found.push(format!("{}: an index in {expr:?}", body.name));
                }
            }
        }
        found
    }

    /// Whether a value of the type has an array whose elements are not matrices alone.
    fn holds_array(&self, ty: &TypeInner) -> bool {
        match ty {
            TypeInner::Array { base, .. } => !self.is_of_matrices(*base),
            TypeInner::Struct { members, .. } => {
                members.iter().any(|member| self.holds_array(&self.module.types[member.ty].inner))
            }
            _ => false,
        }
    }

    fn is_of_matrices(&self, ty: Handle<Type>) -> bool {
        match &self.module.types[ty].inner {
            TypeInner::CooperativeMatrix { .. } => true,
            TypeInner::Struct { members, .. } => members.iter().all(|member| self.is_of_matrices(member.ty)),
            _ => false,
        }
    }

    /// Arithmetic in float16, products of matrices aside.
    pub fn half_arithmetic(&self) -> Vec<String> {
        let is_half = |body, expr| self.scalar(body, expr) == Some(Scalar::F16);
        let computes = |body, expr: &Expression| match *expr {
            Expression::Binary { left: x, .. } | Expression::Unary { expr: x, .. } => is_half(body, x),
            Expression::Math { arg, .. } => is_half(body, arg),
            _ => false,
        };
        let found = self.expressions().filter(|(body, _, expr)| computes(body, expr));
        found.map(|(body, _, expr)| format!("{}: {expr:?}", body.name)).collect()
    }

    /// All round trips between float16 and float32, sorted, through variables, arguments and results of functions, but not through
    /// memory that lanes share. On any path and in any order: neither whether a branch is taken nor which of a variable's stores comes first is
    /// looked at.
    pub fn round_trips(&self) -> Vec<RoundTrip<'a>> {
        let mut found = BTreeSet::new();
        for (i, body) in self.bodies.iter().enumerate() {
            for (at, _) in body.function.expressions.iter() {
                if let Some((is_half, source)) = self.conversion(body, at) {
                    let mut trace = Trace { code: self, is_half, seen: HashSet::new(), origins: vec![] };
                    trace.follow(i, source, &[]);
                    found.extend(trace.origins.iter().map(|&from| RoundTrip { from, to: body.name, is_half }));
                }
            }
        }
        found.into_iter().collect()
    }

    /// Of a conversion between float16 and float32: whether it makes float16, be it in words, and of what.
    fn conversion(&self, body: &Body<'a>, expr: Expr) -> Option<(bool, Expr)> {
        match body.function.expressions[expr] {
            Expression::Math { fun: MathFunction::Pack2x16float, arg, .. } => Some((true, arg)),
            Expression::Math { fun: MathFunction::Unpack2x16float, arg, .. } => Some((false, arg)),
            Expression::As { expr: source, convert: Some(_), .. } => {
                match (self.scalar(body, source)?, self.scalar(body, expr)?) {
                    (Scalar::F32, Scalar::F16) => Some((true, source)),
                    (Scalar::F16, Scalar::F32) => Some((false, source)),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

impl<'a> Body<'a> {
    fn walk(&mut self, block: &'a Block) {
        for statement in block {
            match statement {
                Statement::Block(block) => self.walk(block),
                Statement::If { accept, reject, .. } => {
                    self.walk(accept);
                    self.walk(reject);
                }
                Statement::Switch { cases, .. } => cases.iter().for_each(|case| self.walk(&case.body)),
                Statement::Loop { body, continuing, .. } => {
                    self.walk(body);
                    self.walk(continuing);
                }
                Statement::Store { pointer, value } => self.stores.push((*pointer, *value)),
                Statement::Return { value } => self.returns.extend(value),
                Statement::Call { function, arguments, .. } => self.calls.push((function.index(), arguments)),
                _ => {}
            }
        }
    }

    /// The variable that a pointer is into, and which member of which member.
    fn place(&self, pointer: Expr) -> (Expr, Vec<u32>) {
        match self.function.expressions[pointer] {
            Expression::AccessIndex { base, index } => {
                let (variable, mut path) = self.place(base);
                path.push(index);
                (variable, path)
            }
            // One element stands for all of them.
            Expression::Access { base, .. } => self.place(base),
            _ => (pointer, vec![]),
        }
    }
}

/// The way back from the source of a conversion to conversions the other way. It ends at loads of what is not a function's own variable:
/// of private and workgroup variables, and through pointers that a function is given.
struct Trace<'c, 'a> {
    code: &'c Code<'a>,
    is_half: bool,
    seen: HashSet<(usize, Expr, Vec<u32>)>,
    origins: Vec<&'a str>,
}

impl Trace<'_, '_> {
    /// What the member `path` of an expression is moved from.
    fn follow(&mut self, at: usize, expr: Expr, path: &[u32]) {
        if !self.seen.insert((at, expr, path.to_vec())) {
            return;
        }
        let code = self.code;
        let body = &code.bodies[at];
        if let Some((makes_half, _)) = code.conversion(body, expr) {
            if makes_half != self.is_half {
                self.origins.push(body.name);
            }
            return;
        }
        match body.function.expressions[expr] {
            Expression::Compose { ref components, .. } => match path {
                // A vector may be made of vectors, whose components are not told apart.
                [first, rest @ ..] if !matches!(code.type_of(body, expr), TypeInner::Vector { .. }) => {
                    self.follow(at, components[*first as usize], rest);
                }
                _ => components.iter().for_each(|component| self.follow(at, *component, &[])),
            },
            Expression::AccessIndex { base, index } => self.follow(at, base, &[&[index], path].concat()),
            Expression::Access { base, .. } => self.follow(at, base, &[]),
            Expression::Splat { value, .. } => self.follow(at, value, &[]),
            Expression::Swizzle { vector, .. } => self.follow(at, vector, &[]),
            Expression::Select { accept, reject, .. } => {
                self.follow(at, accept, path);
                self.follow(at, reject, path);
            }
            Expression::As { expr, convert: None, .. } => self.follow(at, expr, &[]),
            Expression::Load { pointer } => {
                let (variable, mut wanted) = body.place(pointer);
                if !matches!(body.function.expressions[variable], Expression::LocalVariable(_)) {
                    return;
                }
                wanted.extend(path);
                for (pointer, value) in &body.stores {
                    let (stored, part) = body.place(*pointer);
                    // Naga has one expression for each variable.
                    if stored != variable {
                        continue;
                    }
                    if let Some(rest) = wanted.strip_prefix(&part[..]) {
                        self.follow(at, *value, rest);
                    } else if part.starts_with(&wanted) {
                        self.follow(at, *value, &[]);
                    }
                }
            }
            Expression::FunctionArgument(i) => {
                for (caller, body) in code.bodies.iter().enumerate() {
                    for (_, arguments) in body.calls.iter().filter(|(called, _)| *called == at) {
                        self.follow(caller, arguments[i as usize], path);
                    }
                }
            }
            Expression::CallResult(function) => {
                let called = function.index();
                code.bodies[called].returns.iter().for_each(|value| self.follow(called, *value, path));
            }
            _ => {}
        }
    }
}

/// Modules that keep to the rules, and modules that break them.
mod tests {
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    use super::{Code, RoundTrip};

    fn of<T>(source: &str, look: impl Fn(Code) -> T) -> T {
        let source = format!("enable f16;\nenable wgpu_cooperative_matrix;\n{source}");
        let module =
            naga::front::wgsl::parse_str(&source).unwrap_or_else(|error| panic!("{}", error.emit_to_string(&source)));
        let info = Validator::new(ValidationFlags::all(), Capabilities::all()).validate(&module).unwrap();
        look(Code::new(&module, &info))
    }

    fn arrays(source: &str) -> usize {
        of(source, |code| code.thread_arrays().len())
    }

    fn trips(source: &str) -> Vec<(String, String, bool)> {
        let line = |trip: &RoundTrip| (trip.from.to_owned(), trip.to.to_owned(), trip.is_half);
        of(source, |code| code.round_trips().iter().map(line).collect())
    }

    fn trip(from: &str, to: &str, is_half: bool) -> Vec<(String, String, bool)> {
        vec![(from.to_owned(), to.to_owned(), is_half)]
    }

    #[test]
    fn arrays_of_threads_are_found() {
        assert_ne!(arrays("fn f(i: u32) -> f32 { var x = array(1.0, 2.0); return x[i]; }"), 0);
        assert_ne!(arrays("fn f(x: array<f32, 2>) -> f32 { return x[1]; }"), 0);
        assert_ne!(arrays("struct S { x: array<u32, 4> } fn f() -> u32 { var s = S(); return s.x[1]; }"), 0);
        assert_ne!(arrays("var<private> x: array<u32, 4>; fn f() -> u32 { return x[1]; }"), 0);
        // A vector whose component a number names lands in memory like an array.
        assert_ne!(arrays("fn f(x: vec4<f32>, i: u32) -> f32 { return x[i]; }"), 0);
        assert_ne!(arrays("fn f(i: u32) -> f32 { var x: vec4<f32>; x[i] = 1.0; return x.x; }"), 0);
    }

    #[test]
    fn arrays_elsewhere_and_constant_indices_are_not() {
        assert_eq!(arrays("var<workgroup> x: array<f32, 4>; fn f(i: u32) -> f32 { return x[i]; }"), 0);
        assert_eq!(
            arrays("@group(0) @binding(0) var<storage> x: array<vec4<f32>>; fn f(i: u32) -> f32 { return x[i].y; }"),
            0
        );
        assert_eq!(arrays("fn f(x: vec4<f32>) -> f32 { var y = x; y.z = 1.0; return y[1u] + x[2]; }"), 0);
    }

    #[test]
    fn arrays_of_matrices_have_constant_indices() {
        let code = |index| {
            format!(
                "alias M = coop_mat8x8<f32, C>;
             struct Pair {{ a: M, b: M }}
             var<workgroup> x: array<f32, 64>;
             fn f(i: u32) {{ var m: array<Pair, 2>; m[{index}].a = m[1].b; coopStore(m[0].a, &x[0], 8u); }}"
            )
        };
        assert_eq!(arrays(&code("0")), 0);
        assert_eq!(arrays(&code("i")), 1);
    }

    #[test]
    fn arithmetic_in_float16_is_found() {
        let lines = |source| of(source, |code| code.half_arithmetic().len());
        assert_eq!(lines("fn f(x: f16, y: f16) -> f16 { return x * y; }"), 1);
        assert_eq!(lines("fn f(x: vec4<f16>) -> vec4<f16> { return max(x, -x); }"), 2);
        assert_eq!(lines("fn f(x: f16, y: f16) -> f16 { return f16(f32(x) * f32(y)); }"), 0);
    }

    #[test]
    fn round_trips_are_found() {
        assert_eq!(trips("fn f(x: f16) -> f16 { return f16(f32(x)); }"), trip("f", "f", true));
        assert_eq!(trips("fn f(x: f32) -> f32 { return f32(f16(x)); }"), trip("f", "f", false));
        assert_eq!(trips("fn f(x: u32) -> vec2<f16> { return vec2<f16>(unpack2x16float(x)); }"), trip("f", "f", true));
        assert_eq!(trips("fn f(x: vec4<f16>) -> u32 { return pack2x16float(vec4<f32>(x).xz); }"), trip("f", "f", true));
        assert_eq!(
            trips("fn f(x: f16) -> vec2<f16> { return vec2<f16>(vec2<f32>(0.0, f32(x))); }"),
            trip("f", "f", true)
        );
        assert_eq!(
            trips("fn f(x: f16, y: f32) -> f16 { return f16(select(y, f32(x), y > 0.0)); }"),
            trip("f", "f", true)
        );
    }

    #[test]
    fn round_trips_are_found_through_variables_and_functions() {
        let stage = "fn wide(x: vec4<f16>) -> vec4<f32> { return vec4<f32>(x); }
             fn biased(x: vec4<f32>, has: bool) -> vec4<f32> { if has { return x + 1.0; } return x; }
             var<workgroup> tile: array<vec4<f16>, 8>;
             fn put(at: u32, x: vec4<f32>) { tile[at] = vec4<f16>(x); }
             fn stage(x: vec4<f16>, at: u32) {
                 var y: vec4<f32>;
                 if at < 4u { y = biased(wide(x), at == 0u); }
                 put(at, y);
             }";
        assert_eq!(trips(stage), trip("wide", "put", true));
        let member = |name| {
            format!(
                "struct S {{ moved: f32, computed: f32 }}
             fn make(x: f16) -> S {{ var s = S(0.0, 1.0); s.moved = f32(x); s.computed = f32(x) * 2.0; return s; }}
             fn f(x: f16) -> f16 {{ let s = make(x); return f16(s.{name}); }}"
            )
        };
        assert_eq!(trips(&member("moved")), trip("make", "f", true));
        assert_eq!(trips(&member("computed")), []);
    }

    #[test]
    fn conversions_for_arithmetic_are_no_round_trips() {
        assert_eq!(trips("fn f(x: f16, y: f16) -> f16 { return f16(f32(x) + f32(y)); }"), []);
        assert_eq!(trips("fn f(x: vec2<f16>) -> f32 { return dot(vec2<f32>(x), vec2<f32>(x)); }"), []);
        assert_eq!(trips("fn f(x: f32) -> f16 { var y = vec4<f32>(); y += x; return f16(y.x); }"), []);
    }
}
