// The multilayer perceptron of one example, forward and back: see mlpcli/nn/network.py.
//
// An example is a row: z = a W + b, with W (n_in, n_out) stored row after row, so W_ij is
// W[i * n_out + j]. i counts the units in front of a layer, j its own.

import { ACTIVATIONS } from "./activations.js";

/** A dense layer with the activation behind it. */
export class Layer {
  /** W (n_in * n_out) and b (n_out) are arrays of floats, which training changes in place. */
  constructor(W, b, activation) {
    this.W = W;
    this.b = b;
    this.activation = activation;
    this.nIn = W.length / b.length;
    this.nOut = b.length;
  }

  /** Return { a_in, z, a } of one example: z = a_in W + b and a = σ(z). */
  forward(aIn) {
    const { W, b, nIn, nOut } = this;
    const z = Float64Array.from(b);
    for (let i = 0; i < nIn; i++) {
      const value = aIn[i];
      const row = i * nOut;
      for (let j = 0; j < nOut; j++) {
        z[j] += value * W[row + j];
      }
    }
    return { aIn, z, a: z.map(ACTIVATIONS[this.activation].value) };
  }

  /** Return dL/da_in = δ Wᵀ: what comes back to a unit is summed over where its output went. */
  sendBack(delta) {
    const { W, nIn, nOut } = this;
    const da = new Float64Array(nIn);
    for (let i = 0; i < nIn; i++) {
      const row = i * nOut;
      let sum = 0;
      for (let j = 0; j < nOut; j++) {
        sum += delta[j] * W[row + j];
      }
      da[i] = sum;
    }
    return da;
  }

  /** Return σ′(z) of each unit. */
  slopes(z, a) {
    const { slope } = ACTIVATIONS[this.activation];
    return z.map((each, j) => slope(each, a[j]));
  }

  copy() {
    return new Layer(this.W.slice(), this.b.slice(), this.activation);
  }
}

/** Dense layers and a loss. */
export class Network {
  constructor(layers, loss, temperature = 1) {
    this.layers = layers;
    this.loss = loss;
    this.temperature = temperature;
  }

  /** Return { x, layers: [{ aIn, z, a }], output } of one example x (n_in). */
  forward(x) {
    const traces = [];
    let a = x;
    for (const layer of this.layers) {
      const trace = layer.forward(a);
      traces.push(trace);
      ({ a } = trace);
    }
    return { x, layers: traces, output: a };
  }

  /** Return the probability of each class, of the outputs divided by the temperature. */
  probabilities(output) {
    return this.loss.probabilities(output.map((each) => each / this.temperature));
  }

  /**
   * Send an error dL/d(output) back through all layers.
   *
   * Return { layers: [{ da, slope, delta }], dx }: for each layer dL/da, σ′(z) and δ = dL/dz, and
   * the error dL/dx at the inputs.
   */
  sendBack(traced, error) {
    const layers = [];
    let da = error;
    for (let l = this.layers.length - 1; l >= 0; l--) {
      const { z, a } = traced.layers[l];
      const slope = this.layers[l].slopes(z, a);
      const back = da; // for the closure
      const delta = slope.map((each, j) => each * back[j]);
      layers.unshift({ da, slope, delta });
      da = this.layers[l].sendBack(delta);
    }
    return { layers, dx: da };
  }

  /** Return what `sendBack` returns for the loss of one example with the target t (n_out). */
  backward(traced, t) {
    return this.sendBack(traced, this.loss.delta(traced.output, t));
  }

  /** Return a gradient of zeros: { dW, db } of each layer. */
  zeroGradient() {
    return this.layers.map((layer) => ({
      dW: new layer.W.constructor(layer.W.length),
      db: new layer.b.constructor(layer.b.length),
    }));
  }

  copy() {
    return new Network(
      this.layers.map((layer) => layer.copy()),
      this.loss,
      this.temperature,
    );
  }
}

/** Add `share` of one example's gradient: dW_ij += share a_i δ_j and db_j += share δ_j. */
export function addGradient(gradient, traced, back, share = 1) {
  gradient.forEach(({ dW, db }, l) => {
    const { aIn } = traced.layers[l];
    const { delta } = back.layers[l];
    const nOut = delta.length;
    for (let i = 0; i < aIn.length; i++) {
      const value = share * aIn[i];
      const row = i * nOut;
      for (let j = 0; j < nOut; j++) {
        dW[row + j] += value * delta[j];
      }
    }
    for (let j = 0; j < nOut; j++) {
      db[j] += share * delta[j];
    }
  });
}

/** Take one step of gradient descent on one example: θ ← θ - η ∂L/∂θ. */
export function descend(network, x, t, learningRate) {
  const traced = network.forward(x);
  const back = network.backward(traced, t);
  network.layers.forEach(({ W, b, nIn, nOut }, l) => {
    const { aIn } = traced.layers[l];
    const { delta } = back.layers[l];
    for (let i = 0; i < nIn; i++) {
      const value = learningRate * aIn[i];
      const row = i * nOut;
      for (let j = 0; j < nOut; j++) {
        W[row + j] -= value * delta[j];
      }
    }
    for (let j = 0; j < nOut; j++) {
      b[j] -= learningRate * delta[j];
    }
  });
}

/** Return |v|, the Euclidean norm. */
export function norm(v) {
  return Math.sqrt(v.reduce((sum, each) => sum + each * each, 0));
}

/**
 * Return the norm of ∂L/∂W of one example.
 *
 * Its gradient a_i δ_j is an outer product, whose norm is |a| |δ|.
 */
export function gradientNorm(aIn, delta) {
  return norm(aIn) * norm(delta);
}

/**
 * Return the most and the least of the changes -η a_i δ_j to the weights of a layer.
 *
 * At most `most` raised and as many lowered, as [{ i, j, change }].
 */
export function largestChanges(aIn, delta, learningRate, most) {
  const changes = [];
  aIn.forEach((value, i) => {
    delta.forEach((error, j) => changes.push({ i, j, change: -learningRate * value * error }));
  });
  changes.sort((one, other) => other.change - one.change);
  const raised = changes.slice(0, most).filter(({ change }) => change > 0);
  const lowered = changes.slice(-most).filter(({ change }) => change < 0);
  return [...raised, ...lowered.reverse()];
}

/**
 * Return how much more of each input would speak for a class: { score, dx }.
 *
 * For softmax the score is log p, whose derivative with respect to z is t - p; for other losses it
 * is the class's own output. It is not -L: a loss may lower the output, as label smoothing does.
 */
export function evidenceFor(network, traced, t, lossName) {
  if (lossName === "cross_entropy") {
    const p = network.loss.prediction(traced.output);
    return {
      score: "log p",
      dx: network.sendBack(
        traced,
        t.map((each, j) => each - p[j]),
      ).dx,
    };
  }
  return { score: "output", dx: network.sendBack(traced, t).dx };
}
