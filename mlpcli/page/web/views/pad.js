// The drawing pad: strokes by mouse, finger or pen, or a picture.

import { byId } from "./dom.js";
import { drawInk } from "./draw.js";

/** A canvas to draw on. Its size in pixels does not depend on the screen, nor do its strokes. */
export class Pad {
  /**
   * `changed` is called whenever what is on the pad has changed.
   *
   * With a `shape` [height, width] the pad has the proportions of such images, and each picture
   * fills it: the network sees the whole pad.
   */
  constructor(changed, shape = null) {
    this.canvas = byId("pad");
    this.isFilled = shape !== null;
    if (shape) {
      this.takeProportions(shape);
    }
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.changed = changed;
    this.strokes = [];
    this.picture = null;
    this.pointer = null; // the one that draws
    this.frame = 0;
    this.brush = Number(byId("brush").value);
    this.canvas.addEventListener("pointerdown", (event) => this.begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      this.canvas.addEventListener(name, (event) => {
        if (event.pointerId === this.pointer) {
          this.end();
        }
      });
    }
    this.show();
  }

  takeProportions([height, width]) {
    const { canvas } = this;
    const scale = canvas.width / Math.max(height, width);
    const narrower = width / Math.max(height, width);
    canvas.style.maxWidth = `calc(${narrower} * ${getComputedStyle(canvas).maxWidth})`;
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    canvas.style.aspectRatio = `${canvas.width} / ${canvas.height}`;
  }

  get isEmpty() {
    return this.strokes.length === 0 && this.picture === null;
  }

  begin(event) {
    if (event.button !== 0 || this.isDrawing) {
      return;
    }
    event.preventDefault();
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.picture = null; // a drawing takes the place of a picture
    this.strokes.push({ brush: this.brush, points: [this.place(event)] });
    this.show();
    this.changed();
  }

  get isDrawing() {
    return this.pointer !== null;
  }

  /** The pointer is lifted. */
  end() {
    this.pointer = null;
    this.show();
    this.changed();
  }

  /** Forget the pointer, which may still draw: its stroke is taken away. */
  letGo() {
    this.pointer = null;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  move(event) {
    if (event.pointerId !== this.pointer) {
      return;
    }
    // A browser hands over fewer events than the pointer has made.
    const events = event.getCoalescedEvents?.() ?? [];
    const { points } = this.strokes.at(-1);
    points.push(...(events.length ? events : [event]).map((each) => this.place(each)));
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.show();
      this.changed();
    });
  }

  /** Return where an event is, in pixels of the canvas. */
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * this.canvas.width,
      ((event.clientY - box.top) / box.height) * this.canvas.height,
    ];
  }

  undo() {
    this.letGo();
    if (this.picture) {
      this.picture = null;
    } else {
      this.strokes.pop();
    }
    this.show();
    this.changed();
  }

  clear() {
    this.letGo();
    this.strokes = [];
    this.picture = null;
    this.show();
    this.changed();
  }

  /** Show a picture: an image or a canvas, as large as the pad allows. */
  showPicture(picture) {
    this.letGo();
    this.strokes = [];
    this.picture = picture;
    this.show();
    this.changed();
  }

  /** Show prepared pixels (height * width), and tell nobody. */
  showPixels(pixels, shape) {
    const picture = document.createElement("canvas");
    drawInk(picture, pixels, shape);
    this.letGo();
    this.strokes = [];
    this.picture = picture;
    this.show(false);
  }

  show(smooth = true) {
    const { context, canvas } = this;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (this.picture) {
      const { width, height } = this.picture;
      const scale = Math.min(canvas.width / width, canvas.height / height);
      const [w, h] = this.isFilled
        ? [canvas.width, canvas.height]
        : [width * scale, height * scale];
      context.imageSmoothingEnabled = smooth;
      context.imageSmoothingQuality = "high";
      context.drawImage(this.picture, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
    }
    context.strokeStyle = context.fillStyle = "#000";
    context.lineCap = context.lineJoin = "round";
    for (const { brush, points } of this.strokes) {
      context.lineWidth = brush;
      context.beginPath();
      context.moveTo(...points[0]);
      for (const point of points.length > 1 ? points.slice(1) : points) {
        context.lineTo(...point);
      }
      context.stroke();
    }
  }

  /** Return the RGBA bytes of what is on the pad. */
  imageData() {
    return this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }
}
