// Drawing numbers: in every picture of signed numbers, a red square is above 0 and a blue disc
// below, the stronger the darker; so the sign shows without colour too.

import { element, svg } from "./dom.js";
import { withMinusSign } from "../words.js";

/** Units in a row of a strip, and the pixels of a cell in a strip and in an image. */
export const STRIP_COLUMNS = 32;
const STRIP_CELL = 20;
export const MAP_CELL = 16;

const FAINTEST = 0.06; // weaker numbers, as a fraction of the largest, are left white

const coloursOf = new Map(); // asking for a style takes longer than drawing a strip

/** Return the colours of the theme that is shown. */
export function colours() {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  const theme = `${document.documentElement.dataset.theme} ${isDark}`;
  if (!coloursOf.has(theme)) {
    coloursOf.set(theme, readColours());
  }
  return coloursOf.get(theme);
}

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const [paper, plus, minus, line] = ["--paper", "--plus", "--minus", "--line"].map((name) =>
    style.getPropertyValue(name).trim(),
  );
  return { paper, plus, minus, line };
}

/** Return the largest size of numbers. */
export function largestSize(values) {
  let most = 0;
  for (let k = 0; k < values.length; k++) {
    most = Math.max(most, Math.abs(values[k]));
  }
  return most;
}

/** Draw signed numbers, one for each unit, as a strip of cells. */
export function drawStrip(canvas, values, chosen = -1) {
  const columns = Math.min(values.length, STRIP_COLUMNS);
  drawCells(canvas, values, columns, STRIP_CELL, chosen);
  canvas.style.maxWidth = `${0.8 * canvas.width}px`;
}

/**
 * Draw signed numbers as cells, row after row.
 *
 * `chosen` is the place of a cell with a frame, or -1.
 */
export function drawCells(canvas, values, columns, cell, chosen = -1) {
  const rows = Math.ceil(values.length / columns);
  const { paper, plus, minus, line } = colours();
  setSize(canvas, columns * cell, rows * cell);
  const context = canvas.getContext("2d");
  context.fillStyle = paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  const most = largestSize(values) || 1;
  for (let k = 0; k < values.length; k++) {
    const strength = Math.abs(values[k]) / most;
    if (strength >= FAINTEST) {
      const x = (k % columns) * cell;
      const y = Math.floor(k / columns) * cell;
      context.globalAlpha = 0.15 + 0.85 * strength;
      if (values[k] > 0) {
        context.fillStyle = plus;
        context.fillRect(x + 0.5, y + 0.5, cell - 1, cell - 1);
      } else {
        context.fillStyle = minus;
        context.beginPath();
        context.arc(x + cell / 2, y + cell / 2, 0.4 * cell, 0, 2 * Math.PI);
        context.fill();
      }
    }
  }
  context.globalAlpha = 1;
  if (chosen >= 0) {
    context.strokeStyle = line;
    context.lineWidth = Math.max(2, cell / 8);
    const y = Math.floor(chosen / columns) * cell;
    context.strokeRect((chosen % columns) * cell, y, cell, cell);
  }
}

/** Draw bytes (height * width) of ink as dark on light. */
export function drawInk(canvas, pixels, [height, width]) {
  setSize(canvas, width, height);
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  for (let k = 0; k < pixels.length; k++) {
    image.data.fill(255 - pixels[k], 4 * k, 4 * k + 3);
    image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

/** Set a canvas' size; setting it to what it is would clear it for nothing. */
function setSize(canvas, width, height) {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
}

/** Return arrows up (above 0) and down, as long as the numbers, at most 1, above their names. */
export function arrows(ways, names, label) {
  const [step, reach, gap] = [34, 70, 14];
  const width = step * ways.length;
  const middle = reach + 6;
  const drawn = ways.flatMap((way, k) => arrow((k + 0.5) * step, middle, reach, way));
  const texts = names.map((name, k) =>
    svg(
      "text",
      { x: (k + 0.5) * step, y: 2 * middle + gap, "text-anchor": "middle" },
      name.length > 4 ? `${name.slice(0, 3)}…` : name,
    ),
  );
  const drawing = svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${2 * middle + 1.5 * gap}`,
      width,
      role: "img",
      "aria-label": label,
      class: "arrows",
    },
    svg("line", { x1: 0, x2: width, y1: middle, y2: middle, class: "axis" }),
    ...drawn,
    ...texts,
  );
  drawing.style.minWidth = `${0.75 * width}px`; // smaller ones could not be read
  return drawing;
}

function arrow(x, middle, reach, way) {
  const length = Math.min(Math.abs(way), 1) * reach;
  if (!(length >= 0.5)) {
    return []; // also where it is no number
  }
  const up = way > 0 ? -1 : 1;
  const tip = middle + up * length;
  const head = Math.min(10, length);
  const points = `${x},${tip} ${x - 6},${tip - up * head} ${x + 6},${tip - up * head}`;
  const colour = way > 0 ? "plus" : "minus";
  const shaft = { x1: x, x2: x, y1: middle, y2: tip - up * head, class: `shaft ${colour}` };
  return [svg("line", shaft), svg("polygon", { points, class: `head ${colour}` })];
}

/** Return a curve of y over x in axes with their extremes, and marks of points beside it. */
export function curve(points, { label, marks = [], xName, yName, isLog = false }) {
  const [width, height, left, bottom] = [320, 200, 52, 34];
  const scaleY = (y) => (isLog ? Math.log10(Math.max(y, 1e-12)) : y);
  const xs = [...points, ...marks].map(([x]) => x);
  const ys = [...points, ...marks].map(([, y]) => scaleY(y)).filter(Number.isFinite);
  const [low, high] = extent(ys);
  const [first, last] = extent(xs);
  const px = (x) => left + ((x - first) / (last - first)) * (width - left - 10);
  const py = (y) => height - bottom - ((scaleY(y) - low) / (high - low)) * (height - bottom - 12);
  const tick = (y) => tickOf(Number((isLog ? 10 ** y : y).toPrecision(2)));
  const line = points
    .filter(([, y]) => Number.isFinite(scaleY(y)))
    .map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`);
  return svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label, class: "curve" },
    svg("path", {
      d: `M${left},4V${height - bottom}H${width - 4}`,
      class: "axis",
      fill: "none",
    }),
    svg("polyline", { points: line.join(" "), class: "line", fill: "none" }),
    ...marks.map(([x, y]) => svg("circle", { cx: px(x), cy: py(y), r: 3.5, class: "mark" })),
    svg("text", { x: left - 6, y: 16, "text-anchor": "end" }, tick(high)),
    svg("text", { x: left - 6, y: height - bottom, "text-anchor": "end" }, tick(low)),
    svg("text", { x: left, y: height - 18 }, tickOf(first)),
    svg("text", { x: width - 6, y: height - 18, "text-anchor": "end" }, tickOf(last)),
    svg("text", { x: (left + width) / 2, y: height - 4, "text-anchor": "middle" }, xName),
    svg("text", { x: left + 6, y: 14 }, yName),
  );
}

function tickOf(x) {
  const size = Math.abs(x);
  const isSmall = size !== 0 && size < 1e-3;
  return withMinusSign(isSmall ? x.toExponential(1) : Number(x.toPrecision(3)).toString());
}

/** Return the least and the most of numbers, apart from each other. */
function extent(numbers) {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return most > least ? [least, most] : [least, least + 1];
}

/**
 * Fill a table with a row of a name, bars and percentages for each name.
 *
 * The pen waits for it, and there may be a thousand names: only what differs is written.
 */
export function fillBars(table, headers, names, shares, best) {
  const made = JSON.stringify([headers, names, shares.length]);
  if (table.madeFor !== made) {
    makeBars(table, headers, names, shares.length);
    table.madeFor = made;
  }
  const { rows } = table.tBodies[0];
  names.forEach((name, k) => {
    const [header, ...cells] = rows[k].cells;
    const isBest = k === best;
    rows[k].classList.toggle("best", isBest);
    write(header, `${isBest ? "▸ " : ""}${name}`);
    shares.forEach((share, n) => {
      const percentage = (100 * share[k]).toFixed(2);
      if (write(cells[2 * n + 1], `${percentage} %`)) {
        cells[2 * n].firstChild.style.width = `${percentage}%`;
      }
    });
  });
}

/** Make the rows of such a table, which are still empty. */
function makeBars(table, headers, names, count) {
  const rows = names.map(() => {
    const cells = Array.from({ length: count }, () => [
      element("td", { class: "track" }, element("div", { class: "bar" })),
      element("td", { class: "value" }),
    ]);
    return element("tr", {}, element("th", { scope: "row" }), ...cells.flat());
  });
  const [first, ...others] = headers;
  const head = element(
    "tr",
    {},
    element("th", { scope: "col" }, first),
    ...others.map((each) => element("th", { scope: "col", colspan: 2 }, each)),
  );
  table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
}

/** Write a text in an element, and return whether it had another. */
function write(place, text) {
  const isNew = place.textContent !== text;
  if (isNew) {
    place.textContent = text;
  }
  return isNew;
}
