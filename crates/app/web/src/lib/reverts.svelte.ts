// Taking prices back: another thing than a stop, which keeps what is new from leaving and changes nothing that was sent.

import { ask } from './api';
import { may } from './session.svelte';

export type RevertKind = 'global' | 'category' | 'channel' | 'plan' | 'offer';

export interface Reverted {
  what: string;
  reverted: number;
  void: number;
  unclear: number;
}

/** Whether this desk can take prices back, and whether its dialog is open. */
export const reverts = $state<{ able: boolean; open: boolean }>({ able: false, open: false });

/** Asks once whether it can: the list of what waits belongs to it. */
export async function lookForReverts(): Promise<void> {
  if (!may('read')) return;
  try {
    await ask('/waiting');
    reverts.able = true;
  } catch {
    reverts.able = false;
  }
}

export const revert = (scope: RevertKind, of: string | null, reason: string): Promise<Reverted> =>
  ask<Reverted>('/reverts', { method: 'POST', body: { scope, ...(of ? { of } : {}), reason } });
