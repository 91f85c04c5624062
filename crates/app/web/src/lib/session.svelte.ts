import { ask, setCsrf, whenSignedOut } from './api';

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
  me: Me | null;
}

/** Who is signed in; `me` is undefined until that is known, null when nobody is. */
export const session = $state<{ me: Me | null | undefined; welcome: Welcome | null; ended: boolean }>({
  me: undefined,
  welcome: null,
  ended: false,
});

function enter(me: Me): void {
  setCsrf(me.csrf);
  session.me = me;
  session.ended = false;
}

export async function start(): Promise<void> {
  whenSignedOut(() => {
    session.ended = session.me !== null;
    session.me = null;
  });
  session.welcome = await ask<Welcome>('/welcome');
  if (session.welcome.me) enter(session.welcome.me);
  else session.me = null;
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
  await ask<void>('/session', { method: 'DELETE' });
  setCsrf(null);
  session.me = null;
}

/** Whether the person has a right. */
export function may(right: string): boolean {
  return session.me?.rights.includes(right) ?? false;
}
