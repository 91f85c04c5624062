// The list of contents.

function showContents() {
  document.querySelectorAll("main > section").forEach((part) => {
    const heading = part.querySelector("h2");
    heading.id = `${part.id}-heading`;
    part.setAttribute("aria-labelledby", heading.id);
    add(section("contents"), el("li", {}, el("a", { href: `#${part.id}` }, heading.textContent)));
  });
}

/** Marks the section being read in the list of contents: the first in the upper part of the screen. */
function followReading() {
  const links = new Map([...document.querySelectorAll("#contents a")].map((link) => [link.hash.slice(1), link]));
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    entries.forEach(({ target, isIntersecting }) => (isIntersecting ? seen.add(target.id) : seen.delete(target.id)));
    const current = [...links].find(([id]) => seen.has(id))?.[1];
    if (!current || current.hasAttribute("aria-current")) return;
    links.forEach((link) => link.removeAttribute("aria-current"));
    current.setAttribute("aria-current", "true");
    section("contents").scrollTo({ left: current.offsetLeft - 16 });
  }, { rootMargin: "-10% 0px -65% 0px" });
  document.querySelectorAll("main > section").forEach((part) => watch.observe(part));
}
