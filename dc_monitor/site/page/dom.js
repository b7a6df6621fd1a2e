// Elements without markup: text from the site only ever becomes a text node or an attribute, never HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; attributes that are null or false are left out, children may be nodes, texts, lists or null. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...present(children));
  return node;
}

/**
 * Make `parent` hold exactly `children`, changing only what differs.
 *
 * Elements that stay keep their identity, so a new document every ten seconds neither closes an opened explanation,
 * nor moves the focus, nor makes a screen reader start again.
 */
export function show(parent, ...children) {
  const wanted = present(children).map((child) => (child instanceof Node ? child : document.createTextNode(child)));
  wanted.forEach((node, at) => {
    const held = parent.childNodes[at];
    if (!held) parent.append(node);
    else if (held.nodeName !== node.nodeName) held.replaceWith(node);
    else if (node.nodeType !== Node.ELEMENT_NODE) {
      if (held.data !== node.data) held.data = node.data;
    } else {
      adopt(held, node);
      show(held, ...node.childNodes);
    }
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild.remove();
}

function adopt(held, node) {
  for (const { name } of [...held.attributes]) {
    if (!node.hasAttribute(name) && name !== "open") held.removeAttribute(name); // `open` is the reader's
  }
  for (const { name, value } of node.attributes) {
    if (held.getAttribute(name) !== value) held.setAttribute(name, value);
  }
}

function present(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}

/** What should be a list of objects as one, whatever came. */
export function list(value) {
  return Array.isArray(value) ? value.filter((item) => item !== null && typeof item === "object") : [];
}

/** What should be an object as one, whatever came. */
export function record(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** Sentences among whatever came. */
export function sentences(value) {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string" && item) : [];
}

/** Whether this is a number that can be shown or drawn. */
export function known(value) {
  return typeof value === "number" && Number.isFinite(value);
}
