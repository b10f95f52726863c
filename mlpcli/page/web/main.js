// The page: what is on the pad goes through the network, and every view shows it.

import { makeLoss } from "./mathematics/losses.js";
import { descend, Layer, Network } from "./mathematics/network.js";
import { NoDigit } from "./mathematics/ink.js";
import { asItIs, greyOf, prepare } from "./mathematics/prepare.js";
import { shaped } from "./mathematics/shaping.js";
import { BackwardView } from "./views/backward.js";
import { byId, element } from "./views/dom.js";
import { drawInk, fillBars } from "./views/draw.js";
import { ForwardView } from "./views/forward.js";
import { mathml } from "./views/mathml.js";
import { Pad } from "./views/pad.js";
import { SmallView } from "./views/small.js";
import { StagesView } from "./views/stages.js";
import { percent, preferredLanguage, say, setLanguage } from "./words.js";

const MOST_PICTURE_SIDE = 640;
const AFTER_THE_STROKE = 120; // milliseconds

/** Return the bytes of base64. */
function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Return little-endian numbers of half or single precision as floats. */
function floatsOf(base64, dtype) {
  const view = new DataView(bytesOf(base64).buffer);
  if (dtype === "float32") {
    return Float32Array.from({ length: view.byteLength / 4 }, (_, k) =>
      view.getFloat32(4 * k, true),
    );
  }
  return Float32Array.from({ length: view.byteLength / 2 }, (_, k) =>
    half(view.getUint16(2 * k, true)),
  );
}

/** Return the number that 16 bits mean (IEEE 754): a sign, 5 bits of exponent, 10 of fraction. */
function half(bits) {
  const sign = bits >> 15 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return exponent ? sign * 2 ** (exponent - 25) * (1024 + fraction) : sign * 2 ** -24 * fraction;
}

/** The drawing, the network and the views of it. */
class Page {
  constructor(facts, tests) {
    this.facts = facts;
    this.givenNames = facts.class_names;
    this.tests = tests;
    const layers = facts.layers.map(
      ({ W, b }, l) =>
        new Layer(floatsOf(W, facts.dtype), floatsOf(b, facts.dtype), facts.activations[l]),
    );
    this.trained = new Network(layers, makeLoss(facts.loss), facts.temperature);
    this.network = this.trained.copy();
    this.steps = 0;
    this.learningRate = facts.learning_rate;
    this.units = null; // of each layer the one that is looked at
    this.pixel =
      Math.floor(facts.image_shape[0] / 2) * facts.image_shape[1] +
      Math.floor(facts.image_shape[1] / 2);
    this.picked = null; // the number of a test image
    this.label = null; // the class that it should be, once somebody has said so
    this.chosenLabel = null;
    this.isPlain = facts.preparation === "none"; // it reads pictures as they are, not ink
    this.problem = this.nothingYet;
    this.pixels = null;
    this.hasDiverged = false; // whether steps have made numbers that are not finite
    this.pad = new Pad(() => this.drawn(), this.isPlain ? facts.image_shape : null);
    this.views = [new ForwardView(this), new BackwardView(this), new StagesView(this)];
    this.listen();
  }

  listen() {
    byId("undo").addEventListener("click", () => this.pad.undo());
    byId("clear").addEventListener("click", () => this.pad.clear());
    byId("save").addEventListener("click", () => this.save());
    byId("file").addEventListener("change", ({ target }) => {
      this.openPicture(target.files[0]);
      target.value = "";
    });
    byId("brush").addEventListener("input", ({ target }) => {
      this.pad.brush = Number(target.value);
      this.showSliders();
    });
    byId("threshold").addEventListener("input", () => {
      this.showSliders();
      this.showAnswer();
    });
    byId("rate").addEventListener("input", ({ target }) => {
      this.learningRate = 10 ** target.value;
      this.showAll();
    });
    byId("one-step").addEventListener("click", () => this.descend(1));
    byId("ten-steps").addEventListener("click", () => this.descend(10));
    byId("reset").addEventListener("click", () => this.reset());
    document.addEventListener("paste", (event) => this.openPicture(event.clipboardData.files[0]));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      this.openPicture(event.dataTransfer.files[0]);
    });
  }

  /** Make what the language decides. */
  build() {
    const { facts, givenNames } = this;
    facts.class_names = givenNames.map((name, j) =>
      j === facts.no_digit ? say("no_digit") : name,
    );
    this.showSliders();
    this.buildTests();
    this.views.forEach((view) => view.build?.());
    this.showAll();
  }

  buildTests() {
    const { tests, facts } = this;
    byId("tests").hidden = !tests;
    if (!tests) {
      return;
    }
    const count = tests.labels.length;
    const title = tests.source === "test" ? "tests_title" : "tests_title_drawn";
    byId("tests-title").textContent = say(title, { count });
    byId("tests-hint").textContent = say("tests_hint");
    const buttons = tests.labels.map((_, k) => {
      const [label, prediction] = [tests.labels, tests.predictions].map(
        (all) => facts.class_names[all[k]],
      );
      const isRight = label === prediction;
      const words = say(isRight ? "test_right" : "test_wrong", { label, prediction });
      const canvas = element("canvas", { "aria-hidden": "true" });
      drawInk(canvas, this.inkOf(this.testPixels(k)), facts.image_shape);
      const text = isRight ? label : `✗ ${say("tested", { label, prediction })}`;
      const button = element(
        "button",
        {
          type: "button",
          class: isRight ? "test" : "test wrong",
          "aria-pressed": k === this.picked,
        },
        canvas,
        element("span", { "aria-hidden": "true" }, text),
        element("span", { class: "unseen" }, words),
      );
      button.addEventListener("click", () => this.pick(k));
      return button;
    });
    byId("test-images").replaceChildren(...buttons);
  }

  testPixels(k) {
    const size = this.facts.image_shape[0] * this.facts.image_shape[1];
    return this.tests.images.subarray(k * size, (k + 1) * size);
  }

  get nothingYet() {
    return this.isPlain ? "nothing_yet_plain" : "nothing_yet";
  }

  /** Return how dark each pixel is: what is no ink has white at 255. */
  inkOf(pixels) {
    return this.isPlain ? pixels.map((value) => 255 - value) : pixels;
  }

  /** Begin with the first test image that is misread: it has the most to show. */
  pickFirst() {
    if (this.tests?.labels.length) {
      const { labels, predictions } = this.tests;
      this.pick(
        Math.max(
          0,
          labels.findIndex((label, k) => label !== predictions[k]),
        ),
      );
    }
  }

  /** Take a test image, which was prepared as the network expects. */
  pick(k) {
    this.picked = k;
    this.chosenLabel = this.tests.labels[k];
    this.pad.showPixels(this.inkOf(this.testPixels(k)), this.facts.image_shape);
    this.see(this.testPixels(k));
  }

  /** Prepare what is on the pad. */
  drawn() {
    this.picked = null;
    this.chosenLabel = null;
    if (this.pad.isEmpty) {
      this.see(null, this.nothingYet);
      return;
    }
    try {
      const read = this.isPlain ? asItIs : prepare;
      this.see(read(greyOf(this.pad.imageData()), this.facts.image_shape));
    } catch (error) {
      if (!(error instanceof NoDigit)) {
        throw error;
      }
      this.see(null, error.reason);
    }
  }

  /** Go through the network with prepared pixels (height * width), or say why there are none. */
  see(pixels, problem = null) {
    const hadSteps = this.steps;
    this.problem = problem;
    this.pixels = pixels && shaped(pixels, this.facts.image_shape, this.facts.shaping);
    if (hadSteps) {
      this.network = this.trained.copy();
      this.steps = 0;
    }
    this.update();
  }

  /** Go forward and back, and show everything. */
  update() {
    if (this.pixels) {
      const { mean, std } = this.facts.normalization;
      const x = Float64Array.from(this.pixels, (pixel) => (pixel - mean) / std);
      this.traced = this.network.forward(x);
      const before = this.steps ? this.trained.forward(x) : this.traced;
      this.started = { network: this.trained, output: before.output };
      this.probabilities = this.network.probabilities(this.traced.output);
      this.judged = this.judge(this.probabilities);
      this.hasDiverged = !this.traced.output.every(Number.isFinite);
      this.answer = this.answerOf(this.judged);
      const first = this.judge(this.trained.probabilities(this.started.output));
      this.label = this.chosenLabel ?? this.answerOf(first);
      this.target = Float64Array.from(this.probabilities, (_, j) => (j === this.label ? 1 : 0));
      this.sentBack = null;
      this.units ??= this.traced.layers.map(({ a }) => a.indexOf(Math.max(...a)));
    }
    this.showAll();
  }

  /** The errors of the way back, found when they are first shown: the pen does not wait for them. */
  get back() {
    this.sentBack ??= this.network.backward(this.traced, this.target);
    return this.sentBack;
  }

  /** Return the network's probabilities as `mlpcli predict` counts them: "no digit" several times. */
  judge(probabilities) {
    const { no_digit: none, no_digit_odds: odds } = this.facts;
    if (none === null) {
      return probabilities;
    }
    const counted = Float64Array.from(probabilities, (p, j) => (j === none ? odds * p : p));
    const sum = counted.reduce((total, share) => total + share);
    return counted.map((share) => share / sum);
  }

  /** Return the likeliest class: "no digit" only where `mlpcli predict` refuses to answer. */
  answerOf(judged) {
    const { no_digit: none, refused_from: refusedFrom } = this.facts;
    const shares = Array.from(judged);
    if (none !== null && shares[none] < refusedFrom) {
      shares[none] = -1;
    }
    return shares.indexOf(Math.max(...shares));
  }

  setLabel(label) {
    this.chosenLabel = label;
    this.update();
  }

  descend(steps) {
    if (!this.pixels) {
      return;
    }
    for (let step = 0; step < steps; step++) {
      descend(this.network, this.traced.x, this.target, this.learningRate);
    }
    this.steps += steps;
    this.update();
  }

  reset() {
    this.network = this.trained.copy();
    this.steps = 0;
    this.learningRate = this.facts.learning_rate;
    this.showSliders();
    this.update();
  }

  /** The answer as `mlpcli predict` words it. */
  answerText() {
    if (this.hasDiverged) {
      return say("diverged");
    }
    const name = this.facts.class_names[this.answer];
    const share = this.judged[this.answer];
    const answer = say("answer", { name, percent: percent(share) });
    const isSure = share >= Number(byId("threshold").value) / 100;
    return isSure ? answer : say("unsure", { answer });
  }

  showSliders() {
    byId("brush-value").textContent = byId("brush").value;
    byId("threshold-value").textContent = `${byId("threshold").value} %`;
    byId("rate").value = Math.log10(this.learningRate);
  }

  showAnswer() {
    let text = this.problem ? say(this.problem) : this.answerText();
    if (this.picked !== null && !this.hasDiverged) {
      const label = this.facts.class_names[this.tests.labels[this.picked]];
      text = say("true_answer", { answer: text, label });
    }
    if (byId("answer").textContent !== text) {
      byId("answer").textContent = text;
    }
  }

  showAll() {
    const { facts } = this;
    const none = facts.class_names.map(() => 0);
    const shape = facts.image_shape;
    const ink = this.pixels ? this.inkOf(this.pixels) : new Uint8Array(shape[0] * shape[1]);
    drawInk(byId("seen"), ink, shape);
    this.showAnswer();
    fillBars(
      byId("probabilities"),
      [say("class"), say("probability")],
      facts.class_names,
      [this.pixels && !this.hasDiverged ? this.judged : none],
      this.pixels ? this.answer : -1,
    );
    byId("test-images").childNodes.forEach((button, k) => {
      button.setAttribute("aria-pressed", k === this.picked);
    });
    document.body.classList.toggle("empty", !this.pixels);
    for (const id of ["one-step", "ten-steps"]) {
      byId(id).disabled = !this.pixels;
    }
    clearTimeout(this.later);
    if (this.pixels) {
      const showViews = () => this.views.forEach((view) => view.show());
      if (this.pad.isDrawing) {
        // The pen must not wait for what nobody looks at meanwhile.
        this.views[0].showLayers();
        this.later = setTimeout(showViews, AFTER_THE_STROKE);
      } else {
        showViews();
      }
    }
  }

  /** Show another unit of a layer. */
  showUnit() {
    this.views[0].show();
    this.views[2].show();
  }

  async openPicture(file) {
    if (!file) {
      return;
    }
    let bitmap;
    try {
      bitmap = await createImageBitmap(file);
    } catch {
      byId("answer").textContent = say("not_a_picture");
      return;
    }
    this.pad.showPicture(asCanvas(bitmap));
    bitmap.close(); // 50 million pixels are 200 MB
  }

  save() {
    const link = element("a", { download: "digit.png" });
    this.pad.canvas.toBlob((blob) => {
      link.href = URL.createObjectURL(blob);
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
}

/** Return a picture on a ground that contrasts with it, no larger than needed. */
function asCanvas(bitmap) {
  const scale = Math.min(1, MOST_PICTURE_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let [drawn, opacity] = [0, 0];
  for (let k = 0; k < data.length; k += 4) {
    drawn += (data[k + 3] * (data[k] + data[k + 1] + data[k + 2])) / 3;
    opacity += data[k + 3];
  }
  context.globalCompositeOperation = "destination-over";
  context.fillStyle = drawn < 127.5 * Math.max(opacity, 1) ? "#fff" : "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  return canvas;
}

/** Write all words that stand still, and let the views write theirs. */
function speak(language, facts, views) {
  setLanguage(language);
  document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
  byId("language").value = language;
  for (const each of document.querySelectorAll("[data-words]")) {
    each.textContent = say(each.dataset.words);
  }
  for (const each of document.querySelectorAll("[data-label]")) {
    each.setAttribute("aria-label", say(each.dataset.label));
  }
  const title = say("title", facts);
  byId("title").textContent = title;
  document.title = title;
  byId("subtitle").textContent = subtitle(facts.network);
  byId("made-by").textContent = say("made_by", facts);
  if (facts.network) {
    const [height, width] = facts.network.image_shape;
    byId("seen-caption").textContent = say("seen_caption", { height, width });
  }
  const symbols = Object.keys(facts.symbols).flatMap((symbol) => [
    element("dt", {}, mathml(symbol)),
    element("dd", {}, say(`symbol_${symbol}`)),
  ]);
  byId("symbol-list").replaceChildren(...symbols);
  views.forEach((view) => view.build());
}

function subtitle(network) {
  if (!network) {
    return say("subtitle_small");
  }
  const { sizes } = network;
  const parameters = sizes.slice(1).reduce((sum, n, l) => sum + n * (sizes[l] + 1), 0);
  return say("subtitle", { sizes: sizes.join("-"), parameters: parameters.toLocaleString("en") });
}

/** Start the page; return it. */
function start() {
  const facts = JSON.parse(byId("facts").textContent);
  const language = preferredLanguage(navigator.languages);
  setLanguage(language);
  document.body.classList.toggle("without-images", !facts.network);
  let page = null;
  if (facts.network) {
    const tests = facts.tests && { ...facts.tests, images: bytesOf(facts.tests.images) };
    page = new Page(facts.network, tests);
  }
  const views = [page, new SmallView(facts.small)].filter(Boolean);
  byId("language").addEventListener("change", ({ target }) => speak(target.value, facts, views));
  const redraw = () => views.forEach((view) => view.build());
  const setTheme = (theme) => {
    document.documentElement.dataset.theme = theme;
    redraw();
  };
  byId("theme").addEventListener("change", ({ target }) => setTheme(target.value));
  addEventListener("beforeprint", () => setTheme("light")); // paper is white
  addEventListener("afterprint", () => setTheme(byId("theme").value));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  speak(language, facts, views);
  page?.pickFirst();
  return { page, small: views.at(-1) };
}

/** For a reader's console: `mlpcli.page.probabilities`, `mlpcli.small.network`, ... */
globalThis.mlpcli = start();
