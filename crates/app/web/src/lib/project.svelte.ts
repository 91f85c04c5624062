import { ask } from './api';
import { readNotices } from './notices.svelte';
import { readStops } from './stops.svelte';

export interface Glance {
  state: 'ready';
  name: string;
  currency: string;
  currency_digits: number;
  calendar: string;
  snapshot: string;
  as_of: string;
  model: string;
  items: number;
  regions: number;
  periods: string[];
}

export type Project =
  | { state: 'empty' }
  | { state: 'loading'; step: string; done: number; all: number }
  | { state: 'failed'; reason: string }
  | Glance;

/** The project as last told, how far a job is, and how often the facts have changed since the page was opened. */
export const project = $state<{ now: Project | null; job: Job | null; changes: number }>({ now: null, job: null, changes: 0 });

/** How far a job in the background is. */
export interface Job {
  job: string;
  step: string;
  done: number;
  all: number;
}

let source: EventSource | null = null;

export async function watchProject(): Promise<void> {
  project.now = await ask<Project>('/project');
  source?.close();
  source = new EventSource('/api/v1/live');
  source.onmessage = async (message) => {
    const told = JSON.parse(message.data) as { event: string; job?: string; step?: string; done?: number; all?: number };
    if (told.event === 'progress') project.job = { job: told.job ?? '', step: told.step ?? '', done: told.done ?? 0, all: told.all ?? 0 };
    else if (told.event === 'stops') return readStops().catch(() => {});
    else if (told.event === 'notices') return readNotices().catch(() => {});
    else if (told.event !== 'board' && told.event !== 'request') project.job = null;
    if (told.event === 'progress' && told.job === 'project' && project.now?.state !== 'ready') {
      project.now = { state: 'loading', step: told.step ?? '', done: told.done ?? 0, all: told.all ?? 1 };
    }
    if (told.event === 'ready' || told.event === 'failed') {
      project.now = await ask<Project>('/project');
      project.changes += 1;
    }
  };
}

export function stopWatching(): void {
  source?.close();
  source = null;
  project.now = null;
}
