// Images as grids of numbers, and the tools that their preparation needs.
//
// They do what mlpcli/reading/ does with NumPy and Pillow, to the same numbers.

/** Numbers (height, width), row after row. */
export class Grid {
  constructor(height, width, values = new Float64Array(height * width)) {
    this.height = height;
    this.width = width;
    this.values = values;
  }

  /** Return a grid of the same shape with f(value, index) in each place. */
  map(f) {
    const result = new Grid(this.height, this.width);
    // A loop: the arrays' own `map` and `reduce` take several times as long.
    for (let k = 0; k < this.values.length; k++) {
      result.values[k] = f(this.values[k], k);
    }
    return result;
  }

  max() {
    let most = -Infinity;
    for (let k = 0; k < this.values.length; k++) {
      most = Math.max(most, this.values[k]);
    }
    return most;
  }

  sum() {
    let sum = 0;
    for (let k = 0; k < this.values.length; k++) {
      sum += this.values[k];
    }
    return sum;
  }

  /** Return the values for which f(value, index) is true. */
  select(f) {
    const found = new Float64Array(this.values.length);
    let n = 0;
    for (let k = 0; k < this.values.length; k++) {
      if (f(this.values[k], k)) {
        found[n++] = this.values[k];
      }
    }
    return found.subarray(0, n);
  }

  /** Return the part inside a box. */
  crop({ top, bottom, left, right }) {
    const part = new Grid(bottom - top, right - left);
    for (let row = top; row < bottom; row++) {
      const start = row * this.width;
      part.values.set(this.values.subarray(start + left, start + right), (row - top) * part.width);
    }
    return part;
  }

  /** Return the grid with `margin` more cells on each side, of `value` or, if null, of its ends. */
  padded(margin, value = 0) {
    const wide = new Grid(this.height + 2 * margin, this.width + 2 * margin);
    wide.values.fill(value ?? 0);
    for (let row = 0; row < wide.height; row++) {
      const inside = clamp(row - margin, 0, this.height - 1);
      if (value !== null && inside !== row - margin) {
        continue;
      }
      const [from, to] = [inside * this.width, row * wide.width];
      const end = from + this.width;
      wide.values.set(this.values.subarray(from, end), to + margin);
      if (value === null) {
        wide.values.fill(this.values[from], to, to + margin);
        wide.values.fill(this.values[end - 1], to + margin + this.width, to + wide.width);
      }
    }
    return wide;
  }

  /** Return the smallest box around what is not 0; there is something. */
  box() {
    const box = { top: this.height, bottom: 0, left: this.width, right: 0 };
    for (let row = 0; row < this.height; row++) {
      for (let column = 0; column < this.width; column++) {
        if (this.values[row * this.width + column]) {
          box.top = Math.min(box.top, row);
          box.bottom = row + 1;
          box.left = Math.min(box.left, column);
          box.right = Math.max(box.right, column + 1);
        }
      }
    }
    return box;
  }
}

export function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

/** Round to the nearest whole number, halves to the even one, as NumPy and Python do. */
export function roundToEven(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** Return the largest odd number up to `size`, at least 1: a window has a middle. */
export function odd(size) {
  return Math.max(1, 2 * Math.trunc((size + 1) / 2) - 1);
}

/** Return the median of an array of floats, of which there is at least one; it is reordered. */
export function median(numbers) {
  const middle = numbers.length >> 1;
  const upper = orderedAt(numbers, middle);
  if (numbers.length % 2) {
    return upper;
  }
  let lower = -Infinity;
  for (let k = 0; k < middle; k++) {
    lower = Math.max(lower, numbers[k]);
  }
  return (lower + upper) / 2;
}

/**
 * Return the number that sorting would bring to place k, and bring none that is larger before it.
 *
 * Quickselect (Hoare 1961): only the side of the pivot with place k is ordered further. Pivots are
 * taken here and there, because in the middle of ordered numbers may be the smallest of all.
 */
function orderedAt(numbers, k) {
  let [first, last] = [0, numbers.length - 1];
  let dice = 1;
  while (first < last) {
    dice = (dice * 16807) % 2147483647; // Park and Miller 1988
    const pivot = numbers[first + (dice % (last - first + 1))];
    let [i, j] = [first, last];
    while (i <= j) {
      while (numbers[i] < pivot) {
        i++;
      }
      while (numbers[j] > pivot) {
        j--;
      }
      if (i <= j) {
        const moved = numbers[i];
        numbers[i++] = numbers[j];
        numbers[j--] = moved;
      }
    }
    if (k <= j) {
      last = j;
    } else if (k >= i) {
      first = i;
    } else {
      break;
    }
  }
  return numbers[k];
}

/** Return the grid with f(values, where they are put) done to each column, and then to each row. */
export function alongBoth(grid, f) {
  const { height, width } = grid;
  const result = new Grid(height, width);
  const column = new Float64Array(height);
  const changed = new Float64Array(height);
  for (let k = 0; k < width; k++) {
    for (let row = 0; row < height; row++) {
      column[row] = grid.values[row * width + k];
    }
    f(column, changed);
    for (let row = 0; row < height; row++) {
      result.values[row * width + k] = changed[row];
    }
  }
  const before = new Float64Array(width);
  for (let start = 0; start < result.values.length; start += width) {
    const row = result.values.subarray(start, start + width);
    before.set(row);
    f(before, row);
  }
  return result;
}

/**
 * Return the largest value in the window, an odd number of cells, around each cell.
 *
 * Van Herk 1992: cut a row into blocks as long as the window. Each window then is the end of one
 * block and the beginning of the next, whose maxima are found in one pass each way.
 */
export function slidingMax(grid, window) {
  const reach = window >> 1;
  const longest = Math.max(grid.height, grid.width) + 2 * reach;
  const fromLeft = new Float64Array(longest);
  const fromRight = new Float64Array(longest);
  return alongBoth(grid, (values, out) => {
    const length = values.length + 2 * reach;
    fromLeft.fill(-Infinity, 0, length);
    fromLeft.set(values, reach);
    fromRight.set(fromLeft);
    for (let start = 0; start < length; start += window) {
      const end = Math.min(start + window, length);
      for (let k = start + 1; k < end; k++) {
        fromLeft[k] = larger(fromLeft[k], fromLeft[k - 1]);
      }
      for (let k = end - 2; k >= start; k--) {
        fromRight[k] = larger(fromRight[k], fromRight[k + 1]);
      }
    }
    for (let k = 0; k < out.length; k++) {
      out[k] = larger(fromRight[k], fromLeft[k + window - 1]);
    }
  });
}

/** Return the larger of two numbers, sooner than Math.max, which asks for -0 and NaN too. */
function larger(one, other) {
  return one > other ? one : other;
}

export function slidingMin(grid, window) {
  return negative(slidingMax(negative(grid), window));
}

export function negative(grid) {
  const result = new Grid(grid.height, grid.width);
  for (let k = 0; k < grid.values.length; k++) {
    result.values[k] = -grid.values[k];
  }
  return result;
}

/** Return the grid with every dark place filled that is narrower than the window. */
export function closed(grid, window) {
  const widened = slidingMax(grid, window);
  const full = widened.max();
  // Mostly there is full light in every window, and nothing to do.
  return widened.values.every((value) => value === full) ? widened : slidingMin(widened, window);
}

/** Return each cell averaged with its neighbours by 1 2 1 down and across, `passes` times. */
export function smoothed(grid, passes = 1) {
  let result = grid;
  for (let pass = 0; pass < passes; pass++) {
    result = alongBoth(result, (values, out) => {
      const last = values.length - 1;
      for (let k = 0; k <= last; k++) {
        const before = values[Math.max(k - 1, 0)];
        const after = values[Math.min(k + 1, last)];
        out[k] = 0.25 * before + 0.5 * values[k] + 0.25 * after;
      }
    });
  }
  return result;
}

/** Return each cell replaced by the median of three, down and then across. */
export function withoutGrain(grid) {
  return alongBoth(grid, (values, out) => {
    const last = values.length - 1;
    for (let k = 0; k <= last; k++) {
      const here = values[k];
      const before = values[Math.max(k - 1, 0)];
      const after = values[Math.min(k + 1, last)];
      out[k] = Math.max(Math.min(before, here), Math.min(Math.max(before, here), after));
    }
  });
}

const FILTERS = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
};

/** Return { first, weights } of the old cells that make each new one, as Pillow computes them. */
function resizingWeights(oldSize, newSize, filter) {
  const scale = oldSize / newSize;
  const widening = Math.max(scale, 1);
  const support = filter.support * widening;
  return Array.from({ length: newSize }, (_, k) => {
    const centre = (k + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(oldSize, Math.trunc(centre + support + 0.5));
    const weights = [];
    for (let old = first; old < end; old++) {
      weights.push(filter.weight((old - centre + 0.5) / widening));
    }
    const total = weights.reduce((sum, each) => sum + each, 0);
    return { first, weights: weights.map((each) => each / total) };
  });
}

function withWidth(grid, width, filter) {
  const places = resizingWeights(grid.width, width, filter);
  const result = new Grid(grid.height, width);
  for (let row = 0; row < grid.height; row++) {
    const start = row * grid.width;
    for (let column = 0; column < width; column++) {
      const { first, weights } = places[column];
      let sum = 0;
      for (let k = 0; k < weights.length; k++) {
        sum += grid.values[start + first + k] * weights[k];
      }
      result.values[row * width + column] = Math.fround(sum);
    }
  }
  return result;
}

function withHeight(grid, height, filter) {
  const { width } = grid;
  const places = resizingWeights(grid.height, height, filter);
  const result = new Grid(height, width);
  for (let row = 0; row < height; row++) {
    const { first, weights } = places[row];
    const sums = result.values.subarray(row * width, (row + 1) * width);
    for (let k = 0; k < weights.length; k++) {
      const start = (first + k) * width;
      for (let column = 0; column < width; column++) {
        sums[column] += grid.values[start + column] * weights[k];
      }
    }
    for (let column = 0; column < width; column++) {
      sums[column] = Math.fround(sums[column]);
    }
  }
  return result;
}

/** Return the grid at another size, anti-aliased where it shrinks; rounded to single precision. */
export function resized(grid, height, width, filter = "bilinear") {
  const wide = width === grid.width ? grid : withWidth(grid, width, FILTERS[filter]);
  return height === grid.height ? wide : withHeight(wide, height, FILTERS[filter]);
}

/** Return the grid averaged down to a longer side of at most `side`. */
export function shrunk(grid, side) {
  const factor = Math.max(grid.height, grid.width) / side;
  if (factor <= 1) {
    return grid;
  }
  const [height, width] = [grid.height, grid.width].map((extent) =>
    Math.max(1, roundToEven(extent / factor)),
  );
  return resized(grid, height, width, "box");
}

/**
 * Number the connected parts of what is not 0: { labels, count }.
 *
 * `labels` is a grid of 0 outside and 1 .. count inside; with `corners`, parts that touch at a
 * corner are one.
 */
export function labelled(mask, corners = true) {
  // In a frame of zeros no place needs to ask whether it has neighbours.
  const framed = mask.padded(1);
  const { values, width } = framed;
  const steps = [-1, 1, -width, width];
  if (corners) {
    steps.push(-width - 1, -width + 1, width - 1, width + 1);
  }
  const numbers = new Grid(framed.height, width);
  const waiting = new Int32Array(values.length);
  let count = 0;
  for (let start = 0; start < values.length; start++) {
    if (!values[start] || numbers.values[start]) {
      continue;
    }
    count += 1;
    numbers.values[start] = count;
    waiting[0] = start;
    for (let n = 1; n > 0;) {
      const place = waiting[--n];
      for (const step of steps) {
        const next = place + step;
        if (values[next] && !numbers.values[next]) {
          numbers.values[next] = count;
          waiting[n++] = next;
        }
      }
    }
  }
  const inside = { top: 1, bottom: 1 + mask.height, left: 1, right: 1 + mask.width };
  return { labels: numbers.crop(inside), count };
}
