// What the sandbox's pages share.

export interface Offer { sku: string; week: number; depth: number }
export interface PlayedWeek { ordered: number; sold: number; depth: number; stores_out: number; left: number; revenue: number; margin: number }
export interface Item {
  sku: string; group: string; list_price: number; unit_cost: number; usual: number; on_hand: number;
  under_way: { week: number; pieces: number }[];
  suggested: { pieces: number; arrives: number } | null;
  past: { week: string; sold: number; depth: number; ran_out: number }[];
  played: PlayedWeek[];
}
export interface Standing { weeks: string[]; now: number; lead_time: number; slots: number; spacing: number; depths: number[]; items: Item[]; offers: Offer[]; earned: { revenue: number; margin: number; discount: number; sold: number } }
export interface Outcome { revenue: number; margin: number; profit: number; discount: number; sold: number; lost: number; waste: number; left: number; stockout_rate: number; stockout_rate_promoted: number; fill_rate: number; promo_revenue: number; write_down: number; forecast_error_item: number | null }
export interface PlayedBy { name: string; outcome: Outcome; sold: number[]; lost: number[]; on_hand: number[]; depth: number[][]; missed: number[][] }
export interface Comparison { world: number; played: PlayedBy[]; hidden: { sku: string; lift: [number, number][] }[] }
export interface Game { id: string; world: number; scenario: string; currency: string; currency_digits: number; seen_before: boolean; standing: Standing; comparison?: Comparison }

/** Shade of a depth, as on boards. */
export const shade = (depth: number): number => Math.min(5, Math.max(1, Math.ceil(depth * 10)));

/** A week without its year. */
export const short = (week: string): string => week.replace(/^\d{4}-/, '');
