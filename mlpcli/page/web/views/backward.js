// The way back: the error from the output to the pixels, and steps of gradient descent.

import { byId, element, scrollingTable, table } from "./dom.js";
import { arrows, drawCells, drawStrip, fillBars, largestSize, MAP_CELL } from "./draw.js";
import { inputName } from "./forward.js";
import { evidenceFor, gradientNorm, largestChanges } from "../mathematics/network.js";
import { figure, say, signed } from "../words.js";

const MOST_CHANGES = 5;

/** Draws how wrong an answer is, and what one step of training would change. */
export class BackwardView {
  constructor(page) {
    this.page = page;
  }

  /** Make the choice of the true class, in the language that is spoken. */
  build() {
    const { facts } = this.page;
    this.choices = facts.class_names.map((name, j) => {
      const input = element("input", { type: "radio", name: "class", value: j });
      input.addEventListener("change", () => this.page.setLabel(j));
      return { input, label: element("label", {}, input, name) };
    });
    byId("classes").replaceChildren(...this.choices.map(({ label }) => label));
  }

  show() {
    const { page } = this;
    this.choices.forEach(({ input }, j) => {
      input.checked = j === page.label;
    });
    this.showArrows();
    this.showErrors();
    this.showEvidence();
    this.showGradients();
    this.showSteps();
  }

  showArrows() {
    const { facts, network, traced, target } = this.page;
    const { loss } = network;
    const goal = loss.target(target);
    const prediction = loss.prediction(traced.output);
    const ways = Array.from(goal, (each, j) => each - prediction[j]);
    const names = facts.class_names;
    const spoken = ways
      .map((way, j) => ({ name: names[j], way }))
      .filter(({ way }) => Math.abs(way) >= 0.01)
      .map(({ name, way }) => {
        const direction = say(way > 0 ? "up" : "down");
        return say("way", { name, direction, amount: Math.abs(way).toFixed(2) });
      });
    const formula = facts.formulas.delta.replaceAll("{z}", "a").replace("    ", ", ");
    const label = say("arrows_label", { ways: spoken.join(", ") });
    byId("arrows-text").textContent = say("arrows_text", { formula });
    const rows = names.map((name, j) => [
      name,
      prediction[j].toFixed(4),
      String(Number(goal[j].toFixed(4))),
      fixed(-ways[j]),
    ]);
    byId("arrows").replaceChildren(
      element("div", { class: "scrolling" }, arrows(ways, names, label)),
      table([say("class"), "p", "t", "p − t"], rows),
    );
  }

  showErrors() {
    const { back } = this.page;
    const strips = back.layers.map(({ delta }, l) => {
      const largest = largestSize(delta);
      const unit = Array.from(delta).findIndex((each) => Math.abs(each) === largest) + 1;
      const words = { number: l + 1, largest: figure(largest), unit };
      const label = say(Number.isFinite(largest) ? "error_label" : "error_too_large", words);
      const canvas = element("canvas", { role: "img", "aria-label": label, class: "strip" });
      drawStrip(canvas, delta);
      const title = element("h3", {}, say("error_title", { number: l + 1 }));
      return element(
        "div",
        { class: "layer" },
        title,
        canvas,
        element("span", { class: "hint" }, label),
      );
    });
    byId("errors").replaceChildren(...strips.reverse());
  }

  showEvidence() {
    const { facts, network, traced, label, target } = this.page;
    const { score, dx } = evidenceFor(network, traced, target, facts.loss.name);
    const largest = figure(largestSize(dx));
    const words = this.page.isPlain ? "pixels_plain_text" : "pixels_text";
    const text = this.page.hasDiverged
      ? say("diverged")
      : say(words, { score, name: facts.class_names[label], largest });
    const canvas = element("canvas", { role: "img", "aria-label": text, class: "map" });
    drawCells(canvas, dx, facts.image_shape[1], MAP_CELL);
    byId("evidence").replaceChildren(
      element("h3", {}, say("pixels_title")),
      element("figure", { class: "beside" }, canvas, element("figcaption", {}, text)),
    );
  }

  showGradients() {
    const { back, facts, network, traced, learningRate } = this.page;
    const norms = network.layers.map(({ nIn, nOut }, l) => [
      String(l + 1),
      `${nIn} × ${nOut}`,
      figure(gradientNorm(traced.layers[l].aIn, back.layers[l].delta)),
    ]);
    const last = network.layers.length - 1;
    const width = last === 0 ? facts.image_shape[1] : null;
    const { aIn } = traced.layers[last];
    const changes = largestChanges(aIn, back.layers[last].delta, learningRate, MOST_CHANGES);
    const rows = changes.map(({ i, j, change }) => [
      inputName(i, width),
      figure(aIn[i]),
      facts.class_names[j],
      signed(change),
    ]);
    byId("gradients").replaceChildren(
      element("h3", {}, say("gradients_title")),
      scrollingTable([say("layer_number"), say("shape"), say("norm")], norms),
      element("h3", {}, say("changes_title")),
      scrollingTable([say("from"), "a", say("to_class"), say("change")], rows),
    );
  }

  showSteps() {
    const { page } = this;
    const { facts, network, traced, started } = page;
    byId("rate-value").textContent = Number(page.learningRate.toPrecision(3)).toString();
    const after = network.loss.probabilities(traced.output);
    const words = {
      steps: page.steps,
      loss: figure(network.loss.value(traced.output, page.target)),
      before: figure(started.network.loss.value(started.output, page.target)),
      answer: page.answerText(),
    };
    const text = page.hasDiverged ? say("diverged") : say("steps_taken", words);
    byId("steps-taken").textContent = page.steps ? text : "";
    fillBars(
      byId("before-after"),
      [say("class"), say("before"), say("after")],
      facts.class_names,
      [
        started.network.loss.probabilities(started.output),
        page.hasDiverged ? after.map(() => 0) : after,
      ],
      page.label,
    );
  }
}

/** Return a number between -1 and 1 with its sign. */
function fixed(value) {
  return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(4);
}
