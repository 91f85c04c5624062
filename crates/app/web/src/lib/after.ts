// What the pages about past promotions share.

import { apart } from './format';

export interface Split { value: number; lo95: number; hi95: number }
export interface Parts { own: number; anyway: number; cannibalised: number; pulled_forward: number; halo: number }
export interface Group { name: string; events: number; items: number; paid: number; did_not_pay: number; gave_margin_away: number; costed: number; given_away: number; net: Split; profit: Split | null; naive_profit: number | null; parts: Parts | null; lost_units: number; lost_margin: number; effect: { measured: Split; shrunk: Split; weight: number } | null }

/** The colour of a verdict. */
export const tone = (verdict: string): string => (verdict === 'paid' ? 'good' : verdict === 'did_not_pay' ? 'bad' : 'warn');

/** What causes are called, in the order in which they are shown. */
export const CAUSES: [keyof Parts, string][] = [
  ['own', 'Added by the offer'],
  ['anyway', 'Discount on what was sold anyway'],
  ['cannibalised', 'Taken from substitutes'],
  ['pulled_forward', 'Taken from later'],
  ['halo', 'Brought to other groups'],
];

/** What a promotion is called; items and regions without a name by their number. */
export function titleOf({ sku, name, region }: { sku: string; name?: string; region: string }): string {
  const item = name === undefined ? (/^\d+$/.test(sku) ? `Item ${sku}` : sku) : apart(name);
  return region ? `${item}, ${/^\d+$/.test(region) ? `region ${region}` : region}` : item;
}
