// Debian's Chromium, and pages of it whose every request and complaint is remembered.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';

export const CHROMIUM = process.env.MESHCHAT_CHROMIUM || '/usr/bin/chromium';
/** Serves the page from this directory in place of what is built in, to work on it. */
const FROM_DISK = process.env.MESHCHAT_PAGE_DIR;
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json' };

export const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
export const NARROW = { viewport: { width: 320, height: 568 }, isMobile: true, hasTouch: true };
export const DESK = { viewport: { width: 1280, height: 800 } };

export async function launch() {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'meshchat-chromium-'));
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', `--disk-cache-dir=${profile}`,
      // What does not come from the node itself may not speak to it.
      ...(FROM_DISK ? ['--disable-features=LocalNetworkAccessChecks'] : [])],
  });
  browser.on('disconnected', () => fs.rmSync(profile, { recursive: true, force: true }));
  return browser;
}

/** A page of its own browser profile. `page.seen` tells what it did. */
export async function visitor(browser, options = DESK) {
  const context = await browser.newContext({ locale: 'en-GB', colorScheme: 'light', ...options });
  const page = await context.newPage();
  watch(page);
  if (FROM_DISK) await context.route('**/*', fromDisk);
  return page;
}

function watch(page) {
  page.seen = { requests: [], complaints: [], dialogs: [] };
  page.on('request', (request) => page.seen.requests.push(request.url()));
  page.on('websocket', (socket) => page.seen.requests.push(socket.url()));
  page.on('dialog', (dialog) => {
    page.seen.dialogs.push(dialog.message());
    dialog.dismiss();
  });
  page.on('pageerror', (error) => page.seen.complaints.push(String(error.stack ?? error)));
  page.on('console', (message) => {
    if (message.type() === 'error') page.seen.complaints.push(message.text());
  });
}

async function fromDisk(route) {
  const name = new URL(route.request().url()).pathname.replace(/^\/$/, '/index.html');
  const file = path.join(FROM_DISK, name);
  if (name.startsWith('/api') || !fs.existsSync(file)) return route.continue();
  return route.fulfill({ path: file, contentType: `${TYPES[path.extname(file)]}; charset=utf-8` });
}

/** Comes in by a code, as somebody of this name, and waits until history is there. */
export async function enter(page, station, name) {
  await page.goto(station.invitation());
  await page.fill('#signin-name', name);
  await page.click('#signin-go');
  await connected(page);
}

export async function connected(page, limit = 20_000) {
  await page.waitForFunction(() => document.querySelector('#status .is-online') && !document.getElementById('app').hidden, null, { timeout: limit });
}

export async function say(page, text) {
  await page.fill('#text', text);
  await page.press('#text', 'Enter');
}

/** Waits until the open place shows this text. */
export async function shown(page, text, limit = 20_000) {
  await page.locator('#log .words', { hasText: text }).first().waitFor({ timeout: limit });
}

/** Complaints of the page that are not about a node that was stopped on purpose. */
export function complaints(page) {
  return page.seen.complaints.filter((text) => !/ERR_CONNECTION_REFUSED|WebSocket connection to|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/.test(text));
}

/** Violations that axe finds in what is shown now, in words. */
export async function violations(page, axe) {
  // A script that is injected this way is not held to the page's policy.
  await page.evaluate(`${axe};undefined`);
  const { violations: found } = await page.evaluate(() => globalThis.axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  }));
  return found.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`);
}

/** Whether the page is wider than the window. */
export const overflows = (page) => page.evaluate(() => {
  /** Something around it cuts it off, or scrolls by itself. */
  const isCut = (node) => {
    const around = node.parentElement;
    if (!around || around === document.body) return false;
    return (getComputedStyle(around).overflowX !== 'visible' && around.getBoundingClientRect().right <= innerWidth + 1) || isCut(around);
  };
  const root = document.scrollingElement;
  const wide = [...document.querySelectorAll('body *')].filter((node) =>
    node.checkVisibility() && !node.closest('.sr-only, .skip') && node.getBoundingClientRect().right > innerWidth + 1 && !isCut(node));
  return root.scrollWidth > innerWidth ? [`page ${root.scrollWidth}`] : wide.map((node) => node.outerHTML.slice(0, 120));
});
