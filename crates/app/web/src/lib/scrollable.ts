// Makes a region that is wider than its room reachable by keyboard, and only then.

export function scrollable(element: HTMLElement): { destroy: () => void } {
  const judge = (): void => {
    if (element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight) {
      element.tabIndex = 0;
      element.setAttribute('role', 'region');
      element.setAttribute('aria-label', 'Table, can be scrolled');
    } else {
      element.removeAttribute('tabindex');
      element.removeAttribute('role');
      element.removeAttribute('aria-label');
    }
  };
  // The watcher first speaks with the next frame: until then nobody could reach the region.
  judge();
  const watcher = new ResizeObserver(judge);
  watcher.observe(element);
  if (element.firstElementChild) watcher.observe(element.firstElementChild);
  return { destroy: () => watcher.disconnect() };
}
