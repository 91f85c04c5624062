// Colours of the page, for what is not drawn by style sheets.

/** A colour of the page, by its name in style.css. */
export function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** The class of a depth: deeper offers are darker. */
export function shade(depth: number): string {
  return `shade-${Math.min(5, Math.max(1, Math.ceil(depth * 10)))}`;
}
