// The way forward: each layer's activations, and one unit with its largest terms.

import { byId, element, scrollingTable } from "./dom.js";
import { drawCells, drawStrip, MAP_CELL, STRIP_COLUMNS } from "./draw.js";
import { formulae, subscript } from "./mathml.js";
import { figure, say } from "../words.js";

const MOST_TERMS = 5;

/** Draws the layers of a traced network. */
export class ForwardView {
  /** `page` has the network, its facts and its trace; `page.units` is the chosen one of each. */
  constructor(page) {
    this.page = page;
    this.shown = 0; // the layer whose unit is shown
  }

  /** Make the elements, in the language that is spoken. */
  build() {
    const { network, facts } = this.page;
    const last = network.layers.length - 1;
    this.layers = network.layers.map((layer, l) => {
      const values = { number: l + 1, units: layer.nOut, activation: facts.activations[l] };
      const title = say(l === last ? "output_layer" : "layer", values);
      const canvas = element("canvas", { role: "img", class: "strip" });
      const input = element("input", { type: "number", min: 1, max: layer.nOut });
      const said = element("span", { class: "hint" });
      input.addEventListener("input", () => this.choose(l, Number(input.value) - 1));
      for (const name of ["pointermove", "pointerdown"]) {
        canvas.addEventListener(name, (event) => this.point(l, canvas, event));
      }
      const label = element("label", {}, `${say("unit_of_layer", { number: l + 1 })} `, input);
      const box = element("div", { class: "layer" }, element("h3", {}, title), canvas, said, label);
      return { box, canvas, input, said };
    });
    byId("layers").replaceChildren(...this.layers.map(({ box }) => box));
  }

  point(l, canvas, event) {
    const box = canvas.getBoundingClientRect();
    const columns = Math.min(this.page.network.layers[l].nOut, STRIP_COLUMNS);
    const cell = box.width / columns;
    const column = Math.floor((event.clientX - box.left) / cell);
    const row = Math.floor((event.clientY - box.top) / cell);
    this.choose(l, row * columns + column);
  }

  choose(l, unit) {
    if (Number.isInteger(unit) && unit >= 0 && unit < this.page.network.layers[l].nOut) {
      this.shown = l;
      this.page.units[l] = unit;
      this.page.showUnit();
    }
  }

  show() {
    this.showLayers();
    this.showUnit();
  }

  showLayers() {
    const { traced, units } = this.page;
    this.layers.forEach(({ canvas, input, said }, l) => {
      const { a } = traced.layers[l];
      drawStrip(canvas, a, units[l]);
      let active = 0;
      for (let j = 0; j < a.length; j++) {
        active += a[j] > 0 ? 1 : 0;
      }
      canvas.setAttribute(
        "aria-label",
        say("strip_label", { number: l + 1, active, units: a.length }),
      );
      said.textContent = `${say("active", { active, units: a.length })} `;
      if (document.activeElement !== input) {
        input.value = units[l] + 1;
      }
    });
  }

  showUnit() {
    const { network, facts, traced, units } = this.page;
    const l = this.shown;
    const j = units[l];
    const layer = network.layers[l];
    const { aIn, z, a } = traced.layers[l];
    const isLast = l === network.layers.length - 1;
    const name = facts.class_names[j];
    const title = say(isLast ? "unit_title_output" : "unit_title", {
      number: l + 1,
      unit: j + 1,
      name,
    });
    const rows = termRows(layer, aIn, j, l === 0 ? facts.image_shape[1] : null);
    rows.push([say("sum"), "", figure(z[j])]);
    const parts = [element("h3", {}, title)];
    if (l === 0) {
      parts.push(this.maps(layer, aIn, j));
    }
    parts.push(
      formulae(`zⱼ = Σ ${l === 0 ? "x" : "a"}ᵢ Wᵢⱼ + bⱼ`),
      scrollingTable([say("from"), say("times"), say("product")], rows),
    );
    if (facts.activations[l] !== "identity") {
      const found = `${subscript("a", l + 1)} = σ(${figure(z[j])}) = ${figure(a[j])}`;
      parts.push(
        formulae(valueFormula(facts.formulas.activations[facts.activations[l]])),
        element("p", { class: "number" }, found),
      );
    }
    byId("unit").replaceChildren(...parts);
  }

  /** Return the incoming weights of a unit as an image, and each times its pixel. */
  maps(layer, aIn, j) {
    const [, width] = this.page.facts.image_shape;
    const weights = Float64Array.from({ length: layer.nIn }, (_, i) => layer.W[i * layer.nOut + j]);
    const draw = (values, words) => {
      const canvas = element("canvas", { role: "img", "aria-label": say(words), class: "map" });
      drawCells(canvas, values, width, MAP_CELL);
      return element("figure", {}, canvas, element("figcaption", {}, say(words)));
    };
    const products = weights.map((weight, i) => weight * aIn[i]);
    return element(
      "div",
      { class: "pictures" },
      draw(weights, this.page.isPlain ? "incoming_plain" : "incoming"),
      draw(products, "products"),
    );
  }
}

/** Return the formula of an activation without that of its derivative. */
export function valueFormula(text) {
  return text
    .split("    ")
    .filter((each) => !each.startsWith("σ′") && !each.startsWith("u′"))
    .join("    ");
}

/** Return rows of the largest terms of z_j, of the rest and of the bias. */
function termRows(layer, aIn, j, width) {
  const terms = Array.from(aIn, (value, i) => ({ i, value, weight: layer.W[i * layer.nOut + j] }));
  const product = ({ value, weight }) => value * weight;
  terms.sort((one, other) => Math.abs(product(other)) - Math.abs(product(one)));
  const largest = terms.slice(0, MOST_TERMS);
  const rest = terms.slice(MOST_TERMS);
  const rows = largest.map((term) => [
    inputName(term.i, width),
    `${figure(term.value)} × ${figure(term.weight)}`,
    figure(product(term)),
  ]);
  if (rest.length) {
    const sum = rest.reduce((total, term) => total + product(term), 0);
    rows.push([say("rest", { count: rest.length }), "", figure(sum)]);
  }
  rows.push([say("bias"), "", figure(layer.b[j])]);
  return rows;
}

/** Return the name of input i of a layer: a pixel of an image so wide, or a unit if null. */
export function inputName(i, width) {
  if (width === null) {
    return say("of_unit", { unit: i + 1 });
  }
  return say("pixel", { row: Math.floor(i / width) + 1, column: (i % width) + 1 });
}
