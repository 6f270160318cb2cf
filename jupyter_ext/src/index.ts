import { activity } from './plugins/activity';
import { cards } from './plugins/cards';
import { compute } from './plugins/compute';
import { models } from './plugins/models';
import { notifications } from './plugins/notifications';
import { running } from './plugins/running';
import { runs } from './plugins/runs';
import { server } from './plugins/server';
import { sidebar } from './plugins/sidebar';
import { status } from './plugins/status';
import { submit } from './plugins/submit';
import { tabs } from './plugins/tabs';

/** Each does one thing, and needs only what every application has: where something else is missing, the rest works. */
export default [server, tabs, cards, sidebar, runs, models, compute, submit, activity, notifications, running, status];
