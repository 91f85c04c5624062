import { ask, type Problem, problemFrom, setCsrf, whenSignedOut } from './api';
import { go } from './router.svelte';

export interface Me {
  name: string;
  roles: string[];
  rights: string[];
  csrf?: string;
}

export interface Welcome {
  version: string;
  demo: boolean;
  demo_roles: string[];
  first_account: boolean;
  provider: string | null;
  me: Me | null;
}

/** Who is signed in; `me` is undefined until that is known, null when nobody is. */
export const session = $state<{ me: Me | null | undefined; welcome: Welcome | null; ended: boolean; problem: Problem | null }>({
  me: undefined,
  welcome: null,
  ended: false,
  problem: null,
});

/** Where the provider sends people back to, and where the page that they came from is kept meanwhile. */
const returnPath = '/sign-in/return';
const cameFrom = 'endcap-came-from';

function enter(me: Me): void {
  setCsrf(me.csrf);
  session.me = me;
  session.ended = false;
  session.problem = null;
}

export async function start(): Promise<void> {
  whenSignedOut(() => {
    session.ended = session.me !== null;
    session.me = null;
  });
  session.welcome = await ask<Welcome>('/welcome');
  const { me } = session.welcome;
  if (location.pathname === returnPath) await comeBack(new URLSearchParams(location.search), me);
  else if (me) enter(me);
  else session.me = null;
}

/** Leaves for the provider's page. */
export async function leaveForProvider(): Promise<void> {
  const { address } = await ask<{ address: string }>('/session/provider', { method: 'POST' });
  sessionStorage.setItem(cameFrom, location.pathname + location.search);
  location.assign(address);
}

/** Signs in with what the provider sent back, and takes it out of the address: it is of no use a second time. Whoever is
 * signed in already stays so if that fails. */
async function comeBack(told: URLSearchParams, before: Me | null): Promise<void> {
  go(sessionStorage.getItem(cameFrom) ?? '/', true);
  sessionStorage.removeItem(cameFrom);
  const known = ['state', 'code', 'error', 'error_description', 'iss'];
  const body = Object.fromEntries([...told].filter(([name]) => known.includes(name)));
  try {
    enter(await ask<Me>('/session/provider/return', { method: 'POST', body: { state: '', ...body } }));
  } catch (cause) {
    if (before) return enter(before);
    session.problem = problemFrom(cause);
    session.me = null;
  }
}

export async function signIn(name: string, password: string): Promise<void> {
  enter(await ask<Me>('/session', { method: 'POST', body: { name, password } }));
}

export async function signInAs(role: string): Promise<void> {
  enter(await ask<Me>('/session/demo', { method: 'POST', body: { role } }));
}

export async function makeFirstAccount(code: string, name: string, password: string): Promise<void> {
  enter(await ask<Me>('/session/first', { method: 'POST', body: { code, name, password } }));
}

export async function signOut(): Promise<void> {
  const there = await ask<{ address: string } | undefined>('/session', { method: 'DELETE' });
  setCsrf(null);
  session.me = null;
  if (there) location.assign(there.address);
}

/** Whether the person has a right. */
export function may(right: string): boolean {
  return session.me?.rights.includes(right) ?? false;
}
