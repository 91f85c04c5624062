// What people have to know, read again when the desk tells of it.

import { ask } from './api';
import { may } from './session.svelte';

export type Severity = 'warning' | 'critical' | 'emergency';

export interface Notice {
  id: string;
  severity: Severity;
  kind: string;
  source: string;
  about: string;
  sku: string | null;
  place: string | null;
  text: string;
  advice: string;
  money: number | null;
  measured: { value: number; usual: { middle: number; deviation: number; values: number } } | null;
  page: string | null;
  opened: string;
  seen: string;
  times: number;
  acknowledged: { by: string; at: string; reason: string } | null;
  escalated: string | null;
  over: string | null;
  muted: boolean;
}

export interface Notices {
  open: Notice[];
  over: Notice[];
  mutes: { kind: string | null; sku: string | null; place: string | null; until: string; by: string; reason: string }[];
  told: { receiver: string; subject: string; state: string; tries: number; made: string; why: string | null }[];
  may_answer: boolean;
}

export const notices = $state<{ now: Notices | null }>({ now: null });

/** The colour of a severity. */
export const tone = (severity: Severity): string => (severity === 'warning' ? 'warn' : 'bad');

/** Those that nobody takes care of and nobody muted. */
export const unanswered = (all: Notices | null): Notice[] => (all?.open ?? []).filter((one) => !one.acknowledged && !one.muted);

export async function readNotices(): Promise<void> {
  if (!may('read')) return;
  notices.now = await ask<Notices>('/notices');
}

export function forgetNotices(): void {
  notices.now = null;
}
