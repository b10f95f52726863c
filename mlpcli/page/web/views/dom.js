// Making elements.

const SVG = "http://www.w3.org/2000/svg";

/** Return the element of this id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Return a new element with attributes, and children that are elements or text. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Return the same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) {
      made.setAttribute(name, value);
    }
  }
  made.append(...children);
  return made;
}

/** Return a table of a row of headers and rows of cells; the first cell of a row is its header. */
export function table(headers, rows) {
  const head = headers.map((each) => element("th", { scope: "col" }, each));
  const body = rows.map(([first, ...others]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, first),
      ...others.map((each) => element("td", {}, each)),
    ),
  );
  return element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
}

/** Return a table in a frame that scrolls where the page is too narrow. */
export function scrollingTable(headers, rows) {
  return element("div", { class: "scrolling" }, table(headers, rows));
}
