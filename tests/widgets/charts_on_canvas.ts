import { vi } from 'vitest';

/** A canvas as uPlot knows it, which draws nothing and counts what is drawn. */
export class FakeCanvas {
  /** How often the chart was drawn. */
  drawn = 0;
  /** How many shapes were filled since it was drawn last, and lines that are neither level nor upright. */
  triangles = 0;
  crosses = 0;
  /** What was written since then. */
  texts: string[] = [];
  private _from: unknown[] = [];
  private _slanting = 0;

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
            this.triangles = 0;
            this.crosses = 0;
            this.texts = [];
          } else if (name === 'fillText') {
            this.texts.push(String(values[0]));
          } else if (name === 'fill' && values.length === 0) {
            this.triangles++;
          } else if (name === 'beginPath') {
            this._slanting = 0;
          } else if (name === 'moveTo') {
            this._from = values;
          } else if (name === 'lineTo') {
            this._slanting += values[0] !== this._from[0] && values[1] !== this._from[1] ? 1 : 0;
          } else if (name === 'stroke' && values.length === 0) {
            this.crosses += this._slanting / 2;
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
  mouse(element, 'mousedown', from);
  mouse(element, 'mousemove', to);
  mouse(element, 'mouseup', to, document);
}

/** Move the mouse to a place of a chart, in parts of its width. */
export function point(element: Element, to: number): void {
  mouse(element, 'mousemove', to);
}

function mouse(element: Element, type: string, part: number, target?: EventTarget): void {
  const over = element.querySelector('.u-over') as HTMLElement;
  const width = Number.parseFloat(over.style.width);
  const event = new MouseEvent(type, { bubbles: true, button: 0, clientX: part * width, clientY: 20 });
  // uPlot passes over what moves nothing, and happy-dom knows no movements
  (target ?? over).dispatchEvent(Object.defineProperty(event, 'movementX', { value: 1 }));
}
