import type { IParts } from './card';
import { Files } from './files';
import { registrationPanel } from './registration';

/** The parts of a card that a page has anyway. */
export const partsHere: IParts = {
  files: model => <Files model={model} />,
  registration: registrationPanel
};
