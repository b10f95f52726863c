// What a network sees of an image: an image of a digit is prepared as MNIST's were (see
// mlpcli/reading/digit.py), one of something else is scaled (see mlpcli/reading/plain.py).
//
// The first is the way of a clean drawing or photograph. What `mlpcli predict` does beyond it (ruled and
// squared paper, forms, dithered images, images without sharp edges, light ink half in shadow) is
// left out.

import { clamp, Grid, labelled, resized, roundToEven, shrunk, slidingMax } from "./grid.js";
import { isDarkOnLight } from "./ground.js";
import {
  digitMask,
  findInk,
  fullContrast,
  LEAST_HEIGHT_TO_WIDTH,
  NoDigit,
  strokeWidth,
  widenedStrokes,
} from "./ink.js";

const DIGIT_SIDE = 128;
const LEAST_DIGIT_SIZE = 6;
const SMALL_DIGIT = 0.45;
const SURROUNDINGS = 0.6;

const DIGIT_SHARE = 20 / 28;

const SOLID = 0.5;
const SOLID_WHEN_SMALL = 0.6;
const LEAST_SOLID_SIDE = 10;
const LYING_SOLID = 0.5;
const MOST_HOLES = 4;
const LEAST_HOLE = 0.004;
const FINE_SIDE = 40;

/**
 * Return the bytes (height * width) that the network sees of a grey image in 0 .. 1.
 *
 * `shape` is [height, width] of the images that the network was trained on. Throws NoDigit.
 */
export function prepare(grey, shape) {
  const found = digitIn(grey);
  const digit = fitted(found, shape);
  refuseNoDigit(found);
  return centred(
    digit.map((value) => roundToEven(Math.fround(value * 255))),
    shape,
  );
}

/** Return a grey image in 0 .. 1 as bytes (height * width), black 0 and white 255. */
export function asItIs(grey, [height, width]) {
  return Uint8Array.from(resized(grey, height, width).values, (value) =>
    roundToEven(Math.fround(clamp(value, 0, 1) * 255)),
  );
}

/** Return the digit's ink in 0 .. 1. */
function digitIn(grey) {
  const small = shrunk(grey, DIGIT_SIDE);
  const dark = isDarkOnLight(small);
  const { digit, box } = largeDigit(grey, small, dark);
  const size = longerSide(box);
  if (size < LEAST_DIGIT_SIZE) {
    throw new NoDigit("specks");
  }
  if (size >= SMALL_DIGIT * Math.max(grey.height, grey.width)) {
    return digit;
  }
  refuseNoDigit(digit, true);
  const margin = SURROUNDINGS * size;
  const closeUp = grey.crop({
    top: Math.max(0, Math.floor(box.top - margin)),
    bottom: Math.min(grey.height, Math.ceil(box.bottom + margin)),
    left: Math.max(0, Math.floor(box.left - margin)),
    right: Math.min(grey.width, Math.ceil(box.right + margin)),
  });
  return largeDigit(closeUp, shrunk(closeUp, DIGIT_SIDE), dark).digit;
}

/** Return the same for a digit that is not small in its image, also shrunk; and its box in it. */
function largeDigit(grey, small, dark) {
  const found = findInk(small, dark);
  const mask = digitMask(found);
  const box = mask.box();
  const near = slidingMax(mask.crop(box), 3).values;
  const soft = fullContrast(found.ink, found.threshold, box);
  const digit = widenedStrokes(
    soft.map((value, k) => value * near[k]),
    strokeWidth(mask),
  );
  const down = grey.height / small.height;
  const across = grey.width / small.width;
  return {
    digit,
    box: {
      top: Math.floor(box.top * down),
      bottom: Math.ceil(box.bottom * down),
      left: Math.floor(box.left * across),
      right: Math.ceil(box.right * across),
    },
  };
}

function longerSide({ top, bottom, left, right }) {
  return Math.max(bottom - top, right - left);
}

/** Return a digit's box scaled to fill its share of `shape`, its strongest pixel made full. */
function fitted(digit, shape) {
  const largest = shape.map((side) => roundToEven(side * DIGIT_SHARE));
  const scale = Math.min(largest[0] / digit.height, largest[1] / digit.width);
  const height = Math.max(1, roundToEven(digit.height * scale));
  const width = Math.max(1, roundToEven(digit.width * scale));
  const scaled = resized(digit, height, width);
  const full = scaled.max();
  return scaled.map((value) => Math.fround(value / full));
}

/** Place a digit in an empty image of `shape`, its centre of mass in the middle; return bytes. */
function centred(digit, [height, width]) {
  let [mass, down, across] = [0, 0, 0];
  digit.values.forEach((value, k) => {
    mass += value;
    down += value * Math.trunc(k / digit.width);
    across += value * (k % digit.width);
  });
  const place = (side, middle, extent) =>
    clamp(Math.floor(side / 2 + 0.5 - middle), 0, side - extent);
  const top = place(height, down / mass, digit.height);
  const left = place(width, across / mass, digit.width);
  const image = new Uint8Array(height * width);
  digit.values.forEach((value, k) => {
    image[(top + Math.trunc(k / digit.width)) * width + left + (k % digit.width)] = value;
  });
  return image;
}

/** Throw NoDigit if the ink is a blob, a line or a pattern: a digit is made of a few strokes. */
function refuseNoDigit(digit, isSmall = false) {
  const size = Math.max(digit.height, digit.width);
  const larger = Math.max(1, FINE_SIDE / size);
  const fine = resized(
    digit,
    roundToEven(larger * digit.height),
    roundToEven(larger * digit.width),
  );
  const half = fine.max() / 2;
  const mask = fine.map((value) => (value > half ? 1 : 0));
  const box = mask.box();
  const [height, width] = [box.bottom - box.top, box.right - box.left];
  if (height < LEAST_HEIGHT_TO_WIDTH * width) {
    throw new NoDigit("line");
  }
  if (holes(mask) > MOST_HOLES) {
    throw new NoDigit("pattern");
  }
  let side = (isSmall ? SOLID_WHEN_SMALL : SOLID) * Math.max(height, width);
  if (width > height && !isSmall) {
    side = Math.min(side, LYING_SOLID * height);
  }
  if ((isSmall || size >= LEAST_SOLID_SIDE) && holdsSquare(mask, side)) {
    throw new NoDigit("spot");
  }
}

/** Return how many places a mask encloses, without the smallest. */
function holes(mask) {
  const ground = mask.padded(1).map((value) => 1 - value);
  const { labels, count } = labelled(ground, false); // the first part is the outside
  const sizes = new Float64Array(count + 1);
  labels.values.forEach((label) => (sizes[label] += 1));
  return sizes.slice(2).filter((size) => size > LEAST_HOLE * mask.values.length).length;
}

/** Return whether a square larger than `side` fits into a mask. */
function holdsSquare({ height, width, values }, side) {
  const whole = Math.trunc(side) + 1;
  const least = whole % 2 ? whole : whole + 1; // as in Python, where a window has a middle
  // The side of the largest square that ends at each cell: one more than the least of those that
  // end before it, above it, and at the corner between.
  let above = new Int32Array(width);
  for (let row = 0; row < height; row++) {
    const here = new Int32Array(width);
    for (let column = 0; column < width; column++) {
      if (values[row * width + column]) {
        const [before, corner] = column ? [here[column - 1], above[column - 1]] : [0, 0];
        here[column] = 1 + Math.min(before, above[column], corner);
        if (here[column] >= least) {
          return true;
        }
      }
    }
    above = here;
  }
  return false;
}

/** Return a grey image in 0 .. 1 of RGBA bytes: the channel that varies most. */
export function greyOf({ data, width, height }) {
  const spread = [0, 1, 2].map((channel) => {
    let [sum, squares] = [0, 0];
    for (let k = channel; k < data.length; k += 4) {
      sum += data[k];
      squares += data[k] * data[k];
    }
    return width * height * squares - sum ** 2;
  });
  const strongest = spread.indexOf(Math.max(...spread));
  const grey = new Grid(height, width);
  for (let k = 0; k < grey.values.length; k++) {
    grey.values[k] = Math.fround(data[4 * k + strongest] / 255);
  }
  return grey;
}
