// One world lived again: its firms and its funds, one of each at a time.

import { BLUE, FONT, GREY, INK, RED } from "./charts.js";
import { byId, element, options, table } from "./dom.js";
import { amount, digits, scaleOf } from "./numbers.js";

const PALETTE = ["#7f8c8d", "#0072b2", "#56b4e9", "#009e73", "#e69f00", "#d55e00", "#cc79a7", "#22313f", "#8c6d31", "#5254a3", "#637939", "#843c39", "#7b4173"];
const PERCENTILES = [5, 25, 50, 75, 95];
const RANKS = ["p50", "p90", "p99", "max"];

/** The quarter in which a round closed: one from before the start is in the log at the start. */
const closed = (round) => round.closed ?? round.quarter;

function quartersBetween(first, last) {
  const number = (q) => 4 * Number(q.slice(0, 4)) + Number(q.slice(5)) - 1;
  return Array.from({ length: number(last) - number(first) + 1 }, (_, k) => number(first) + k).map((n) => `${Math.floor(n / 4)}Q${(n % 4) + 1}`);
}

export class Explorer {
  constructor({ state, words, ask, message, metricOf }) {
    Object.assign(this, { state, words, ask, message, metricOf });
    this.world = null;
    this.shown = { firm: null, fund: null };
    this.charts = [];
    this.build();
  }

  build() {
    byId("which").addEventListener("submit", (event) => { event.preventDefault(); this.open(); });
    byId("percentile").addEventListener("change", () => {
      const number = byId("percentile").value === "";
      byId("number-field").hidden = !number;
      byId("number").disabled = !number; // a field that is not seen must not hold the form back
    });
    const tabs = [byId("tab-firms"), byId("tab-funds")];
    tabs.forEach((tab, k) => {
      tab.addEventListener("click", () => this.tab(k));
      tab.addEventListener("keydown", (event) => {
        const next = { ArrowRight: 1 - k, ArrowLeft: 1 - k, Home: 0, End: 1 }[event.key];
        if (next === undefined) return;
        event.preventDefault();
        this.tab(next);
        tabs[next].focus();
      });
    });
    new ResizeObserver(() => { for (const chart of this.charts) chart.resize(); }).observe(byId("world"));
  }

  tab(k) {
    ["firms", "funds"].forEach((name, j) => {
      byId(name).hidden = j !== k;
      byId(`tab-${name}`).setAttribute("aria-selected", String(j === k));
      byId(`tab-${name}`).tabIndex = j === k ? 0 : -1;
    });
    for (const chart of this.charts) chart.resize();
  }

  /** The scenario is another one: nothing of the old one's worlds is left. */
  forget() {
    this.world = null;
    this.shown = { firm: null, fund: null };
    byId("world").hidden = true;
    byId("opened").textContent = "";
    this.choices();
    byId("until").value = this.state.at;
  }

  choices() {
    const { state, words } = this;
    const { info, lang } = state;
    const value = byId("percentile").value || "50";
    const named = this.metricOf("valuation.total") || this.metricOf(info.charts[0]);
    this.metric = named.name;
    const kept = byId("percentile").options.length ? byId("percentile").value : value;
    options(byId("percentile"), [...PERCENTILES.map((p) => [String(p), words("explore.percentile", { p, metric: named.label[lang] })]), ["", words("explore.number")]], kept);
    const until = byId("until").value;
    options(byId("until"), info.quarters.slice(4).map((q) => [q, q]), info.quarters.includes(until) ? until : info.quarters.at(-1));
  }

  rebuild() {
    this.choices();
    if (!this.world) return;
    this.overview();
    if (this.shown.firm) this.firm(this.shown.firm);
    if (this.shown.fund) this.fund(this.shown.fund);
  }

  say(text, bad = false) {
    byId("opened").textContent = text;
    byId("opened").classList.toggle("bad", bad);
  }

  async post(path, more) {
    const { ok, found } = await this.ask(path, { scenario: this.scenario, levers: this.settings, quarter: this.quarter, ...more });
    if (!ok) throw new Error(this.message(found));
    return found;
  }

  async open() {
    const { state, words } = this;
    const variant = byId("side").value === "variant";
    this.settings = variant ? Object.fromEntries(state.levers) : {};
    this.scenario = (variant && state.start) || state.name;
    this.quarter = byId("until").value;
    const percentile = byId("percentile").value;
    const which = percentile ? { percentile: Number(percentile), metric: this.metric } : { replication: Number(byId("number").value) };
    this.say(words("explore.working"));
    byId("open").disabled = true;
    try {
      this.world = await this.post("/api/world", which);
      this.shown = { firm: null, fund: null };
      this.overview();
      byId("world").hidden = false;
      if (this.world.ranks.max) await this.openFirm(this.world.ranks.max, false);
      if (this.world.funds.length) await this.openFund(this.world.funds[0].fund, false);
    } catch (error) {
      this.say(error.message, true);
    } finally {
      byId("open").disabled = false;
    }
  }

  nameOf(row) {
    return row.name ? row.name[this.state.lang] : row.firm;
  }

  money(value, sign) {
    return amount(value, "CNY", this.state.lang, sign);
  }

  overview() {
    const { words, world } = this;
    this.dispose();
    this.say(words("explore.opened", { n: world.replication, quarter: world.quarter, firms: digits(world.count), funds: world.funds.length }));
    const lookup = element("input", { id: "firm-id", class: "value wide", maxlength: "60", spellcheck: "false", "aria-describedby": "firm-wrong" });
    const form = element("form", { class: "tools", onsubmit: (event) => { event.preventDefault(); this.openFirm(lookup.value.trim()); } },
      element("span", { class: "field" }, words("firm.rank")),
      ...RANKS.filter((rank) => world.ranks[rank]).map((rank) => element("button", { type: "button", class: "plain", "data-rank": rank, onclick: () => this.openFirm(world.ranks[rank]) }, words(`firm.rank.${rank}`))),
      element("label", { class: "field", for: "firm-id" }, words("firm.pick"), " ", lookup),
      element("button", { class: "plain" }, words("explore.go")));
    const rows = world.firms.map((row) => [
      element("button", { type: "button", class: "link", onclick: () => this.openFirm(row.firm) }, this.nameOf(row)),
      this.stage(row.stage), digits(row.rounds), this.money(row.raised), this.money(row.post_money), row.end ? words(`state.${row.end}`) : words("state.alive"),
    ]);
    const header = ["firm.pick", "firm.stage", "firm.rounds", "firm.raised", "firm.post", "firm.state"].map((key) => words(key));
    byId("firms").replaceChildren(form, element("p", { class: "wrong", id: "firm-wrong", role: "alert" }), element("div", { id: "firm" }),
      element("details", {}, element("summary", {}, words("firm.list", { n: rows.length })), table(words("firms"), header, rows, 2)));
    byId("funds").replaceChildren(this.fundPicker(), element("div", { id: "fund" }), this.fundList());
  }

  /** Funds by class in one list to pick from: a zone has hundreds. */
  fundPicker() {
    const { words, world, state } = this;
    const classes = [...new Set(world.funds.map((row) => row.class))];
    const pick = element("select", { id: "fund-pick", onchange: () => this.openFund(Number(pick.value)) },
      ...classes.map((name) => {
        const rows = world.funds.filter((row) => row.class === name);
        return element("optgroup", { label: rows[0].name[state.lang] },
          ...rows.map((row) => element("option", { value: String(row.fund) }, `${row.name[state.lang]} #${row.fund} · ${row.opened} · ${this.money(row.commitment)}`)));
      }));
    if (this.shown.fund) pick.value = String(this.shown.fund.fund);
    return element("div", { class: "tools" }, element("label", { class: "field", for: "fund-pick" }, words("fund.list"), " ", pick));
  }

  fundList() {
    const { words, world, state } = this;
    const rows = world.funds.map((row) => [
      element("button", { type: "button", class: "link", onclick: () => this.openFund(row.fund) }, `${row.name[state.lang]} #${row.fund}`),
      row.opened, ...["commitment", "called", "distributed", "nav"].map((key) => this.money(row[key])),
    ]);
    const header = ["fund.list", "fund.opened", "fund.commitment", "fund.called", "fund.distributed", "fund.nav"].map((key) => words(key));
    return element("details", {}, element("summary", {}, words("fund.all", { n: rows.length })), table(words("fund.list"), header, rows, 2));
  }

  stage(name) {
    const metric = this.metricOf(`rounds.count.${name}`);
    if (!metric) return name;
    const { lang } = this.state;
    return metric.label[lang].replace("当季", "").replace("轮次", "").replace(" rounds in the quarter", "");
  }

  async openFirm(firm, focus = true) {
    byId("firm-wrong").textContent = "";
    try {
      this.firm(await this.post("/api/firm", { firm, replication: this.world.replication }), focus);
    } catch (error) {
      byId("firm-wrong").textContent = error.message;
    }
  }

  async openFund(fund, focus = true) {
    try {
      this.fund(await this.post("/api/fund", { fund, replication: this.world.replication }), focus);
    } catch (error) {
      this.say(error.message, true);
    }
  }

  dispose(kind) {
    for (const chart of this.charts) if (!kind || chart.kind === kind) chart.dispose();
    this.charts = this.charts.filter((chart) => kind && chart.kind !== kind);
  }

  /** A chart in a place, with what it shows told in words. */
  chart(kind, title, unit, label, option) {
    const canvas = element("div", { class: "canvas", role: "img", "aria-label": label });
    const caption = element("figcaption", {}, element("span", { class: "name" }, title), element("span", { class: "unit" }, unit));
    const figure = element("figure", { class: "chart" }, caption, canvas);
    requestAnimationFrame(() => {
      const made = window.echarts.init(canvas, null, { renderer: "canvas" });
      made.kind = kind;
      made.setOption({ animation: false, textStyle: { fontFamily: FONT, color: INK }, ...option });
      this.charts.push(made);
    });
    return figure;
  }

  axes(x) {
    const text = { color: GREY, fontFamily: FONT };
    return {
      grid: { left: 8, right: 16, top: 34, bottom: 6, containLabel: true },
      legend: { top: 0, left: 0, type: "scroll", textStyle: { color: INK, fontFamily: FONT, fontSize: 12 }, itemWidth: 14, itemHeight: 8 },
      xAxis: { axisLabel: { ...text, hideOverlap: true }, axisTick: { show: false }, ...x },
      yAxis: { type: "value", axisLabel: { ...text, formatter: (v) => digits(v) }, splitNumber: 4, splitLine: { lineStyle: { color: "#e3e8eb" } } },
    };
  }

  tip(title, each = (item) => digits(Array.isArray(item.value) ? item.value[1] : item.value)) {
    return {
      trigger: "axis", confine: true, transitionDuration: 0, backgroundColor: "#fff", borderColor: "#aab4ba", padding: 8, axisPointer: { animation: false },
      formatter: (items) => {
        const box = element("div", { class: "hint" }, element("div", { class: "hint-title" }, title(items[0])));
        for (const item of items) {
          const value = Array.isArray(item.value) ? item.value[1] : item.value;
          if (value !== null && value !== undefined && item.seriesName) box.append(element("div", {}, `${item.seriesName}  ${each(item)}`));
        }
        return box;
      },
    };
  }

  // ---- a firm

  firm(life, focus = false) {
    const { words, state } = this;
    const { lang } = state;
    this.shown.firm = life;
    this.dispose("firm");
    const title = element("h3", { tabindex: "-1" }, life.name ? life.name[lang] : life.firm);
    const parts = [title, this.state_(life)];
    if (life.rounds.length) parts.push(this.rounds(life));
    const row = element("div", { class: "charts two" });
    const equity = life.now?.equity;
    if (life.rounds.length) row.append(this.timeline(life));
    if (life.payoff) row.append(this.payoff(life));
    parts.push(row);
    if (equity?.classes.length) parts.push(this.capTable(life, equity));
    else parts.push(element("p", { class: "note" }, words("firm.cap.none")));
    parts.push(this.levels(life));
    byId("firm").replaceChildren(...parts);
    if (focus) title.focus();
  }

  state_(life) {
    const { words, state } = this;
    const now = life.now;
    const facts = life.name ? [`${words("firm.pick")} ${life.firm}`] : [];
    if (now) {
      facts.push(`${words("firm.sector")} ${life.sector_names[now.sector]?.[state.lang] ?? now.sector}`, `${words("firm.age")} ${words("years", { n: digits(now.age_years) })}`,
        `${words("firm.revenue")} ${this.money(now.revenue)}`, `${words("firm.profit")} ${this.money(now.profit)}`, `${words("firm.jobs")} ${amount(now.jobs, "jobs", state.lang)}`);
    }
    for (const exit of life.exits) {
      facts.push(`${exit.quarter} ${words(`state.${exit.way}`)}: ${words("firm.proceeds")} ${this.money(exit.proceeds)}, ${words("firm.to_funds")} ${this.money(exit.to_funds)}`);
    }
    return element("ul", { class: "facts" }, ...facts.map((text) => element("li", {}, text)));
  }

  rounds(life) {
    const { words } = this;
    const header = ["chart.quarter", "firm.stage", "firm.pre", "firm.amount", "firm.postmoney", "firm.investors"].map((key) => words(key));
    const rows = life.rounds.map((r) => [closed(r), this.stage(r.stage), this.money(r.pre_money), this.money(r.amount), this.money(r.post_money), digits(r.funds)]);
    return table(words("firm.timeline"), header, rows, 2);
  }

  timeline(life) {
    const { words, state } = this;
    const quarters = quartersBetween(life.rounds.map(closed).sort()[0], life.quarter);
    const scale = scaleOf("CNY", Math.max(...life.rounds.map((r) => r.post_money)), state.lang);
    const at = (r) => quarters.indexOf(closed(r));
    const posts = life.rounds.map((r) => [at(r), r.post_money / scale.divisor]);
    const raised = life.rounds.map((r) => [at(r), r.amount / scale.divisor]);
    const label = `${words("firm.timeline")}: ${life.rounds.map((r) => `${closed(r)} ${this.stage(r.stage)} ${this.money(r.post_money)}`).join("; ")}`;
    const option = {
      ...this.axes({ type: "category", data: quarters }),
      tooltip: this.tip((item) => quarters[item.value[0]]),
      series: [
        { name: words("firm.amount"), type: "bar", barMaxWidth: 10, data: raised, itemStyle: { color: `rgb(${RED})` } },
        { name: words("firm.postmoney"), type: "line", step: "end", showAllSymbol: true, data: [...posts, [quarters.length - 1, posts.at(-1)[1]]], symbolSize: 7, lineStyle: { color: `rgb(${BLUE})`, width: 2 }, itemStyle: { color: `rgb(${BLUE})` } },
      ],
    };
    return this.chart("firm", words("firm.timeline"), scale.unit, label, option);
  }

  /** Parts of the proceeds, stacked to the whole, over the sale price; the tooltip has the money. */
  payoff(life) {
    const { words, state } = this;
    const { payoff } = life;
    const scale = scaleOf("CNY", payoff.values.at(-1), state.lang);
    const { classes } = life.now.equity;
    const rows = [[words("firm.payoff.common"), payoff.common, 0], ...payoff.classes.map((paid, k) => [this.className(classes[k]), paid, k + 1])]
      .filter(([, , k]) => k === 0 || classes[k - 1].shares > 0);
    const series = rows.map(([name, paid, k]) => ({
      name, type: "line", symbol: "none", stack: "whole", data: paid.map((v, j) => [payoff.values[j] / scale.divisor, (100 * v) / payoff.values[j]]),
      lineStyle: { width: 0.5, color: "#fff" }, areaStyle: { color: PALETTE[k % PALETTE.length], opacity: 0.85 }, itemStyle: { color: PALETTE[k % PALETTE.length] },
    }));
    series[0].markLine = {
      silent: true, symbol: "none", lineStyle: { color: INK, type: "dashed" }, label: { formatter: words("firm.payoff.last"), color: INK, fontFamily: FONT, position: "insideEndTop", backgroundColor: "rgba(255,255,255,.85)", padding: 2 },
      data: [{ xAxis: payoff.last_post_money / scale.divisor }],
    };
    const axes = this.axes({ type: "log", min: payoff.values[0] / scale.divisor, max: payoff.values.at(-1) / scale.divisor, name: words("firm.payoff.axis", { unit: scale.unit }), nameLocation: "middle", nameGap: 24, nameTextStyle: { color: GREY, fontFamily: FONT }, splitLine: { show: false }, axisLabel: { color: GREY, fontFamily: FONT, hideOverlap: true, showMinLabel: false, showMaxLabel: false, formatter: (v) => digits(v) } });
    Object.assign(axes.yAxis, { max: 100, interval: 25 });
    axes.grid.bottom = 26;
    const title = (item) => `${digits(item.value[0])} ${scale.unit}`;
    const each = (item) => `${amount(item.value[1] / 100, "share", state.lang)}  ${this.money((item.value[1] / 100) * item.value[0] * scale.divisor)}`;
    const middle = Math.floor(payoff.values.length / 2);
    const told = rows.map(([name, paid]) => `${name} ${this.money(paid[middle])}`).join(", ");
    return this.chart("firm", words("firm.payoff"), "%", `${words("firm.payoff")}: ${this.money(payoff.values[middle])}: ${told}`, { ...axes, tooltip: this.tip(title, each), series });
  }

  /** `2 A轮`: number of a share class and the round that it was issued at. */
  className(c) {
    const { words } = this;
    if (c.stage === "ordinary") return words("firm.cap.ordinary", { n: c.class });
    return words("firm.cap.class", { n: c.class, round: c.stage === "earlier" ? words("firm.cap.earlier") : this.stage(c.stage) });
  }

  capTable(life, equity) {
    const { words } = this;
    const part = (x) => amount(x, "share", this.state.lang);
    const rows = [
      [words("firm.cap.founders"), part(equity.founders), ...Array(8).fill("–")],
      [words("firm.cap.pool"), part(equity.pool), ...Array(8).fill("–")],
      ...(equity.public > 0 ? [[words("firm.cap.public"), part(equity.public), ...Array(8).fill("–")]] : []),
      ...equity.classes.map((c, k) => {
        const terms = [this.money(c.preference * c.paid), digits(c.seniority + 1), words(c.participating ? "yes" : "no"),
          life.payoff?.converts[k] ? this.money(life.payoff.converts[k]) : "–", words(`firm.cap.protection.${c.anti_dilution}`), words(c.redemption ? "yes" : "no")];
        // what was paid for ordinary shares beside the rounds is in the books of who holds them
        return [this.className(c) + (c.shares > 0 ? "" : words("firm.cap.gone")), part(c.share_of_firm), c.stage === "ordinary" ? "–" : this.money(c.paid),
          ...(equity.listed ? Array(6).fill("–") : terms), this.holders(life, c)];
      }),
    ];
    const header = ["firm.cap", "firm.cap.share", "firm.cap.paid", "firm.cap.preference", "firm.cap.seniority", "firm.cap.participating", "firm.cap.converts", "firm.cap.protection", "firm.cap.redemption", "firm.cap.holders"].map((key) => words(key));
    const made = element("div", {}, table(`${words("firm.cap")} ${life.quarter}`, header, rows, 1, "holders"));
    made.querySelectorAll("tbody tr").forEach((line, k) => line.classList.toggle("faint", k > 1 && !(equity.classes[k - 2].shares > 0)));
    if (equity.listed) made.append(element("p", { class: "note" }, words("firm.cap.listed")));
    return made;
  }

  /** Who holds a class, each with its part of the firm; what no fund of the model holds is with others. */
  holders(life, c) {
    const part = (x) => amount(x, "share", this.state.lang);
    const held = Object.entries(c.holders).map(([name, share]) => `${this.fundName(life.holder_funds[name]) ?? name} ${part(share)}`);
    const rest = c.share_of_firm - Object.values(c.holders).reduce((sum, share) => sum + share, 0);
    if (rest > 5e-4) held.push(`${this.words("firm.cap.others")} ${part(rest)}`);
    return held.join(this.state.lang === "zh" ? "、" : ", ") || "–";
  }

  fundName(number) {
    const row = this.world.funds.find((fund) => fund.fund === number);
    return row && `${row.name[this.state.lang]} #${number}`;
  }

  levels(life) {
    const { words, state } = this;
    if (!life.levels.length) return element("p", { class: "note" }, words("firm.levels.none"));
    const named = (level) => life.level_names[level]?.[state.lang] ?? level;
    const where = (r) => (r.falls_to ? words("firm.falls_to", { level: named(r.level), lower: named(r.falls_to) }) : named(r.level));
    const rows = life.levels.map((r) => [r.quarter, words(`firm.${r.event}`), where(r)]);
    return table(words("firm.levels"), [words("chart.quarter"), words("firm.event"), words("firm.levels")], rows, 3);
  }

  // ---- a fund

  fund(found, focus = false) {
    const { words, state } = this;
    const { lang } = state;
    this.shown.fund = found;
    if (byId("fund-pick")) byId("fund-pick").value = String(found.fund);
    this.dispose("fund");
    const title = element("h3", { tabindex: "-1" }, `${found.name[lang]} #${found.fund}`);
    const into = found.kind === "guidance" ? ["promised", "placed"] : ["invested"]; // a guidance fund puts its money into funds
    const facts = [
      ...["commitment", ...into].map((key) => `${words(`fund.${key}`)} ${this.money(found[key])}`), `${words("fund.fees")} ${this.money(found.fees)}`, `${words("fund.carry")} ${this.money(found.carry)}`,
      `TVPI ${amount(found.tvpi, "ratio", lang)}`, `DPI ${amount(found.dpi, "ratio", lang)}`, `${words("fund.irr")} ${found.irr === null ? "–" : `${digits(found.irr * 100)} %`}`,
    ];
    const rows = found.holdings.map((h) => [
      element("button", { type: "button", class: "link", onclick: () => { this.tab(0); this.openFirm(h.firm); } }, this.firmName(h.firm)),
      this.money(h.cost), amount(h.share, "share", lang), this.money(h.value), h.listed ? words("state.listing") : "",
    ]);
    const header = ["firm.pick", "fund.cost", "fund.share", "fund.value", "firm.state"].map((key) => words(key));
    const parts = [title, element("ul", { class: "facts" }, ...facts.map((text) => element("li", {}, text))), this.flows(found),
      found.commitments.length ? this.commitments(found) : null,
      found.held ? table(words("fund.holdings", { n: found.held }), header, rows) : element("p", { class: "note" }, words("fund.holdings.none"))];
    byId("fund").replaceChildren(...parts.filter(Boolean));
    if (focus) title.focus();
  }

  commitments(found) {
    const { words, state } = this;
    const rows = found.commitments.map((c) => [
      element("button", { type: "button", class: "link", onclick: () => this.openFund(c.fund) }, `${c.name[state.lang]} #${c.fund}`),
      ...["size", "amount", "called", "distributed"].map((key) => this.money(c[key])),
    ]);
    const header = ["fund.list", "fund.size", "fund.commitment", "fund.called", "fund.distributed"].map((key) => words(key));
    return table(words("fund.commitments", { n: rows.length }), header, rows);
  }

  firmName(id) {
    const row = this.world.firms.find((firm) => firm.firm === id);
    return row ? this.nameOf(row) : id;
  }

  flows(found) {
    const { words, state } = this;
    const most = Math.max(...found.nav, ...found.calls, ...found.distributions, ...found.net_cash.map(Math.abs));
    const scale = scaleOf("CNY", most, state.lang);
    const row = (values, sign = 1) => values.map((v) => (sign * v) / scale.divisor);
    const line = (name, values, colour, type = "solid") => ({ name, type: "line", symbol: "none", data: row(values), lineStyle: { color: colour, width: 2, type }, itemStyle: { color: colour } });
    const bar = (name, values, colour, sign) => ({ name, type: "bar", stack: "cash", data: row(values, sign), itemStyle: { color: colour } });
    const option = {
      ...this.axes({ type: "category", data: found.quarters, axisLine: { onZero: false } }),
      tooltip: this.tip((item) => item.name),
      series: [
        bar(words("fund.calls"), found.calls, `rgb(${RED})`, -1), bar(words("fund.distributions"), found.distributions, "#009e73", 1),
        line(words("fund.nav"), found.nav, `rgb(${BLUE})`), line(words("fund.net"), found.net_cash, INK, "dashed"),
      ],
    };
    return this.chart("fund", words("fund.flows"), scale.unit, `${words("fund.flows")}: ${found.quarters[0]} – ${found.quarters.at(-1)}; ${words("fund.nav")} ${this.money(found.nav.at(-1))}`, option);
  }
}
