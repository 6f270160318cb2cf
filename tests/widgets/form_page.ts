/** A form in a page, and what a person does with it: a new page for each test of whoever imports this. */

import { nullTranslator } from '@jupyterlab/translation';
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, expect, vi } from 'vitest';

export const trans = nullTranslator.load('');
export let node: HTMLElement;
/** What of the host was asked for. */
export let opened: unknown[];
export const host = { openRun: (run: unknown) => opened.push(run), makeWorkspace: () => opened.push('a workspace') };

beforeEach(() => {
  node = document.body.appendChild(document.createElement('div'));
  opened = [];
});

afterEach(() => {
  render(null, node);
  node.remove();
});

export const settle = () => act(async () => void (await new Promise(resolve => setTimeout(resolve))));
export const text = () => node.textContent ?? '';
export const field = (place: string) =>
  node.querySelector<HTMLInputElement>(`[data-place="${place}"]`) as HTMLInputElement;
export const button = (name: string) =>
  [...node.querySelectorAll('button')].find(
    one => one.textContent === name || one.getAttribute('aria-label') === name
  ) as HTMLButtonElement;
export const press = async (name: string) => {
  await act(async () => button(name).click());
  await settle();
};
export const type = (place: string, value: string) =>
  act(async () => {
    const one = field(place);
    one.value = value;
    one.dispatchEvent(new Event(one.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }));
  });
export const isPlanned = () => node.querySelector('.jp-Traindock-plan:not(.jp-mod-stale)') !== null;
export const planned = () => vi.waitFor(() => expect(isPlanned()).toBe(true), { timeout: 3000 });
export const faultOf = (place: string) => {
  const described = field(place).getAttribute('aria-describedby') ?? '';
  const ids = described.split(' ').filter(id => id.endsWith('-fault'));
  return ids.map(id => document.getElementById(id)?.textContent).join('');
};
