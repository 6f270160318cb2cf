import { LabIcon } from '@jupyterlab/ui-components';

/** A curve that falls, above the line of a dock. */
export const traindockIcon = new LabIcon({
  name: 'traindock:traindock',
  svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 22 22">
  <g class="jp-icon3" fill="none" stroke="#616161" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
    <path d="M3 3c1 8 3 9.500 6 10.300s6 .7 10 .7"/>
    <path d="M3 18h16"/>
    <path d="M7 18v1.500M15 18v1.500" />
  </g>
</svg>`
});
