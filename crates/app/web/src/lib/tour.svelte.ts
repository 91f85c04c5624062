// The guided tour: steps over the real pages. How far somebody is lies in this browser, under their name.

import { ask } from './api';
import { go, route } from './router.svelte';
import { may, session } from './session.svelte';

export interface Step {
  /** The page; `/plan/*` is any board. */
  path: string;
  /** What is pointed at. */
  target: string;
  title: string;
  /** What it is and why. */
  text: string;
  /** What to do there. */
  try?: string;
}

export const steps: Step[] = [
  { path: '/', target: 'header nav ul', title: 'Where things are', text: 'Each page answers one question: what to run (Plan), why to believe it (Evidence), what came of it (After), what it all rests on (Data). This tour takes about five minutes; leave it whenever you like and go on later from Learn.' },
  { path: '/', target: 'main .figures', title: 'The project at a glance', text: 'How many items, regions and periods are planned, and when the facts were known. A plan is only as fresh as its facts.' },
  { path: '/data', target: 'main section', title: 'What it rests on', text: 'Rows that could not be read are set aside and shown, never dropped. Below you see which categories have a history that can carry an estimate, and which do not.', try: 'Look for a category that is marked as thin.' },
  { path: '/evidence', target: 'main section', title: 'How demand answers', text: 'Each effect has its interval and says where it comes from: the item’s own past, or borrowed from its group. Wide intervals mean that nobody can know yet.', try: 'Press a button in a row to see the lift by depth.' },
  { path: '/evidence/backtest', target: 'main section', title: 'How good the forecasts were', text: 'The past was forecast again from before it happened, and set beside what a planner could do without a model. This is the figure to hold against us.' },
  { path: '/plan', target: 'main section, main button.primary', title: 'Boards', text: 'A board is a draft of your own. It begins with the best plan under the project’s limits; nothing on it is published.', try: 'The next step opens a board, or makes one.' },
  { path: '/plan/*', target: 'main .figures', title: 'Value and bound', text: 'The plan’s value against no promotion. Beside it stands a proven bound: no plan under the same limits is worth more.' },
  { path: '/plan/*', target: 'section[aria-label="Calendar"]', title: 'The calendar', text: 'Items by periods, darker for deeper offers. Every cell says why it is as it is: money by cause, supply, the next best choice, what would have to change.', try: 'Press a coloured cell. Lock it to “No offer” and watch the plan change; Undo brings it back.' },
  { path: '/plan/*', target: 'main input[type="range"]', title: 'Limits and their price', text: 'Move a limit and the plan is made anew. “Value by …” draws what more or less of it would be worth.', try: 'Move the budget a little with the arrow keys.' },
  { path: '/after', target: 'main section', title: 'What came of it', text: 'Each past promotion split by cause, beside the usual report. Many that look well in the usual report gave margin away.', try: 'Open a report and read “Next time”.' },
  { path: '/after/rollup', target: '#rollup', title: 'Rolled up', text: 'The same by category, depth, support and season: where money was earned, and where it was given away.' },
  { path: '/after/playbook', target: '#playbook', title: 'The playbook', text: 'What worked, with its evidence. Few cases are drawn towards the whole, so that a lucky one does not lead.' },
  { path: '/learn/sandbox', target: '#sandbox', title: 'Your turn', text: 'Play a small shop in a simulated world, and see yourself beside a spreadsheet, a siloed and an integrated planner.', try: 'Start a world. That is the end of the tour.' },
];

interface Kept { at: number; done: boolean }

export const tour = $state<{ open: boolean; at: number; done: boolean; problem: string | null }>({ open: false, at: 0, done: false, problem: null });

const key = () => `endcap-tour-${session.me?.name ?? ''}`;

/** Reads how far the person is. */
export function recall(): void {
  let kept: Kept = { at: 0, done: false };
  try {
    kept = { ...kept, ...(JSON.parse(localStorage.getItem(key()) ?? '{}') as Partial<Kept>) };
  } catch {
    // A browser that keeps nothing begins anew.
  }
  tour.at = steps[kept.at] ? kept.at : 0;
  tour.done = kept.done;
}

function keep(): void {
  try {
    localStorage.setItem(key(), JSON.stringify({ at: tour.at, done: tour.done }));
  } catch {
    // A browser that keeps nothing begins anew the next time.
  }
}

/** Opens the tour where it was left, or at a step. */
export async function take(at = tour.at): Promise<void> {
  const step = steps[at];
  if (!step) return;
  tour.at = at;
  tour.open = true;
  tour.problem = null;
  keep();
  try {
    const to = await pathOf(step);
    if (to !== route.path) go(to);
  } catch (cause) {
    tour.problem = cause instanceof Error ? cause.message : String(cause);
  }
}

export function leave(finished = false): void {
  tour.open = false;
  if (finished) {
    tour.done = true;
    tour.at = 0;
  }
  keep();
}

/** Where a step is; a board is found or made. */
async function pathOf(step: Step): Promise<string> {
  if (step.path !== '/plan/*') return step.path;
  if (/^\/plan\/.+/.test(route.path)) return route.path;
  const boards = await ask<{ items: { id: string }[] }>('/boards?limit=1');
  if (boards.items[0]) return `/plan/${boards.items[0].id}`;
  if (!may('plan')) return '/plan';
  const made = await ask<{ id: string }>('/boards', { method: 'POST', body: { name: 'Board of the tour' } });
  return `/plan/${made.id}`;
}
