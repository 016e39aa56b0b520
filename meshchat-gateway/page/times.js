// Times in words.
import { language, t } from './texts.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const date = new Intl.DateTimeFormat(language, { weekday: 'long', day: 'numeric', month: 'long' });

export const time = (at) => clock.format(at);
export const moment = (at) => (Number.isFinite(at) && Math.abs(at) < 8.64e15 ? whole.format(at) : '?');

export const dayOf = (at) => new Date(at).toDateString();

export function day(at) {
  if (dayOf(at) === dayOf(Date.now())) return t('today');
  if (dayOf(at) === dayOf(Date.now() - DAY)) return t('yesterday');
  return date.format(at);
}

/** How long something has been so. */
export function lasting(at) {
  const past = Math.max(0, Date.now() - at);
  if (past < MINUTE) return t('under_minute');
  if (past < HOUR) return t('minutes', Math.floor(past / MINUTE));
  if (past < 2 * DAY) return t('hours', Math.floor(past / HOUR));
  return t('days', Math.floor(past / DAY));
}

export function tripTime(micros) {
  return t('milliseconds', micros < 10_000 ? Math.max(0.1, Math.round(micros / 100) / 10) : Math.round(micros / 1000));
}
