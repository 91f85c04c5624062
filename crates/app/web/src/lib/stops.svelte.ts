// What is stopped, read again when the desk tells of it and every few seconds besides.

import { ask } from './api';
import { may } from './session.svelte';

export type ScopeKind = 'global' | 'tenant' | 'category' | 'channel' | 'agent';

export interface Stop {
  scope: ScopeKind;
  of: string | null;
  what: string;
  by: string;
  at: string;
  reason: string;
}

export interface Stops {
  state: 'running' | 'stopped' | 'unknown';
  epoch: number | null;
  stopped: Stop[];
  unknown: string | null;
  faults: string[];
  may_stop: boolean;
  may_lift: boolean;
}

/** What is stopped, and what the dialog is asked to do: stop something, lift a stop, or nothing. */
export const stops = $state<{ now: Stops | null; dialog: 'stop' | { lift: ScopeKind; of: string | null; what: string } | null }>({
  now: null,
  dialog: null,
});

const everySeconds = 5;
let timer: ReturnType<typeof setInterval> | undefined;

export async function readStops(): Promise<void> {
  if (!may('read')) return;
  const told = await ask<Stops>('/stops');
  // What of an order could not be written is told once, with its answer.
  stops.now = { ...told, faults: stops.now?.epoch === told.epoch ? (stops.now?.faults ?? []) : [] };
}

export function watchStops(): void {
  clearInterval(timer);
  const read = () => readStops().catch(() => {});
  timer = setInterval(read, everySeconds * 1000);
  void read();
}

export function stopWatchingStops(): void {
  clearInterval(timer);
  stops.now = null;
  stops.dialog = null;
}

/** Gives an order, and shows what is stopped then. */
export async function order(path: '/stops' | '/stops/lift', scope: ScopeKind, of: string | null, reason: string): Promise<void> {
  stops.now = await ask<Stops>(path, { method: 'POST', body: { scope, ...(of ? { of } : {}), reason } });
}
