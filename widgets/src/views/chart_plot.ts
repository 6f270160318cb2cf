import type uPlot from 'uplot';
import { ticks } from '../format';
import type { IChartOptions, IDrawnLine, ILine, IOddities } from '../model/chart_data';
import type { Range } from '../model/range';
import { FINE, logarithmicGrid, shortNumber, shortTime, WHOLE, widthOf, writtenLines } from './chart_axes';
import { markOddities } from './chart_marks';

/** Colours of lines, as the style sheet has them. */
export const COLOURS = 10;

/** Columns that uPlot is given for each line. */
const COLUMNS = 3;
/** How much of its colour an edge of a line's values has while it is drawn as it is, and behind a smoothed one. */
const EDGE = 75;
const BEHIND = 40;
const BAND = 18;
/** Points up to which each is drawn as such. */
const FEW = 40;

/** What a plot asks for each time it is drawn, and whom it tells what a person does. */
export interface IPlotSurroundings {
  oddities(): IOddities;
  isSmoothed(): boolean;
  onRange(range: Range): void;
  /** The cursor is at a point, or at none. */
  onCursor(plot: uPlot): void;
}

/** Return a line's columns in the order in which {@link plotOptions} has its series. */
export function columnsOf({ high, low, course }: IDrawnLine): uPlot.AlignedData[number][] {
  return [high, low, course] as uPlot.AlignedData[number][];
}

/**
 * Return what uPlot is to draw in an element: of each line its course, and around it the band between the smallest and the
 * largest of the values it stands for, with edges, since a band that is as narrow as a single point cannot be seen.
 *
 * @param group - Charts of one group show where the mouse is on any of them.
 */
export function plotOptions(
  element: HTMLElement,
  height: number,
  lines: readonly ILine[],
  options: IChartOptions,
  group: string,
  surroundings: IPlotSurroundings
): uPlot.Options {
  const colour = (name: string) => () => getComputedStyle(element).getPropertyValue(name).trim() || 'currentColor';
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const line of lines) {
    const stroke = colour(`--td-line-${line.colour % COLOURS}`);
    const edgeColour = () => part(stroke(), surroundings.isSmoothed() ? BEHIND : EDGE);
    const edge: uPlot.Series = { stroke: edgeColour, width: 1, points: pointsOf(edgeColour, 3, () => false) };
    bands.push({ series: [series.length, series.length + 1], fill: () => part(stroke(), BAND) });
    series.push(edge, { ...edge }, { label: line.label, stroke, width: 1.5, points: pointsOf(stroke, 4, isFew) });
  }
  const axis: uPlot.Axis = {
    stroke: colour('--td-muted'),
    grid: { stroke: colour('--td-border'), width: 1 },
    ticks: { stroke: colour('--td-border'), width: 1, size: 4 },
    font: '11px system-ui, sans-serif'
  };
  const time = options.axis === 'time';
  return {
    width: element.clientWidth || 320,
    height,
    padding: [8, null, null, null],
    legend: { show: false },
    cursor: {
      y: false,
      // what is chosen comes back as the range, which outlives new points and another look
      drag: { x: true, y: false, setScale: false, dist: 5 },
      bind: {
        dblclick: () => () => {
          surroundings.onRange(null);
          return null;
        }
      },
      sync: { key: group, filters: { sub: type => type === 'mousemove' || type === 'mouseleave' } },
      // of a chart that the cursor is beside of, no point is the nearest one
      hover: { prox: (plot, _, __, place) => (isWithin(plot, place) ? null : 0) },
      points: { size: (_, index) => (index % COLUMNS === 0 ? 5 : 0) }
    },
    scales: { x: { time: false }, y: { distr: options.logarithmic ? 3 : 1 } },
    series,
    bands,
    axes: [
      {
        ...axis,
        size: 26,
        gap: 2,
        incrs: time ? undefined : WHOLE,
        values: (_, places) => ticks(places, time ? shortTime : shortNumber)
      },
      {
        ...axis,
        size: (_, labels) => widthOf(labels),
        space: 26,
        incrs: FINE,
        ...(options.logarithmic && {
          splits: (_, __, from, to) => logarithmicGrid(from, to),
          filter: (_, places) => writtenLines(places)
        }),
        values: (_, places) => ticks(places)
      }
    ],
    hooks: {
      draw: [
        plot => {
          markOddities(plot, surroundings.oddities(), colour('--td-error')(), colour('--td-warn')());
        }
      ],
      setCursor: [plot => surroundings.onCursor(plot)],
      setSelect: [
        plot => {
          const { left, width } = plot.select;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          if (width > 0) {
            surroundings.onRange([plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')]);
          }
        }
      ]
    }
  };
}

/** Whether a place of the axis is in sight. */
export function isWithin(plot: uPlot, place: number): boolean {
  const { min, max } = plot.scales.x as uPlot.Scale;
  return min !== undefined && max !== undefined && place >= min && place <= max;
}

/** All points where they are few; else those between gaps, which no line leads to. */
function pointsOf(
  colour: () => string,
  size: number,
  show: (plot: uPlot, index: number) => boolean
): uPlot.Series.Points {
  return { show, fill: colour, size, filter: (plot, index, all) => (all ? null : lonelyPoints(plot, index)) };
}

function isFew(plot: uPlot, index: number): boolean {
  const column = plot.data[index];
  return column !== undefined && column.length <= FEW;
}

function lonelyPoints(plot: uPlot, index: number): number[] | null {
  const own = (plot.data[index] ?? []) as readonly (number | null | undefined)[];
  const points = [...own.keys()].filter(at => own[at] !== undefined);
  const found = points.filter((at, nth) => {
    const beside = [points[nth - 1], points[nth + 1]];
    return own[at] !== null && beside.every(one => one === undefined || own[one] === null);
  });
  return found.length === 0 ? null : found;
}

function part(colour: string, percent: number): string {
  return `color-mix(in srgb, ${colour} ${percent}%, transparent)`;
}
