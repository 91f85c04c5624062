// Data on their way in: files are sent, checked, and brought in once somebody has seen what would come of it.

import { size } from './format';
import { ask, type Problem, problemFrom, sendFile } from './api';

export interface Way {
  kind: string;
  like: string | null;
  columns: Record<string, string>;
}

export interface Sent {
  id: string;
  name: string;
  bytes: number;
  columns: string[];
  readings: Way[];
  known: boolean;
}

export interface Arrivals {
  project: boolean;
  upload_max: number;
  files: Sent[];
  records: Record<string, number>;
  running: string | null;
}

export interface Rows {
  kind: string;
  name: string;
  read: number;
  loaded: number;
  set_aside: number;
  duplicates: number;
  replaced: number;
}

export interface Category {
  category: string;
  verdict: string;
  items: number;
  series: number;
  periods: number;
  promoted_periods: number;
  price_variation: number;
  in_stock_share: number;
  missing: string[];
  helps: string[];
}

export interface Outcome {
  snapshot: string;
  files: Rows[];
  records: Rows[];
  set_aside: number;
  first_set_aside: { kind: string; file: string; row: number; column: string; value: string; reason: string }[];
  items: number;
  places: number;
  periods: [string, string] | null;
  readiness: Category[];
}

export interface Run {
  id: string;
  dry_run: boolean;
  state: 'running' | 'done' | 'refused' | 'failed';
  reason: string | null;
  result: Outcome | null;
}

/** A file that is being sent, or was not taken. */
export interface Sending {
  key: number;
  name: string;
  bytes: number;
  share: number;
  problem: Problem | null;
  stop: AbortController;
}

/** Milliseconds between two looks at a run. */
const PAUSE = 700;

export class Imports {
  now = $state<Arrivals | null>(null);
  sending = $state<Sending[]>([]);
  kinds = $state<Record<string, string>>({});
  run = $state<Run | null>(null);
  problem = $state<Problem | null>(null);
  #next = 0;

  /** Whether there is something to check. */
  get any(): boolean {
    return (this.now?.files.length ?? 0) > 0 || this.records > 0;
  }

  /** Records that came over the API since the last load. */
  get records(): number {
    return Object.values(this.now?.records ?? {}).reduce((sum, count) => sum + count, 0);
  }

  get busy(): boolean {
    return this.run?.state === 'running' || this.sending.some((file) => file.problem === null);
  }

  async read(): Promise<void> {
    try {
      this.now = await ask<Arrivals>('/imports/waiting');
      this.problem = null;
      if (this.now.running && this.run === null) await this.follow(this.now.running);
    } catch (cause) {
      this.problem = problemFrom(cause);
    }
  }

  /** Sends files, one after the other, and keeps the place of those that were not taken. */
  async send(files: Iterable<File>): Promise<void> {
    this.run = null;
    const most = this.now?.upload_max ?? Infinity;
    const waiting = [...files].map((file) => {
      const sending: Sending = { key: (this.#next += 1), name: file.name, bytes: file.size, share: 0, problem: null, stop: new AbortController() };
      if (file.size > most) sending.problem = { type: '', title: 'Too large', status: 413, detail: `Files of up to ${size(most)} can be brought in: send it in parts.` };
      this.sending.push(sending);
      return { file, key: sending.key };
    });
    for (const { file, key } of waiting) {
      const mine = this.sending.find((one) => one.key === key);
      if (!mine || mine.problem) continue;
      try {
        const sent = await sendFile<Sent>(`/imports/files?name=${encodeURIComponent(file.name)}`, file, (share) => (mine.share = share), mine.stop.signal);
        if (sent.known) mine.problem = { type: 'known', title: 'Already brought in', status: 200, detail: 'A file with this very content came in before: there is nothing to do.' };
        else this.forget(key);
      } catch (cause) {
        mine.problem = problemFrom(cause);
      }
      await this.read();
    }
  }

  /** Takes a file that was not sent off the list. */
  forget(key: number): void {
    this.sending.find((one) => one.key === key)?.stop.abort();
    this.sending = this.sending.filter((one) => one.key !== key);
  }

  async remove(file: Sent): Promise<void> {
    this.run = null;
    try {
      await ask(`/imports/files/${file.id}`, { method: 'DELETE' });
    } catch (cause) {
      this.problem = problemFrom(cause);
    }
    await this.read();
  }

  /** Says what a file is read as. */
  choose(file: Sent, kind: string): void {
    this.kinds[file.id] = kind;
    this.run = null;
  }

  kindOf(file: Sent): string {
    return this.kinds[file.id] ?? file.readings[0]?.kind ?? '';
  }

  /** Checks what waits, or brings it in. */
  async start(dryRun: boolean): Promise<void> {
    const files = (this.now?.files ?? []).map((file) => ({ id: file.id, kind: this.kindOf(file) }));
    try {
      const run = await ask<Run>(`/imports?dry_run=${dryRun}`, { method: 'POST', body: { files } });
      this.run = run;
      this.problem = null;
      await this.follow(run.id);
    } catch (cause) {
      this.problem = problemFrom(cause);
    }
  }

  private async follow(id: string): Promise<void> {
    for (;;) {
      this.run = await ask<Run>(`/imports/${id}`);
      if (this.run.state !== 'running') break;
      await new Promise((then) => setTimeout(then, PAUSE));
    }
    if (!this.run.dry_run) {
      this.sending = [];
      await this.read();
    }
  }
}
