// Supply as the API tells it, and its fan charts.

import type { Option } from './charts';
import { colour } from './colour';
import { apart, figure, percent } from './format';

export interface Glance {
  of: 'board' | 'in_force';
  id: string;
  name: string;
  periods: string[];
  places: string[];
  regions: string[];
  sizes: boolean;
  orders: number;
  ordered: number;
  orders_later: number;
  transfers: number;
  moved: number;
  transfer_gain: number;
  sales: number;
  lost: number;
  waste: number;
  fill_rate: number;
  stockout_rate: number;
  auto: number;
  review: number;
  exception: number;
  at_stake: number;
}

export interface Period {
  period: string;
  stock_q05: number;
  stock_q25: number;
  stock_q50: number;
  stock_q75: number;
  stock_q95: number;
  stockout: number;
  sales: number;
  lost: number;
  arrivals: number;
  ordered: number;
  depth: number | null;
}

export interface Cell {
  sku: string;
  name?: string;
  place: string;
  region: string;
  on_hand: number;
  at_stake: number;
  alerts: string[];
  periods: Period[];
}

export interface Alert {
  sku: string;
  name?: string;
  place: string;
  kind: string;
  words: string;
  period: string;
  units: number;
  value: number;
  confidence: number;
  urgency: 'now' | 'soon' | 'later';
  action: string;
  handling: 'auto' | 'review' | 'exception';
}

export interface Order {
  sku: string;
  name?: string;
  place: string;
  supplier: string | null;
  order_period: string;
  arrives: string;
  quantity: number;
  now: boolean;
}

export interface Move {
  sku: string;
  name?: string;
  from: string;
  to: string;
  period: string;
  quantity: number;
}

export interface Style {
  style: string;
  covered: number;
  fragmentation: number;
  gain: number;
  places: { place: string; pieces: number; covered: number; broken: boolean; sold: number; expected: number; cause: string }[];
  moves: { sku: string; from: string; to: string; pieces: number }[];
}

export const ACTIONS: Record<string, string> = {
  follow_plan: 'Take what the plan moves or expedites',
  place_order: 'Place the order of the plan',
  find_pieces: 'Find pieces elsewhere',
  secure_supply: 'Ask for another supplier or an earlier date',
  sell_or_move: 'Promote, mark down or move',
  reprice_or_move: 'Lower the price or move it before it spoils',
  check_cause: 'Find out why before ordering',
  count_stock: 'Count the shelf and correct the books',
};

export const CLASSES: Record<string, { name: string; tone: string; help: string }> = {
  exception: { name: 'Exception', tone: 'bad', help: 'a person must find a way' },
  review: { name: 'Review', tone: 'warn', help: 'a planner confirms' },
  auto: { name: 'Auto', tone: 'good', help: 'the plan remedies it' },
};

/** An item in words. */
export const called = (of: { sku: string; name?: string }): string => (of.name === undefined ? `Item ${of.sku}` : apart(of.name));

/** A day or week in few letters. */
export const short = (period: string): string => (/^\d{4}-/.test(period) ? period.slice(5) : period);

const round = (value: number): number => Math.round(value * 10) / 10;

/** Stock of a cell: median, half and nine tenths of the paths; arrivals as bars, orders as triangles, offers shaded. */
export function fan(cell: Cell): Option {
  const { periods } = cell;
  const accent = colour('accent');
  const hidden = { type: 'line', showSymbol: false, silent: true, lineStyle: { opacity: 0 }, z: 2 };
  const band = (name: string, low: (one: Period) => number, high: (one: Period) => number, opacity: number) => [
    { ...hidden, stack: name, data: periods.map(low) },
    { ...hidden, stack: name, name, data: periods.map((one) => high(one) - low(one)), areaStyle: { color: accent, opacity } },
  ];
  const told = (at: number): string => {
    const one = periods[at];
    if (!one) return '';
    return [
      one.period + (one.depth === null ? '' : `, ${percent(one.depth)} off`),
      `In stock: ${figure(one.stock_q50)}`,
      `Half of the time: ${figure(one.stock_q25)} to ${figure(one.stock_q75)}`,
      `Nine times of ten: ${figure(one.stock_q05)} to ${figure(one.stock_q95)}`,
      `Sold: ${figure(one.sales, 1)}, not served: ${figure(one.lost, 1)}`,
      `Arrives: ${figure(one.arrivals, 1)}, ordered before: ${figure(one.ordered)}`,
      `Risk of running out: ${percent(one.stockout)}`,
    ].join('\n');
  };
  return {
    // Offers have an axis of their own: bars on one axis would stand beside one another.
    xAxis: [
      { type: 'category', data: periods.map((one) => short(one.period)), axisTick: { show: false } },
      { type: 'category', data: periods.map((one) => one.period), show: false },
    ],
    yAxis: [
      { type: 'value', min: 0, splitNumber: 3 },
      { type: 'value', min: 0, max: 1, show: false },
    ],
    grid: { left: 4, right: 8, top: 16, bottom: 4, containLabel: true },
    tooltip: { formatter: (series: unknown) => told((series as { dataIndex: number }[])[0]?.dataIndex ?? 0) },
    series: [
      {
        type: 'bar', name: 'Offer', xAxisIndex: 1, yAxisIndex: 1, barWidth: '100%', silent: true, z: 0,
        data: periods.map((one) => (one.depth === null ? null : 1)),
        itemStyle: { color: colour('warn-back') },
        label: { show: true, position: 'insideTop', color: colour('warn'), fontSize: 11, fontWeight: 'bold', formatter: (of: { dataIndex: number }) => percent(periods[of.dataIndex]?.depth ?? 0) },
      },
      { type: 'bar', name: 'Arrives', barWidth: 7, z: 3, data: periods.map((one) => round(one.arrivals)), itemStyle: { color: colour('second') } },
      ...band('Nine times of ten', (one) => one.stock_q05, (one) => one.stock_q95, 0.2),
      ...band('Half of the time', (one) => one.stock_q25, (one) => one.stock_q75, 0.35),
      { type: 'line', name: 'Median', z: 4, data: periods.map((one) => round(one.stock_q50)), lineStyle: { width: 2.5, color: accent }, itemStyle: { color: accent }, symbolSize: 5, showSymbol: periods.length < 16 },
      { type: 'scatter', name: 'Ordered', z: 5, symbol: 'triangle', symbolSize: 8, data: periods.map((one) => (one.ordered > 0 ? 0 : null)), itemStyle: { color: colour('text') }, clip: false },
    ],
  } as Option;
}
