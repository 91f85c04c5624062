// A board as the page holds it: read, changed by edits, each answered with the new plan.

import { ask, askVersioned, type Problem, problemFrom } from './api';

export type Depth = number;

export interface Because {
  because?: string;
  instead_period?: number;
  instead_depth?: Depth;
  instead?: { answer: string; until?: number; from?: string; pieces?: number; value: number } | null;
  rule?: string;
}

export interface Cell extends Because {
  depth: Depth | null;
  kind: string;
  locked?: Depth;
  value: number;
  left: number;
  supply: 'ok' | 'tight' | 'short' | 'out';
  stockout: number;
  stock?: number;
  next_best?: [Depth, number];
}

export interface Row {
  sku: string;
  name?: string;
  group: string;
  category?: string;
  place: string;
  cells: Cell[];
}

export interface Totals {
  objective: string;
  goal: string;
  value: number;
  bound: number;
  gap: number;
  status: string;
  offers: number;
  spend: number;
  budget: number;
  slots: { place: string; used: number[]; available: number }[];
  pnl: Record<string, number>;
  supply: { of_offers: number; of_cells: number; tight: number; short: number; out: number };
}

export interface Limit {
  limit: string;
  used: number;
  available: number;
  price: number;
}

export interface Drawn {
  drawing: 'plan';
  periods: string[];
  rows: Row[];
  totals: Totals;
  limits: Limit[];
  /** Offers that differ from the plan before. */
  changed: unknown[];
  value_difference: number | null;
}

export type Plan = Drawn | { drawing: 'infeasible'; conflict: string[] };

export interface Note {
  sku: string;
  place: string;
  period: string;
  text: string;
  by: string;
  at: string;
}

export interface Board {
  id: string;
  name: string;
  owner: string;
  shared: boolean;
  version: number;
  changed: string;
  may_edit: boolean;
  limits: { budget: number; slots: number; capacity_share: number | null; stockout_probability_max: number; pools?: { name: string; most: number | null }[] };
  caution: number;
  depths: Depth[];
  places: string[];
  notes: Note[];
  plan: Plan;
}

export interface Conflict {
  kind: string;
  sentence: string;
  blocks: boolean;
  spots: { sku: string; place: string; period: string }[];
}

export type Edit = { edit: string } & Record<string, unknown>;

/** A cell with another depth than before the last change. */
export interface Moved {
  row: Row;
  at: number;
  before: Depth | null;
  after: Depth | null;
}

/** Where on the page a change was made: what came of it is told there. */
export type Spot = 'page' | 'calendar' | 'cell' | 'limits' | 'label';

const rowKey = (row: Row): string => `${row.sku} ${row.place}`;

/** A board on the page. What the server told is replaced whole, never changed: thousands of cells are not watched one by one. */
export class OpenBoard {
  board = $state.raw<Board | null>(null);
  /** The last plan that could be drawn, so that the grid stays where rules clash. */
  drawn = $state.raw<Drawn | null>(null);
  /** The rows as they were when the region was first shown. */
  first = $state.raw<Row[]>([]);
  /** What the last change moved, in the region that is shown. */
  moved = $state.raw<Moved[]>([]);
  conflicts = $state.raw<Conflict[]>([]);
  problem = $state.raw<Problem | null>(null);
  spot = $state<Spot>('page');
  busy = $state(false);
  /** Milliseconds from the last edit to its plan. */
  took = $state<number | null>(null);
  place = $state<string | null>(null);
  private etag: string | null = null;
  /** The change that is under way: the next one begins from its version. */
  private changing: Promise<boolean> = Promise.resolve(true);

  constructor(readonly id: string) {}

  private path(rest = '', query: Record<string, string> = {}): string {
    const all = new URLSearchParams(query);
    if (this.place) all.set('place', this.place);
    const text = all.toString();
    return `/boards/${encodeURIComponent(this.id)}${rest}${text ? `?${text}` : ''}`;
  }

  private take({ body, etag }: { body: Board; etag: string | null }): void {
    this.board = body;
    this.etag = etag;
    if (body.plan.drawing === 'plan') {
      this.drawn = body.plan;
      this.moved = [];
    }
    this.problem = null;
  }

  /** Takes the answer to a change, which has only the rows that show otherwise: the others stay as they are. */
  private takeChange({ body, etag }: { body: Board; etag: string | null }): void {
    const before = this.drawn?.rows ?? [];
    this.take({ body, etag });
    if (body.plan.drawing !== 'plan') return;
    const answered = new Map(body.plan.rows.map((row) => [rowKey(row), row]));
    const known = new Map(before.map((row) => [rowKey(row), row]));
    this.moved = body.plan.rows.flatMap((row) =>
      row.cells.flatMap((cell, at) => {
        const was = known.get(rowKey(row))?.cells[at]?.depth ?? null;
        return was === cell.depth ? [] : [{ row, at, before: was, after: cell.depth }];
      }),
    );
    if (before.length) this.drawn = { ...body.plan, rows: before.map((row) => answered.get(rowKey(row)) ?? row) };
  }

  async read(place: string | null = this.place): Promise<void> {
    this.busy = true;
    this.spot = 'page';
    try {
      this.place = place;
      let answer = await askVersioned<Board>(this.path());
      const { places } = answer.body;
      if (!this.place && places.length > 1) {
        this.place = places[0] ?? null;
        answer = await askVersioned<Board>(this.path());
      }
      this.take(answer);
      if (this.drawn && this.first[0]?.place !== this.drawn.rows[0]?.place) this.first = this.drawn.rows;
      await this.check();
    } catch (cause) {
      this.problem = problemFrom(cause);
    }
    this.busy = false;
  }

  /** Makes an edit at a spot of the page; the answer is the new plan. */
  async edit(spot: Spot, edit: Edit): Promise<boolean> {
    return this.change(spot, '/edits', { edits: [edit] });
  }

  async undo(): Promise<boolean> {
    return this.change('page', '/undo', {});
  }

  private change(spot: Spot, path: string, body: unknown): Promise<boolean> {
    this.changing = this.changing.then(() => this.send(spot, path, body));
    return this.changing;
  }

  private async send(spot: Spot, path: string, body: unknown): Promise<boolean> {
    this.busy = true;
    this.spot = spot;
    const begun = performance.now();
    let done = false;
    try {
      this.takeChange(await askVersioned<Board>(this.path(path, { changed: 'true' }), { method: 'POST', body, ifMatch: this.etag }));
      this.took = performance.now() - begun;
      done = true;
    } catch (cause) {
      this.problem = problemFrom(cause);
    }
    this.busy = false;
    if (done) void this.check();
    return done;
  }

  private async check(): Promise<void> {
    try {
      this.conflicts = await ask<Conflict[]>(`/boards/${encodeURIComponent(this.id)}/conflicts`);
    } catch {
      this.conflicts = [];
    }
  }

  async label(name: string, shared: boolean): Promise<boolean> {
    this.spot = 'label';
    try {
      const answer = await askVersioned<Board>(`/boards/${encodeURIComponent(this.id)}`, {
        method: 'PUT',
        body: { name, shared },
        ifMatch: this.etag,
      });
      this.etag = answer.etag;
      if (this.board) this.board = { ...this.board, name: answer.body.name, shared: answer.body.shared, version: answer.body.version };
      this.problem = null;
      return true;
    } catch (cause) {
      this.problem = problemFrom(cause);
      return false;
    }
  }
}

const REASONS: Record<string, string> = {
  pays_for_its_limits: 'It earns more than the limits it uses are worth.',
  locked: 'A person locked it.',
  loses_money: 'It would lose money even if every limit were free.',
  limits_worth_more_elsewhere: 'The limits it would use earn more elsewhere.',
  other_choice_better: 'Another period or depth of the same item is better.',
  short_supply: 'Stock cannot cover it in time.',
  sizes_missing: 'Missing sizes, not the price, make it slow: rebuild sizes instead.',
};

/** A cause in words. */
export function reason(of: Because): string {
  if (of.because === 'forbidden') return `Not allowed: ${of.rule}.`;
  const text = REASONS[of.because ?? ''] ?? 'It cannot be offered.';
  if (of.because === 'short_supply' && of.instead) {
    const instead = of.instead.answer === 'move' ? `moving ${of.instead.pieces} pieces from ${of.instead.from}` : 'waiting for the delivery';
    return `${text} Better: ${instead}.`;
  }
  return text;
}
