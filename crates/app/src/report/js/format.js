// Figures as people read them: thousands separators, currency, units, dates.

const locale = "en-GB";
const minorDigits = data.currency.digits;

/** Money from minor units: whole from a thousand on, with cents below, the currency's code in front. */
function money(minor, sign) {
  if (minor === null || minor === undefined) return "not known";
  if (data.currency.code === "") return number(minor, Math.abs(minor) < 100 ? 2 : 0, sign);
  const major = minor / 10 ** minorDigits;
  const digits = major === 0 || Math.abs(major) >= 1000 ? 0 : minorDigits;
  return new Intl.NumberFormat(locale, {
    style: "currency", currency: data.currency.code, currencyDisplay: "code",
    minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: sign ? "exceptZero" : "negative",
  }).format(major).replace("-", "−");
}

/** Money on an axis: short, without the currency. */
function moneyShort(minor) {
  const options = { notation: "compact", maximumFractionDigits: 1, signDisplay: "negative" };
  return new Intl.NumberFormat("en-US", options).format(minor / 10 ** minorDigits).replace("-", "−");
}

/** Money from major units, as a scenario or a policy states it. */
const moneyMajor = (major) => (major === null ? "no limit" : money(major * 10 ** minorDigits));

function number(value, digits = 0, sign = false) {
  if (value === null || value === undefined) return "not known";
  return new Intl.NumberFormat(locale, {
    maximumFractionDigits: digits, signDisplay: sign ? "exceptZero" : "negative",
  }).format(value).replace("-", "−");
}

/** Expected units: with a decimal while they are few. */
const units = (value) => number(value, value !== null && Math.abs(value) < 100 ? 1 : 0);

function percent(share, digits = 1, sign = false) {
  if (share === null || share === undefined) return "not known";
  const text = new Intl.NumberFormat(locale, {
    style: "percent", maximumFractionDigits: digits, signDisplay: sign ? "exceptZero" : "negative",
  }).format(share);
  return text.replace("-", "−").replace("%", "\u00a0%");
}

/** A difference of two shares. */
const points = (difference) => `${number(difference * 100, 2, true)} points`;

/** A sentence with its dates as people write them. */
const withDays = (sentence) => sentence.replace(/\d{4}-\d{2}-\d{2}/g, (date) => day(date));

const times = (ratio) => `${number(ratio, 2)} ×`;

/** The label of a period, as the calendar writes it. */
const periodText = (period) => data.periods.labels[period - data.periods.first] ?? String(period);

function dateParts(text, options) {
  const date = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : null;
  return date ? new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options }).format(date) : text;
}

const day = (text) => dateParts(text, { weekday: "short", day: "numeric", month: "short" });
const dayShort = (text) => dateParts(text, { day: "numeric", month: "short" });
const dayLong = (text) => dateParts(text, { weekday: "short", day: "numeric", month: "long", year: "numeric" });
const periodDay = (period) => day(periodText(period));

/** What one step of the calendar is called. */
const periodWord = { day: "day", week: "week", index: "period" }[data.periods?.calendar] ?? "period";
const periodWords = `${periodWord}s`;

/** A run of periods, its end not in it. */
function spanText(start, end) {
  return end - start <= 1 ? periodDay(start) : `${periodDay(start)} to ${periodDay(end - 1)}`;
}

const itemName = (index) => data.items[index].name;
const placeName = (index) => data.places[index].name;

/** Names of the machine as words: `no_promotions` is read "no promotions". */
const words = (name) => name.replaceAll("_", " ");
const sentenceCase = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const plural = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;

