// Optimizers of the small networks, as in mlpcli/nn/optimizers/descent.py.

/** Name → function that changes θ and what it remembers in place: (theta, g, η, memory, settings). */
const UPDATES = {
  sgd(theta, g, rate) {
    theta.forEach((_, k) => {
      theta[k] -= rate * g[k];
    });
  },
  momentum(theta, g, rate, v, { momentum }) {
    theta.forEach((_, k) => {
      v[k] = momentum * v[k] - rate * g[k];
      theta[k] += v[k];
    });
  },
  nesterov(theta, g, rate, v, { momentum }) {
    theta.forEach((_, k) => {
      v[k] = momentum * v[k] - rate * g[k];
      theta[k] += momentum * v[k] - rate * g[k];
    });
  },
};

/** The optimizer of a small network, with what it remembers from step to step. */
export class Optimizer {
  /** `settings` is a config's section `optimizer`; one unknown here is plain gradient descent. */
  constructor(settings, network) {
    this.name = settings.name in UPDATES ? settings.name : "sgd";
    this.settings = settings;
    this.memory = network.zeroGradient();
  }

  /** Move the network's parameters by their gradient, [{ dW, db }] of each layer. */
  step(network, gradient, learningRate) {
    const update = UPDATES[this.name];
    network.layers.forEach((layer, l) => {
      const { dW, db } = gradient[l];
      update(layer.W, dW, learningRate, this.memory[l].dW, this.settings);
      update(layer.b, db, learningRate, this.memory[l].db, this.settings);
    });
  }
}
