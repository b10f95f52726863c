// Activation functions, as in mlpcli/nn/activations.py: the value a = σ(z) and the slope σ′(z).

const LEAKY_SLOPE = 0.01;
const GELU_SCALE = Math.sqrt(2 / Math.PI);
const GELU_CUBE = 0.044715;

function sigmoid(z) {
  return 0.5 * (1 + Math.tanh(0.5 * z));
}

/** Return log(1 + e^z), which cannot overflow in this form. */
export function softplus(z) {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

function geluTanh(z) {
  return Math.tanh(GELU_SCALE * (z + GELU_CUBE * z ** 3));
}

function geluSlope(z) {
  const u = geluTanh(z);
  const du = GELU_SCALE * (1 + 3 * GELU_CUBE * z * z);
  return 0.5 * (1 + u) + 0.5 * z * (1 - u * u) * du;
}

/** Return 1 above 0, else 0; NaN where z is. */
function step(z) {
  if (z > 0) {
    return 1;
  }
  return z <= 0 ? 0 : NaN;
}

/** Name → { value(z), slope(z, a) }; the slope is computed from whichever of z and a is cheaper. */
export const ACTIVATIONS = {
  identity: { value: (z) => z, slope: () => 1 },
  sigmoid: { value: sigmoid, slope: (z, a) => a * (1 - a) },
  tanh: { value: Math.tanh, slope: (z, a) => 1 - a * a },
  relu: { value: (z) => Math.max(z, 0), slope: (z) => (z > 0 ? 1 : 0) },
  leaky_relu: {
    value: (z) => Math.max(z, LEAKY_SLOPE * z),
    slope: (z) => (z > 0 ? 1 : LEAKY_SLOPE),
  },
  elu: { value: (z) => (z > 0 ? z : Math.expm1(z)), slope: (z, a) => (z > 0 ? 1 : a + 1) },
  gelu: { value: (z) => 0.5 * z * (1 + geluTanh(z)), slope: geluSlope },
  silu: {
    value: (z) => z * sigmoid(z),
    slope: (z, a) => sigmoid(z) * (1 - a) + a,
  },
  softplus: { value: softplus, slope: sigmoid },
  step: { value: step, slope: () => 0 },
};
