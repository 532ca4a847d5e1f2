//! What is timed: calls, steps, and calls in a chain.

use super::*;

#[test]
fn calls_and_steps_are_timed_where_asked_for() {
    for timestamps in [Timestamps::Call, Timestamps::Steps] {
        check_times(timestamps);
    }
}

fn check_times(timestamps: Timestamps) {
    let settings = GpuSettings { timestamps, ..GpuSettings::default() };
    let gpu = match Gpu::open(&AdapterChoice::Auto, &settings) {
        Ok(gpu) => gpu,
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains("timestamp queries"), "{message}");
            eprintln!("skipped: {message}");
            return;
        }
    };
    let mut plan = plan(&gpu, 64, 256);
    plan.steps.extend(plan.steps.clone());
    let query = vec![0_u8; 4 * 64 * WIDTH];
    let keys = vec![0_u8; 4 * 256 * WIDTH];
    let mut output = query.clone();
    let inputs = [(Tensor::Query, query.as_slice()), (Tensor::Key, &keys), (Tensor::Value, &keys)].map(host);
    let report = gpu.run(&plan, &inputs, &mut [(Tensor::Output, &mut output)]).unwrap();
    let total = report.gpu_time.expect("it was asked for");
    assert!(!total.is_zero());
    if timestamps == Timestamps::Call {
        assert!(report.steps.is_empty());
        return;
    }
    assert_eq!(report.steps.len(), plan.steps.len());
    assert!(report.steps.iter().all(|step| !step.time.is_zero() && step.start + step.time <= total), "{report:?}");
    assert_eq!(report.steps[0].kernel, plan.steps[0].blueprint.kernel.info().name);
}

#[test]
fn a_chain_answers_as_a_call_does() {
    let gpu = open(GpuSettings::default());
    // The first with key splits, whose scratch memory each call finds as the one before leaves it.
    for (q_len, kv_len) in [(1, 3000), (70, 130)] {
        let plan = plan(&gpu, q_len as u32, kv_len as u32);
        let (query, key, value) = (vec![0_f32; q_len * WIDTH], values(kv_len, 3), values(kv_len, 7));
        let inputs = [(Tensor::Query, &query), (Tensor::Key, &key), (Tensor::Value, &value)];
        let inputs = inputs.map(|(tensor, data)| (tensor, bytemuck::cast_slice(data.as_slice())));
        let mut staged = gpu.stage(&plan, &inputs).unwrap();
        let time = staged.chain(&plan, 3).unwrap();
        assert_eq!(time.is_some(), gpu.has_timestamps());
        assert!(time.is_none_or(|time| !time.is_zero()));
        let mut output = vec![f32::NAN; q_len * WIDTH];
        staged.read(&mut [(Tensor::Output, bytemuck::cast_slice_mut(&mut output))]).unwrap();
        assert_mean(&output, q_len, &value);
    }
}
