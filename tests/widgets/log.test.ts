import { describe, expect, it } from 'vitest';
import { bare, frameOf, pieces } from '../../widgets/src/model/ansi';
import { LogText } from '../../widgets/src/model/log_text';

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
    expect(linesOf(log([0, '10%\r20%\r']))).toEqual(['20%']);
  });

  it('tells what was left out, on a line of its own', () => {
    const text = log([0, 'begun'], [5000, 'later\n', 4995]);
    expect(text.lines.map(line => [line.text, line.offset, line.gap])).toEqual([
      ['begun', 0, 0],
      ['later', 5000, 4995]
    ]);
  });

  it('begins again behind what was left out where that can be asked for', () => {
    const text = new LogText(true);
    text.add({ offset: 0, gap: 0, text: 'one\ntwo\n' });
    text.add({ offset: 5000, gap: 4992, text: 'later\nlast\n' });
    expect(text.lines.map(line => [line.text, line.offset, line.gap])).toEqual([
      ['later', 5000, 0],
      ['last', 5006, 0]
    ]);
    expect(text.start).toBe(5000);
  });

  it('knows where each line begins, in bytes', () => {
    expect(log([10, 'Größe\n\nlast'], [23, ' one\nmore']).lines.map(line => line.offset)).toEqual([10, 18, 19, 28]);
  });

  it('knows where each line begins though it is no UTF-8, in place of which its text has something longer', () => {
    const odd = new LogText();
    odd.add({ offset: 10, gap: 0, text: '\ufffdt\ufffd\n\ufffd\nlast', end: 20, lines: [14, 16] });
    odd.add({ offset: 20, gap: 0, text: ' one\nmore' });
    expect(odd.lines.map(line => line.offset)).toEqual([10, 14, 16, 25]);
    expect(odd.end).toBe(29);
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

/** As tqdm writes bars in bars: each at its place below the first, and back. */
const bars = (epochs: number, batches: number): string => {
  let text = '\repochs:   0%|          | 0/3';
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (let batch = 1; batch <= batches; batch++) {
      text += `\n\rbatches: ${String(Math.round((100 * batch) / batches)).padStart(3)}%|# | ${batch}/${batches}\u001b[A`;
    }
    text += `\repochs: ${String(Math.round((100 * epoch) / 3)).padStart(3)}%|###       | ${epoch}/3`;
  }
  return text;
};

describe('a terminal', () => {
  it('has bars in bars on a line each, however often they are drawn and wherever parts of them end', () => {
    const text = `before\n${bars(3, 40)}\n\nafter\n`;
    const whole = ['before', 'epochs: 100%|###       | 3/3', 'batches: 100%|# | 40/40', 'after'];
    expect(linesOf(log([0, text]))).toEqual(whole);
    for (const size of [1, 2, 7, 100]) {
      const parts = new LogText();
      for (let at = 0; at < text.length; at += size) {
        parts.add({ offset: at, gap: 0, text: text.slice(at, at + size) });
      }
      expect(linesOf(parts), `in parts of ${size}`).toEqual(whole);
    }
  });

  it('writes over what stands there, and leaves the rest', () => {
    expect(linesOf(log([0, '100 percent\r 99\n']))).toEqual([' 99 percent']);
    expect(linesOf(log([0, 'abc\b\bX\n']))).toEqual(['aXc']);
    expect(linesOf(log([0, 'one\ntwo\n\u001b[2A\u001b[3Cs\n']))).toEqual(['ones', 'two']);
  });

  it('erases to the end of a line, to its beginning, and all of it', () => {
    expect(linesOf(log([0, 'downloading 10 MB\rdone\u001b[K\n']))).toEqual(['done']);
    expect(linesOf(log([0, 'abcdef\u001b[3D\u001b[1K\n']))).toEqual(['    ef']);
    expect(linesOf(log([0, 'abcdef\u001b[2K\rx\n']))).toEqual(['x']);
    expect(linesOf(log([0, 'one\ntwo\nthree\u001b[1A\r\u001b[Jx\n']))).toEqual(['one', 'x', '']);
  });

  it('keeps the colours of what is left', () => {
    const line = linesOf(log([0, '\u001b[31mred\u001b[0m and \u001b[32mgreen\u001b[0m\rRED\n']))[0] as string;
    expect(pieces(line)).toEqual([
      { text: 'RED and ', looks: '' },
      { text: 'green', looks: 'td-ansi-green' }
    ]);
  });

  it('moves its cursor no further than a screen is high, nor into what was left out', () => {
    const many = Array.from({ length: 300 }, (_, at) => `line ${at}\n`).join('');
    expect(linesOf(log([0, `${many}\u001b[999999AX`])).indexOf('Xine 200')).toBe(200);
    expect(linesOf(log([0, 'one\n'], [100, 'two\n\u001b[9AX', 96]))).toEqual(['one', 'Xwo']);
  });

  it('takes a time that grows with what was written, whatever that moves', () => {
    const begun = performance.now();
    const wide = `${'x'.repeat(9000)}\n`;
    const text = new LogText();
    text.add({ offset: 0, gap: 0, text: `${wide.repeat(20)}${'\u001b[9A\u001b[9Cy\r\u001b[5B'.repeat(20_000)}` });
    text.add({ offset: 0, gap: 0, text: `\u001b[999999999Cy${'\u001b[999999999A\n'.repeat(20_000)}` });
    expect(text.lines.map(line => line.text.length).every(length => length <= 10_001)).toBe(true);
    expect(performance.now() - begun).toBeLessThan(2000);
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

  it('is as plain again as what its codes take back, and passes over those that mean nothing here', () => {
    const found = pieces('\u001b[1;2;31;44mone\u001b[22;39mtwo\u001b[7mthree\u001b[49;27;53;58;5;9mfour\u001b[mfive');
    expect(found.map(({ looks }) => looks)).toEqual([
      'td-ansi-red td-on-ansi-blue td-bold td-dim',
      'td-on-ansi-blue',
      'td-ansi-blue td-reverse',
      '',
      ''
    ]);
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
