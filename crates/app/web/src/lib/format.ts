import { project } from './project.svelte';

const LANGUAGE = navigator.language;
const formats = new Map<string, Intl.NumberFormat>();

/** A number in writing. Formats are kept: making one takes longer than using it a hundred times. */
function written(value: number, options: Intl.NumberFormatOptions): string {
  const key = JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.NumberFormat(LANGUAGE, options)));
  // A minus sign: a line breaks after a hyphen.
  return format.format(value).replace('-', '\u2212');
}

/** Whole minor units as money of the project. */
export function money(minor: number, sign = false): string {
  const glance = project.now?.state === 'ready' ? project.now : null;
  const amount = minor / 10 ** (glance?.currency_digits ?? 2);
  const digits = Math.abs(amount) >= 1000 ? 0 : 2;
  return written(amount, {
    style: 'currency',
    currency: glance?.currency ?? 'EUR',
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: Math.min(digits, glance?.currency_digits ?? 2),
    maximumFractionDigits: digits,
    signDisplay: sign ? 'exceptZero' : 'auto',
  });
}

/** Whole minor units as money of another currency than the project's. */
export function moneyIn(minor: number, { currency, currency_digits: digits }: { currency: string; currency_digits: number }, sign = false): string {
  return written(minor / 10 ** digits, {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    maximumFractionDigits: 0,
    signDisplay: sign ? 'exceptZero' : 'auto',
  });
}

/** Whole minor units as money of a currency that is known before the project is. */
export function moneyOf(minor: number, { currency, currency_digits: digits }: { currency: string; currency_digits: number }, sign = false): string {
  const amount = minor / 10 ** digits;
  const shown = Math.abs(amount) >= 1000 ? 0 : digits;
  return written(amount, {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: shown,
    maximumFractionDigits: shown,
    signDisplay: sign ? 'exceptZero' : 'auto',
  });
}

/** Money in few digits, where room is short. */
export function shortMoney(minor: number): string {
  const glance = project.now?.state === 'ready' ? project.now : null;
  const amount = minor / 10 ** (glance?.currency_digits ?? 2);
  return written(amount, {
    style: 'currency',
    currency: glance?.currency ?? 'EUR',
    currencyDisplay: 'narrowSymbol',
    notation: 'compact',
    maximumSignificantDigits: 3,
  });
}

/** An amount in major units of a currency, in few digits from a million on. */
export function amount(major: number, currency: string, sign = false): string {
  const large = Math.abs(major) >= 1e6;
  return written(major, {
    style: 'currency',
    currency,
    currencyDisplay: 'narrowSymbol',
    notation: large ? 'compact' : 'standard',
    minimumFractionDigits: large ? 1 : Math.abs(major) >= 100 || major === 0 ? 0 : 2,
    maximumFractionDigits: large ? 2 : Math.abs(major) >= 100 || major === 0 ? 0 : 2,
    signDisplay: sign ? 'exceptZero' : 'auto',
  });
}

/** A share as a percentage. */
export function percent(share: number, digits = 0): string {
  return written(share, {
    style: 'percent',
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** A figure. */
export function figure(value: number, digits = 0): string {
  return written(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** A size in bytes, in few digits. */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  const step = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${written(bytes / 1000 ** step, { maximumSignificantDigits: 3 })}\u00a0${units[step]}`;
}

/** A moment, to the minute. */
export function moment(text: string): string {
  return new Intl.DateTimeFormat(LANGUAGE, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(text));
}

/** A name of ours (`supply_planner`) in words. */
export function words(name: string): string {
  const text = name.replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Marks that turn the order of letters until they are taken back. */
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;
/** Letters that are written from right to left. */
const LEFTWARDS = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]/;

/** What somebody has called a thing, beside other text: it turns nothing but itself. */
export function apart(name: string): string {
  const plain = name.replace(TURNING, '');
  return LEFTWARDS.test(plain) ? `\u2068${plain}\u2069` : plain;
}
