/**
 * Return how high sections are to be that share some room: what needs less than an equal part has what it needs, and the others
 * share the rest equally. What nobody needs the first one has.
 *
 * @param wanted - How high each would be with all that it has, in pixels.
 * @param room - What they have together.
 */
export function shared(wanted: readonly number[], room: number): number[] {
  const heights = wanted.map(() => 0);
  const smallestFirst = wanted.map((_, at) => at).sort((one, other) => (wanted[one] ?? 0) - (wanted[other] ?? 0));
  let left = room;
  smallestFirst.forEach((at, before) => {
    const height = Math.min(wanted[at] ?? 0, left / (wanted.length - before));
    heights[at] = height;
    left -= height;
  });
  return heights.map((height, at) => (at === 0 ? height + left : height));
}

/** Return how high an element would have to be for all that is in it, in pixels. */
export function neededBy(node: HTMLElement): number {
  const last = node.lastElementChild;
  return last === null ? 0 : last.getBoundingClientRect().bottom - node.getBoundingClientRect().top + node.scrollTop;
}
