//! What WGSL cannot say of a cooperative matrix: a function of each of its elements.
//!
//! A kernel declares such a function by its name and by a body that is only a stand-in. `each_NAME`, from matrices and whatever
//! else to a matrix, means NAME of each element; `fold_NAME`, from a matrix and a number to a number, NAME of the number so far and
//! each element in turn. Elements are those of the invocation's own part of the matrix, which only SPIR-V can reach
//! (SPV_KHR_cooperative_matrix); element i of each matrix goes with element i of the others and of the result. Here the kernel is
//! translated by naga, as wgpu does it, and the stand-ins are replaced by loops.
//!
//! Barriers of a subgroup order workgroup memory as well here, which WGSL has no word for.

use rspirv::binary::Assemble;
use rspirv::dr::{Block, Function, Instruction, Module, Operand};
use rspirv::spirv::{LoopControl, MemorySemantics, Op, Scope, StorageClass, Word};
use wgpu::naga;

use mha_kernels::KernelInfo;

/// The SPIR-V of a kernel with its overrides set, whose storage binding `bindings[i]` is number i.
///
/// # Errors
/// What naga refuses, or a stand-in that calls no function, or several.
pub(crate) fn translate(
    kernel: &KernelInfo,
    constants: &[(&str, f64)],
    bindings: &[u32],
    checks: bool,
) -> Result<Vec<u32>, String> {
    let module = naga::front::wgsl::parse_str(kernel.source).map_err(|error| error.emit_to_string(kernel.source))?;
    let mut validator =
        naga::valid::Validator::new(naga::valid::ValidationFlags::all(), naga::valid::Capabilities::all());
    let info = validator.validate(&module).map_err(|error| error.emit_to_string(kernel.source))?;
    let constants = constants.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    let entry = (naga::ShaderStage::Compute, kernel.entry_point);
    let (module, info) = naga::back::pipeline_constants::process_overrides(&module, &info, Some(entry), &constants)
        .map_err(|error| error.to_string())?;
    let options = naga::back::spv::Options {
        // Every driver with cooperative matrices has Vulkan 1.3.
        lang_version: (1, 6),
        // Names, by which functions are found below.
        flags: naga::back::spv::WriterFlags::DEBUG,
        binding_map: (0u32..)
            .zip(bindings)
            .map(|(number, &binding)| {
                let at = naga::ResourceBinding { group: 0, binding };
                let info =
                    naga::back::spv::BindingInfo { descriptor_set: 0, binding: number, binding_array_size: None };
                (at, info)
            })
            .collect(),
        bounds_check_policies: if checks {
            let restrict = naga::proc::BoundsCheckPolicy::Restrict;
            naga::proc::BoundsCheckPolicies {
                index: restrict,
                buffer: restrict,
                image_load: restrict,
                binding_array: restrict,
            }
        } else {
            naga::proc::BoundsCheckPolicies::default()
        },
        zero_initialize_workgroup_memory: if checks {
            naga::back::spv::ZeroInitializeWorkgroupMemoryMode::Polyfill
        } else {
            naga::back::spv::ZeroInitializeWorkgroupMemoryMode::None
        },
        force_loop_bounding: checks,
        emit_int_div_checks: checks,
        ..naga::back::spv::Options::default()
    };
    let pipeline = naga::back::spv::PipelineOptions {
        shader_stage: naga::ShaderStage::Compute,
        entry_point: kernel.entry_point.to_owned(),
    };
    let words =
        naga::back::spv::write_vec(&module, &info, &options, Some(&pipeline)).map_err(|error| error.to_string())?;
    with_elements(&words)
}

/// The same module with loops where stand-ins are.
fn with_elements(words: &[u32]) -> Result<Vec<u32>, String> {
    let module = rspirv::dr::load_words(words).map_err(|error| error.to_string())?;
    let mut writer = Writer { module };
    for (id, name) in writer.names() {
        let is_each = name.starts_with("each_");
        if !is_each && !name.starts_with("fold_") {
            continue;
        }
        if let Some(index) = writer.module.functions.iter().position(|function| function.def_id() == Some(id)) {
            let body = writer.body(index, is_each).map_err(|why| format!("function {name}: {why}"))?;
            writer.module.functions[index].blocks = body;
        }
    }
    writer.order_workgroup_memory();
    Ok(writer.module.assemble())
}

struct Writer {
    module: Module,
}

/// A function's parameter.
#[derive(Clone, Copy)]
struct Parameter {
    id: Word,
    ty: Word,
    /// Of the elements, where it is a matrix.
    element: Option<Word>,
}

impl Writer {
    fn names(&self) -> Vec<(Word, String)> {
        let name = |instruction: &Instruction| match (instruction.class.opcode, &instruction.operands[..]) {
            (Op::Name, [Operand::IdRef(id), Operand::LiteralString(name)]) => Some((*id, name.clone())),
            _ => None,
        };
        self.module.debug_names.iter().filter_map(name).collect()
    }

    /// The loop over elements of a function whose stand-in names what to call.
    fn body(&mut self, index: usize, is_each: bool) -> Result<Vec<Block>, String> {
        let function = &self.module.functions[index];
        let callee = called(function)?;
        let result = function.def.as_ref().and_then(|def| def.result_type).ok_or("it has a result")?;
        let parameters: Vec<Parameter> = function
            .parameters
            .iter()
            .map(|parameter| {
                let (id, ty) = (parameter.result_id.unwrap_or(0), parameter.result_type.unwrap_or(0));
                Parameter { id, ty, element: self.element_type(ty) }
            })
            .collect();
        let matrix = parameters.iter().find(|parameter| parameter.element.is_some()).ok_or("it takes a matrix")?.ty;
        let element = if is_each { self.element_type(result).ok_or("what each_ gives is a matrix")? } else { result };

        let (uint, boolean) = (self.uint_type(), self.simple(Op::TypeBool, Vec::new()));
        let (zero, one) = (self.constant(uint, 0), self.constant(uint, 1));
        let [entry, header, inner, next, merge] = [(); 5].map(|()| self.id());

        // Matrices as variables, since elements are reached through pointers alone.
        let mut first = Vec::new();
        let mut stores = Vec::new();
        let mut variable = |writer: &mut Self, ty: Word, value: Option<Word>| {
            let (id, pointer) = (writer.id(), writer.pointer_type(ty));
            let class = Operand::StorageClass(StorageClass::Function);
            first.push(Instruction::new(Op::Variable, Some(pointer), Some(id), vec![class]));
            if let Some(value) = value {
                stores.push(Instruction::new(Op::Store, None, None, vec![Operand::IdRef(id), Operand::IdRef(value)]));
            }
            id
        };
        let mut variables = Vec::new();
        for parameter in &parameters {
            variables.push(parameter.element.map(|_| variable(self, parameter.ty, Some(parameter.id))));
        }
        let start = if is_each {
            None
        } else {
            let number = parameters.iter().find(|parameter| parameter.element.is_none());
            Some(number.ok_or("fold_ takes a number to start from")?.id)
        };
        let target = variable(self, result, start);
        first.extend(stores);
        first.push(branch(header));

        let (index_id, next_id, length, condition) = (self.id(), self.id(), self.id(), self.id());
        first.insert(
            first.len() - 1,
            Instruction::new(Op::CooperativeMatrixLengthKHR, Some(uint), Some(length), vec![Operand::IdRef(matrix)]),
        );
        let phi = [zero, entry, next_id, next].map(Operand::IdRef).to_vec();
        let turn = vec![
            Instruction::new(Op::Phi, Some(uint), Some(index_id), phi),
            Instruction::new(
                Op::ULessThan,
                Some(boolean),
                Some(condition),
                vec![Operand::IdRef(index_id), Operand::IdRef(length)],
            ),
            Instruction::new(
                Op::LoopMerge,
                None,
                None,
                vec![Operand::IdRef(merge), Operand::IdRef(next), Operand::LoopControl(LoopControl::UNROLL)],
            ),
            Instruction::new(Op::BranchConditional, None, None, [condition, inner, merge].map(Operand::IdRef).to_vec()),
        ];

        let mut work = Vec::new();
        let mut arguments = vec![Operand::IdRef(callee)];
        if !is_each {
            let so_far = self.id();
            work.push(Instruction::new(Op::Load, Some(result), Some(so_far), vec![Operand::IdRef(target)]));
            arguments.push(Operand::IdRef(so_far));
        }
        for (parameter, variable) in parameters.iter().zip(&variables) {
            match (parameter.element, variable) {
                (Some(element), Some(variable)) => {
                    let (at, value, pointer) = (self.id(), self.id(), self.pointer_type(element));
                    work.push(Instruction::new(
                        Op::AccessChain,
                        Some(pointer),
                        Some(at),
                        vec![Operand::IdRef(*variable), Operand::IdRef(index_id)],
                    ));
                    work.push(Instruction::new(Op::Load, Some(element), Some(value), vec![Operand::IdRef(at)]));
                    arguments.push(Operand::IdRef(value));
                }
                _ if is_each => arguments.push(Operand::IdRef(parameter.id)),
                _ => {}
            }
        }
        let value = self.id();
        work.push(Instruction::new(Op::FunctionCall, Some(element), Some(value), arguments));
        let mut to = target;
        if is_each {
            let pointer = self.pointer_type(element);
            to = self.id();
            work.push(Instruction::new(
                Op::AccessChain,
                Some(pointer),
                Some(to),
                vec![Operand::IdRef(target), Operand::IdRef(index_id)],
            ));
        }
        work.push(Instruction::new(Op::Store, None, None, vec![Operand::IdRef(to), Operand::IdRef(value)]));
        work.push(branch(next));

        let increment = vec![
            Instruction::new(Op::IAdd, Some(uint), Some(next_id), vec![Operand::IdRef(index_id), Operand::IdRef(one)]),
            branch(header),
        ];
        let done = self.id();
        let end = vec![
            Instruction::new(Op::Load, Some(result), Some(done), vec![Operand::IdRef(target)]),
            Instruction::new(Op::ReturnValue, None, None, vec![Operand::IdRef(done)]),
        ];
        let blocks = [(entry, first), (header, turn), (inner, work), (next, increment), (merge, end)];
        Ok(blocks.map(|(label, instructions)| block(label, instructions)).to_vec())
    }

    /// Adds workgroup memory to what a subgroup's barriers order.
    fn order_workgroup_memory(&mut self) {
        let uint = self.uint_type();
        let semantics = MemorySemantics::ACQUIRE_RELEASE | MemorySemantics::WORKGROUP_MEMORY;
        let semantics = self.constant(uint, semantics.bits());
        let constants = &self.module.types_global_values;
        let is_subgroup = |id: Word| {
            let of_subgroup = |instruction: &Instruction| {
                instruction.result_id == Some(id)
                    && instruction.operands == [Operand::LiteralBit32(Scope::Subgroup as u32)]
            };
            constants.iter().any(of_subgroup)
        };
        let blocks = self.module.functions.iter_mut().flat_map(|function| &mut function.blocks);
        for barrier in blocks.flat_map(|block| &mut block.instructions) {
            if barrier.class.opcode != Op::ControlBarrier {
                continue;
            }
            if let [Operand::IdScope(execution), _, Operand::IdMemorySemantics(ordered)] = &mut barrier.operands[..]
                && is_subgroup(*execution)
            {
                *ordered = semantics;
            }
        }
    }

    fn id(&mut self) -> Word {
        let header = self.module.header.as_mut().expect("naga writes a header");
        header.bound += 1;
        header.bound - 1
    }

    fn global(&self, id: Word) -> Option<&Instruction> {
        self.module.types_global_values.iter().find(|instruction| instruction.result_id == Some(id))
    }

    /// The type of a matrix's elements.
    fn element_type(&self, ty: Word) -> Option<Word> {
        match self.global(ty) {
            Some(known) if known.class.opcode == Op::TypeCooperativeMatrixKHR => match known.operands[0] {
                Operand::IdRef(element) => Some(element),
                _ => None,
            },
            _ => None,
        }
    }

    /// A type by its parts, as there may be no two of the same.
    fn simple(&mut self, opcode: Op, operands: Vec<Operand>) -> Word {
        let same = |known: &&Instruction| known.class.opcode == opcode && known.operands == operands;
        if let Some(id) = self.module.types_global_values.iter().find(same).and_then(|known| known.result_id) {
            return id;
        }
        let id = self.id();
        self.module.types_global_values.push(Instruction::new(opcode, None, Some(id), operands));
        id
    }

    fn uint_type(&mut self) -> Word {
        self.simple(Op::TypeInt, vec![Operand::LiteralBit32(32), Operand::LiteralBit32(0)])
    }

    fn pointer_type(&mut self, to: Word) -> Word {
        self.simple(Op::TypePointer, vec![Operand::StorageClass(StorageClass::Function), Operand::IdRef(to)])
    }

    fn constant(&mut self, ty: Word, value: u32) -> Word {
        let id = self.id();
        let value = vec![Operand::LiteralBit32(value)];
        self.module.types_global_values.push(Instruction::new(Op::Constant, Some(ty), Some(id), value));
        id
    }
}

/// The one function that a function calls.
fn called(function: &Function) -> Result<Word, String> {
    let instructions = function.blocks.iter().flat_map(|block| &block.instructions);
    let mut calls = instructions.filter(|instruction| instruction.class.opcode == Op::FunctionCall);
    match (calls.next().map(|call| &call.operands[0]), calls.next()) {
        (Some(Operand::IdRef(callee)), None) => Ok(*callee),
        (None, _) => Err("its stand-in calls one function, got none".to_owned()),
        _ => Err("its stand-in calls one function, got several".to_owned()),
    }
}

fn branch(to: Word) -> Instruction {
    Instruction::new(Op::Branch, None, None, vec![Operand::IdRef(to)])
}

fn block(label: Word, instructions: Vec<Instruction>) -> Block {
    Block { label: Some(Instruction::new(Op::Label, None, Some(label), Vec::new())), instructions }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "enable f16;
        enable wgpu_cooperative_matrix;
        alias Sum = coop_mat16x16<f32, C>;
        var<workgroup> memory: array<f32, 256>;
        fn twice(x: f32) -> f32 { return x + x; }
        fn larger(x: f32, y: f32) -> f32 { return max(x, y); }";

    /// A kernel that takes a matrix through `each_twice` and its elements through `fold_larger`, with these bodies.
    fn kernel(each: &str, fold: &str) -> KernelInfo {
        let source = format!(
            "{HEAD}
            fn each_twice(x: Sum) -> Sum {{ {each} }}
            fn fold_larger(x: Sum, start: f32) -> f32 {{ {fold} }}
            @compute @workgroup_size(32) fn main() {{
                let x = each_twice(coopLoadT<Sum>(&memory[0], 16u));
                subgroupBarrier();
                coopStoreT(x, &memory[0], 16u);
                memory[1] = fold_larger(x, 0.0);
            }}"
        );
        KernelInfo {
            name: "sample",
            source: source.leak(),
            entry_point: "main",
            bindings: &[],
            overrides: &[],
            uses_f16: true,
            uses_subgroups: true,
            uses_coop: true,
            uses_elements: true,
        }
    }

    const EACH: &str = "return x * twice(0.0);";
    const FOLD: &str = "return larger(start, start);";

    fn translated(each: &str, fold: &str) -> Result<Module, String> {
        let words = translate(&kernel(each, fold), &[], &[], false)?;
        rspirv::dr::load_words(words).map_err(|error| error.to_string())
    }

    fn opcodes(function: &Function) -> Vec<Op> {
        function.all_inst_iter().map(|instruction| instruction.class.opcode).collect()
    }

    #[test]
    fn stand_ins_become_loops_over_elements() {
        let module = translated(EACH, FOLD).unwrap();
        let loops = |function: &&Function| opcodes(function).contains(&Op::CooperativeMatrixLengthKHR);
        let replaced: Vec<&Function> = module.functions.iter().filter(loops).collect();
        assert_eq!(replaced.len(), 2, "each_twice and fold_larger");
        for function in replaced {
            let codes = opcodes(function);
            let count = |opcode| codes.iter().filter(|code| **code == opcode).count();
            assert_eq!((count(Op::FunctionCall), count(Op::LoopMerge), count(Op::ReturnValue)), (1, 1, 1), "{codes:?}");
            assert_eq!(count(Op::MatrixTimesScalar), 0, "nothing of a stand-in stays: {codes:?}");
        }
        let bound = module.header.as_ref().unwrap().bound;
        assert!(module.all_inst_iter().filter_map(|instruction| instruction.result_id).all(|id| id < bound));
    }

    #[test]
    fn barriers_of_a_subgroup_order_workgroup_memory() {
        let module = translated(EACH, FOLD).unwrap();
        let constant = |id: Word| {
            let known =
                module.types_global_values.iter().find(|instruction| instruction.result_id == Some(id)).unwrap();
            known.operands[0].unwrap_literal_bit32()
        };
        let semantics: Vec<u32> = module
            .all_inst_iter()
            .filter(|instruction| instruction.class.opcode == Op::ControlBarrier)
            .filter(|barrier| constant(barrier.operands[0].unwrap_id_scope()) == Scope::Subgroup as u32)
            .map(|barrier| constant(barrier.operands[2].unwrap_id_memory_semantics()))
            .collect();
        let wanted = MemorySemantics::ACQUIRE_RELEASE | MemorySemantics::WORKGROUP_MEMORY;
        assert_eq!(semantics, [wanted.bits()]);
    }

    #[test]
    fn wrong_stand_ins_are_named_with_what_is_wrong() {
        for (each, fold, wanted) in [
            ("return x;", FOLD, "function each_twice: its stand-in calls one function, got none"),
            (
                "return x * twice(twice(0.0));",
                FOLD,
                "function each_twice: its stand-in calls one function, got several",
            ),
            (EACH, "return start;", "function fold_larger: its stand-in calls one function, got none"),
        ] {
            assert_eq!(translated(each, fold).err().as_deref(), Some(wanted));
        }
        let error = translated("return undefined;", FOLD).unwrap_err();
        assert!(error.contains("undefined"), "what naga refuses keeps its text: {error}");
    }
}
