import type { FakeSource } from './sources';

/** Where the bytes of the log of run `a` are asked for. */
export const CONTENT = '/workspaces/w/runs/a/logs/content';

/** Have a source answer as a server whose run `a` has this log. */
export function serveLog(source: FakeSource, log: string): void {
  const data = new TextEncoder().encode(log);
  const asked = (path: string) => new URLSearchParams(path.slice(path.indexOf('?')));
  source.answers.set(CONTENT, (path: string) => {
    const offset = Number(asked(path).get('offset'));
    return data.slice(offset, offset + Number(asked(path).get('limit')));
  });
  source.answers.set('/workspaces/w/runs/a/logs/search', (path: string) => {
    const text = (asked(path).get('text') as string).toLowerCase();
    const first = Number(asked(path).get('cursor') ?? 0);
    const limit = Number(asked(path).get('limit'));
    const lines = log.split('\n');
    let offset = 0;
    const all = lines.map((line, at) => {
      const hit = { line: at + 1, offset, found: line.toLowerCase().includes(text) };
      offset += new TextEncoder().encode(line).length + 1;
      return hit;
    });
    const hits = all
      .slice(first)
      .filter(one => one.found)
      .slice(0, Math.min(limit, 400));
    const left = all.slice(first).filter(one => one.found).length - hits.length;
    return {
      hits: hits.map(({ line, offset: begin }) => ({ line, offset: begin })),
      cursor: String(left > 0 ? (hits.at(-1)?.line ?? 0) : lines.length - 1),
      searched: data.length - left,
      size: data.length,
      more: left > 0
    };
  });
}

/** Return so many lines of about 100 characters. */
export function longLog(count: number): string {
  return Array.from({ length: count }, (_, at) => `line ${at} ${'.'.repeat(90)}\n`).join('');
}
