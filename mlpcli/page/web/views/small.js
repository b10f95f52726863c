// A network so small that it is drawn whole, and trained in the page.

import { byId, element, svg } from "./dom.js";
import { curve, drawCells } from "./draw.js";
import { makeLoss } from "../mathematics/losses.js";
import { addGradient, Layer, Network } from "../mathematics/network.js";
import { Optimizer } from "../mathematics/optimizers.js";
import { figure, say } from "../words.js";

const MOST_LABELLED = 24; // lines of a layer that have their numbers
const [MARGIN, ACROSS, DOWN, RADIUS] = [70, 300, 128, 34];
const PLANE_CELLS = 36;
const PLANE_CELL = 8;
const FIT_POINTS = 121;
const MOST_LOSSES = 1000; // points of the loss curve; beyond them every other is dropped

/** Draws and trains the networks of `all`, facts of small networks. */
export class SmallView {
  constructor(all) {
    this.all = all;
    this.playing = false;
    byId("small-choice").addEventListener("change", (event) => this.choose(event.target.value));
    byId("small-example").addEventListener("change", (event) => {
      this.example = Number(event.target.value);
      this.show();
    });
    byId("small-play").addEventListener("click", () => this.play(!this.playing));
    byId("small-step").addEventListener("click", () => this.stepOnce());
    byId("small-reset").addEventListener("click", () => this.choose(this.chosen));
    byId("small-rate").addEventListener("input", (event) => {
      this.learningRate = 10 ** event.target.value;
      this.showRate();
    });
    this.choose(0);
  }

  /** Make the choices, in the language that is spoken. */
  build() {
    const words = { trained: "as_trained", begun: "as_begun", example: "an_example" };
    const options = this.all.map(({ name, state }, k) =>
      element("option", { value: k }, say(words[state], { name })),
    );
    byId("small-choice").replaceChildren(...options);
    byId("small-choice").value = this.chosen;
    this.buildExamples();
    this.show();
  }

  buildExamples() {
    const { x, t, class_names: names } = this.facts;
    const options = x.map((inputs, n) => {
      const target = names ? names[t[n].indexOf(1)] : t[n].map(short).join(", ");
      const values = `${inputs.map(short).join(", ")} → ${target}`;
      return element("option", { value: n }, say("example_number", { number: n + 1, values }));
    });
    byId("small-example").replaceChildren(...options);
    byId("small-example").value = this.example;
  }

  choose(k) {
    this.play(false);
    this.chosen = Number(k);
    byId("small-choice").value = k;
    this.facts = this.all[k];
    const { W, b, activations, loss, optimizer, x, t } = this.facts;
    const layers = W.map(
      (weights, l) =>
        new Layer(Float64Array.from(weights), Float64Array.from(b[l]), activations[l]),
    );
    this.network = new Network(layers, makeLoss(loss));
    this.optimizer = new Optimizer(optimizer, this.network);
    this.learningRate = optimizer.learning_rate;
    this.examples = x.map((inputs, n) => ({
      x: Float64Array.from(inputs),
      t: Float64Array.from(t[n]),
    }));
    this.example = 0;
    this.steps = 0;
    this.losses = []; // [step, loss], of every `stride` steps
    this.stride = 1;
    this.measure();
    this.buildExamples();
    this.show();
  }

  /** Go forward and back with every example; find the mean loss and the mean gradient. */
  measure() {
    const { network, examples } = this;
    this.gradient = network.zeroGradient();
    const share = 1 / examples.length;
    let loss = 0;
    for (const { x, t } of examples) {
      const traced = network.forward(x);
      loss += share * network.loss.value(traced.output, t);
      addGradient(this.gradient, traced, network.backward(traced, t), share);
    }
    this.loss = loss;
    this.keepLoss();
  }

  /** Keep the loss for the curve, which a long training must not make ever slower to draw. */
  keepLoss() {
    if (this.steps % this.stride === 0) {
      this.losses.push([this.steps, this.loss]);
    }
    if (this.losses.length > MOST_LOSSES) {
      this.stride *= 2;
      this.losses = this.losses.filter(([step]) => step % this.stride === 0);
    }
  }

  step() {
    this.optimizer.step(this.network, this.gradient, this.learningRate);
    this.steps += 1;
    this.measure();
  }

  stepOnce() {
    this.play(false);
    this.step();
    this.show();
    this.speak();
  }

  /** Train, a step with each picture on the screen, until the loss is small or someone pauses. */
  play(playing) {
    this.playing = playing;
    byId("small-play").textContent = say(playing ? "pause" : "play");
    if (!playing) {
      cancelAnimationFrame(this.frame);
      return;
    }
    const run = () => {
      this.step();
      this.show();
      const isDone = this.loss < (this.facts.stop_at_loss ?? 0) || !Number.isFinite(this.loss);
      if (isDone) {
        this.play(false);
        this.speak();
      } else {
        this.frame = requestAnimationFrame(run);
      }
    };
    this.frame = requestAnimationFrame(run);
  }

  get status() {
    if (!Number.isFinite(this.loss)) {
      return say("diverged");
    }
    return say("small_status", { steps: this.steps, loss: figure(this.loss) });
  }

  /** Tell a screen reader, which would be flooded by each step of a training. */
  speak() {
    byId("small-said").textContent = this.status;
  }

  showRate() {
    byId("small-rate").value = Math.log10(this.learningRate);
    byId("small-rate-value").textContent = String(Number(this.learningRate.toPrecision(3)));
  }

  show() {
    const { facts, network } = this;
    byId("small-status").textContent = this.status;
    byId("small-play").textContent = say(this.playing ? "pause" : "play");
    this.showRate();
    const { x, t } = this.examples[this.example];
    const traced = network.forward(x);
    const hasNumbers = network.layers.every(({ nIn, nOut }) => nIn * nOut <= MOST_LABELLED);
    const graph = new Graph(network, this.gradient, hasNumbers);
    byId("small-graph").replaceChildren(graph.drawn(traced, network.backward(traced, t)));
    const hint = say(hasNumbers ? "small_hint" : "small_hint_many");
    const isOther = this.optimizer.name !== facts.optimizer.name;
    const hints = [
      hint,
      facts.is_standardized ? say("standardized") : "",
      isOther ? say("optimizer_other", { name: facts.optimizer.name }) : "",
    ];
    byId("small-hint").textContent = hints.filter(Boolean).join(" ");
    byId("small-plots").replaceChildren(...this.plots());
  }

  plots() {
    const [[, first]] = this.losses;
    const values = { first: figure(first), last: figure(this.loss), steps: this.steps };
    const label = say("loss_curve_label", values);
    const points = [...this.losses, [this.steps, this.loss]];
    const marks = this.steps === 0 ? this.losses : [];
    const isLog = points.every(([, loss]) => loss > 0);
    const drawn = curve(points, { label, marks, xName: "", yName: isLog ? "L (log)" : "L", isLog });
    const found = [figureOf(drawn, say("loss_curve"))];
    const nIn = this.examples[0].x.length;
    if (nIn === 1) {
      found.push(this.fit());
    } else if (nIn === 2) {
      found.push(this.plane());
    }
    return found;
  }

  /** Return what output j is: the output of a regression, or the probability of a class. */
  output(x, j) {
    const { output } = this.network.forward(x);
    return this.facts.class_names ? this.network.probabilities(output)[j] : output[j];
  }

  fit() {
    const marks = this.examples.map(({ x, t }) => [x[0], t[0]]);
    const [low, high] = range(
      this.examples.map(({ x }) => x[0]),
      0.1,
    );
    const points = Array.from({ length: FIT_POINTS }, (_, k) => {
      const x = low + ((high - low) * k) / (FIT_POINTS - 1);
      return [x, this.output([x], 0)];
    });
    return figureOf(
      curve(points, { label: say("fit_label"), marks, xName: "x", yName: "" }),
      say("fit"),
    );
  }

  plane() {
    const names = this.facts.class_names;
    const j = names ? this.examples[this.example].t.indexOf(1) : 0;
    const [left, right] = range(
      this.examples.map(({ x }) => x[0]),
      0.25,
    );
    const [bottom, top] = range(
      this.examples.map(({ x }) => x[1]),
      0.25,
    );
    const targets = this.examples.map(({ t }) => t[j]);
    const middle = names ? 0.5 : (Math.min(...targets) + Math.max(...targets)) / 2;
    const values = new Float64Array(PLANE_CELLS ** 2);
    for (let k = 0; k < values.length; k++) {
      const across = ((k % PLANE_CELLS) + 0.5) / PLANE_CELLS;
      const down = (Math.floor(k / PLANE_CELLS) + 0.5) / PLANE_CELLS;
      const x = [left + across * (right - left), top - down * (top - bottom)];
      values[k] = this.output(x, j) - middle;
    }
    const canvas = element("canvas", {
      role: "img",
      "aria-label": say("plane_label"),
      class: "map",
    });
    drawCells(canvas, values, PLANE_CELLS, PLANE_CELL);
    const context = canvas.getContext("2d");
    context.lineWidth = 2.5;
    for (const { x, t } of this.examples) {
      const px = ((x[0] - left) / (right - left)) * canvas.width;
      const py = ((top - x[1]) / (top - bottom)) * canvas.height;
      context.beginPath();
      if (t[j] > middle) {
        context.arc(px, py, 8, 0, 2 * Math.PI);
      } else {
        context.moveTo(px - 7, py - 7);
        context.lineTo(px + 7, py + 7);
        context.moveTo(px - 7, py + 7);
        context.lineTo(px + 7, py - 7);
      }
      context.strokeStyle = "#fff";
      context.lineWidth = 6;
      context.stroke();
      context.strokeStyle = "#000";
      context.lineWidth = 2.5;
      context.stroke();
    }
    const name = names ? names[j] : "1";
    return figureOf(canvas, say("plane", { name, middle: short(middle) }));
  }
}

function figureOf(drawn, caption) {
  return element("figure", {}, drawn, element("figcaption", {}, caption));
}

function short(value) {
  return String(Number(value.toPrecision(3)));
}

/** Return the least and the most of numbers, with a share of their distance on both sides. */
function range(numbers, margin) {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  const reach = margin * (most - least || 1);
  return [least - reach, most + reach];
}

/** Circles and lines of a network, with the numbers of one example. */
class Graph {
  constructor(network, gradient, hasNumbers) {
    this.network = network;
    this.gradient = gradient;
    this.hasNumbers = hasNumbers;
    const { layers } = network;
    this.sizes = [layers[0].nIn, ...layers.map(({ nOut }) => nOut)];
    this.down = hasNumbers ? DOWN : Math.min(DOWN, 2.2 * RADIUS);
    this.height = Math.max(...this.sizes) * this.down + 20;
  }

  /** Return the middle of unit k of a column; column 0 are the inputs. */
  place(column, k) {
    const size = this.sizes[column];
    const x = MARGIN + column * ACROSS;
    return [x, this.height / 2 + (k - (size - 1) / 2) * this.down - 8];
  }

  drawn(traced, back) {
    const width = 2 * MARGIN + (this.sizes.length - 1) * ACROSS;
    const lines = [];
    const labels = [];
    this.network.layers.forEach((layer, l) => {
      for (let i = 0; i < layer.nIn; i++) {
        for (let j = 0; j < layer.nOut; j++) {
          this.connect(lines, labels, l, i, j);
        }
      }
    });
    const prediction = this.network.loss.prediction(traced.output);
    const circles = Array.from(traced.x, (value, i) => this.input(i, value));
    this.network.layers.forEach((_, l) => {
      for (let j = 0; j < this.sizes[l + 1]; j++) {
        circles.push(this.unit(l, j, traced.layers[l], back.layers[l], prediction));
      }
    });
    const size = { viewBox: `0 0 ${width} ${this.height}`, width, height: this.height };
    return svg("svg", { ...size, class: "graph" }, ...lines, ...labels, ...circles);
  }

  /** Add the line from unit i to unit j of layer l, and its numbers. */
  connect(lines, labels, l, i, j) {
    const { W, nOut, nIn } = this.network.layers[l];
    const weight = W[i * nOut + j];
    const [x1, y1] = this.place(l, i);
    const [x2, y2] = this.place(l + 1, j);
    const thick = Number.isNaN(weight) ? 7 : Math.min(0.8 + 1.6 * Math.abs(weight), 7);
    const sign = weight < 0 ? "minus" : "plus";
    lines.push(svg("line", { x1, y1, x2, y2, "stroke-width": thick, class: `weight ${sign}` }));
    if (this.hasNumbers) {
      const slope = this.gradient[l].dW[i * nOut + j];
      // Lines of neighbours have their numbers at other places, or these would lie on each other.
      const at = nIn > 1 ? 0.31 + (0.37 * i) / (nIn - 1) : 0.48;
      const [x, y] = [x1 + at * (x2 - x1), y1 + at * (y2 - y1)];
      const angle = (Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI;
      const turned = `translate(${x} ${y}) rotate(${angle}) translate(0 4)`;
      const attributes = { transform: turned, "text-anchor": "middle", class: "label" };
      labels.push(svg("text", attributes, `${brief(weight)} (${brief(slope)})`));
    }
  }

  input(i, value) {
    const [x, y] = this.place(0, i);
    const label = say("input_unit", { unit: i + 1, value: figure(value) });
    return svg(
      "g",
      { role: "img", "aria-label": label },
      svg("title", {}, label),
      svg("circle", { cx: x, cy: y, r: RADIUS, class: "unit input" }),
      svg("text", { x, y: y + 4, "text-anchor": "middle" }, brief(value)),
    );
  }

  unit(l, j, { z, a }, { delta }, prediction) {
    const [x, y] = this.place(l + 1, j);
    const b = this.network.layers[l].b[j];
    const isLast = l === this.network.layers.length - 1;
    const values = { z: figure(z[j]), a: figure(a[j]), delta: figure(delta[j]), b: figure(b) };
    const label = say("graph_unit", { number: l + 1, unit: j + 1, ...values });
    const text = (dy, words, type = "") =>
      svg("text", { x, y: y + dy, "text-anchor": "middle", class: type }, words);
    const numbers = this.hasNumbers
      ? [
          text(-3, `z ${brief(z[j])}`),
          text(13, isLast ? `p ${brief(prediction[j])}` : `a ${brief(a[j])}`),
          text(RADIUS + 14, `δ ${brief(delta[j])}`, "label"),
          text(RADIUS + 28, `b ${brief(b)} (${brief(this.gradient[l].db[j])})`, "label"),
        ]
      : [text(4, brief(a[j]))];
    return svg(
      "g",
      { role: "img", "aria-label": label },
      svg("title", {}, label),
      svg("circle", { cx: x, cy: y, r: RADIUS, class: "unit" }),
      ...numbers,
    );
  }
}

/** Return a number so short that it fits into a circle. */
function brief(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e4)) {
    return value.toExponential(0).replaceAll("-", "−");
  }
  return Number(value.toFixed(3)).toString().replaceAll("-", "−");
}
