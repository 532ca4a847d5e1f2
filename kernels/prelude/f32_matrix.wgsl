enable f16;
enable wgpu_cooperative_matrix;
alias Elem = f32;
alias Elem4 = vec4<f32>;
