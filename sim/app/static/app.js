// The page: levers, runs that refine themselves, charts, the table of differences, the address, saving.

import { factText, fan, spoken } from "./charts.js";
import { ask, byId, element, get, options, post, table } from "./dom.js";
import { Explorer } from "./explore.js";
import { amount, digits, range, snapped, typed } from "./numbers.js";

const about = JSON.parse(byId("about").textContent);
const PAGE = Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, "0")).join("");
const PATIENCE = 250; // ms that an older slider position may take to its first answer before a newer one stops it
const WORLDS = [20, 50, 100, 200, 400];
const MOST_CHARTS = 12;

const state = {
  lang: document.documentElement.lang.startsWith("zh") ? "zh" : "en",
  name: "", info: null, start: "", values: new Map(), levers: new Map(), charts: [], at: "", replications: 0, view: "levels",
};
const panels = new Map(); // metric -> its figure
const scored = new Map(); // fact -> inside or not, once the baseline is whole
let answer = null;
let running = null; // {controller, begun, answered}
let queued = false;
let moved = 0; // when the lever was moved that the next redraw answers
let wrong = new Map(); // path -> message beside the field
const reading = new Map(); // path -> the text that the program is reading

/** A word in the reader's language, filled in. */
export function words(key, fill = {}) {
  const pair = about.words[key];
  if (!pair) return key;
  return pair[state.lang === "zh" ? 0 : 1].replace(/\{(\w+)\}/g, (whole, name) => (name in fill ? String(fill[name]) : whole));
}

const metricOf = (name) => state.info.metrics.find((m) => m.name === name);
const leverOf = (path) => state.info.levers.find((lever) => lever.path === path);
const column = () => state.info.quarters.indexOf(state.at);

// ---------------------------------------------------------------------------------------------------- address

/** Everything that makes this view, after the #: it never leaves the browser by itself. */
function fragment() {
  const parts = new URLSearchParams();
  parts.set("scenario", state.name);
  parts.set("lang", state.lang);
  if (state.start) parts.set("start", state.start);
  if (state.at !== state.info.quarters.at(-1)) parts.set("at", state.at);
  if (state.replications !== state.info.replications) parts.set("worlds", state.replications);
  if (state.view !== "levels") parts.set("view", state.view);
  if (state.charts.join() !== state.info.charts.join()) parts.set("charts", state.charts.join());
  for (const [path, value] of state.levers) parts.set(`set.${path}`, value);
  return `#${parts}`;
}

let addressed = 0;
function writeAddress() {
  clearTimeout(addressed);
  addressed = setTimeout(() => history.replaceState(null, "", location.pathname + fragment()), 200);
}

function readAddress() {
  return new URLSearchParams(location.hash.slice(1));
}

/** What an address says of the opened scenario. Returns what of it does not fit and is left out. */
function applyAddress(given) {
  const { info } = state;
  const left = [];
  const fits = (key, good) => { if (given.has(key) && !good) left.push(`${key}=${given.get(key)}`); return given.has(key) && good; };
  state.levers = new Map();
  for (const key of given.keys()) {
    if (!key.startsWith("set.")) continue;
    const lever = leverOf(key.slice(4));
    const value = Number(given.get(key));
    if (fits(key, lever && given.get(key) !== "" && value >= lever.low && value <= lever.high)) state.levers.set(lever.path, value);
  }
  state.at = fits("at", info.quarters.slice(1).includes(given.get("at"))) ? given.get("at") : info.quarters.at(-1);
  const wanted = Number(given.get("worlds"));
  state.replications = fits("worlds", wanted >= 10 && wanted <= 400 && Number.isInteger(wanted)) ? wanted : info.replications;
  state.view = given.get("view") === "differences" ? "differences" : "levels";
  const asked = [...new Set((given.get("charts") || "").split(",").filter(Boolean))];
  const charts = asked.filter((name) => metricOf(name)).slice(0, MOST_CHARTS);
  left.push(...asked.filter((name) => !charts.includes(name)));
  state.charts = charts.length ? charts : [...info.charts];
  return left;
}

// --------------------------------------------------------------------------------------------------- language

function speak() {
  document.documentElement.lang = state.lang === "zh" ? "zh-CN" : "en";
  document.title = words("title");
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = words(node.dataset.word);
  byId("language").lang = state.lang === "zh" ? "en" : "zh-CN";
  tell("");
  tellAbove("");
}

/** A sentence beside the buttons: what was done. */
function tell(text) {
  byId("told").textContent = text;
}

/** A sentence beneath the choice of scenario: what could not be opened, or not as the address has it. */
function tellAbove(text) {
  byId("scenario-wrong").textContent = text;
}

function switchLanguage() {
  state.lang = state.lang === "zh" ? "en" : "zh";
  speak();
  listScenarios();
  if (!state.info) return;
  listStarts();
  buildLevers();
  buildTools();
  buildCharts();
  show();
  explorer.rebuild();
  writeAddress();
}

// --------------------------------------------------------------------------------------------------- scenarios

let listed = [];
/** Scenarios of the same zone, from which the variant may start instead of from the baseline. */
function listStarts() {
  const root = listed.find((s) => s.name === state.name)?.root;
  const others = listed.filter((s) => s.name !== state.name && s.root === root);
  options(byId("start"), [["", words("start.same")], ...others.map((s) => [s.name, `${s.zone[state.lang]} (${s.name})`])], state.start);
  byId("start-field").hidden = others.length === 0;
}

/** The variant starts from another scenario: its levers stand elsewhere. */
async function startFrom(name) {
  state.start = name;
  state.values = new Map();
  if (!name) return;
  const { ok, found } = await get(`/api/scenario?name=${encodeURIComponent(name)}`);
  if (!ok) {
    state.start = "";
    byId("start").value = "";
    tellAbove(`${name} · ${told(found)}`);
    return;
  }
  for (const lever of found.levers) state.values.set(lever.path, lever.value);
}

function listScenarios() {
  options(byId("scenario"), listed.map((s) => [s.name, `${s.zone[state.lang]} (${s.name})`]), state.name);
}

let opening = 0;
/** Whether the scenario could be opened. One that could not leaves what is open as it is, and says why. */
async function openScenario(name, given) {
  const mine = ++opening;
  tellAbove("");
  if (!state.info) stage(words("stage.compiling"));
  const { ok, found } = await get(`/api/scenario?name=${encodeURIComponent(name)}`);
  if (mine !== opening) return true; // another one was chosen meanwhile
  if (!ok) {
    tellAbove(`${name} · ${told(found)}`);
    if (state.info) byId("scenario").value = state.name;
    else stage(words("stage.failed", { why: told(found) }), true);
    return false;
  }
  stop();
  stage(words("stage.compiling"));
  Object.assign(state, { name, info: found });
  scored.clear();
  answer = null;
  wrong = new Map();
  reading.clear();
  const left = applyAddress(given);
  const start = given.get("start") || "";
  const known = start !== name && listed.some((s) => s.name === start);
  if (start && !known) left.push(`start=${start}`);
  if (left.length) tellAbove(words("address.left", { what: left.join(", ") }));
  await startFrom(known ? start : "");
  byId("scenario").value = name;
  listStarts();
  buildLevers();
  buildTools();
  buildCharts();
  explorer.forget();
  writeAddress();
  run();
  return true;
}

/** What is said of a refusal, in the reader's language: the first few messages. */
function told(refusal) {
  const list = (refusal.wrong || []).slice(0, 3);
  return list.length ? list.map(message).join(state.lang === "zh" ? "；" : "; ") : refusal.error?.[state.lang] || "";
}

function message(w) {
  const fill = { ...w.fill };
  if (fill.message?.[state.lang]) fill.message = fill.message[state.lang]; // what the model said, in both languages
  if ("unit" in fill) for (const end of ["low", "high"]) fill[end] = amount(fill[end], fill.unit, state.lang);
  return words(w.word, fill);
}

// ------------------------------------------------------------------------------------------------------ levers

const slug = (path) => `lever-${path.replace(/[^a-z0-9]+/gi, "-")}`;
const standing = (lever) => state.values.get(lever.path) ?? lever.value;
const shown = (lever) => (state.levers.has(lever.path) ? state.levers.get(lever.path) : standing(lever));
const unitOf = (lever) => lever.unit;

function buildLevers() {
  const { info, lang } = state;
  const notes = [];
  if (!info.levers.length) notes.push(words("levers.none"));
  else if (!info.declared) notes.push(words("levers.fallback"));
  if (info.lost.length) notes.push(words("levers.lost", { paths: info.lost.join(", ") }));
  byId("levers-note").textContent = notes.join(" ");
  byId("levers-note").hidden = notes.length === 0;
  byId("levers").replaceChildren(...info.levers.map((lever) => (lever.switch ? switchRow(lever, lang) : sliderRow(lever, lang))));
  for (const lever of info.levers) showLever(lever);
}

function resetButton(lever, lang) {
  return element("button", {
    type: "button", class: "plain reset", id: `${slug(lever.path)}-reset`, "aria-label": words("lever.reset", { name: lever.label[lang] }),
    onclick: () => { setLever(lever, null); byId(`${slug(lever.path)}`).focus(); },
  }, "↺");
}

function notes(lever, lang) {
  const unit = unitOf(lever);
  const parts = [lever.switch ? "" : words("lever.base", { value: amount(standing(lever), unit, lang) })];
  if (lever.spread) parts.push(words("lever.spread", { band: range(...lever.spread, unit, lang) }));
  parts.push(words(`grade.${lever.grade}`));
  return element("p", { class: "note", id: `${slug(lever.path)}-note`, title: words("lever.source", { source: lever.source[lang] }) }, parts.filter(Boolean).join(" · "));
}

function sliderRow(lever, lang) {
  const id = slug(lever.path);
  const slider = element("input", {
    type: "range", id, min: String(lever.low), max: String(lever.high), step: String(lever.step), "aria-describedby": `${id}-note ${id}-wrong`,
    oninput: () => { moved = performance.now(); setLever(lever, snapped(Number(slider.value), lever.low, lever.step)); },
  });
  const box = element("input", {
    type: "text", id: `${id}-value`, class: "value", "aria-label": words("lever.value", { name: lever.label[lang] }),
    "aria-describedby": `${id}-wrong`, maxlength: "40", inputmode: "text",
    onchange: () => typeLever(lever, box.value),
    onkeydown: (event) => { if (event.key === "Enter") { event.preventDefault(); typeLever(lever, box.value); } },
  });
  return element("div", { class: "lever", id: `${id}-row` },
    element("label", { for: id }, lever.label[lang]), box, resetButton(lever, lang), slider, notes(lever, lang),
    element("p", { class: "wrong", id: `${id}-wrong`, role: "alert" }));
}

function switchRow(lever, lang) {
  const id = slug(lever.path);
  const box = element("input", {
    type: "checkbox", role: "switch", id, "aria-describedby": `${id}-note ${id}-wrong`,
    onchange: () => { moved = performance.now(); setLever(lever, box.checked ? lever.other : null); },
  });
  return element("div", { class: "lever switch", id: `${id}-row` },
    element("label", { for: id }, lever.label[lang]), box, notes(lever, lang), element("p", { class: "wrong", id: `${id}-wrong`, role: "alert" }));
}

function showLever(lever) {
  const id = slug(lever.path);
  const set = state.levers.has(lever.path);
  byId(`${id}-row`).classList.toggle("moved", set);
  const said = wrong.get(lever.path) || "";
  if (byId(`${id}-wrong`).textContent !== said) byId(`${id}-wrong`).textContent = said;
  if (lever.switch) {
    byId(id).checked = set && state.levers.get(lever.path) === lever.other;
    byId(id).setAttribute("aria-invalid", String(Boolean(said)));
    return;
  }
  const value = shown(lever);
  const slider = byId(id);
  slider.value = String(value);
  slider.setAttribute("aria-valuetext", amount(value, unitOf(lever), state.lang));
  const box = byId(`${id}-value`);
  if (!said) box.value = typed(value, unitOf(lever), lever.step, state.lang);
  box.setAttribute("aria-invalid", String(Boolean(said)));
  byId(`${id}-reset`).hidden = !set && !said;
}

/** Whether a value is the scenario's own: a lever that is set back to it is not changed. */
function isOwn(lever, value) {
  const own = standing(lever);
  return Math.abs(value - own) <= 1e-9 * Math.max(Math.abs(value), Math.abs(own));
}

/** value null: as the scenario has it. */
function setLever(lever, value) {
  wrong.delete(lever.path);
  reading.delete(lever.path);
  if (value === null || isOwn(lever, value)) state.levers.delete(lever.path);
  else state.levers.set(lever.path, value);
  showLever(lever);
  writeAddress();
  run();
}

/** A typed value is read by the program, which says beside the field what is wrong with it. */
function typeLever(lever, text) {
  if (text === typed(shown(lever), unitOf(lever), lever.step, state.lang)) return;
  moved = performance.now();
  const plain = lever.unit === "CNY" ? NaN : Number(text); // an amount has a unit, which the program asks for
  if (text.trim() !== "" && Number.isFinite(plain) && plain >= lever.low && plain <= lever.high) {
    setLever(lever, plain);
    return;
  }
  read(lever, text);
}

async function read(lever, text) {
  const mine = { text };
  reading.set(lever.path, mine);
  const { ok, found } = await post("/api/read", { scenario: state.start || state.name, levers: { [lever.path]: text } });
  if (reading.get(lever.path) !== mine) return; // set otherwise meanwhile: leaving the field for a button reads it too
  if (ok) setLever(lever, found.levers[lever.path]);
  else refuse(found.wrong || []);
}

function refuse(list) {
  for (const w of list) {
    if (leverOf(w.path)) {
      wrong.set(w.path, message(w));
      showLever(leverOf(w.path));
    } else stage(words("stage.failed", { why: message(w) }), true);
  }
}

// ----------------------------------------------------------------------------------------------------- running

function stop() {
  if (running) running.controller.abort();
  running = null;
  queued = false;
}

/** The newest position is run at once; while an older one is about to give its first answer, it may. */
function run() {
  if (!state.info) return;
  if (running && !running.answered && performance.now() - running.begun < PATIENCE) {
    if (!queued) setTimeout(() => { if (queued) begin(); }, PATIENCE);
    queued = true;
    return;
  }
  begin();
}

async function begin() {
  stop();
  const mine = { controller: new AbortController(), begun: performance.now(), answered: false };
  running = mine;
  byId("results").setAttribute("aria-busy", "true");
  if (!answer) stage(words("stage.compiling"));
  const wanted = {
    page: PAGE, scenario: state.name, start: state.start, levers: Object.fromEntries(state.levers), metrics: state.charts, at: state.at, replications: state.replications,
  };
  try {
    const response = await ask("/api/run", wanted, mine.controller.signal);
    if (!response.ok) {
      const found = await response.json();
      if (running === mine) refuse(found.wrong || [{ word: "wrong.model", fill: { message: found.error } }]);
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done || running !== mine) break;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const text of lines) {
        if (running !== mine) return;
        take(JSON.parse(text));
        mine.answered = true;
      }
      if (queued && mine.answered) { begin(); return; }
    }
  } catch (error) {
    if (error.name !== "AbortError" && running === mine) stage(words("stage.lost"), true);
  } finally {
    if (running === mine) {
      running = null;
      byId("results").setAttribute("aria-busy", "false");
      if (queued) begin();
    }
  }
}

function take(document_) {
  if (document_.kind === "refused") refuse(document_.wrong);
  if (document_.kind !== "answer") return;
  answer = document_;
  for (const fact of answer.facts) if (fact.inside !== null) scored.set(fact.id, fact.inside);
  show();
  if (moved) {
    const since = moved;
    moved = 0;
    requestAnimationFrame(() => setTimeout(() => { document.documentElement.dataset.redraw = String(Math.round(performance.now() - since)); }));
  }
  if (answer.stage === "full") announce();
}

function stage(text, bad = false) {
  byId("stage").textContent = text;
  byId("stage").classList.toggle("bad", bad);
}

/** Once, when the bands are whole: a screen reader is not told of every step. */
function announce() {
  const first = answer.table[0];
  if (!first) {
    byId("said").textContent = words("said.baseline", { of: answer.of });
    return;
  }
  const metric = metricOf(first.metric);
  const number = (v, sign) => amount(v, metric.unit, state.lang, sign);
  byId("said").textContent = words("said.full", {
    of: answer.of, quarter: answer.at, metric: metric.label[state.lang], baseline: number(first.baseline),
    mean: number(first.mean, true), low: number(first.low, true), high: number(first.high, true),
  });
}

// ------------------------------------------------------------------------------------------------------ charts

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const panel = [...panels.values()].find((p) => p.canvas === entry.target);
    if (!panel) continue;
    panel.visible = entry.isIntersecting;
    if (panel.visible && panel.stale) draw(panel);
  }
}, { rootMargin: "80px" });
const sized = new ResizeObserver(() => { for (const panel of panels.values()) panel.instance?.resize(); });

function buildTools() {
  const { info, lang } = state;
  options(byId("at"), info.quarters.slice(1).map((q) => [q, q]), state.at);
  const worlds = [...new Set([...WORLDS, info.replications, state.replications])].sort((a, b) => a - b);
  options(byId("replications"), worlds.map((n) => [String(n), String(n)]), String(state.replications));
  const more = info.metrics.filter((m) => !state.charts.includes(m.name)).map((m) => [m.name, m.label[lang]]);
  options(byId("add"), [["", words("metrics.add")], ...more], "");
  byId("add").disabled = state.charts.length >= MOST_CHARTS;
  for (const radio of document.querySelectorAll("input[name=view]")) radio.checked = radio.value === state.view;
  buildLegend();
}

function buildLegend() {
  const key = (kind, word) => element("span", { class: "key" }, element("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), words(word));
  const parts = state.view === "differences" ? [key("variant", "legend.difference")] : [
    key("baseline", "legend.baseline"), key("variant", "legend.variant"), element("span", { class: "key" }, words("legend.bands")),
    key("fact", "legend.fact"), key("floor", "legend.floor"),
  ];
  if (state.info.today) parts.push(key("today", "legend.today"));
  byId("legend").replaceChildren(...parts);
}

function buildCharts() {
  for (const panel of panels.values()) { seen.unobserve(panel.canvas); sized.unobserve(panel.canvas); panel.instance?.dispose(); }
  panels.clear();
  byId("charts").replaceChildren(...state.charts.map((name) => {
    const metric = metricOf(name);
    const title = metric.label[state.lang];
    const canvas = element("div", { class: "canvas", role: "img", "aria-label": title });
    const unit = element("span", { class: "unit" });
    const remove = element("button", { type: "button", class: "plain", "aria-label": words("metrics.remove", { name: title }), onclick: () => removeChart(name) }, "×");
    const numbers = element("details", {}, element("summary", {}, words("chart.data")), element("div", { class: "numbers" }));
    const figure = element("figure", { class: "chart", "data-metric": name },
      element("figcaption", {}, element("span", { class: "name" }, title), unit, remove), canvas, element("p", { class: "figures" }), numbers);
    const panel = { metric, canvas, unit, figure, numbers, instance: null, visible: true, stale: false };
    numbers.addEventListener("toggle", () => fillNumbers(panel));
    panels.set(name, panel);
    seen.observe(canvas);
    sized.observe(canvas);
    return figure;
  }));
}

function removeChart(name) {
  if (state.charts.length === 1) return;
  state.charts = state.charts.filter((other) => other !== name);
  buildTools();
  buildCharts();
  show();
  writeAddress();
  byId("add").focus();
}

function show() {
  if (!answer) return;
  const { pairs: n, of, stage: at } = answer;
  const variant = answer.table.length > 0;
  stage(words(variant ? `stage.${at}` : at === "full" ? "stage.baseline.full" : "stage.baseline", { n, of }));
  byId("stage").dataset.stage = at;
  byId("stage").dataset.side = variant ? "variant" : "baseline";
  for (const panel of panels.values()) {
    panel.stale = true;
    if (panel.visible) draw(panel);
  }
  readout();
  clearTimeout(others);
  others = setTimeout(drawOthers, 30);
}

/** What is out of sight comes after what is in it, and never before a newer answer. */
let others = 0;
function drawOthers() {
  for (const panel of panels.values()) if (panel.stale) draw(panel);
  showDifferences();
}

/** On a narrow screen the charts are far from the levers: the first medians stay in sight. */
function readout() {
  byId("readout").replaceChildren(...state.charts.slice(0, 3).flatMap((name) => {
    const chart = answer.charts.find((c) => c.metric === name);
    const panel = panels.get(name);
    if (!chart || !panel) return [];
    return [element("div", {}, element("span", { class: "name" }, panel.metric.label[state.lang]), element("span", { class: "what" }, ...figures(panel, chart)))];
  }));
}

function draw(panel) {
  const chart = answer?.charts.find((c) => c.metric === panel.metric.name);
  if (!chart) return;
  panel.stale = false;
  const { info, lang, view } = state;
  panel.instance ??= window.echarts.init(panel.canvas, null, { renderer: "canvas" });
  const facts = view === "levels" ? info.facts.filter((f) => f.metric === panel.metric.name) : [];
  const context = { quarters: info.quarters, today: info.today, lang, words, facts, scored, view, narrow: panel.canvas.clientWidth < 420, counted: about.counted };
  panel.instance.setOption(fan(chart, panel.metric, context), { notMerge: true });
  panel.unit.textContent = unitText(panel, chart, facts);
  panel.canvas.setAttribute("aria-label", view === "differences" && !chart.difference ? words("chart.none") : spoken(chart, panel.metric, answer.at, Math.max(0, column()), lang, words));
  panel.figure.querySelector(".figures").replaceChildren(...figures(panel, chart));
  if (panel.numbers.open) fillNumbers(panel);
}

/** The unit that the axis is in. */
function unitText(panel, chart, facts) {
  const rows = state.view === "differences" ? [chart.difference?.low, chart.difference?.high] : [chart.baseline.p95, chart.variant?.p95, chart.baseline.p05, chart.variant?.p05];
  const most = Math.max(0, ...rows.flatMap((row) => (row || []).map((v) => Math.abs(v ?? 0))), ...facts.map((f) => Math.abs(f.value)));
  return scaleWord(panel.metric.unit, most);
}

function scaleWord(unit, most) {
  const text = amount(most, unit, state.lang);
  return text.replace(/[-−+]?[0-9][0-9.,]*\s*/, "").replace("–", "").trim();
}

/** One line under a chart: the medians at the chosen quarter. */
function figures(panel, chart) {
  const at = Math.max(0, column());
  const number = (v) => amount(v, panel.metric.unit, state.lang);
  if (state.view === "differences") {
    if (!chart.difference) return [words("chart.none")];
    const { mean, low, high } = chart.difference;
    const { unit } = panel.metric;
    return [`${answer.at}: ${amount(mean[at], unit, state.lang, true)} [${range(low[at], high[at], unit, state.lang, true)}]`];
  }
  const made = [element("span", {}, `${answer.at} `), element("span", { class: "of-baseline" }, number(chart.baseline.p50[at]))];
  if (chart.variant) made.push(" → ", element("span", { class: "of-variant" }, number(chart.variant.p50[at])));
  return made;
}

function fillNumbers(panel) {
  const place = panel.numbers.querySelector(".numbers");
  const chart = answer?.charts.find((c) => c.metric === panel.metric.name);
  if (!panel.numbers.open || !chart) { place.replaceChildren(); return; }
  const { info, lang } = state;
  const number = (v, sign) => amount(v, panel.metric.unit, lang, sign);
  const bands = (b, i) => [number(b.p50[i]), range(b.p05[i], b.p95[i], panel.metric.unit, lang)];
  const header = [words("chart.quarter"), `${words("legend.baseline")} ${words("median")}`, words("band")];
  if (chart.variant) header.push(`${words("legend.variant")} ${words("median")}`, words("band"));
  if (chart.difference) header.push(words("chart.difference"));
  const rows = info.quarters.map((q, i) => [q, ...bands(chart.baseline, i), ...(chart.variant ? bands(chart.variant, i) : []), ...(chart.difference ? [number(chart.difference.mean[i], true)] : [])]);
  const facts = info.facts.filter((f) => f.metric === panel.metric.name);
  place.replaceChildren(table(panel.metric.label[lang], header, rows.filter((_, i) => info.quarters[i].endsWith("Q4"))),
    ...facts.map((f) => element("p", { class: "note", title: f.source[lang] }, `${f.quarter} ${factText(f, panel.metric, lang, words, scored)}`)));
}

// ------------------------------------------------------------------------------------------------- differences

function showDifferences() {
  const place = byId("differences");
  if (!answer.table.length) {
    place.replaceChildren(element("p", { class: "note" }, words("table.empty")));
    return;
  }
  const rows = answer.table.map((row) => {
    const metric = metricOf(row.metric);
    const number = (v, sign) => amount(v, metric.unit, state.lang, sign);
    const early = answer.stage === "preview";
    const note = row.same ? words("table.same") : early ? words("table.early") : row.noise ? words("table.noise") : "";
    const interval = row.same || row.low === null ? "–" : range(row.low, row.high, metric.unit, state.lang, true);
    return [metric.label[state.lang], number(row.baseline), row.same ? "0" : number(row.mean, true), interval, row.p_more === null ? "–" : `${Math.round(row.p_more * 100)} %`, note];
  });
  const header = ["metric", "baseline", "mean", "interval", "more", "note"].map((key) => words(`table.${key}`));
  const made = table(words("table", { quarter: answer.at }), header, rows, 1, "differences");
  made.querySelectorAll("tbody tr").forEach((line, k) => line.classList.toggle("faint", answer.table[k].noise || answer.table[k].same));
  const parts = [made];
  if ((answer.prices.length || answer.price_remarks[state.lang].length) && answer.stage !== "preview") parts.push(prices());
  const open = place.querySelector("details.prices")?.open;
  const scrolled = place.querySelector(".scroll")?.scrollLeft || 0;
  const focused = document.activeElement?.closest?.("#differences .scroll");
  place.replaceChildren(...parts);
  if (open) place.querySelector("details.prices")?.setAttribute("open", "");
  made.scrollLeft = scrolled;
  if (focused) made.focus({ preventScroll: true });
}

function prices() {
  const { lang } = state;
  const cash = answer.prices.some((p) => p.cash !== null && p.cash !== p.cost);
  const rows = answer.prices.map((p) => {
    const known = p.verdict === "price" || p.verdict === "saving";
    return [p.label[lang], p.key.startsWith("value") ? amount(p.bought, "CNY", lang, true) : digits(p.bought, true), amount(p.cost, "CNY", lang, true), ...(cash ? [amount(p.cash, "CNY", lang, true)] : []),
      known ? amount(p.ratio, "CNY", lang) : "–", known ? range(p.low, p.high, "CNY", lang) : "–", p.verdict === "price" ? "" : words(`verdict.${p.verdict}`)];
  });
  const header = ["prices.what", "prices.bought", "prices.cost", ...(cash ? ["prices.cash"] : []), "prices.ratio", "table.interval", "table.note"].map((key) => words(key));
  const turned = answer.prices.some((p) => p.turned) ? [element("p", { class: "note" }, words("prices.turned"))] : [];
  return element("details", { class: "prices" }, element("summary", {}, words("prices")), ...turned, ...(rows.length ? [table(words("prices"), header, rows, 1, "prices")] : []),
    ...answer.price_remarks[lang].map((told) => element("p", { class: "note" }, told)));
}

// ------------------------------------------------------------------------------------------------------- saving

let replacing = false;
function openSave() {
  const { lang, info } = state;
  replacing = false;
  byId("save-lead").textContent = words("save.lead", { scenario: state.start || state.name });
  const list = [...state.levers].map(([path, value]) => {
    const lever = leverOf(path);
    return element("li", {}, lever.switch ? `${lever.label[lang]}${lang === "zh" ? "：" : ": "}${words(value === lever.other ? "on" : "off")}` : `${lever.label[lang]}  ${amount(standing(lever), unitOf(lever), lang)} → ${amount(value, unitOf(lever), lang)}`);
  });
  byId("save-list").replaceChildren(...list);
  saveWrong("name", info && state.levers.size ? "" : words("save.nothing"));
  saveWrong("title", "");
  byId("save-do").textContent = words("save.do");
  byId("save-do").disabled = state.levers.size === 0;
  byId("save-dialog").showModal();
  byId("save-name").focus();
}

function saveWrong(field, text) {
  byId(`save-${field}-wrong`).textContent = text;
  byId(field === "name" ? "save-name" : "save-called").setAttribute("aria-invalid", String(Boolean(text)));
}

async function save(event) {
  event.preventDefault();
  saveWrong("name", "");
  saveWrong("title", "");
  const { ok, found } = await post("/api/save", {
    scenario: state.start || state.name, levers: Object.fromEntries(state.levers), lang: state.lang, name: byId("save-name").value, title: byId("save-called").value, replace: replacing,
  });
  replacing = false;
  byId("save-do").textContent = words("save.do");
  if (ok) {
    byId("save-dialog").close();
    tell(words("save.done", { file: found.file }));
    await refreshScenarios();
    byId("save").focus();
    return;
  }
  const first = (found.wrong || [])[0] || { path: "name", word: "wrong.model", fill: { message: found.error } };
  saveWrong(first.path === "title" ? "title" : "name", message(first));
  if (found.exists) {
    replacing = true;
    byId("save-do").textContent = words("save.replace");
    byId("save-do").focus();
  } else byId(first.path === "title" ? "save-called" : "save-name").focus();
}

// -------------------------------------------------------------------------------------------------------- start

async function refreshScenarios() {
  const { ok, found } = await get("/api/scenarios");
  if (!ok) {
    tellAbove(told(found));
    return;
  }
  listed = found.scenarios;
  listScenarios();
  if (state.info) listStarts();
}

const explorer = new Explorer({ state, words, ask: (path, more) => post(path, { page: PAGE, ...more }), message: told, metricOf });

byId("scenario").addEventListener("change", (event) => openScenario(event.target.value, new URLSearchParams()));
byId("language").addEventListener("click", switchLanguage);
byId("start").addEventListener("change", async (event) => {
  state.levers.clear();
  wrong.clear();
  reading.clear();
  await startFrom(event.target.value);
  buildLevers();
  writeAddress();
  run();
});
byId("reset").addEventListener("click", () => {
  state.levers.clear();
  wrong.clear();
  reading.clear();
  for (const lever of state.info.levers) showLever(lever);
  writeAddress();
  run();
});
byId("share").addEventListener("click", async () => {
  history.replaceState(null, "", location.pathname + fragment());
  try {
    await navigator.clipboard.writeText(location.href);
    tell(words("share.done"));
  } catch {
    tell(words("share.by_hand"));
  }
});
byId("save").addEventListener("click", openSave);
byId("save-cancel").addEventListener("click", () => byId("save-dialog").close());
byId("save-form").addEventListener("submit", save);
byId("save-name").addEventListener("input", () => { replacing = false; byId("save-do").textContent = words("save.do"); });
byId("levers").addEventListener("submit", (event) => event.preventDefault());
byId("at").addEventListener("change", (event) => { state.at = event.target.value; writeAddress(); run(); });
byId("replications").addEventListener("change", (event) => { state.replications = Number(event.target.value); writeAddress(); run(); });
byId("add").addEventListener("change", (event) => {
  if (!event.target.value) return;
  state.charts.push(event.target.value);
  buildTools();
  buildCharts();
  show();
  writeAddress();
  run();
});
for (const radio of document.querySelectorAll("input[name=view]")) {
  radio.addEventListener("change", () => { state.view = radio.value; buildLegend(); show(); writeAddress(); });
}
addEventListener("hashchange", () => {
  const given = readAddress();
  if (location.hash === fragment() || !given.get("scenario")) return;
  if (given.get("lang") && given.get("lang") !== state.lang) switchLanguage();
  if (given.get("scenario") !== state.name || (given.get("start") || "") !== state.start) openScenario(given.get("scenario"), given);
  else {
    const left = applyAddress(given);
    tellAbove(left.length ? words("address.left", { what: left.join(", ") }) : "");
    buildLevers(); buildTools(); buildCharts(); show(); run();
  }
});
document.fonts?.ready.then(() => { for (const panel of panels.values()) if (panel.instance) draw(panel); });

async function start() {
  const given = readAddress();
  if (["zh", "en"].includes(given.get("lang"))) state.lang = given.get("lang");
  speak();
  stage(words("stage.compiling"));
  await refreshScenarios();
  const asked = given.get("scenario") || new URLSearchParams(location.search).get("scenario");
  if (!asked) return void (await openScenario(about.opening, given));
  if (await openScenario(asked, given) || asked === about.opening) return;
  const why = byId("scenario-wrong").textContent; // the settings were for another scenario: none of them is taken
  if (await openScenario(about.opening, new URLSearchParams())) tellAbove(why);
}

start().catch((error) => stage(words("stage.failed", { why: error.message }), true));
