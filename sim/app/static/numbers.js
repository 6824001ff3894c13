// Numbers as people say them: 151亿元, CNY 15.1 bn, 4,840, 3.02×, 12 %. The same steps as the figures of a report.

const MONEY = {
  zh: [[1e12, "万亿元"], [1e8, "亿元"], [1e4, "万元"], [1, "元"]],
  en: [[1e12, "tn"], [1e9, "bn"], [1e6, "m"], [1e3, "k"], [1, ""]],
};
const UNITS = {
  firms: ["家", "firms"], certificates: ["家", "firms"], funds: ["支", "funds"], rounds: ["轮", "rounds"],
  jobs: ["人", "jobs"], ratio: ["倍", "×"], share: ["%", "%"], probability: ["%", "%"], "per year": ["%/年", "% a year"],
  years: ["年", "years"], index: ["", ""], count: ["", ""], m2: ["平方米", "m²"], number: ["", ""], "": ["", ""],
};

/** How an axis or a table column shows numbers of a unit up to `largest`: {divisor, unit}. One number alone is 1.23万亿元;
 *  an axis keeps to 亿元 as long as its numbers have five digits. */
export function scaleOf(unit, largest, lang, alone = false) {
  const size = Math.abs(Number.isFinite(largest) ? largest : 0);
  if (unit === "CNY") {
    const steps = MONEY[lang].filter(([, name]) => alone || !(name === "万亿元" && size < 1e13));
    const [divisor, name] = steps.find(([step]) => size >= step) || steps[steps.length - 1];
    return { divisor, unit: lang === "zh" ? name : `CNY ${name}`.trim() };
  }
  const word = (UNITS[unit] || ["", ""])[lang === "zh" ? 0 : 1];
  if (unit === "share" || unit === "probability" || unit === "per year") return { divisor: 0.01, unit: word };
  if (lang === "zh" && ["firms", "certificates", "jobs"].includes(unit) && size >= 1e5) return { divisor: 1e4, unit: `万${word}` };
  if (lang === "en" && ["firms", "certificates", "jobs"].includes(unit) && size >= 1e6) return { divisor: 1e6, unit: `million ${word}` };
  return { divisor: 1, unit: word };
}

/** Three digits that matter, thousands apart, a real minus sign. */
export function digits(value, sign = false) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  let text;
  if (size > 0 && size < 0.095) text = Number(value.toPrecision(2)).toString();
  else {
    const decimals = size >= 100 || size === Math.round(size) ? 0 : size >= 10 ? 1 : 2;
    text = value.toLocaleString("en", { maximumFractionDigits: decimals });
  }
  if (/^-[0.]*$/.test(text)) text = "0";
  return (sign && value > 0 && text !== "0" ? "+" : "") + text.replace("-", "−");
}

/** A number with its unit. */
export function amount(value, unit, lang, sign = false) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const scale = scaleOf(unit, value, lang, true);
  const text = digits(value / scale.divisor, sign);
  if (lang === "zh") return text + scale.unit;
  if (unit === "CNY") {
    const step = scale.unit.replace("CNY", "").trim();
    return `CNY ${text}${step ? ` ${step}` : ""}`;
  }
  if (unit === "ratio") return `${text}×`;
  if (scale.unit.startsWith("%")) return `${text} ${scale.unit}`;
  return scale.unit ? `${text} ${scale.unit}` : text;
}

/** Two ends of an interval, their unit once: −0.14 to −0.12×, −707 to −605 m. */
export function range(low, high, unit, lang, sign = false) {
  if (low === null || high === null || low === undefined || high === undefined) return "–";
  const largest = Math.abs(low) > Math.abs(high) ? low : high;
  const scale = scaleOf(unit, largest, lang, true);
  const end = (v) => digits(v / scale.divisor, sign);
  const first = end(low);
  const whole = amount(largest, unit, lang, sign);
  const last = largest === high ? whole : whole.replace(end(largest), end(high));
  if (lang === "en" && unit === "CNY") return `${last.slice(0, 4)}${first} to ${last.slice(4)}`;
  return lang === "zh" ? `${first} 至 ${last}` : `${first} to ${last}`;
}

/** A lever's number without more rounding than its step asks for, in a form that the server reads again. */
export function typed(value, unit, step, lang) {
  if (unit === "CNY") {
    const [size, name] = lang === "zh" ? [1e8, "亿"] : [1e9, "bn"];
    if (value === 0) return "0";
    if (Math.abs(value) >= size / 10) return `${trim(value / size)}${name}`;
    return lang === "zh" ? `${trim(value / 1e4)}万` : `${trim(value / 1e6)}m`;
  }
  if (unit === "share" || unit === "probability" || unit === "per year") return `${trim(value * 100)}%`;
  return trim(value);
}

function trim(value) {
  return String(Number(value.toPrecision(8)));
}

/** The value nearest to a slider's position, without the dust of binary fractions. */
export function snapped(position, low, step) {
  return Number((low + Math.round((position - low) / step) * step).toPrecision(12));
}
