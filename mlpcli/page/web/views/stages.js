// The picture's way through the network and back, in numbered stages.
//
// An example is a row, as in mlpcli (z = a W + b), or a column, as in most textbooks (z = W a + b).
// The numbers are the same; only the order of the factors and the shapes differ.

import { byId, element, scrollingTable } from "./dom.js";
import { valueFormula } from "./forward.js";
import { formulae, subscript } from "./mathml.js";
import { descend, largestChanges } from "../mathematics/network.js";
import { figure, say, signed } from "../words.js";

const MOST_WEIGHTS = 3;

/** Shows one stage at a time. */
export class StagesView {
  constructor(page) {
    this.page = page;
    this.now = 0;
    this.count = 1; // until there is something to show
    byId("previous-stage").addEventListener("click", () => this.go(-1));
    byId("next-stage").addEventListener("click", () => this.go(1));
    byId("stage-unit").addEventListener("input", (event) => this.choose(event.target.value - 1));
    for (const input of document.querySelectorAll("input[name=convention]")) {
      input.addEventListener("change", () => this.show());
    }
    document.addEventListener("keydown", (event) => this.key(event));
  }

  key(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const usesArrows = event.target.closest?.("input, select, textarea, .scrolling");
    if (way && !usesArrows && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      this.go(way);
    }
  }

  go(way) {
    if (!this.page.pixels) {
      return;
    }
    const before = this.now;
    this.now = Math.min(Math.max(this.now + way, 0), this.count - 1);
    if (this.now !== before) {
      this.show();
    }
  }

  choose(unit) {
    const { layer, count } = this.stage;
    if (Number.isInteger(unit) && unit >= 0 && unit < count) {
      if (layer < 0) {
        this.page.pixel = unit;
      } else {
        this.page.units[layer] = unit;
      }
      this.page.showUnit();
    }
  }

  /** Return a function for each stage, which makes it. */
  makers() {
    const { page } = this;
    const rows = document.querySelector("input[name=convention]:checked").value === "rows";
    const notation = new Notation(page, rows);
    const numbers = page.network.layers.map((_, l) => l);
    return [
      () => inputStage(page, notation),
      ...numbers.map((l) => () => forwardStage(page, notation, l)),
      () => predictionStage(page, notation),
      () => lossStage(page, notation),
      () => deltaStage(page, notation),
      ...numbers.reverse().map((l) => () => backStage(page, notation, l)),
      () => updateStage(page, notation),
    ];
  }

  show() {
    const makers = this.makers();
    this.count = makers.length;
    this.stage = makers[this.now]();
    const { stage, count } = this;
    const unit = stage.layer < 0 ? this.page.pixel : this.page.units[stage.layer];
    const input = byId("stage-unit");
    input.max = stage.count;
    if (document.activeElement !== input) {
      input.value = unit + 1;
    }
    byId("stage").replaceChildren(
      element("h3", {}, say("stage", { number: this.now + 1, count, title: stage.title })),
      element("p", {}, stage.text),
      ...stage.formulas.filter(Boolean).map(formulae),
      element("p", { class: "hint" }, `${say("shapes")}: ${stage.shapes.join(", ")}`),
      scrollingTable([stage.heading, ""], stage.numbers),
    );
    byId("previous-stage").disabled = this.now === 0;
    byId("next-stage").disabled = this.now === count - 1;
  }
}

// A stage is { title, text, formulas, shapes, heading, numbers, layer, count }: `numbers` are rows of
// the table under `heading`, of one of the `count` units of `layer`; -1 means the pixels.

/** The symbols of each layer, and their order and shapes in the chosen convention. */
class Notation {
  constructor({ network, facts }, rows) {
    this.rows = rows;
    this.network = network;
    this.facts = facts;
    this.last = network.layers.length - 1;
  }

  /** The symbol of a layer's input. */
  input(l) {
    return l === 0 ? "x" : this.output(l - 1);
  }

  /** The symbol of a layer's output: z where there is no activation. */
  output(l) {
    return subscript(this.facts.activations[l] === "identity" ? "z" : "a", l + 1);
  }

  of(symbol, l) {
    return subscript(symbol, l + 1);
  }

  /** Return a product in the order of the convention; of rows `left` comes first. */
  product(left, right) {
    return this.rows ? `${left} ${right}` : `${right} ${left}`;
  }

  /** Return the shape of a vector of n numbers. */
  vector(n) {
    return this.rows ? `(1, ${n})` : `(${n}, 1)`;
  }

  /** Return the shape of a layer's W. */
  matrix({ nIn, nOut }) {
    return this.rows ? `(${nIn}, ${nOut})` : `(${nOut}, ${nIn})`;
  }

  /** The weight from unit i to unit j. */
  get weight() {
    return this.rows ? "Wᵢⱼ" : "Wⱼᵢ";
  }

  /** Return a formula of a loss, with the symbol of the network's output. */
  ofLoss(text) {
    return text.replaceAll("{z}", this.output(this.last));
  }
}

function headingOf(unit) {
  return say("number_of_unit", { unit: unit + 1 });
}

function inputStage({ facts, isPlain, pixels, pixel, traced }, notation) {
  const [, width] = facts.image_shape;
  const { mean, std } = facts.normalization;
  const place = { row: Math.floor(pixel / width) + 1, column: (pixel % width) + 1 };
  return {
    title: say("stage_input"),
    text: say(isPlain ? "stage_input_plain_text" : "stage_input_text", {
      mean: figure(mean),
      std: figure(std),
    }),
    formulas: [`x = (pixel − ${mean.toFixed(4)}) / ${std.toFixed(4)}`],
    shapes: [`x ${notation.vector(pixels.length)}`],
    heading: say("number_of_pixel", { unit: pixel + 1, ...place }),
    numbers: [
      ["pixel", String(pixels[pixel])],
      ["x", figure(traced.x[pixel])],
    ],
    layer: -1,
    count: pixels.length,
  };
}

function forwardStage({ facts, network, traced, units }, notation, l) {
  const layer = network.layers[l];
  const { z, a } = traced.layers[l];
  const j = units[l];
  const isBent = facts.activations[l] !== "identity";
  const [input, Z] = [notation.input(l), notation.of("z", l)];
  const [W, b] = [notation.of("W", l), notation.of("b", l)];
  const each = notation.rows ? `aᵢ ${notation.weight}` : `${notation.weight} aᵢ`;
  const inner = l === 0 ? each.replace("a", "x") : each;
  const sigma = facts.formulas.activations[facts.activations[l]];
  const numbers = [
    ["Σ", figure(z[j] - layer.b[j])],
    ["b", figure(layer.b[j])],
    [Z, figure(z[j])],
  ];
  if (isBent) {
    numbers.push([notation.of("a", l), figure(a[j])]);
  }
  return {
    title: say("stage_forward", { number: l + 1 }),
    text: say(isBent ? "stage_forward_text" : "stage_forward_last_text"),
    formulas: [
      `${Z} = ${notation.product(input, W)} + ${b}    zⱼ = Σ ${inner} + bⱼ`,
      isBent ? `${notation.of("a", l)} = σ(${Z})    ${valueFormula(sigma)}` : "",
    ],
    shapes: [
      `${input} ${notation.vector(layer.nIn)}`,
      `${W} ${notation.matrix(layer)}`,
      `${b}, ${Z} ${notation.vector(layer.nOut)}`,
    ],
    heading: headingOf(j),
    numbers,
    layer: l,
    count: layer.nOut,
  };
}

function predictionStage({ facts, network, traced, target, units }, notation) {
  const l = notation.last;
  const j = units[l];
  const prediction = network.loss.prediction(traced.output);
  const isSoftmax = ["cross_entropy", "brier"].includes(facts.loss.name);
  const temperature = network.temperature.toFixed(3);
  return {
    title: say("stage_prediction"),
    text: isSoftmax
      ? say("stage_prediction_softmax_text", { temperature })
      : say("stage_prediction_text"),
    formulas: [
      notation.ofLoss(facts.formulas.prediction) || `p = ${notation.output(l)}`,
      facts.formulas.target,
    ],
    shapes: [`p, t ${notation.vector(target.length)}`],
    heading: headingOf(j),
    numbers: [
      [notation.output(l), figure(traced.output[j])],
      ["p", figure(prediction[j])],
      ["t", figure(network.loss.target(target)[j])],
    ],
    layer: l,
    count: target.length,
  };
}

function lossStage({ facts, network, traced, target, units }, notation) {
  const l = notation.last;
  const j = units[l];
  return {
    title: say("stage_loss"),
    text: say("stage_loss_text", { unit: facts.formulas.unit }),
    formulas: [notation.ofLoss(facts.formulas.loss)],
    shapes: ["L (1, 1)"],
    heading: headingOf(j),
    numbers: [
      ["p", figure(network.loss.prediction(traced.output)[j])],
      ["t", figure(network.loss.target(target)[j])],
      ["L", figure(network.loss.value(traced.output, target))],
    ],
    layer: l,
    count: target.length,
  };
}

function deltaStage({ facts, back, traced, target, units }, notation) {
  const l = notation.last;
  const j = units[l];
  const { da, slope, delta } = back.layers[l];
  const [D, A, Z] = [notation.of("δ", l), notation.of("a", l), notation.of("z", l)];
  const start = notation.ofLoss(facts.formulas.delta);
  const isBent = facts.activations[l] !== "identity";
  const bent = [
    [`∂L/∂${A}`, figure(da[j])],
    [`σ′(${Z})`, figure(slope[j])],
  ];
  return {
    title: say("stage_delta"),
    text: say("stage_delta_text"),
    formulas: isBent
      ? [`∂L/∂${A} = ${start}`, `${D} = ∂L/∂${A} ⊙ σ′(${Z})`]
      : [`${D} = ∂L/∂${Z} = ${start}`],
    shapes: [`${D} ${notation.vector(target.length)}`],
    heading: headingOf(j),
    numbers: [
      [notation.output(l), figure(traced.output[j])],
      ...(isBent ? bent : []),
      [D, figure(delta[j])],
    ],
    layer: l,
    count: target.length,
  };
}

function backStage({ back, network, traced, units }, notation, l) {
  const layer = network.layers[l];
  const { aIn } = traced.layers[l];
  const { delta } = back.layers[l];
  const j = units[l];
  const [D, W, b] = ["δ", "W", "b"].map((symbol) => notation.of(symbol, l));
  const input = notation.input(l);
  const gradient = notation.rows ? `${input}ᵀ ${D}` : `${D} ${input}ᵀ`;
  const formulas = [`∂L/∂${W} = ${gradient}    ∂L/∂${b} = ${D}`];
  const shapes = [
    `${input} ${notation.vector(layer.nIn)}`,
    `${D} ${notation.vector(layer.nOut)}`,
    `∂L/∂${W} ${notation.matrix(layer)}`,
  ];
  const numbers = [[`${D}, ∂L/∂${b}`, figure(delta[j])]];
  for (const i of strongest(aIn, MOST_WEIGHTS)) {
    const way = notation.rows ? `${i + 1}, ${j + 1}` : `${j + 1}, ${i + 1}`;
    numbers.push([
      `∂L/∂${W} [${way}]`,
      `${figure(aIn[i])} × ${figure(delta[j])} = ${figure(aIn[i] * delta[j])}`,
    ]);
  }
  if (l > 0) {
    const before = back.layers[l - 1];
    const i = units[l - 1];
    const [A, Z, earlier] = [
      notation.output(l - 1),
      notation.of("z", l - 1),
      notation.of("δ", l - 1),
    ];
    formulas.push(`∂L/∂${A} = ${notation.product(D, `${W}ᵀ`)}    ${earlier} = ∂L/∂${A} ⊙ σ′(${Z})`);
    shapes.push(`∂L/∂${A}, ${earlier} ${notation.vector(layer.nIn)}`);
    numbers.push(
      [`∂L/∂${A} [${i + 1}]`, figure(before.da[i])],
      [`σ′(${Z}) [${i + 1}]`, figure(before.slope[i])],
      [`${earlier} [${i + 1}]`, figure(before.delta[i])],
    );
  }
  return {
    title: say("stage_back", { number: l + 1 }),
    text: say(l > 0 ? "stage_back_text" : "stage_back_first_text"),
    formulas,
    shapes,
    heading: headingOf(j),
    numbers,
    layer: l,
    count: layer.nOut,
  };
}

/** Return the places of the largest sizes, at most `most`, of numbers that are not 0. */
function strongest(values, most) {
  const places = Array.from(values, (_, i) => i).filter((i) => values[i] !== 0);
  places.sort((one, other) => Math.abs(values[other]) - Math.abs(values[one]));
  return places.slice(0, most);
}

function updateStage({ back, network, traced, target, units, learningRate }, notation) {
  const l = notation.last;
  const j = units[l];
  const { W, b, nOut } = network.layers[l];
  const { aIn } = traced.layers[l];
  const { delta } = back.layers[l];
  const after = network.copy();
  descend(after, traced.x, target, learningRate);
  const changes = largestChanges(
    aIn,
    delta.map((each, k) => (k === j ? each : 0)),
    learningRate,
    2,
  );
  const moved = changes.map(({ i, change }) => {
    const way = notation.rows ? `${i + 1}, ${j + 1}` : `${j + 1}, ${i + 1}`;
    const place = i * nOut + j;
    return [
      `${notation.of("W", l)} [${way}]`,
      `${figure(W[place])} ${signed(change)} = ${figure(after.layers[l].W[place])}`,
    ];
  });
  const change = -learningRate * delta[j];
  return {
    title: say("stage_update"),
    text: say("stage_update_text", { rate: Number(learningRate.toPrecision(3)) }),
    formulas: ["θ ← θ − η ∂L/∂θ", "W ← W − η ∂L/∂W    b ← b − η ∂L/∂b"],
    shapes: network.layers.map((layer, k) => `${notation.of("W", k)} ${notation.matrix(layer)}`),
    heading: headingOf(j),
    numbers: [
      ...moved,
      [
        `${notation.of("b", l)} [${j + 1}]`,
        `${figure(b[j])} ${signed(change)} = ${figure(after.layers[l].b[j])}`,
      ],
      [say("loss_before"), figure(network.loss.value(traced.output, target))],
      [say("loss_after"), figure(network.loss.value(after.forward(traced.x).output, target))],
    ],
    layer: l,
    count: nOut,
  };
}
