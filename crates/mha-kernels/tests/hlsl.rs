//! Every kernel but those on cooperative matrices, as naga translates it for Direct3D 12, without features and with all.
//! `HLSL_OUT=DIR cargo test -p mha-kernels --test hlsl` leaves the texts in DIR for a compiler (ci/dx12), as
//! NAME.FEATURES.MODEL.hlsl, by the least shader model that the kernel can do with.

#[allow(dead_code)]
mod common;

use std::path::Path;

use mha_kernels::KERNELS;

#[test]
fn portable_kernels_have_a_translation() {
    let folder = std::env::var_os("HLSL_OUT");
    for kernel in KERNELS.iter().filter(|kernel| !kernel.uses_coop) {
        for (has_features, features) in [(false, "plain"), (true, "features")] {
            let text = common::hlsl(kernel, has_features);
            let text = text.unwrap_or_else(|error| panic!("{}, {features}: {error}", kernel.name));
            assert!(text.contains("[numthreads("), "{}, {features}", kernel.name);
            if let Some(folder) = &folder {
                let model = common::shader_model(kernel).to_str();
                let file = Path::new(folder).join(format!("{}.{features}.{model}.hlsl", kernel.name));
                std::fs::write(file, text).unwrap();
            }
        }
    }
}
