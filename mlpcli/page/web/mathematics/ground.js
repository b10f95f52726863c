// The ground under the ink: whether it is lighter or darker, and how it is lit; as in
// mlpcli/reading/ground.py.

import {
  alongBoth,
  clamp,
  closed,
  Grid,
  median,
  negative,
  odd,
  shrunk,
  slidingMax,
  slidingMin,
  withoutGrain,
} from "./grid.js";

const [SIDE_FOR_INK, INK_BLUR] = [128, 0.1];
const BLUR_SIDE = 64;
const GROUND_WINDOW = 0.33;
const LEAST_LIGHT = 0.02;
const PLANE_FITS = 5;
const ROUNDING = 1e-12;

/** Return whether the ink in a grey image is darker than its ground. */
export function isDarkOnLight(grey) {
  const small = shrunk(grey, SIDE_FOR_INK);
  const paper = paperOf(small.values);
  const ground =
    paper === null ? blurred(small, INK_BLUR * Math.max(small.height, small.width)).values : null;
  let skew = 0;
  for (let k = 0; k < small.values.length; k++) {
    const lighter = small.values[k] - (ground === null ? paper : ground[k]);
    skew += lighter * lighter * lighter;
  }
  return skew < 0;
}

/** Return the light that two thirds of the pixels have, as a drawing's paper does, or null. */
function paperOf(values) {
  const light = median(values.slice());
  let count = 0;
  for (let k = 0; k < values.length; k++) {
    count += values[k] === light ? 1 : 0;
  }
  return 3 * count > 2 * values.length ? light : null;
}

/** Return a Gaussian blur, with the values at the border repeated beyond it. */
function blurred(grid, sigma) {
  const reach = Math.ceil(3 * sigma);
  const bell = Array.from({ length: reach + 1 }, (_, far) => Math.exp(-0.5 * (far / sigma) ** 2));
  const total = bell.reduce((sum, each) => sum + 2 * each, -bell[0]); // its other half is the same
  const kernel = Float64Array.from(bell, (each) => each / total);
  const wide = new Float64Array(Math.max(grid.height, grid.width) + 2 * reach + 3);
  return alongBoth(grid, (values, out) => {
    wide.fill(values[0], 0, reach);
    wide.set(values, reach);
    wide.fill(values.at(-1), reach + values.length);
    // Four at a time, because each sum alone would wait for its last addition: a third of the time.
    for (let k = 0; k < values.length; k += 4) {
      let a = kernel[0] * wide[k + reach];
      let b = kernel[0] * wide[k + reach + 1];
      let c = kernel[0] * wide[k + reach + 2];
      let d = kernel[0] * wide[k + reach + 3];
      for (let far = 1; far <= reach; far++) {
        const weight = kernel[far];
        const before = k + reach - far;
        const after = k + reach + far;
        a += weight * (wide[before] + wide[after]);
        b += weight * (wide[before + 1] + wide[after + 1]);
        c += weight * (wide[before + 2] + wide[after + 2]);
        d += weight * (wide[before + 3] + wide[after + 3]);
      }
      out[k] = a;
      out[k + 1] = b; // what is beyond the end is lost
      out[k + 2] = c;
      out[k + 3] = d;
    }
  });
}

/**
 * Return the ink in 0 .. 1, the fraction of the ground's light that it takes away: { taken, sure }.
 *
 * The ground is the image with every dark place filled that is narrower than the window; of two
 * grounds, found with and without the image's own slope, the lower one. `sure` is the ink if the
 * values at the border are repeated beyond it instead.
 */
export function inkOnGround(grey, dark) {
  const sided = dark ? grey : negative(grey);
  const window = Math.max(3, odd(GROUND_WINDOW * Math.max(grey.height, grey.width)));
  const smooth = withoutGrain(sided);
  const inside = groundInside(sided, smooth, window, dark);
  const taken = takenFrom(inside, sided, dark);
  const light = inside.values[0];
  const isEverywhere = inside.values.every((value) => value === light) && hasBorder(smooth, light);
  return {
    taken,
    sure: isEverywhere ? taken : takenFrom(groundContinued(smooth, window), sided, dark),
  };
}

/** Return the ink that takes an image's light away from its ground. */
function takenFrom(ground, sided, dark) {
  const ink = new Grid(ground.height, ground.width);
  for (let k = 0; k < ink.values.length; k++) {
    const light = ground.values[k];
    const difference = light - sided.values[k];
    const share = dark ? difference / Math.max(light, LEAST_LIGHT) : difference;
    ink.values[k] = clamp(share, 0, 1);
  }
  return ink;
}

function groundInside(sided, smooth, window, dark) {
  const fill = dark ? closed : filledWithin; // shadows lie along the border, glows do not
  const ground = fill(smooth, window);
  const weights = planeThrough(sided);
  if (!isSlope(weights)) {
    return ground;
  }
  const slope = plane(weights, sided).values;
  const upright = fill(
    smooth.map((value, k) => value - slope[k]),
    window,
  ).values;
  return ground.map((light, k) => Math.min(light, slope[k] + upright[k]));
}

/** Return whether an image has this value all along its border. */
function hasBorder({ height, width, values }, value) {
  return values.every((each, k) => {
    const column = k % width;
    const isInside = k >= width && k < (height - 1) * width && column > 0 && column < width - 1;
    return isInside || each === value;
  });
}

function groundContinued(smooth, window) {
  const reach = window >> 1;
  return closed(smooth.padded(reach, null), window).crop({
    top: reach,
    bottom: reach + smooth.height,
    left: reach,
    right: reach + smooth.width,
  });
}

/** Return an image closed by windows that lie wholly inside it. */
function filledWithin(image, window) {
  const { height, width } = image;
  if (Math.min(height, width) <= window) {
    return closed(image, window);
  }
  const reach = window >> 1;
  const isInside = (k, extent) => k >= reach && k < extent - reach;
  const inside = slidingMax(image, window).map((value, k) =>
    isInside(Math.trunc(k / width), height) && isInside(k % width, width) ? value : Infinity,
  );
  return slidingMin(inside, window);
}

/** Return the place of row or column k of `extent`, from -1 to 1. */
function fromMiddle(k, extent) {
  return (2 * k + 1 - extent) / extent;
}

/**
 * Return [level, down, across] of the plane through most of an image: the slope of its light.
 *
 * It is fitted repeatedly to the nearest half of the pixels (least trimmed squares).
 */
function planeThrough(grey) {
  const small = shrunk(grey, BLUR_SIDE);
  const step = Math.max(small.height, small.width) > BLUR_SIDE / 2 ? 2 : 1;
  const points = [];
  for (let row = 0; row < small.height; row += step) {
    for (let column = 0; column < small.width; column += step) {
      points.push({
        y: fromMiddle(row, small.height),
        x: fromMiddle(column, small.width),
        value: small.values[row * small.width + column],
      });
    }
  }
  const paper = paperOf(Float64Array.from(points, ({ value }) => value));
  if (paper !== null) {
    return [paper, 0, 0];
  }
  const distances = new Float64Array(points.length);
  let kept = points;
  let weights = [0, 0, 0];
  for (let fit = 0; fit < PLANE_FITS; fit++) {
    weights = leastSquares(kept);
    for (let k = 0; k < points.length; k++) {
      distances[k] = Math.abs(points[k].value - heightAt(weights, points[k].y, points[k].x));
    }
    const middle = median(distances.slice());
    if (middle < ROUNDING) {
      break; // through most of the pixels exactly
    }
    kept = points.filter((_, k) => distances[k] <= middle);
  }
  return weights;
}

/** Return whether a plane is not flat. */
function isSlope([, down, across]) {
  return Math.abs(down) > ROUNDING || Math.abs(across) > ROUNDING;
}

/** Return the heights of a plane at each pixel of an image of this size. */
function plane(weights, { height, width }) {
  const found = new Grid(height, width);
  for (let row = 0; row < height; row++) {
    const y = fromMiddle(row, height);
    for (let column = 0; column < width; column++) {
      found.values[row * width + column] = heightAt(weights, y, fromMiddle(column, width));
    }
  }
  return found;
}

function heightAt([level, down, across], y, x) {
  return level + down * y + across * x;
}

/** Return the least squares [level, down, across] of points { y, x, value }. */
function leastSquares(points) {
  let [n, sy, sx, syy, syx, sxx, sv, svy, svx] = new Float64Array(9);
  for (const { y, x, value } of points) {
    n += 1;
    sy += y;
    sx += x;
    syy += y * y;
    syx += y * x;
    sxx += x * x;
    sv += value;
    svy += value * y;
    svx += value * x;
  }
  return solved([
    [n, sy, sx, sv],
    [sy, syy, syx, svy],
    [sx, syx, sxx, svx],
  ]);
}

/** Solve three equations, [coefficients..., right side] each; an unknown that none has is 0. */
function solved(rows) {
  for (let pivot = 0; pivot < 3; pivot++) {
    let best = pivot;
    for (let r = pivot + 1; r < 3; r++) {
      best = Math.abs(rows[r][pivot]) > Math.abs(rows[best][pivot]) ? r : best;
    }
    [rows[pivot], rows[best]] = [rows[best], rows[pivot]];
    if (Math.abs(rows[pivot][pivot]) < 1e-9) {
      rows[pivot] = [0, 1, 2, 3].map((c) => (c === pivot ? 1 : 0));
    }
    for (let r = 0; r < 3; r++) {
      if (r !== pivot) {
        const factor = rows[r][pivot] / rows[pivot][pivot];
        rows[r] = rows[r].map((each, c) => each - factor * rows[pivot][c]);
      }
    }
  }
  return rows.map((row, r) => row[3] / row[r]);
}
