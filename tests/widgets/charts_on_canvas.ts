import { vi } from 'vitest';

/** A canvas as uPlot knows it, which draws nothing and counts what is drawn. */
export class FakeCanvas {
  /** How often the chart was drawn. */
  drawn = 0;
  /** How many shapes were filled since it was drawn last, other than curves and their bands. */
  marks = 0;
  /** What was written since then. */
  texts: string[] = [];

  /** What `getContext` returns. */
  readonly context: unknown = new Proxy(
    {},
    {
      get: (_, name) => {
        if (name === 'measureText') {
          return () => ({ width: 10 });
        }
        return (...values: unknown[]) => {
          if (name === 'clearRect') {
            this.drawn++;
            this.marks = 0;
            this.texts = [];
          } else if (name === 'fillText') {
            this.texts.push(String(values[0]));
          } else if (name === 'fill' && values.length === 0) {
            this.marks++;
          }
        };
      },
      set: () => true
    }
  );
}

/** Have charts drawn on canvases that happy-dom has none of; return the canvas of an element's chart. */
export function withCanvases(): (element: Element) => FakeCanvas {
  const canvases = new Map<HTMLCanvasElement, FakeCanvas>();
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockImplementation(function (this: HTMLCanvasElement) {
    const canvas = canvases.get(this) ?? new FakeCanvas();
    canvases.set(this, canvas);
    return canvas.context as never;
  });
  vi.stubGlobal(
    'Path2D',
    class {
      moveTo(): void {}
      lineTo(): void {}
      rect(): void {}
      arc(): void {}
      closePath(): void {}
    }
  );
  return element => canvases.get(element.querySelector('canvas') as HTMLCanvasElement) as FakeCanvas;
}

/** Drag over a chart from one place to another, in parts of its width. */
export function drag(element: Element, from: number, to: number): void {
  const over = element.querySelector('.u-over') as HTMLElement;
  const width = Number.parseFloat(over.style.width);
  const mouse = (type: string, part: number, target: EventTarget): void => {
    const event = new MouseEvent(type, { bubbles: true, button: 0, clientX: part * width, clientY: 20 });
    // uPlot passes over what moves nothing, and happy-dom knows no movements
    target.dispatchEvent(Object.defineProperty(event, 'movementX', { value: 1 }));
  };
  mouse('mousedown', from, over);
  mouse('mousemove', to, over);
  mouse('mouseup', to, document);
}
