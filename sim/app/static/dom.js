// Small helpers: elements are built, never parsed from text, so nothing that a file or a server says can become markup.

/** element("p", {class: "note", hidden: true}, "text", child, …) */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const byId = (id) => document.getElementById(id);

/** A table with a caption; cells are texts or elements; `left` columns are flush left. */
export function table(caption, header, rows, left = 1, kind = "") {
  const side = (k) => (k < left ? "left" : "right");
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    element("table", { class: kind },
      element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...header.map((h, k) => element("th", { scope: "col", class: side(k) }, h)))),
      element("tbody", {}, ...rows.map((row) => element("tr", {}, ...row.map((cell, k) =>
        k === 0 ? element("th", { scope: "row", class: side(k) }, cell) : element("td", { class: side(k) }, cell)))))));
}

/** The options of a select, kept where the value still exists. */
export function options(select, choices, value) {
  select.replaceChildren(...choices.map(([key, text]) => element("option", { value: key }, text)));
  if (value !== undefined) select.value = value;
}

export async function ask(path, document_, signal) {
  const answer = await fetch(path, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(document_), signal, credentials: "same-origin",
  });
  return answer;
}

/** {ok, found} of a request; a program that does not answer has said so itself, in a word of the page's table. */
async function said(request) {
  try {
    const response = await request;
    return { ok: response.ok, found: await response.json() };
  } catch {
    return { ok: false, found: { wrong: [{ path: "", word: "stage.lost", fill: {} }] } };
  }
}

export const post = (path, document_) => said(ask(path, document_));
export const get = (path) => said(fetch(path));
