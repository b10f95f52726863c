// The ink in an image, and which of its connected parts belong to the digit; as in
// mlpcli/reading/ink.py, parts.py and stroke_width.py.

import { clamp, labelled, median, odd, roundToEven, slidingMax, smoothed } from "./grid.js";
import { inkOnGround } from "./ground.js";

const INK_FLOOR = 0.25;
const LEVEL_WINDOW = 0.5;
const LEAST_LEVEL = 0.4;
const LEAST_CONTRAST = 0.05;
const LEAST_CONTRAST_TO_NOISE = 4.4;

const GAP = 2;
const LEAST_SHARE = 0.06;
const NEAR = 0.3;
export const LEAST_HEIGHT_TO_WIDTH = 0.4;
const SURE_SHARE = 0.3;
const MANY_PARTS = 10;
const [MUCH_INK, TOO_MUCH_INK] = [0.15, 0.35];
const THIN = 0.3;
const LEAST_FRAMED = 0.3;
const [MANY, LEAST_OF_MANY] = [3, 0.01];
const [SIDE_DEPTH, LEAST_SIDE, LEAST_SIDES] = [0.12, 0.75, 3];
const LEAST_KEPT = 0.4;
const AT_THE_BORDER = 0.25;

const LEAST_STROKE_WIDTH = 0.11;

/** There is no digit in an image. `reason` is a key of the words. */
export class NoDigit extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/**
 * Find the ink in a grey image: { ink, sure, threshold }.
 *
 * `sure` is the ink if everything that the border cuts continues beyond it; `threshold` divides
 * ink and ground.
 */
export function findInk(grey, dark) {
  let { taken: ink, sure } = inkOnGround(grey, dark);
  const taken = ink;
  if (taken.max() < LEAST_CONTRAST) {
    throw new NoDigit("blank");
  }
  if (!dark) {
    const level = inkLevel(ink).values;
    ink = ink.map((value, k) => value / level[k]);
    sure = sure.map((value, k) => value / level[k]);
  }
  const threshold = inkThreshold(ink);
  refuseNoise(ink, threshold);
  const strong = taken.select((_, k) => ink.values[k] > threshold);
  if (median(strong) < LEAST_CONTRAST) {
    throw new NoDigit("blank");
  }
  sure = sure.map((value, k) => Math.min(value, ink.values[k]));
  return { ink, sure, threshold };
}

/** Throw NoDigit if the "ink" is only the stronger half of the noise. */
function refuseNoise(ink, threshold) {
  const ground = ink.select((value) => value <= threshold);
  const middle = median(ground);
  for (let k = 0; k < ground.length; k++) {
    ground[k] = Math.abs(ground[k] - middle);
  }
  const noise = median(ground);
  const contrast = median(ink.select((value) => value > threshold)) - middle;
  if (contrast < LEAST_CONTRAST_TO_NOISE * noise) {
    throw new NoDigit("blank");
  }
}

/** Return the strongest ink around each pixel; of light ink, which is weaker in weak light. */
function inkLevel(ink) {
  const smooth = smoothed(ink);
  const strongest = smooth.max();
  const window = odd(LEVEL_WINDOW * Math.max(ink.height, ink.width));
  const level = smoothed(slidingMax(smooth, window), 2);
  return level.map((value) => Math.max(value, LEAST_LEVEL * strongest));
}

/** Return the level that maximises the variance between ground and ink (Otsu 1979). */
function inkThreshold(ink) {
  const bins = 256;
  const most = ink.max();
  const edge = (k) => (k * most) / bins;
  const counts = new Float64Array(bins);
  for (const value of ink.values) {
    let bin = Math.min(Math.trunc((value / most) * bins), bins - 1);
    if (value < edge(bin)) {
      bin -= 1;
    } else if (bin < bins - 1 && value >= edge(bin + 1)) {
      bin += 1;
    }
    counts[bin] += 1;
  }
  const centre = (k) => (edge(k) + edge(k + 1)) / 2;
  const total = counts.reduce((sum, each, k) => sum + each * centre(k), 0);
  let [groundCount, groundSum, best, bestVariance] = [0, 0, 0, -Infinity];
  for (let k = 0; k < bins - 1; k++) {
    groundCount += counts[k];
    groundSum += counts[k] * centre(k);
    const inkCount = ink.values.length - groundCount;
    const apart = (total - groundSum) / inkCount - groundSum / Math.max(groundCount, 1);
    const variance = groundCount * inkCount * apart ** 2;
    if (variance > bestVariance) {
      [best, bestVariance] = [k, variance];
    }
  }
  return edge(best + 1);
}

/** Stretch ink in a box to 0 .. 1; full ink is the median of all that is above the threshold. */
export function fullContrast(ink, threshold, box) {
  const full = median(ink.select((value) => value > threshold));
  const floor = INK_FLOOR * full;
  return ink.crop(box).map((value) => clamp((value - floor) / (full - floor), 0, 1));
}

/** Return the connected parts that `labels` numbers: [{ mass, top, bottom, left, right, pixels }]. */
function measured(labels, count, ink) {
  const { height, width } = labels;
  const parts = Array.from({ length: count }, () => ({
    mass: 0,
    pixels: 0,
    top: height,
    bottom: 0,
    left: width,
    right: 0,
  }));
  for (let k = 0; k < labels.values.length; k++) {
    const label = labels.values[k];
    if (label) {
      const part = parts[label - 1];
      const row = Math.trunc(k / width);
      const column = k % width;
      part.mass += ink.values[k];
      part.pixels += 1;
      part.top = Math.min(part.top, row);
      part.bottom = Math.max(part.bottom, row + 1);
      part.left = Math.min(part.left, column);
      part.right = Math.max(part.right, column + 1);
    }
  }
  for (const part of parts) {
    const { top, bottom, left, right } = part;
    part.isCut = top === 0 || left === 0 || bottom === height || right === width;
  }
  return parts;
}

function heightOf({ top, bottom }) {
  return bottom - top;
}

function widthOf({ left, right }) {
  return right - left;
}

/** Return whether a part is drawn around others, as the boxes of a form are. */
function isFrame(part, parts, mostMass, own) {
  const isThin = part.pixels < THIN * heightOf(part) * widthOf(part);
  if (!isThin || part.mass < LEAST_SHARE * mostMass) {
    return false;
  }
  const inside = parts.filter(
    ({ top, bottom, left, right }) =>
      top > part.top && bottom < part.bottom && left > part.left && right < part.right,
  );
  const shorter = Math.min(heightOf(part), widthOf(part));
  const counts = ({ mass }) => mass >= LEAST_OF_MANY * part.mass;
  const holds =
    inside.some((each) => Math.max(heightOf(each), widthOf(each)) >= LEAST_FRAMED * shorter) ||
    inside.filter(counts).length >= MANY;
  return holds && hasSides(own());
}

/** Return whether ink runs along at least three sides of a part's box, as a C's does not. */
function hasSides(own) {
  const depth = (side) => Math.max(1, roundToEven(SIDE_DEPTH * side));
  const [down, across] = [depth(own.height), depth(own.width)];
  const sides = [
    { bottom: down },
    { top: own.height - down },
    { right: across },
    { left: own.width - across },
  ].map((side) => {
    const strip = { top: 0, bottom: own.height, left: 0, right: own.width, ...side };
    const isAlong = "top" in side || "bottom" in side;
    const inked = new Set();
    for (let row = strip.top; row < strip.bottom; row++) {
      for (let column = strip.left; column < strip.right; column++) {
        if (own.values[row * own.width + column]) {
          inked.add(isAlong ? column : row);
        }
      }
    }
    return inked.size / (isAlong ? own.width : own.height);
  });
  return sides.filter((share) => share >= LEAST_SIDE).length >= LEAST_SIDES;
}

/** Return a mask of where the digit is, without specks, the rims of shadows, and neighbours. */
export function digitMask({ ink, sure, threshold }) {
  const mask = ink.map((value) => (value > threshold ? 1 : 0));
  const { labels, count } = labelled(mask);
  const parts = measured(labels, count, ink);
  const masses = parts.map(({ mass }) => mass);
  const mostMass = Math.max(...masses);
  const allMass = masses.reduce((sum, each) => sum + each, 0);
  const covered = mask.sum() / mask.values.length;
  if (count >= MANY_PARTS && covered > (mostMass < allMass / 2 ? MUCH_INK : TOO_MUCH_INK)) {
    throw new NoDigit("noise");
  }
  const sureMass = measured(labels, count, sure).map(({ mass }) => mass);
  const isRim = sureMass.map((each, k) => each < SURE_SHARE * masses[k]);
  if (isRim.every(Boolean)) {
    throw new NoDigit("shadow");
  }
  const ownPixels = (k) => labels.map((label) => (label === k + 1 ? 1 : 0)).crop(parts[k]);
  const isKept = parts.map(
    (part, k) => !isRim[k] && !isFrame(part, parts, mostMass, () => ownPixels(k)),
  );
  return nearMask(
    labels.map((label) => (label && isKept[label - 1] ? 1 : 0)),
    ink,
  );
}

/** Return the mask of the main group of parts and, in turn, of what is near it. */
function nearMask(mask, ink) {
  const reach = Math.max(1, roundToEven((GAP * strokeWidth(mask)) / 2));
  const { labels, count } = labelled(slidingMax(mask, 2 * reach + 1));
  const own = labels.map((label, k) => (mask.values[k] ? label : 0));
  const groups = measured(own, count, ink);
  const weight = ({ mass, isCut }) => mass * (isCut ? AT_THE_BORDER : 1);
  const main = groups.reduce((best, each) => (weight(each) > weight(best) ? each : best));
  const kept = new Set([main]);
  const enough = groups.filter(({ mass }) => mass >= LEAST_SHARE * main.mass);
  for (let before = 0; before < kept.size;) {
    before = kept.size;
    const whole = around(kept);
    const lies = heightOf(whole) < LEAST_HEIGHT_TO_WIDTH * widthOf(whole);
    const extent = (box) => Math.max(heightOf(box), widthOf(box));
    enough
      .filter(
        (each) => distance(each, whole) <= NEAR * extent(lies ? around([whole, each]) : whole),
      )
      .forEach((each) => kept.add(each));
  }
  const massOf = (some) => some.reduce((sum, { mass }) => sum + mass, 0);
  const counted = groups.filter((each) => kept.has(each) || !each.isCut);
  if (massOf([...kept]) < LEAST_KEPT * massOf(counted)) {
    throw new NoDigit("many");
  }
  return own.map((label) => (label && kept.has(groups[label - 1]) ? 1 : 0));
}

function around(parts) {
  const all = [...parts];
  return {
    top: Math.min(...all.map(({ top }) => top)),
    bottom: Math.max(...all.map(({ bottom }) => bottom)),
    left: Math.min(...all.map(({ left }) => left)),
    right: Math.max(...all.map(({ right }) => right)),
  };
}

/** Return how far a box is from another. */
function distance(box, other) {
  const down = Math.max(box.top - other.bottom, other.top - box.bottom);
  const across = Math.max(box.left - other.right, other.left - box.right);
  return Math.max(0, down, across);
}

/** Return the mean width of the strokes in a mask: twice its area by its outline. */
export function strokeWidth(mask) {
  const framed = mask.padded(1);
  const { values, width } = framed;
  let sides = 0;
  for (let k = 0; k + width < values.length; k++) {
    sides += Number(values[k] !== values[k + 1]) + Number(values[k] !== values[k + width]);
  }
  return (2 * mask.sum()) / ((sides * Math.PI) / 4);
}

/** Return a digit's ink with strokes wide enough to be seen on 20 pixels, in a larger box. */
export function widenedStrokes(digit, width) {
  const pen = odd(1 + LEAST_STROKE_WIDTH * Math.max(digit.height, digit.width) - width);
  return pen > 1 ? slidingMax(digit.padded(pen >> 1), pen) : digit;
}
