// The page in a real browser, between real nodes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, before, test } from 'node:test';
import {
  DESK, NARROW, PHONE, complaints, connected, enter, launch, overflows, say, shown, violations, visitor,
} from './browser.js';
import { Station, until } from './mesh.js';

const AXE = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const SHOTS = process.env.MESHCHAT_SHOTS;

let browser;
let kitchen;
let barn;

before(async () => {
  if (SHOTS) fs.mkdirSync(SHOTS, { recursive: true });
  kitchen = await new Station('kitchen').start();
  barn = await new Station('barn', [kitchen.address]).start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  for (const station of [kitchen, barn]) await station?.stop();
});

/** A test with pages that are closed behind it; it fails when one of them complained. */
function journey(name, act) {
  test(name, { timeout: 180_000 }, async () => {
    const pages = [];
    const come = async (station, who, options) => {
      const page = await visitor(browser, options);
      pages.push(page);
      if (who) await enter(page, station, who);
      return page;
    };
    try {
      await act(come);
      for (const page of pages) {
        assert.deepEqual(complaints(page), []);
        assert.deepEqual(page.seen.dialogs, [], 'a script ran');
      }
    } catch (error) {
      if (SHOTS) await Promise.all(pages.map((page, at) => page.screenshot({ path: path.join(SHOTS, `failed-${at}.png`) }).catch(() => {})));
      throw error;
    } finally {
      for (const page of pages) await page.context().close();
    }
  });
}

const shot = (page, name) => (SHOTS ? page.screenshot({ path: path.join(SHOTS, name) }) : undefined);
const person = (page, name) => page.locator('#people .item', { hasText: name });
const state = (page, name, words) => person(page, name).locator('.small', { hasText: words }).first().waitFor({ timeout: 60_000 });

journey('two pages on two nodes talk', async (come) => {
  const anna = await come(kitchen, 'Anna');
  assert.equal(new URL(anna.url()).hash, '', 'the code stays in the address');
  const ben = await come(barn, 'Ben', PHONE);
  await say(anna, 'Is the road to the bridge open?');
  await shown(ben, 'the road to the bridge');
  await say(ben, 'It is, Anna. **Slow** at the farm.');
  await shown(anna, 'Slow** at the farm');
  assert.equal(await anna.locator('.msg.mention').count(), 1);
  await anna.locator('.msg.mine .marks button', { hasText: 'reached 2 of 2' }).click();
  await anna.locator('#delivery-list', { hasText: 'barn' }).waitFor();
  await anna.keyboard.press('Escape');
  await state(anna, 'Ben', 'online');
  await say(ben, '/away fetching diesel');
  await state(anna, 'Ben', 'away · fetching diesel');
  await say(ben, '/me waves');
  await anna.locator('.msg.action', { hasText: 'Ben waves' }).waitFor();
  await shot(anna, 'desk-talk.png');
  await shot(ben, 'phone-talk.png');
});

journey('direct messages, rooms and names by commands', async (come) => {
  const anna = await come(kitchen, 'Dora');
  const ben = await come(barn, 'Emil');
  await state(anna, 'Emil', 'online');
  await say(anna, '/msg Emil only for you');
  await ben.locator('#directs .item', { hasText: 'Dora' }).click();
  await shown(ben, 'only for you');
  await anna.locator('.msg.mine .marks', { hasText: 'read' }).waitFor();
  await say(anna, '/join Water-Level');
  await anna.locator('#title', { hasText: '#water-level' }).waitFor();
  await say(ben, '/join water-level');
  await ben.locator('#title', { hasText: '#water-level' }).waitFor();
  await say(ben, '40 cm');
  await shown(anna, '40 cm');
  await say(anna, '/nick Dorothea');
  await state(ben, 'Dorothea', 'online');
  await say(anna, '/leave');
  await anna.locator('#title', { hasText: '#lobby' }).waitFor();
  await say(ben, 'unheard');
  await say(anna, '/nonsense');
  await anna.locator('#compose-error', { hasText: 'no command' }).waitFor();
  assert.equal(await anna.inputValue('#text'), '/nonsense');
});

journey('what others know of a person is shown on hover, focus and tap', async (come) => {
  const desk = await come(kitchen, 'Fay');
  const phone = await come(barn, 'Gus', PHONE);
  await state(desk, 'Gus', 'online');
  const card = desk.locator('.card');
  // The list may still be moving under the pointer.
  await until('the card', async () => {
    await desk.mouse.move(10, 400);
    await person(desk, 'Gus').hover();
    return card.filter({ hasText: 'barn' }).waitFor({ timeout: 2_000 }).then(() => true, () => false);
  });
  for (const words of ['barn', 'direct link', 'meshchatd', ' ms', 'online for']) await card.filter({ hasText: words }).waitFor();
  await desk.mouse.move(10, 400);
  await card.waitFor({ state: 'detached' });
  await desk.keyboard.press('Alt+p');
  await card.waitFor();
  await desk.keyboard.press('Escape');
  await card.waitFor({ state: 'detached' });
  await phone.tap('#show-people');
  await person(phone, 'Fay').tap();
  await phone.locator('.card', { hasText: 'kitchen' }).locator('button', { hasText: 'Message' }).tap();
  await phone.locator('#title', { hasText: 'Fay' }).waitFor();
});

journey('a page misses nothing while the daemon is restarted', async (come) => {
  const anna = await come(kitchen, 'Hal');
  await say(anna, 'before the restart');
  await shown(anna, 'before the restart');
  await kitchen.daemon.kill();
  await anna.locator('#status', { hasText: 'does not answer' }).waitFor();
  await say(anna, 'said meanwhile');
  await anna.locator('.msg', { hasText: 'said meanwhile' }).locator('.marks', { hasText: 'waiting' }).waitFor();
  barn.ctl('send', 'heard meanwhile');
  await anna.fill('#text', 'half a senten');
  await kitchen.startDaemon();
  await connected(anna, 60_000);
  await shown(anna, 'heard meanwhile', 60_000);
  await until('the message to be said', async () => (await anna.locator('.marks', { hasText: 'waiting' }).count()) === 0, 60_000);
  for (const text of ['before the restart', 'said meanwhile', 'heard meanwhile']) {
    assert.equal(await anna.locator('#log .words', { hasText: text }).count(), 1, text);
  }
  assert.equal(await anna.inputValue('#text'), 'half a senten');
});

journey('a page comes back when the gateway does, and after it was loaded again', async (come) => {
  const anna = await come(kitchen, 'Ida');
  await say(anna, 'before the gateway went');
  await shown(anna, 'before the gateway went');
  await kitchen.gateway.kill();
  await anna.locator('#offline').waitFor();
  await anna.locator('#status', { hasText: 'Disconnected' }).waitFor();
  barn.ctl('send', 'while the gateway was away');
  await say(anna, 'typed while it was away');
  await kitchen.startGateway();
  await connected(anna, 60_000);
  await shown(anna, 'while the gateway was away');
  await until('the message to be said', async () => (await anna.locator('.marks', { hasText: 'waiting' }).count()) === 0);
  assert.equal(await anna.locator('#log .words', { hasText: 'typed while it was away' }).count(), 1);
  await anna.fill('#text', 'not yet sent');
  await anna.waitForFunction(() => Object.values(localStorage).join().includes('not yet sent'));
  await anna.reload();
  await connected(anna);
  await shown(anna, 'typed while it was away');
  assert.equal(await anna.inputValue('#text'), 'not yet sent');
  await anna.fill('#text', '');
});

journey('nothing that others write acts', async (come) => {
  const anna = await come(kitchen, 'Kim');
  const evil = [
    '<img src=x onerror=alert(1)>', '<script>alert(1)</script>', '"><svg/onload=alert(1)>', "javascript:alert('1')",
    '{{constructor.constructor("alert(1)")()}}', '<a href="javascript:alert(1)">x</a>', '</textarea><iframe src=//example.com>',
    '\u202egnirts desrever', 'a\u0001b\u001b[31mred\u0007', '\u{e0041}\u200b\ufeffhidden', 'https://example.com/"onmouseover="alert(1)',
    'https://user:pw@example.com/%00\u202e', '&lt;b&gt;', `${'\u0301'.repeat(200)}zalgo`, 'x'.repeat(4000), 'line\n'.repeat(300),
    '__proto__', 'constructor', '<style>*{display:none}</style>', 'https://example.com/evil.png',
  ];
  for (const text of evil) {
    assert.equal(barn.ctl('send', '--', text).status, 0, text);
  }
  barn.ctl('nick', '<b>x</b>');
  barn.ctl('away', '<img src=x onerror=alert(2)>');
  for (const room of ['#<img-src=x>', '#__proto__', '#constructor']) {
    barn.ctl('join', room);
    assert.equal(barn.ctl('send', room, 'inside').status, 0, room);
  }
  barn.ctl('send', '--', 'the last of them');
  await shown(anna, 'the last of them');
  await anna.locator('#people .small', { hasText: 'onerror' }).waitFor({ timeout: 30_000 });
  assert.ok((await anna.locator('.hidden-char').count()) >= 4, 'hidden characters are shown');
  const inside = await anna.evaluate(() => [...document.querySelectorAll('#log *, #places *, #people *')]
    .filter((node) => /^(script|style|iframe|img|b|object|embed)$/i.test(node.tagName) || [...node.attributes].some((one) => /^on|^srcdoc$/i.test(one.name)))
    .map((node) => node.outerHTML));
  assert.deepEqual(inside, []);
  const links = await anna.evaluate(() => [...document.querySelectorAll('#log a')].map((link) => [new URL(link.href).protocol, link.rel]));
  assert.ok(links.length > 0);
  for (const [protocol, rel] of links) {
    assert.equal(protocol, 'https:');
    assert.match(rel, /noopener.*noreferrer/);
  }
  assert.deepEqual(await overflows(anna), []);
  await shot(anna, 'desk-hostile.png');
});

journey('everything can be done with a keyboard', async (come) => {
  const anna = await come(kitchen);
  await anna.goto(kitchen.invitation());
  await anna.keyboard.type('Lea');
  await anna.keyboard.press('Enter');
  await connected(anna);
  await anna.keyboard.press('Escape');
  await anna.keyboard.type('typed without a mouse');
  await anna.keyboard.press('Enter');
  await shown(anna, 'typed without a mouse');
  await anna.keyboard.type('/join tools');
  await anna.keyboard.press('Enter');
  await anna.locator('#title', { hasText: '#tools' }).waitFor();
  await anna.keyboard.press('Alt+ArrowUp');
  await anna.locator('#title', { hasText: '#lobby' }).waitFor();
  await anna.keyboard.press('Control+k');
  await anna.keyboard.press('ArrowDown');
  await anna.keyboard.press('Enter');
  await anna.locator('#title', { hasText: '#tools' }).waitFor();
  await anna.keyboard.press('Alt+m');
  await anna.locator('#map-view svg').waitFor();
  await anna.keyboard.press('Escape');
  await anna.locator('#map').waitFor({ state: 'hidden' });
  await anna.keyboard.press('Escape');
  await anna.keyboard.type('/help');
  await anna.keyboard.press('Enter');
  await anna.locator('#help', { hasText: 'Alt+M' }).waitFor();
  await anna.keyboard.press('Escape');
  await tabsAround(anna);
});

/** Tab reaches every part, shows where it is, and is caught nowhere. */
async function tabsAround(page) {
  const reached = new Set();
  for (let k = 0; k < 60; k += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const node = document.activeElement;
      const part = node.closest('#places, #bar, #log, #compose, #people')?.id ?? '';
      const style = getComputedStyle(node);
      return { part, shown: node === document.body || style.outlineStyle !== 'none' || node.matches('.skip') };
    });
    assert.ok(at.shown, 'the focus is not to be seen');
    reached.add(at.part);
  }
  for (const part of ['places', 'bar', 'log', 'compose', 'people']) assert.ok(reached.has(part), `Tab does not reach ${part}`);
}

for (const [size, options] of [['phone', PHONE], ['desk', DESK]]) {
  for (const colorScheme of ['light', 'dark']) {
    journey(`axe finds nothing on a ${size} in ${colorScheme}`, async (come) => {
      const page = await come(kitchen, null, { ...options, colorScheme });
      await page.goto(kitchen.invitation());
      assert.deepEqual(await violations(page, AXE), [], 'at the door');
      await page.fill('#signin-name', `Max ${size} ${colorScheme}`);
      await page.click('#signin-go');
      await connected(page);
      await say(page, 'Hello, all');
      await page.locator('.msg.mine .marks button').last().waitFor();
      await until('people', () => page.locator('#here .item').count());
      assert.deepEqual(await violations(page, AXE), [], 'in a room');
      await page.click('[data-do="more"]');
      assert.deepEqual(await violations(page, AXE), [], 'the menu');
      for (const what of ['settings', 'help', 'map']) {
        await page.evaluate(() => document.querySelector('dialog[open]')?.close());
        await page.click('[data-do="more"]');
        await page.click(`#more [data-do="${what}"]`);
        if (what === 'map') await page.locator('#map-view svg').waitFor();
        assert.deepEqual(await violations(page, AXE), [], what);
        assert.deepEqual(await overflows(page), [], what);
        await shot(page, `${size}-${colorScheme}-${what}.png`);
      }
      await page.keyboard.press('Escape');
      if (size === 'phone') {
        await page.click('#show-people');
        await person(page, 'Max').first().click();
        assert.deepEqual(await violations(page, AXE), [], 'people');
        await page.keyboard.press('Escape');
        await page.keyboard.press('Escape');
        await page.click('#show-places');
        assert.deepEqual(await violations(page, AXE), [], 'places');
        await page.keyboard.press('Escape');
      }
      await shot(page, `${size}-${colorScheme}.png`);
    });
  }
}

journey('320 pixels are wide enough, and targets are large enough', async (come) => {
  const page = await come(kitchen, 'Nora with a rather long name', NARROW);
  await say(page, `/join ${'long-room-name-'.repeat(4)}`);
  await page.locator('#title', { hasText: 'long-room' }).waitFor();
  await say(page, `${'W'.repeat(300)} ${'word '.repeat(40)}`);
  await page.locator('.msg.mine .marks').waitFor();
  for (const panel of ['places', 'people']) {
    await page.click(`#show-${panel}`);
    assert.deepEqual(await overflows(page), [], panel);
    assert.deepEqual(await small(page), [], panel);
    await page.keyboard.press('Escape');
  }
  assert.deepEqual(await overflows(page), []);
  assert.deepEqual(await small(page), []);
  await shot(page, 'narrow.png');
  // At 200 % a window of 640 by 512 has half as many CSS pixels.
  await page.setViewportSize({ width: 320, height: 256 });
  assert.deepEqual(await overflows(page), [], 'at 200 %');
  assert.ok((await page.locator('#log').boundingBox()).height > 60, 'messages are left to be seen at 200 %');
});

/** What can be tapped and is smaller than 44 pixels. */
const small = (page) => page.evaluate(() => [...document.querySelectorAll('button, input, textarea, summary')]
  // Marks stand in a line of text and have a larger area around them.
  .filter((node) => node.checkVisibility() && !node.closest('[inert], .marks'))
  .map((node) => [node.closest('label.check') ?? node, node])
  .filter(([area]) => area.getBoundingClientRect().height < 43.9 || area.getBoundingClientRect().width < 43.9)
  .map(([, node]) => node.outerHTML.slice(0, 100)));

journey('unread messages are counted, and reading back is not disturbed', async (come) => {
  const anna = await come(kitchen, 'Olga');
  await say(anna, '/join quiet');
  await anna.locator('#title', { hasText: '#quiet' }).waitFor();
  barn.ctl('send', 'one');
  barn.ctl('send', 'Olga, two');
  await anna.locator('#rooms .badge', { hasText: '@ 2' }).waitFor();
  await until('the title', async () => (await anna.title()).startsWith('(2)'));
  assert.match(await anna.getAttribute('#icon', 'href'), /icon-new/);
  await anna.locator('#rooms .item', { hasText: '#lobby' }).click();
  await until('the title', async () => !(await anna.title()).startsWith('('));
  for (let k = 0; k < 30; k += 1) barn.ctl('send', `fill ${k}`);
  await shown(anna, 'fill 29');
  await anna.hover('#log');
  await anna.mouse.wheel(0, -400);
  await anna.locator('#newest').waitFor();
  const top = await anna.evaluate(() => document.getElementById('log').scrollTop);
  barn.ctl('send', 'below');
  await anna.locator('#newest', { hasText: '1 new message' }).waitFor();
  assert.equal(await anna.evaluate(() => document.getElementById('log').scrollTop), top);
  await anna.click('#newest');
  await anna.locator('#newest').waitFor({ state: 'hidden' });
});

journey('a page asks nobody but its own node', async (come) => {
  const anna = await come(kitchen, 'Pia');
  await say(anna, 'see https://example.com/picture.png');
  await shown(anna, 'picture.png');
  const own = new Set([new URL(kitchen.url).host]);
  const others = anna.seen.requests.filter((url) => !own.has(new URL(url).host));
  assert.deepEqual(others, []);
  const logged = anna.seen.requests.filter((url) => new URL(url).search);
  assert.deepEqual(logged, [], 'something is told in an address');
});

journey('a page goes on at another node when its own is gone, and comes back', async (come) => {
  const key = path.join(kitchen.dir, 'token.key');
  fs.writeFileSync(key, 'a secret that both gateways share, for one test');
  const [webs, origin] = [[kitchen.web, barn.web], (url) => JSON.stringify(new URL(url).origin)];
  barn.web = `origins = [${origin(kitchen.url)}]\ntoken-key-file = ${JSON.stringify(key)}`;
  kitchen.web = `others = [${JSON.stringify(barn.url)}]\ntoken-key-file = ${JSON.stringify(key)}`;
  for (const station of [kitchen, barn]) {
    await station.gateway.kill();
    await station.startGateway();
  }
  const anna = await come(kitchen, 'Sue');
  await say(anna, 'from home');
  await shown(anna, 'from home');
  await kitchen.gateway.kill();
  await anna.locator('#status', { hasText: 'Connected to barn, as' }).waitFor({ timeout: 60_000 });
  await say(anna, 'from elsewhere');
  await shown(anna, 'from elsewhere');
  await kitchen.startGateway();
  await barn.gateway.kill();
  await anna.locator('#status', { hasText: 'Connected to kitchen' }).waitFor({ timeout: 60_000 });
  for (const text of ['from home', 'from elsewhere']) {
    assert.equal(await anna.locator('#log .words', { hasText: text }).count(), 1, text);
  }
  [kitchen.web, barn.web] = webs;
  await barn.startGateway();
});

journey('presence changes when a node is killed, and the page says who is missing', async (come) => {
  const anna = await come(kitchen, 'Quinn');
  const ben = await come(barn, 'Rob');
  await state(anna, 'Rob', 'online');
  await barn.daemon.kill();
  await state(anna, 'Rob', 'unreachable');
  await anna.locator('#mesh', { hasText: 'You are with 1 of 2. Missing: barn.' }).waitFor({ timeout: 30_000 });
  await shot(anna, 'desk-split.png');
  await anna.keyboard.press('Alt+m');
  await anna.locator('.mesh-node.dead').first().waitFor({ state: 'attached' });
  await anna.keyboard.press('Escape');
  await barn.startDaemon();
  await state(anna, 'Rob', 'online');
  await anna.locator('#mesh').waitFor({ state: 'hidden', timeout: 30_000 });
  await connected(ben, 60_000);
});
