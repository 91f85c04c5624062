// What a link carries: inputs in the address, so that whoever opens it sees the same. Nothing is kept on the server.

import { route } from './router.svelte';

function pack(value: unknown): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/** What the address carries under a name: nothing where it carries nothing, `broken` where it cannot be read. */
export function carried<T>(name: string): T | 'broken' | null {
  const text = route.query.get(name);
  if (text === null) return null;
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) as T;
  } catch {
    return 'broken';
  }
}

/** Writes into the address what it is to carry, without leaving the page; what is null is taken out. */
export function carry(values: Record<string, unknown>): void {
  const to = new URL(location.href);
  for (const [name, value] of Object.entries(values)) {
    if (value === null) to.searchParams.delete(name);
    else to.searchParams.set(name, pack(value));
  }
  history.replaceState(null, '', to);
}
