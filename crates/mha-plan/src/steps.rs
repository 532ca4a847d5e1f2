//! Turns a chosen lane into dispatches: divides the problem where a binding or a grid would pass a limit, and writes
//! blueprints, parameter blocks and bindings.

use mha_kernels::{AttentionParams, KernelId, Slot};
use mha_spec::{AttentionProblem, PaddingMask, ProjectionBias};

use crate::caps::DeviceCaps;
use crate::cells::{Axis, Cell, divide};
use crate::constants::{self, COPY_WORKGROUP, Parts};
use crate::exchange;
use crate::plan::{Binding, Copied, Plan, Step, Tensor};
use crate::presents;
use crate::refusal::Refusal;
use crate::select::{Choice, Lane, Presents, access, check_buffers};
use crate::turns;
use crate::views::{Rows, View, Views, tensor_bytes};

/// Most lanes that share the key splits of a column where they are merged, and splits that each should have of them.
const COMBINE_PARTS: u32 = 16;
const SPLITS_PER_PART: u32 = 2;
/// Side of the squares of the scores kernel.
const SCORES_SIDE: u32 = 16;
/// Scratch buffers of key splits.
const PARTIAL_VALUES: Tensor = Tensor::Scratch(0);
const PARTIAL_STATS: Tensor = Tensor::Scratch(1);

struct Builder<'a> {
    problem: &'a AttentionProblem,
    caps: &'a DeviceCaps,
    views: Views<'a>,
    alignment: u64,
    max_binding: u64,
    steps: Vec<Step>,
    scratch: Vec<u64>,
    exchange: u64,
    copied: Vec<Copied>,
}

/// The plan of a problem whose lane is chosen, and who writes its presents.
pub(crate) fn build(
    problem: &AttentionProblem,
    caps: &DeviceCaps,
    choice: &Choice,
    by: Presents,
) -> Result<Plan, Refusal> {
    let mut builder = Builder {
        problem,
        caps,
        views: Views::new(problem),
        // 16 bytes hold a vec4, so that an aligned start is whole in every element type.
        alignment: u64::from(caps.storage_offset_alignment).max(16),
        // Shaders index elements with 32 bits, and an element has 2 bytes or more.
        max_binding: caps.max_binding_size.min(u64::from(u32::MAX)),
        steps: Vec::new(),
        scratch: Vec::new(),
        exchange: 0,
        copied: Vec::new(),
    };
    let rows = u64::from(problem.batch) * u64::from(problem.q_len);
    let wanted = [(problem.present.key, Tensor::PresentKey), (problem.present.value, Tensor::PresentValue)];
    for (_, tensor) in wanted.into_iter().filter(|(is_wanted, _)| *is_wanted) {
        let copied = if by == Presents::Host { presents::copied(problem, tensor) } else { None };
        match copied {
            Some(copied) => builder.copied.push(copied),
            None => builder.present(tensor)?,
        }
    }
    if rows > 0 && problem.total_len() > 0 {
        if builder.bias_is_too_large() {
            let biased = builder.add_biases()?;
            let problem = AttentionProblem { projection_bias: ProjectionBias::None, ..problem.clone() };
            let before = std::mem::take(&mut builder.steps);
            let (scratch, copied) = (std::mem::take(&mut builder.scratch), std::mem::take(&mut builder.copied));
            let views = Views::with_biased(&problem, biased);
            let mut plain = Builder { problem: &problem, views, steps: before, scratch, copied, ..builder };
            plain.scores_and_attention(choice)?;
            (builder.steps, builder.scratch, builder.copied) = (plain.steps, plain.scratch, plain.copied);
            builder.exchange = plain.exchange;
        } else {
            builder.scores_and_attention(choice)?;
        }
    }
    builder.finish(choice)
}

impl Builder<'_> {
    fn whole(&self) -> Cell {
        let p = self.problem;
        Cell { b: 0..p.batch, n: 0..p.num_heads, s: 0..p.q_len, t: 0..p.total_len(), beam: None }
    }

    /// What a cell's bindings and grid take, as ratios to what the device allows.
    fn needs(&self, cell: &Cell, views: &[View], grid: [u32; 3]) -> Vec<f64> {
        let bindings = views.iter().map(|view| view.bound_bytes(cell, self.alignment) as f64 / self.max_binding as f64);
        bindings.chain(grid.into_iter().map(|n| f64::from(n) / f64::from(self.caps.max_workgroups))).collect()
    }

    fn divided(
        &self,
        cell: Cell,
        axes: &[Axis],
        what: &str,
        needs: &dyn Fn(&Cell) -> Vec<f64>,
    ) -> Result<Vec<Cell>, Refusal> {
        divide(cell, axes, self.problem.beam_width.unwrap_or(1), needs).map_err(|cell| {
            Refusal::new(format!(
                "the smallest parts of {what} must fit bindings of {} bytes and {} workgroups, got {:.1} times that for \
                 batch row {}, head {}",
                self.max_binding,
                self.caps.max_workgroups,
                needs(&cell).into_iter().fold(0.0, f64::max),
                cell.b.start,
                cell.n.start
            ))
        })
    }

    /// Most of a limit that a binding of the first batch row and head may take: others may start as much as an alignment
    /// later in theirs.
    fn most(&self) -> f64 {
        1.0 - self.alignment as f64 / self.max_binding as f64
    }

    fn scores_and_attention(&mut self, choice: &Choice) -> Result<(), Refusal> {
        // These can be larger than all that the caller holds already, so that their dispatches alone would fill memory.
        for tensor in [Tensor::Qk, Tensor::Output] {
            self.fits_one_buffer(tensor, tensor_bytes(self.problem, tensor))?;
        }
        if self.problem.qk.is_some() {
            self.scores()?;
        }
        self.attention(choice)
    }

    /// Whether the projection bias passes a binding: attention kernels read it whole.
    fn bias_is_too_large(&self) -> bool {
        self.problem.projection_bias != ProjectionBias::None
            && self.needs(&self.whole(), &[self.views.bias()], [0; 3]).into_iter().any(|need| need > 1.0)
    }

    /// Adds the biases ahead of everything else, by the kernel that does so for present outputs: each part is bound by
    /// heads. Gives how many of query, key and value then lie in scratch memory.
    fn add_biases(&mut self) -> Result<usize, Refusal> {
        let p = self.problem;
        let sources = [
            (self.views.query(), p.q_len, p.head_size),
            (self.views.key(), p.kv_len, p.head_size),
            (self.views.value(), p.kv_len, p.v_head_size),
        ];
        let count = if p.projection_bias == ProjectionBias::Query { 1 } else { sources.len() };
        for (part, (source, len, columns)) in sources.into_iter().take(count).enumerate() {
            let source = View { slot: Slot::Key, rows: Rows::NewKeys { past_len: 0, kv_len: len }, ..source };
            let target = self.views.biased(Slot::Output, part, Rows::Keys, len, u64::from(columns));
            let bytes = u64::from(p.batch) * target.batch * target.element;
            let Tensor::Scratch(index) = target.tensor else { continue };
            self.scratch.resize(self.scratch.len().max(usize::from(index) + 1), 0);
            self.scratch[usize::from(index)] = bytes;
            let whole = Cell { t: 0..len, s: 0..1, ..self.whole() };
            let views = vec![source, target, self.views.bias_part(part)];
            self.copy(views, whole, columns, 0..len, "an input with its bias")?;
        }
        Ok(count)
    }

    /// Whose past the dispatches bind: in a beam search that of a whole group at once, which is one range of the tensor; or,
    /// where that is too large even for one head, that of each beam of the group in turn.
    fn beams(&self, views: &[View]) -> Vec<Option<u32>> {
        let one = Cell { b: 0..1, n: 0..1, s: 0..1, ..self.whole() };
        match self.problem.beam_width {
            Some(width) if width > 1 && self.needs(&one, views, [0; 3]).into_iter().any(|need| need > self.most()) => {
                (0..width).map(Some).collect()
            }
            _ => vec![None],
        }
    }

    /// Views of what every attention kernel reads.
    fn inputs(&self) -> Vec<View> {
        let p = self.problem;
        let mut views = vec![self.views.query(), self.views.key(), self.views.value()];
        if p.past_len() > 0 {
            views.extend([self.views.past_key(), self.views.past_value()]);
        }
        if p.beam_width.is_some() {
            views.push(self.views.cache_indirection());
        }
        if p.projection_bias != ProjectionBias::None {
            views.push(self.views.bias());
        }
        if p.padding_mask != PaddingMask::None {
            views.push(self.views.padding_mask());
        }
        if p.attention_bias.is_some() {
            views.push(self.views.attention_bias());
        }
        views
    }

    /// Parameters that do not depend on the cell.
    fn params(&self, cell: &Cell) -> AttentionParams {
        let p = self.problem;
        AttentionParams {
            origin: [cell.b.start, cell.n.start, cell.s.start, cell.t.start],
            end: [cell.b.end, cell.n.end, cell.s.end, cell.t.end],
            q_len: p.q_len,
            past_len: p.past_len(),
            head_size: p.head_size,
            v_head_size: p.v_head_size,
            num_heads: p.num_heads,
            beam_width: p.beam_width.unwrap_or(1),
            source_beam: cell.beam.unwrap_or(0),
            bias_batch_divisor: p.attention_bias.map_or(1, |bias| bias.batch_divisor),
            splits: 1,
            keys_per_split: cell.t.end - cell.t.start,
            scale: p.scale,
            mask_filter_value: p.mask_filter_value,
            ..AttentionParams::default()
        }
    }

    /// Binds views for a cell and puts their strides into the parameters.
    fn bind(&self, views: &[View], cell: &Cell, params: &mut AttentionParams) -> Vec<Binding> {
        let mut bindings = Vec::new();
        for view in views {
            let (binding, strides) = view.bind(cell, self.alignment);
            match view.slot {
                Slot::Query => params.query = strides,
                Slot::Key => params.key = strides,
                Slot::Value => params.value = strides,
                Slot::PastKey => params.past_key = strides,
                Slot::PastValue => params.past_value = strides,
                Slot::Output => params.output = strides,
                Slot::PaddingMask => params.padding_mask = strides,
                Slot::AttentionBias => params.attention_bias = strides,
                Slot::CacheIndirection => params.cache_indirection = strides,
                Slot::Bias => {
                    let hidden = self.problem.hidden_size() as u32;
                    params.bias_offsets = [0, hidden, hidden.wrapping_mul(2)];
                }
                // Bound from their start.
                Slot::PartialValues | Slot::PartialStats | Slot::Exchange => {}
            }
            bindings.extend(binding);
        }
        bindings
    }

    fn attention(&mut self, choice: &Choice) -> Result<(), Refusal> {
        check_buffers(choice.kernel, self.caps)?;
        let mut views = self.inputs();
        views.push(self.views.output());
        let grid = |cell: &Cell, splits: u32| grid_of(choice, self.problem, cell, splits);
        let bindings = |cell: &Cell| self.needs(cell, &views, [0; 3]);

        // Where one head's keys alone pass a limit, ranges of keys are merged afterwards; a range then counts, not all keys.
        let beams = self.beams(&views);
        let most_keys = turns::most_keys(choice, self.problem, self.caps)?;
        let one = Cell { b: 0..1, n: 0..1, s: 0..1, beam: beams[0], ..self.whole() };
        let most = self.most();
        let mut chunk = self.problem.total_len().min(most_keys.saturating_mul(self.caps.max_workgroups));
        while chunk > 1 && one.key_chunks(chunk).any(|part| bindings(&part).into_iter().any(|need| need > most)) {
            chunk = chunk.div_ceil(2);
        }
        let chunks = self.problem.total_len().div_ceil(chunk) * beams.len() as u32;
        // Splits share a grid dimension with the batch rows of a cell, one at the least.
        let wanted = choice.splits.div_ceil(chunks).max(chunk.div_ceil(most_keys));
        let per_chunk = wanted.clamp(1, self.caps.max_workgroups);
        let turn = choice.row.as_ref().map_or(choice.workgroup_size, |row| match choice.lane {
            Lane::Short => row.short_turn(),
            _ => row.key_tile.max(1),
        });
        let equal = chunk.div_ceil(per_chunk).next_multiple_of(turn);
        // What was chosen for all keys of a head does not hold for parts of them.
        let chosen = choice.keys_per_split.filter(|_| chunks == 1).unwrap_or(equal);
        let keys_per_split = chosen.min(chunk).min(most_keys);
        let splits = chunk.div_ceil(keys_per_split);
        let total_splits = chunks * splits;
        let is_split = total_splits > 1;
        if is_split && !choice.kernel.info().overrides.contains(&"PARTIAL") {
            let lane = choice.lane.name();
            return Err(Refusal::new(format!("lane {lane} takes all keys at once, got {total_splits} ranges of keys")));
        }

        let merges = is_split && chunks == 1 && exchange::merges_splits(self.problem, choice, splits, self.caps);
        let partial = is_split && !merges;
        let exchange_bytes = |cell: &Cell| exchange::bytes(self.problem, choice, cell, splits);

        let parts = total_splits.div_ceil(SPLITS_PER_PART).next_power_of_two().min(COMBINE_PARTS);
        let partial_columns = u64::from(self.problem.v_head_size.next_multiple_of(4));

        let partial_bytes = |cell: &Cell| {
            let rows = cell.b.len() as u64 * cell.n.len() as u64 * cell.s.len() as u64;
            u64::from(total_splits) * rows * partial_columns * 4
        };
        let needs = |cell: &Cell| {
            let mut needs: Vec<f64> = cell.parts(&beams, chunk).flat_map(|part| bindings(&part)).collect();
            needs.extend(self.needs(cell, &[], grid(cell, splits)));
            if merges {
                needs.push(exchange_bytes(cell) as f64 / self.max_binding as f64);
            }
            if partial {
                needs.push(partial_bytes(cell) as f64 / self.max_binding as f64);
                needs.extend(self.needs(cell, &[], combine_grid(self.problem, cell, parts)));
            }
            needs
        };
        let cells = self.divided(self.whole(), &[Axis::Batch, Axis::Head, Axis::Query], "attention", &needs)?;

        let blueprint = constants::blueprint(
            self.problem,
            self.caps,
            choice.kernel,
            Some(choice),
            Parts { partial, merges, one_beam: beams.len() > 1 },
        )?;
        let combine = KernelId::named(&format!("combine_{}", self.problem.dtype.name()));
        for cell in &cells {
            for (index, part) in cell.parts(&beams, chunk).enumerate() {
                let mut params = self.params(&part);
                let mut bindings = self.bind(&views, &part, &mut params);
                params.splits = splits;
                params.keys_per_split = keys_per_split;
                params.first_split = index as u32 * splits;
                if merges {
                    let size = exchange_bytes(cell);
                    self.exchange = self.exchange.max(size);
                    bindings.push(Binding { slot: Slot::Exchange, tensor: Tensor::Exchange, offset: 0, size });
                }
                if partial {
                    bindings.retain(|binding| binding.slot != Slot::Output);
                    bindings.extend(self.partials(cell, total_splits));
                }
                let grid = grid(&part, splits);
                self.steps.push(Step { blueprint: blueprint.clone(), params, grid, bindings });
            }
            if let (true, Some(kernel)) = (partial, combine) {
                let output = [self.views.output()];
                let mut params = self.params(cell);
                let mut bindings = self.bind(&output, cell, &mut params);
                params.splits = total_splits;
                bindings.extend(self.partials(cell, total_splits));
                for binding in bindings.iter().filter(|binding| binding.slot != Slot::Output) {
                    let index = usize::from(binding.slot == Slot::PartialStats);
                    if self.scratch.len() <= index {
                        self.scratch.resize(index + 1, 0);
                    }
                    self.scratch[index] = self.scratch[index].max(binding.size);
                }
                let mut blueprint = constants::blueprint(self.problem, self.caps, kernel, None, Parts::default())?;
                for (_, value) in blueprint.constants.iter_mut().filter(|(name, _)| *name == "PARTS") {
                    *value = parts;
                }
                let grid = combine_grid(self.problem, cell, parts);
                self.steps.push(Step { blueprint, params, grid, bindings });
            }
        }
        Ok(())
    }

    /// Bindings of the scratch buffers for the key splits of a cell.
    fn partials(&self, cell: &Cell, splits: u32) -> [Binding; 2] {
        let rows = cell.b.len() as u64 * cell.n.len() as u64 * cell.s.len() as u64 * u64::from(splits);
        let binding = |slot, tensor, size| Binding { slot, tensor, offset: 0, size };
        [
            binding(
                Slot::PartialValues,
                PARTIAL_VALUES,
                rows * u64::from(self.problem.v_head_size.next_multiple_of(4)) * 4,
            ),
            binding(Slot::PartialStats, PARTIAL_STATS, rows * 8),
        ]
    }

    fn scores(&mut self) -> Result<(), Refusal> {
        let p = self.problem;
        let Some(qk) = p.qk else { return Ok(()) };
        turns::check_scores(p, self.caps)?;
        let name = format!("scores_{}_{}_{}", p.dtype.name(), access(p), qk.name());
        let kernel = KernelId::named(&name)
            .ok_or_else(|| Refusal::new(format!("qk is of the node's type, or float32, got {}", qk.name())))?;
        let mut views = self.inputs();
        views.retain(|view| !matches!(view.slot, Slot::Value | Slot::PastValue));
        views.push(self.views.qk(qk.size()));
        let grid = |cell: &Cell| {
            let tiles = |range: &std::ops::Range<u32>| (range.end - range.start).div_ceil(SCORES_SIDE);
            [tiles(&cell.s).saturating_mul(tiles(&cell.t)), cell.n.len() as u32, cell.b.len() as u32]
        };
        let axes = [Axis::Batch, Axis::Head, Axis::Query, Axis::Key];
        let beams = self.beams(&views);
        let blueprint = constants::blueprint(
            self.problem,
            self.caps,
            kernel,
            None,
            Parts { one_beam: beams.len() > 1, ..Parts::default() },
        )?;
        for &beam in &beams {
            let whole = Cell { beam, ..self.whole() };
            for cell in self.divided(whole, &axes, "qk", &|cell| self.needs(cell, &views, grid(cell)))? {
                let mut params = self.params(&cell);
                let bindings = self.bind(&views, &cell, &mut params);
                self.steps.push(Step { blueprint: blueprint.clone(), params, grid: grid(&cell), bindings });
            }
        }
        Ok(())
    }

    fn present(&mut self, tensor: Tensor) -> Result<(), Refusal> {
        let p = self.problem;
        let (new, past, columns, part) = match tensor {
            Tensor::PresentKey => (self.views.key(), Tensor::PastKey, p.head_size, 1),
            _ => (self.views.value(), Tensor::PastValue, p.v_head_size, 2),
        };
        if p.batch == 0 || p.present_len() == 0 {
            return Ok(());
        }
        let mut views = vec![View { slot: Slot::Key, ..new }, self.views.present(tensor, u64::from(columns))];
        if p.past_capacity() > 0 {
            views.push(self.views.past_to_copy(past, u64::from(columns)));
        }
        if p.projection_bias == ProjectionBias::QueryKeyValue {
            views.push(self.views.bias_part(part));
        }
        let whole = Cell { t: 0..p.present_len(), s: 0..1, ..self.whole() };
        self.copy(views, whole, columns, p.past_len()..p.total_len(), "a present output")
    }

    /// Dispatches of the present kernel: it copies entries of `columns` each from the views of slots Key, where they are
    /// `new`, and PastKey to that of slot Output, new ones with the bias where there is a view of it.
    fn copy(
        &mut self,
        views: Vec<View>,
        whole: Cell,
        columns: u32,
        new: std::ops::Range<u32>,
        what: &str,
    ) -> Result<(), Refusal> {
        let dtype = self.problem.dtype.name();
        let kernel = KernelId::named(&format!("present_{dtype}"))
            .ok_or_else(|| Refusal::new(format!("a present kernel is in the catalogue, got none for {dtype}")))?;
        let grid = |cell: &Cell| {
            let items = u64::from(cell.t.end - cell.t.start) * u64::from(columns);
            let x = items.div_ceil(u64::from(COPY_WORKGROUP)).min(u64::from(u32::MAX));
            [x as u32, cell.n.len() as u32, cell.b.len() as u32]
        };
        let axes = [Axis::Batch, Axis::Head, Axis::Key];
        let cells = self.divided(whole, &axes, what, &|cell| self.needs(cell, &views, grid(cell)))?;
        let has = |slot| views.iter().any(|view| view.slot == slot);
        let mut blueprint = constants::blueprint(self.problem, self.caps, kernel, None, Parts::default())?;
        for (name, value) in &mut blueprint.constants {
            match *name {
                // Copying starts from the whole buffer, even while none of it counts as past.
                "PAST" => *value = u32::from(has(Slot::PastKey)),
                "KV_BIAS" => *value = u32::from(has(Slot::Bias)),
                _ => {}
            }
        }
        for cell in &cells {
            let mut params = self.params(cell);
            let bindings = self.bind(&views, cell, &mut params);
            params.head_size = columns;
            params.past_len = new.start;
            if let Some(bias) = views.iter().find(|view| view.slot == Slot::Bias) {
                params.bias_offsets[1] = bias.bind(cell, self.alignment).1.offset;
            }
            params.origin[2] = new.start;
            params.end[2] = new.end;
            self.steps.push(Step { blueprint: blueprint.clone(), params, grid: grid(cell), bindings });
        }
        Ok(())
    }

    fn fits_one_buffer(&self, tensor: Tensor, bytes: u64) -> Result<(), Refusal> {
        let most = self.caps.max_buffer_size;
        if bytes <= most {
            return Ok(());
        }
        Err(Refusal::new(format!("a tensor must fit one buffer of {most} bytes, got {bytes} of {}", tensor.name())))
    }

    fn finish(self, choice: &Choice) -> Result<Plan, Refusal> {
        let p = self.problem;
        let mut tensors: Vec<(Tensor, u64)> = Vec::new();
        for binding in self.steps.iter().flat_map(|step| &step.bindings) {
            let known = tensors.iter().any(|(tensor, _)| *tensor == binding.tensor);
            if !known && !matches!(binding.tensor, Tensor::Scratch(_) | Tensor::Exchange) {
                tensors.push((binding.tensor, tensor_bytes(p, binding.tensor)));
            }
        }
        tensors.sort_unstable();
        let own =
            (0..).map(Tensor::Scratch).zip(self.scratch.iter().copied()).chain([(Tensor::Exchange, self.exchange)]);
        for (tensor, bytes) in tensors.iter().copied().chain(own) {
            self.fits_one_buffer(tensor, bytes)?;
        }
        let no_keys = p.total_len() == 0 && p.batch > 0 && p.q_len > 0;
        let parts = self.steps.len();
        let decision = match (no_keys, parts) {
            (true, _) => "no keys: zeros".to_owned(),
            (_, 0) => "nothing to compute".to_owned(),
            _ => format!("{}, dispatches {}: {}", choice.kernel, parts, choice.why),
        };
        let decision = if self.copied.is_empty() { decision } else { decision + "; the host copies presents" };
        Ok(Plan {
            steps: self.steps,
            scratch: self.scratch,
            exchange: self.exchange,
            tensors,
            copied: self.copied,
            zero_filled: if no_keys { vec![Tensor::Output] } else { Vec::new() },
            decision,
            dtype: p.dtype,
        })
    }
}

fn combine_grid(problem: &AttentionProblem, cell: &Cell, parts: u32) -> [u32; 3] {
    let items = cell.s.len() as u64 * u64::from(problem.v_head_size.div_ceil(4));
    let x = items.div_ceil(u64::from(COPY_WORKGROUP / parts)).min(u64::from(u32::MAX));
    [x as u32, cell.n.len() as u32, cell.b.len() as u32]
}

/// Workgroups of a lane over a cell.
fn grid_of(choice: &Choice, problem: &AttentionProblem, cell: &Cell, splits: u32) -> [u32; 3] {
    let rows = cell.s.len() as u32;
    let x = match (&choice.row, choice.lane) {
        (Some(row), Lane::Short) => rows.div_ceil(row.rows),
        (Some(row), _) => rows.div_ceil(row.tile_rows()),
        (None, _) => rows.saturating_mul(problem.v_head_size.div_ceil(choice.workgroup_size * 4)),
    };
    [x, cell.n.len() as u32, (cell.b.len() as u32).saturating_mul(splits)]
}
