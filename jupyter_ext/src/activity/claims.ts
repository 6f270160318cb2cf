/** Before the names of claims, in what all tabs of a browser share. */
const PREFIX = 'jupyterlab-traindock:told:';
/** Milliseconds after which a claim is forgotten. */
const KEPT = 24 * 3600 * 1000;
/** Milliseconds by which tabs that nobody sees let others go first, and by which each waits whether another claims, too. */
const MANNERS = 400;
const SETTLING = 250;

/** What of `localStorage` is used. */
export type IShared = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

/**
 * Have one tab of a browser do what all of them have reason to do; return whether it is this one.
 *
 * Tabs that are seen go first. Without HTTPS browsers have no locks; so each writes its name, and looks a moment later whether
 * another one has, too: the last one that wrote is it.
 *
 * @param what - What is to be done once, such as to tell that a run has ended.
 * @param shared - Where all tabs write; null where this browser lets none of them write, and each has to do it.
 * @param seen - Whether this tab is seen.
 */
export async function claim(what: string, shared: IShared | null, seen: boolean): Promise<boolean> {
  if (shared === null) {
    return true;
  }
  const key = PREFIX + what;
  const own = `${Date.now()} ${Math.random()}`;
  await pause((seen ? 0 : MANNERS) + Math.random() * SETTLING);
  try {
    if (shared.getItem(key) !== null) {
      return false;
    }
    shared.setItem(key, own);
    await pause(SETTLING);
    return shared.getItem(key) === own;
  } catch {
    return true; // it is full, or forbidden: to be told twice is better than not at all
  }
}

/** Forget what was claimed long ago. */
export function forget(shared: IShared | null, now = Date.now()): void {
  const keys = Array.from({ length: shared?.length ?? 0 }, (_, at) => shared?.key(at) ?? '');
  for (const key of keys.filter(key => key.startsWith(PREFIX))) {
    if (!(now - Number(shared?.getItem(key)?.split(' ')[0]) < KEPT)) {
      shared?.removeItem(key);
    }
  }
}

function pause(time: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, time));
}
