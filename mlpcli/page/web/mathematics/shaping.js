// Digits of equal slant and width, as in mlpcli/data/shaping.py and resampling.py.

const STEEPEST = 1;
const MOST_STRETCHED = 2;
const SHARPNESS = -0.5; // a in Keys' paper

/**
 * Return bytes (height * width) set upright and stretched as the network's config says.
 *
 * `shaping` is { deslant, digit_width, interpolation }.
 */
export function shaped(pixels, [, width], shaping) {
  if (!shaping.deslant && shaping.digit_width === null) {
    return pixels;
  }
  const [middleRow, middleColumn] = centre(pixels, width);
  const slant = shaping.deslant ? slantOf(pixels, width, middleRow) : 0;
  let squeezed = 1;
  if (shaping.digit_width !== null) {
    const stretch = shaping.digit_width / inkWidth(pixels, width, middleRow, slant);
    squeezed = 1 / Math.min(Math.max(stretch, 1 / MOST_STRETCHED), MOST_STRETCHED);
  }
  const between = shaping.interpolation === "bicubic" ? bicubic : bilinear;
  return pixels.map((_, k) => {
    const row = Math.trunc(k / width);
    const column = k % width;
    const x = column + slant * (row - middleRow) + (column - middleColumn) * (squeezed - 1);
    return Math.trunc(between(pixels, width, row, Math.fround(x)) + 0.5);
  });
}

/** Return the row and the column of the centre of mass; 0 of a blank image. */
function centre(pixels, width) {
  let [mass, down, right] = [0, 0, 0];
  pixels.forEach((value, k) => {
    mass += value;
    down += value * Math.trunc(k / width);
    right += value * (k % width);
  });
  return [down / Math.max(mass, 1), right / Math.max(mass, 1)];
}

/** Return the slant in pixels to the right per row downwards: the slope of x on y. */
function slantOf(pixels, width, middleRow) {
  let [variance, covariance] = [0, 0];
  pixels.forEach((value, k) => {
    const down = Math.trunc(k / width) - middleRow;
    variance += value * down * down;
    covariance += value * (k % width) * down;
  });
  const slant = variance > 0 ? covariance / variance : 0;
  return Math.min(Math.max(slant, -STEEPEST), STEEPEST);
}

/** Return the width of the ink in pixels, at least 1, of an image set upright. */
function inkWidth(pixels, width, middleRow, slant) {
  let [left, right] = [Infinity, -Infinity];
  pixels.forEach((value, k) => {
    if (value > 0) {
      const column = (k % width) - slant * (Math.trunc(k / width) - middleRow);
      left = Math.min(left, column);
      right = Math.max(right, column);
    }
  });
  return Math.max(right - left, 0) + 1;
}

/** Return the value at a whole row and column x of an image that background (0) surrounds. */
function bilinear(pixels, width, row, x) {
  const left = Math.floor(x);
  const at = (column) => (column >= 0 && column < width ? pixels[row * width + column] : 0);
  return at(left) + (x - left) * (at(left + 1) - at(left));
}

/** Return the same by cubic convolution over four columns (Keys 1981), without its overshoots. */
function bicubic(pixels, width, row, x) {
  const left = Math.floor(x);
  const t = x - left;
  const u = 1 - t;
  const at = (column) => (column >= 0 && column < width ? pixels[row * width + column] : 0);
  const weights = [
    SHARPNESS * t * u * u,
    u + t * u * u - (1 + SHARPNESS) * t * t * u,
    t + t * t * u - (1 + SHARPNESS) * t * u * u,
    SHARPNESS * t * t * u,
  ];
  const sum = weights.reduce((total, each, k) => total + each * at(left - 1 + k), 0);
  return Math.min(Math.max(sum, 0), 255);
}
