enable f16;
alias Elem = f16;
alias Elem4 = vec4<f16>;
