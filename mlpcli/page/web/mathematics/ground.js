// The ground under the ink: whether it is lighter or darker, and how it is lit; as in
// mlpcli/reading/ground.py.

import { clamp, closed, Grid, median, negative, odd, shrunk, withoutGrain } from "./grid.js";

const BLUR_SIDE = 64;
const GROUND_BLUR = 0.2;
const GROUND_WINDOW = 0.33;
const LEAST_LIGHT = 0.02;
const PLANE_FITS = 5;
const ROUNDING = 1e-12;

/** Return whether the ink in a grey image is darker than its ground. */
export function isDarkOnLight(grey) {
  const small = shrunk(grey, BLUR_SIDE);
  const ground = blurred(small, GROUND_BLUR * Math.max(small.height, small.width));
  return small.map((value, k) => (value - ground.values[k]) ** 3).sum() < 0;
}

/** Return a Gaussian blur, with the values at the border repeated beyond it. */
function blurred(grid, sigma) {
  const reach = Math.ceil(3 * sigma);
  const bell = Array.from({ length: 2 * reach + 1 }, (_, k) =>
    Math.exp(-0.5 * ((k - reach) / sigma) ** 2),
  );
  const total = bell.reduce((sum, each) => sum + each, 0);
  const kernel = bell.map((each) => each / total);
  const alongColumns = ({ height, width, values }) => {
    const result = new Grid(height, width);
    for (let row = 0; row < height; row++) {
      const blurredRow = result.values.subarray(row * width, (row + 1) * width);
      for (let k = 0; k < kernel.length; k++) {
        const from = clamp(row + k - reach, 0, height - 1) * width;
        const weight = kernel[k];
        for (let column = 0; column < width; column++) {
          blurredRow[column] += weight * values[from + column];
        }
      }
    }
    return result;
  };
  return alongColumns(alongColumns(grid).transposed()).transposed();
}

/**
 * Return the ink in 0 .. 1: the fraction of the ground's light that it takes away.
 *
 * The ground is the image with every dark place filled that is narrower than the window; of two
 * grounds, found with and without the image's own slope, the lower one. If `continued`, the values
 * at the border are repeated beyond it instead.
 */
export function inkOnGround(grey, dark, continued = false) {
  const sided = dark ? grey : negative(grey);
  const window = Math.max(3, odd(GROUND_WINDOW * Math.max(grey.height, grey.width)));
  const smooth = withoutGrain(sided);
  let ground;
  if (continued) {
    const reach = window >> 1;
    ground = closed(smooth.padded(reach, null), window).crop({
      top: reach,
      bottom: reach + grey.height,
      left: reach,
      right: reach + grey.width,
    });
  } else {
    ground = closed(smooth, window);
    const weights = planeThrough(sided);
    if (isSlope(weights)) {
      const slope = plane(weights, grey).values;
      const upright = closed(
        smooth.map((value, k) => value - slope[k]),
        window,
      ).values;
      ground = ground.map((value, k) => Math.min(value, slope[k] + upright[k]));
    }
  }
  return ground.map((light, k) => {
    const difference = light - sided.values[k];
    const ink = dark ? difference / Math.max(light, LEAST_LIGHT) : difference;
    return Math.min(Math.max(ink, 0), 1);
  });
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
