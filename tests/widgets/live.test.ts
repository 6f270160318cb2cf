import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RunMessage } from '../../widgets/src/documents';
import { LiveConnection } from '../../widgets/src/sources/live';
import type { Connection } from '../../widgets/src/sources/source';

/** A websocket whose other end is the test. */
class FakeSocket {
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  readyState = 0;
  readonly sent: { subscribe?: string; unsubscribe?: string; to?: { cursor: string | null } }[] = [];
  onopen: () => void = () => undefined;
  onmessage: (event: { data: string }) => void = () => undefined;
  onclose: () => void = () => undefined;

  constructor() {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  up(): void {
    this.readyState = 1;
    this.onopen();
  }

  down(): void {
    this.readyState = 3;
    this.onclose();
  }

  tell(message: RunMessage & { name: string }): void {
    this.onmessage({ data: JSON.stringify(message) });
  }
}

function follower() {
  const messages: RunMessage[] = [];
  const connections: Connection[] = [];
  return {
    messages,
    connections,
    onMessage: (message: RunMessage) => messages.push(message),
    onConnection: (connection: Connection) => connections.push(connection)
  };
}

const target = { workspace: 'w', run: 'r' };

describe('the connection of a page', () => {
  let live: LiveConnection;
  const socket = (at: number) => FakeSocket.all[at] as FakeSocket;

  beforeEach(() => {
    vi.useFakeTimers();
    vi.stubGlobal('WebSocket', FakeSocket);
    FakeSocket.all = [];
    live = new LiveConnection(() => new FakeSocket() as unknown as WebSocket);
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('is told to be there again once the server has taken what it refused for a while', () => {
    const seen = follower();
    live.follow(target, seen);
    socket(0).up();
    socket(0).tell({ name: '1', error: { code: 'too_many', message: 'later', advice: '' } });
    vi.advanceTimersByTime(15_000);
    expect(seen.connections).toEqual(['connecting', 'connected', 'broken']);
    socket(0).tell({ name: '1', cursor: 'c' });
    socket(0).tell({ name: '1', cursor: 'd' });
    expect(seen.connections).toEqual(['connecting', 'connected', 'broken', 'connected']);
  });

  it('follows no run twice that was refused before it broke', () => {
    live.follow(target, follower());
    socket(0).up();
    socket(0).tell({ name: '1', error: { code: 'too_many', message: 'later', advice: '' } });
    socket(0).down();
    vi.advanceTimersByTime(1000);
    socket(1).up();
    vi.advanceTimersByTime(20_000);
    expect(socket(1).sent.map(one => one.subscribe)).toEqual(['1']);
  });

  it('is one, for all runs that the page shows', () => {
    live.follow(target, follower());
    live.follow({ workspace: 'w', run: 'other' }, follower());
    socket(0).up();
    expect(FakeSocket.all).toHaveLength(1);
    expect(socket(0).sent.map(one => one.to)).toEqual([
      { ...target, cursor: null },
      { workspace: 'w', run: 'other', cursor: null }
    ]);
  });

  it('goes on at the last cursor after it broke', () => {
    const seen = follower();
    live.follow(target, seen);
    socket(0).up();
    socket(0).tell({ name: '1', cursor: 'here' });
    socket(0).down();
    expect(seen.connections.at(-1)).toBe('broken');
    vi.advanceTimersByTime(300);
    socket(1).up();
    expect(seen.connections.at(-1)).toBe('connected');
    expect(socket(1).sent[0]?.to?.cursor).toBe('here');
  });

  it('tells of each time that it has come up, since another server may be there then', () => {
    const opened = vi.fn();
    const told = new LiveConnection(() => new FakeSocket() as unknown as WebSocket, opened);
    told.follow(target, follower());
    told.follow({ workspace: 'w', run: 'other' }, follower());
    expect(opened).not.toHaveBeenCalled();
    socket(0).up();
    expect(opened).toHaveBeenCalledTimes(1);
    socket(0).down();
    vi.advanceTimersByTime(300);
    socket(1).up();
    expect(opened).toHaveBeenCalledTimes(2);
  });

  it('is tried again less and less often', () => {
    live.follow(target, follower());
    for (let at = 0; at < 12; at++) {
      socket(at).down();
      vi.advanceTimersByTime(16_000);
    }
    const tried = FakeSocket.all.length;
    socket(tried - 1).down();
    vi.advanceTimersByTime(7000);
    expect(FakeSocket.all).toHaveLength(tried);
  });

  it('is tried again soon where it broke after it had come up', () => {
    live.follow(target, follower());
    for (let at = 0; at < 12; at++) {
      socket(at).down();
      vi.advanceTimersByTime(16_000);
    }
    socket(12).up();
    socket(12).down();
    vi.advanceTimersByTime(250);
    expect(FakeSocket.all).toHaveLength(14);
  });

  it.each(['too_many', 'unavailable'])('asks again later, and tells of no error, where the server says %s', code => {
    const seen = follower();
    live.follow(target, seen);
    socket(0).up();
    socket(0).tell({ name: '1', error: { code, message: 'later', advice: '' } });
    expect([seen.messages, seen.connections.at(-1)]).toEqual([[], 'broken']);
    vi.advanceTimersByTime(15_000);
    expect(socket(0).sent.map(one => one.subscribe)).toEqual(['1', '1']);
  });

  const error = (code: string) => ({ code, message: '', advice: '' });

  it('follows a run again where it had got to, once its workspace is there again', () => {
    const seen = follower();
    live.follow(target, seen);
    socket(0).up();
    socket(0).tell({ name: '1', cursor: 'here' });
    socket(0).tell({ name: '1', error: error('workspace_not_found') });
    vi.advanceTimersByTime(300);
    socket(0).tell({ name: '1', error: error('workspace_not_found') });
    vi.advanceTimersByTime(600);
    expect(socket(0).sent.map(one => one.to?.cursor)).toEqual([null, 'here', 'here']);
    socket(0).tell({ name: '1', cursor: 'there' });
    expect(seen.messages.map(one => one.error?.code ?? one.cursor)).toEqual([
      'here',
      'workspace_not_found',
      'workspace_not_found',
      'there'
    ]);
    expect(seen.connections.at(-1)).toBe('connected');
  });

  it('asks less and less often for what stays away, and never less than four times a minute', () => {
    live.follow(target, follower());
    socket(0).up();
    for (let at = 0; at < 12; at++) {
      socket(0).tell({ name: '1', error: error('store') });
      vi.advanceTimersByTime(15_000);
    }
    expect(socket(0).sent).toHaveLength(13);
    socket(0).tell({ name: '1', error: error('store') });
    vi.advanceTimersByTime(14_000);
    expect(socket(0).sent).toHaveLength(13);
  });

  it.each(['invalid_request', 'forbidden', 'run_not_found'])('asks no more after %s, which no waiting mends', code => {
    live.follow(target, follower());
    socket(0).up();
    socket(0).tell({ name: '1', cursor: 'here' });
    socket(0).tell({ name: '1', error: error(code) });
    vi.advanceTimersByTime(60_000);
    expect(socket(0).sent).toHaveLength(1);
  });

  it('asks again for a run that it has not seen yet, as on a disk that several hosts share', () => {
    live.follow(target, follower());
    socket(0).up();
    socket(0).tell({ name: '1', error: error('run_not_found') });
    vi.advanceTimersByTime(300);
    expect(socket(0).sent).toHaveLength(2);
  });

  it('asks no more for what nobody follows any more', () => {
    const leave = live.follow(target, follower());
    live.follow({ workspace: 'w', run: 'other' }, follower());
    socket(0).up();
    socket(0).tell({ name: '1', error: error('workspace_not_found') });
    leave();
    vi.advanceTimersByTime(60_000);
    expect(socket(0).sent.filter(one => one.subscribe === '1')).toHaveLength(1);
  });

  it('asks once for a run that has ended, which may have been deleted meanwhile, and then no more', () => {
    const ended = follower();
    live.follow(target, ended);
    const other = follower();
    live.follow({ workspace: 'w', run: 'other' }, other);
    socket(0).up();
    socket(0).tell({ name: '1', cursor: 'end', run: { id: 'r' } as never });
    socket(0).down();
    vi.advanceTimersByTime(300);
    socket(1).up();
    expect(socket(1).sent.map(one => [one.subscribe, one.to?.cursor])).toEqual([
      ['1', 'end'],
      ['2', null]
    ]);
    const error = { code: 'run_not_found', message: 'It was deleted.', advice: '' };
    socket(1).tell({ name: '1', error });
    expect(ended.messages.at(-1)?.error).toEqual(error);
    vi.advanceTimersByTime(60_000);
    socket(1).down();
    vi.advanceTimersByTime(300);
    socket(2).up();
    expect(socket(2).sent.map(one => one.subscribe)).toEqual(['2']);
  });

  it('is not tried again for a run that has ended', () => {
    live.follow(target, follower());
    socket(0).up();
    socket(0).tell({ name: '1', cursor: 'end', run: { id: 'r' } as never });
    socket(0).down();
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it('is closed with the last run that is followed, and not tried again', () => {
    const leave = live.follow(target, follower());
    socket(0).up();
    leave();
    leave();
    expect(socket(0).readyState).toBe(3);
    expect(socket(0).sent.filter(one => one.unsubscribe)).toHaveLength(1);
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });

  it('is tried again only for those who follow something, and then at once', () => {
    const leave = live.follow(target, follower());
    socket(0).down();
    leave();
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
    live.follow(target, follower());
    expect(FakeSocket.all).toHaveLength(2);
  });

  it('gives what comes to whom it is for, and errors too', () => {
    const [one, other] = [follower(), follower()];
    live.follow(target, one);
    live.follow({ workspace: 'w', run: 'other' }, other);
    socket(0).up();
    socket(0).tell({ name: '2', error: { code: 'run_not_found', message: 'there is no run', advice: '' } });
    expect(one.messages).toEqual([]);
    expect(other.messages[0]?.error?.code).toBe('run_not_found');
  });

  it('follows the list of a workspace from now on, and goes on there', () => {
    const one = follower();
    live.follow({ workspace: 'w' }, one);
    socket(0).up();
    expect(socket(0).sent.map(sent => sent.to)).toEqual([{ workspace: 'w', cursor: null }]);
    const name = socket(0).sent[0]?.subscribe as string;
    socket(0).tell({ name, cursor: 'w1.7' });
    socket(0).down();
    vi.advanceTimersByTime(1000);
    socket(1).up();
    expect(socket(1).sent.map(sent => sent.to)).toEqual([{ workspace: 'w', cursor: 'w1.7' }]);
  });
});
