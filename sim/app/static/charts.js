// Fan charts: the baseline beside the variant, published facts as points, a line where history ends.

import { amount, digits, range, scaleOf } from "./numbers.js";

export const BLUE = "0,114,178";
export const RED = "213,94,0";
export const INK = "#22313f";
export const GREY = "#5c6b76";
export const FONT = '"Headwater Sans", "Noto Sans SC", "PingFang SC", "Microsoft YaHei", system-ui, sans-serif';

const ink = (colour) => `rgb(${colour})`;
const tint = (colour, part) => `rgba(${colour},${part})`;

/** A polygon between two rows of numbers; a quarter in which either is undefined is left out. */
function band(low, high, divisor, colour, part, z) {
  const points = [];
  low.forEach((value, i) => {
    if (value !== null && high[i] !== null) points.push([i, value / divisor, high[i] / divisor]);
  });
  return {
    type: "custom", silent: true, z, clip: true, itemStyle: { color: tint(colour, part) },
    encode: { x: 0, y: [1, 2] }, data: points, tooltip: { show: false },
    renderItem: (params, api) => {
      if (params.dataIndex !== 0 || points.length < 2) return null;
      const upper = points.map(([x, , y]) => api.coord([x, y]));
      const lower = points.map(([x, y]) => api.coord([x, y])).reverse();
      return { type: "polygon", shape: { points: [...upper, ...lower] }, style: { fill: tint(colour, part), stroke: "none" } };
    },
  };
}

function line(values, divisor, colour, z, dash = "solid") {
  return {
    type: "line", z, silent: true, showSymbol: false, symbol: "none", data: values.map((v) => (v === null ? null : v / divisor)),
    lineStyle: { color: ink(colour), width: 2, type: dash }, itemStyle: { color: ink(colour) },
  };
}

function largest(chart, facts, difference) {
  const rows = difference ? [chart.difference?.low, chart.difference?.high] : [chart.baseline.p95, chart.variant?.p95, chart.baseline.p05, chart.variant?.p05];
  let most = 0;
  for (const row of rows) for (const v of row || []) if (v !== null) most = Math.max(most, Math.abs(v));
  if (!difference) for (const fact of facts) most = Math.max(most, Math.abs(fact.value));
  return most;
}

const SHAPES = { at_least: "triangle", at_most: "path://M0,0L10,0L5,9Z", exact: "diamond" };

/** The whole option of one chart. */
export function fan(chart, metric, context) {
  const { quarters, today, lang, words, facts, scored, view, narrow, counted } = context;
  const difference = view === "differences";
  const scale = scaleOf(metric.unit, largest(chart, facts, difference), lang);
  const d = scale.divisor;
  const series = [];
  if (difference && chart.difference) {
    series.push(band(chart.difference.low, chart.difference.high, d, RED, 0.22, 3));
    series.push(line(chart.difference.mean, d, RED, 5));
  }
  if (!difference) {
    const { baseline: b, variant: v } = chart;
    series.push(band(b.p05, b.p95, d, BLUE, 0.13, 1), band(b.p25, b.p75, d, BLUE, 0.24, 2));
    if (v) series.push(band(v.p05, v.p95, d, RED, 0.13, 3), band(v.p25, v.p75, d, RED, 0.24, 4));
    series.push(line(b.p50, d, BLUE, 5));
    if (v) series.push(line(v.p50, d, RED, 6));
    if (facts.length) {
      series.push({
        type: "scatter", z: 8, symbolSize: 11,
        data: facts.map((fact) => ({
          value: [quarters.indexOf(fact.quarter), fact.value / d], name: fact.id,
          symbol: SHAPES[fact.bound] || "diamond",
          itemStyle: {
            color: fact.use === "input" || scored.get(fact.id) === false ? "#fff" : INK,
            borderColor: fact.use === "goal" ? "#009e73" : INK, borderWidth: 1.6,
          },
        })),
      });
    }
  }
  const now = today ? quarters.indexOf(today) : -1;
  if (series.length && now > 0 && now < quarters.length - 1) {
    series[series.length - 1].markLine = {
      silent: true, symbol: "none", animation: false, label: { show: false },
      lineStyle: { color: GREY, type: "dashed", width: 1 }, data: [{ xAxis: now }],
    };
  }
  const every = narrow ? 16 : 12;
  return {
    animation: false,
    textStyle: { fontFamily: FONT, color: INK },
    grid: { left: 8, right: 14, top: 14, bottom: 6, containLabel: true },
    xAxis: {
      type: "category", data: quarters, boundaryGap: false, axisTick: { show: false }, axisLine: { lineStyle: { color: "#aab4ba" } },
      axisLabel: {
        color: GREY, fontFamily: FONT, hideOverlap: true, showMaxLabel: false,
        interval: (i, q) => q.endsWith("Q4") && Math.round((Number(q.slice(0, 4)) - Number(quarters[0].slice(0, 4))) * 4) % every === 0,
        formatter: (q) => q.slice(0, 4),
      },
    },
    yAxis: {
      type: "value", scale: metric.kind === "index" || difference, splitNumber: 4, axisLabel: { color: GREY, fontFamily: FONT, formatter: (v) => digits(v) },
      splitLine: { lineStyle: { color: "#e3e8eb" } }, minInterval: counted.includes(metric.unit) && d === 1 && !difference ? 1 : 0,
    },
    tooltip: {
      trigger: "axis", confine: true, transitionDuration: 0, backgroundColor: "#fff", borderColor: "#aab4ba", padding: 8,
      axisPointer: { type: "line", lineStyle: { color: GREY }, animation: false },
      formatter: (items) => hint(items[0].dataIndex, items, chart, metric, { lang, words, facts, quarters, difference, scored }),
    },
    series,
  };
}

/** What the tooltip says of one quarter: elements, so that no markup is put together from text. */
function hint(column, items, chart, metric, { lang, words, facts, quarters, difference, scored }) {
  const at = Math.max(0, Math.min(quarters.length - 1, items[0].axisValue ? quarters.indexOf(items[0].axisValue) : column));
  const box = document.createElement("div");
  box.className = "hint";
  const say = (text, kind) => {
    const row = document.createElement("div");
    row.textContent = text;
    if (kind) row.className = kind;
    box.append(row);
  };
  const show = (v, sign) => amount(v, metric.unit, lang, sign);
  say(quarters[at], "hint-title");
  const bands = (b) => `${show(b.p50[at])} [${range(b.p05[at], b.p95[at], metric.unit, lang)}]`;
  if (!difference) {
    say(`${words("legend.baseline")}  ${bands(chart.baseline)}`, "of-baseline");
    if (chart.variant) say(`${words("legend.variant")}  ${bands(chart.variant)}`, "of-variant");
  }
  if (chart.difference) {
    const { mean, low, high } = chart.difference;
    say(`${words("chart.difference")}  ${show(mean[at], true)} [${range(low[at], high[at], metric.unit, lang, true)}]`);
  }
  for (const fact of facts.filter((f) => f.quarter === quarters[at])) say(factText(fact, metric, lang, words, scored), "hint-fact");
  return box;
}

export function factText(fact, metric, lang, words, scored) {
  const value = amount(fact.value, metric.unit, lang);
  const bound = fact.bound === "exact" ? value : words(`fact.${fact.bound}`, { value });
  const inside = scored.get(fact.id);
  const verdict = inside === true ? words("fact.inside") : inside === false ? words("fact.outside") : "";
  const name = fact.name ? fact.name[lang] : words("fact");
  return [`${name}  ${bound}`, words(`fact.use.${fact.use}`), verdict].filter(Boolean).join(" · ");
}

/** What a reader who does not see the chart is told. */
export function spoken(chart, metric, at, column, lang, words) {
  const show = (v) => amount(v, metric.unit, lang);
  const part = (key, b) => words(key, { metric: metric.label[lang], quarter: at, p50: show(b.p50[column]), p05: show(b.p05[column]), p95: show(b.p95[column]) });
  return part("chart.label", chart.baseline) + (chart.variant ? part("chart.label.variant", chart.variant) : "");
}
