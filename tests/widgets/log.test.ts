import { describe, expect, it } from 'vitest';
import { bare, frameOf, pieces } from '../../widgets/src/model/ansi';
import { LogText, overwritten } from '../../widgets/src/model/log_text';
import { barOf, epochsWanted, progressOf } from '../../widgets/src/model/progress';

function log(...parts: [offset: number, text: string, gap?: number][]): LogText {
  const text = new LogText();
  for (const [offset, piece, gap] of parts) {
    text.add({ offset, text: piece, gap: gap ?? 0 });
  }
  return text;
}

const linesOf = (text: LogText): string[] => text.lines.map(line => line.text);

describe('a log', () => {
  it('is put together from pieces that end anywhere', () => {
    expect(linesOf(log([0, 'one\ntw'], [6, 'o\n'], [8, 'three']))).toEqual(['one', 'two', 'three']);
  });

  it('keeps empty lines', () => {
    expect(linesOf(log([0, 'one\n\n'], [5, 'two\n']))).toEqual(['one', '', 'two']);
  });

  it('shows of a bar that overwrites itself what a terminal shows, piece by piece', () => {
    expect(linesOf(log([0, '\r10%'], [4, '\r50%'], [8, '\r100%\ndone\n']))).toEqual(['100%', 'done']);
    expect(overwritten('10%\r20%\r')).toBe('20%');
  });

  it('tells what was left out, on a line of its own', () => {
    const text = log([0, 'begun'], [5000, 'later\n', 4995]);
    expect(text.lines).toEqual([
      { text: 'begun', gap: 0 },
      { text: 'later', gap: 4995 }
    ]);
  });

  it('keeps its last lines only, and knows how many it gave up', () => {
    const text = new LogText();
    const line = `${'x'.repeat(99_999)}\n`;
    for (let at = 0; at < 1000; at++) {
      text.add({ offset: at * line.length, gap: 0, text: line });
    }
    const held = text.lines.reduce((sum, one) => sum + one.text.length, 0);
    expect(held).toBeLessThanOrEqual(4_000_000);
    expect(text.dropped + text.lines.length).toBe(1000);
    expect(text.end).toBe(1000 * line.length);
  });

  it('takes no longer for a bar that has overwritten itself for days', () => {
    const text = log([0, 'Epoch 1\n']);
    text.add({ offset: 8, gap: 0, text: '\r10 %'.repeat(100_000) });
    const begun = performance.now();
    for (let at = 0; at < 500; at++) {
      text.add({ offset: 500_008 + 5 * at, gap: 0, text: '\r11 %' });
    }
    expect(linesOf(text)).toEqual(['Epoch 1', '11 %']);
    expect(performance.now() - begun).toBeLessThan(2000);
  });

  it('counts bytes, not characters', () => {
    expect(log([0, 'Größe\n']).end).toBe(8);
  });
});

describe('a line', () => {
  it('has its colours as classes, and markup as text', () => {
    expect(pieces('\u001b[31m<b>no\u001b[0m yes')).toEqual([
      { text: '<b>no', looks: 'td-ansi-red' },
      { text: ' yes', looks: '' }
    ]);
  });

  it('is rid of what moves cursors and sets titles', () => {
    expect(bare('\u001b[2K\u001b[1Aone\u001b]0;title\u0007 two')).toBe('one two');
  });

  it('has bright colours as those of the theme, and others as they are', () => {
    const looks = (codes: string) => pieces(`\u001b[${codes}mx`).map(({ looks, style }) => ({ looks, style }))[0];
    expect(looks('91')).toEqual({ looks: 'td-ansi-red' });
    expect(looks('90;101')).toEqual({ looks: 'td-ansi-white td-on-ansi-red' });
    expect(looks('38;5;208')).toEqual({ looks: '', style: { color: 'rgb(255, 135, 0)' } });
    expect(looks('48;5;244')).toEqual({ looks: '', style: { backgroundColor: 'rgb(128, 128, 128)' } });
    expect(looks('38;2;10;20;30;48;2;1;2;3')).toEqual({
      looks: '',
      style: { color: 'rgb(10, 20, 30)', backgroundColor: 'rgb(1, 2, 3)' }
    });
  });

  it('has of a link its text, whichever way its address ends', () => {
    expect(
      bare('see \u001b]8;;https://a.b\u001b\\here\u001b]8;;\u001b\\ or \u001b]8;;c\u0007there\u001b]8;;\u0007.')
    ).toBe('see here or there.');
  });

  it('of a traceback names file and line', () => {
    expect(frameOf('  File "/somewhere/work/train.py", line 19, in <module>')).toEqual({
      path: '/somewhere/work/train.py',
      line: 19
    });
    expect(frameOf('File of notes, line 3')).toBeUndefined();
  });
});

describe('progress', () => {
  it('is read from a bar of tqdm', () => {
    expect(barOf('train:  45%|####5     | 45/100 [00:12<01:15,  3.60it/s]')).toEqual({
      label: 'train 45 of 100',
      fraction: 0.45,
      remaining: 75
    });
    expect(barOf('45% of all')).toBeUndefined();
  });

  it('is that of the epochs where they are told, with the bar as a part of one', () => {
    const lines = ['Epoch 3/10', ' 50%|##   | 5/10 [00:01<00:01, 5it/s]'];
    expect(progressOf(lines, {}, undefined, 50)).toEqual({
      label: 'Epoch 3 of 10',
      fraction: 0.25,
      remaining: 150
    });
  });

  it('is that of a logged epoch where the arguments tell how many there are', () => {
    expect(progressOf([], { epoch: 5 }, epochsWanted(['--lr', 0.1, '--num_epochs', 20]), null)?.fraction).toBe(0.2);
    expect(epochsWanted(['--epochs=7'])).toBe(7);
    expect(epochsWanted(['--epochs', 'many'])).toBeUndefined();
  });

  it('is nothing where nothing tells of it', () => {
    expect(progressOf(['loading data'], {}, 20, 5)).toBeUndefined();
  });
});
