// Formulae of plain text as MathML: the notation of mlpcli/explaining/documents/mathml.py.
//
// A name may have subscripts and then superscripts (W₁ᵀ); a quotient of derivatives becomes a
// fraction; two letters or more are a function or words; four spaces separate formulae.

const MATHML = "http://www.w3.org/1998/Math/MathML";
const BELOW = Object.fromEntries(
  [..."₀₁₂₃₄₅₆₇₈₉ᵢⱼₜ₊"].map((mark, k) => [mark, "0123456789ijt+"[k]]),
);
const ABOVE = Object.fromEntries([..."ᵀ²′ᵗ"].map((mark, k) => [mark, "T2′t"[k]]));
const FUNCTION = "(?:exp|erf|log|max|min|tanh|softmax|softplus|sign)(?![A-Za-z])";
const MARKS = `[${Object.keys(BELOW).join("")}]*[${Object.keys(ABOVE).join("")}]*`;
const NAME = `(?:${FUNCTION}|[A-Za-zα-ωΑ-Ω])${MARKS}`;
const WORD = `(?!${FUNCTION})[A-Za-z]{2,}`;
const TOKEN = new RegExp(
  `(?<top>∂${NAME})/(?<bottom>∂${NAME})|(?<words>${WORD}(?: ${WORD})*)|(?<name>${NAME})` +
    "|(?<number>[0-9.]+(?:e[-+]?[0-9]+)?)|(?<space> {2,})|(?<blank> )|(?<other>.)",
  "gu",
);

function node(tag, ...children) {
  const made = document.createElementNS(MATHML, tag);
  made.append(...children);
  return made;
}

/** Return a formula as a MathML element. */
export function mathml(formula) {
  return node("math", node("mrow", ...parts(formula)));
}

/** Return a paragraph of formulae, which four spaces separate. */
export function formulae(text) {
  const paragraph = document.createElement("p");
  paragraph.className = "formula";
  for (const formula of text.split("    ")) {
    paragraph.append(mathml(formula), " ");
  }
  return paragraph;
}

function* parts(formula) {
  for (const { groups } of formula.matchAll(TOKEN)) {
    if (groups.top) {
      yield node("mfrac", derivative(groups.top), derivative(groups.bottom));
    } else if (groups.words) {
      yield node("mtext", `\u00a0${groups.words}\u00a0`);
    } else if (groups.name) {
      yield marked(groups.name);
    } else if (groups.number) {
      yield node("mn", groups.number);
    } else if (groups.space) {
      const space = node("mspace");
      space.setAttribute("width", "2em");
      yield space;
    } else if (groups.other) {
      yield node("mo", groups.other);
    }
  }
}

function derivative(text) {
  return node("mrow", node("mo", "∂"), marked(text.slice(1)));
}

/** Return a name with its subscripts and superscripts. */
function marked(name) {
  const marks = [...name].filter((each) => each in BELOW || each in ABOVE);
  const base = node("mi", name.slice(0, name.length - marks.length));
  const below = marks.map((each) => BELOW[each] ?? "").join("");
  const above = marks.map((each) => ABOVE[each] ?? "").join("");
  const sub = node("mrow", node("mi", below));
  const sup = node("mo", above);
  if (below && above) {
    return node("msubsup", base, sub, sup);
  }
  if (below) {
    return node("msub", base, sub);
  }
  return above ? node("msup", base, sup) : base;
}

/** Return a symbol with the number of its layer: W and 12 as W₁₂. */
export function subscript(symbol, number) {
  return symbol + [...String(number)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]).join("");
}
