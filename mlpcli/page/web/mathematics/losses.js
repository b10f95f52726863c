// Losses, as in mlpcli/nn/losses.py. z is the network's output and t the target of one example.
//
// `prediction` is what is compared with `target`; `delta` is dL/dz, where backpropagation begins;
// `probabilities` turns the output into a probability for each class.

import { ACTIVATIONS, softplus } from "./activations.js";

/** Return exp(z) / Σ exp(z), after subtracting the largest, so that exp cannot overflow. */
export function softmax(z) {
  const largest = z.reduce((most, each) => Math.max(most, each), -Infinity);
  const p = z.map((each) => Math.exp(each - largest));
  const total = p.reduce((sum, each) => sum + each, 0);
  return p.map((each) => each / total);
}

function difference(a, b) {
  return a.map((each, j) => each - b[j]);
}

function sumOfSquares(a) {
  return a.reduce((sum, each) => sum + each * each, 0);
}

/** Return z, cut off at 0 and scaled to sum to 1; all alike where none is above 0. */
function shares(z) {
  const p = z.map((each) => Math.max(each, 0));
  const total = p.reduce((sum, each) => sum + each, 0);
  return p.map((each) => (total > 0 ? each / total : 1 / z.length));
}

/** L = -Σ t log p with p = softmax(z), whose dL/dz is p - t; with label smoothing, t becomes t′. */
function crossEntropy(smoothing) {
  const target = (t) => t.map((each) => (1 - smoothing) * each + smoothing / t.length);
  return {
    target,
    prediction: softmax,
    probabilities: softmax,
    value(z, t) {
      const largest = z.reduce((most, each) => Math.max(most, each), -Infinity);
      const total = z.reduce((sum, each) => sum + Math.exp(each - largest), 0);
      const goal = target(t);
      return z.reduce((loss, each, j) => loss - goal[j] * (each - largest), Math.log(total));
    },
    delta: (z, t) => difference(softmax(z), target(t)),
  };
}

/** A sigmoid and a cross-entropy for each output; dL/dz is p - t again. */
function binaryCrossEntropy() {
  const prediction = (z) => z.map(ACTIVATIONS.sigmoid.value);
  return {
    target: (t) => t,
    prediction,
    probabilities: (z) => softmax(z.map((each) => -softplus(-each))),
    value: (z, t) =>
      z.reduce((sum, each, j) => sum + t[j] * softplus(-each) + (1 - t[j]) * softplus(each), 0),
    delta: (z, t) => difference(prediction(z), t),
  };
}

/** `factor(n)` Σ (z - t)², for n outputs: 1/n for the mean squared error, 1/2 for the quadratic. */
function squaredError(factor) {
  return {
    target: (t) => t,
    prediction: (z) => z.slice(),
    probabilities: shares,
    value: (z, t) => factor(z.length) * sumOfSquares(difference(z, t)),
    delta: (z, t) => difference(z, t).map((each) => 2 * factor(z.length) * each),
  };
}

/** L = Σ (p - t)² with p = softmax(z); dL/dz is 2 (p - t) J, where J_jk = p_j ([j = k] - p_k). */
function brier() {
  return {
    target: (t) => t,
    prediction: softmax,
    probabilities: softmax,
    value: (z, t) => sumOfSquares(difference(softmax(z), t)),
    delta(z, t) {
      const p = softmax(z);
      const error = difference(p, t);
      const mean = p.reduce((sum, each, j) => sum + each * error[j], 0);
      return p.map((each, j) => 2 * each * (error[j] - mean));
    },
  };
}

/** L = Σ (p - t) z, where p is 1 if z > 0, and 0 else; between its jumps dL/dz is p - t. */
function perceptron() {
  const prediction = (z) => z.map(ACTIVATIONS.step.value);
  return {
    target: (t) => t,
    prediction,
    probabilities: shares,
    value: (z, t) => difference(prediction(z), t).reduce((sum, each, j) => sum + each * z[j], 0),
    delta: (z, t) => difference(prediction(z), t),
  };
}

/** Return the loss of a config's section `loss`: its name and settings. */
export function makeLoss(settings) {
  switch (settings.name) {
    case "cross_entropy":
      return crossEntropy(settings.label_smoothing ?? 0);
    case "binary_cross_entropy":
      return binaryCrossEntropy();
    case "mse":
      return squaredError((n) => 1 / n);
    case "quadratic":
      return squaredError(() => 0.5);
    case "brier":
      return brier();
    case "perceptron":
      return perceptron();
    default:
      throw new Error(`unknown loss ${settings.name}`);
  }
}
