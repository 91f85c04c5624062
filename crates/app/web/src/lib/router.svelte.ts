// Which page is shown. The address is the truth, so that pages can be kept, shared and gone back to.

export const route = $state<{ path: string; query: URLSearchParams }>({
  path: location.pathname,
  query: new URLSearchParams(location.search),
});

function read(): void {
  route.path = location.pathname;
  route.query = new URLSearchParams(location.search);
}

addEventListener('popstate', read);

/** Shows another page. */
export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  read();
  scrollTo(0, 0);
  document.getElementById('main')?.focus({ preventScroll: true });
}

/** Follows links inside the desk without loading it anew. */
export function follow(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const link = (event.target as Element).closest('a');
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
  if (link.pathname.startsWith('/api/') || (link.hash && link.pathname === location.pathname)) return;
  event.preventDefault();
  go(link.pathname + link.search);
}

/** The parts of the address after a prefix, decoded; null where it does not fit. */
export function under(prefix: string): string[] | null {
  if (route.path !== prefix && !route.path.startsWith(`${prefix}/`)) return null;
  return route.path.slice(prefix.length).split('/').filter(Boolean).map(decodeURIComponent);
}
