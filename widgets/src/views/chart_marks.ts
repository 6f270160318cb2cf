import uPlot from 'uplot';
import type { IOddities } from '../model/chart_data';

/** Half of the width of a mark, and its height, in pixels of the page. */
const HALF = 4;

/**
 * Mark on the edges of a chart where something was logged that no curve can show: a cross for what is no number, a
 * triangle that points out of the chart for infinity, at the upper edge, and minus infinity, at the lower one.
 */
export function markOddities(plot: uPlot, { nans, above, below }: IOddities, no: string, infinite: string): void {
  const { ctx, bbox } = plot;
  const scale = uPlot.pxRatio;
  const size = HALF * scale;
  const [top, bottom] = [bbox.top + scale, bbox.top + bbox.height - scale];
  const each = (places: readonly number[], draw: (x: number) => void): void => {
    for (const place of places) {
      const x = plot.valToPos(place, 'x', true);
      if (x >= bbox.left && x <= bbox.left + bbox.width) {
        ctx.beginPath();
        draw(x);
      }
    }
  };
  const triangle = (base: number, tip: number) => (x: number) => {
    ctx.moveTo(x - size, base);
    ctx.lineTo(x + size, base);
    ctx.lineTo(x, tip);
    ctx.fill();
  };
  ctx.save();
  ctx.strokeStyle = no;
  ctx.lineWidth = 1.5 * scale;
  each(nans, x => {
    ctx.moveTo(x - size, bottom - 2 * size);
    ctx.lineTo(x + size, bottom);
    ctx.moveTo(x - size, bottom);
    ctx.lineTo(x + size, bottom - 2 * size);
    ctx.stroke();
  });
  ctx.fillStyle = infinite;
  each(above, triangle(top + 2 * size, top));
  each(below, triangle(bottom - 2 * size, bottom));
  ctx.restore();
}
