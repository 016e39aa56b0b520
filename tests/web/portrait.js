// Takes the picture of the page that the README shows: node portrait.js FILE
import { DESK, enter, launch, say, shown, visitor } from './browser.js';
import { Station, until } from './mesh.js';

const NAMES = ['station', 'school', 'bridge', 'farm', 'pump-house', 'ridge'];
const LINKS = [[], ['station'], ['station', 'school'], ['bridge'], ['farm'], ['bridge']];

const stations = new Map();
for (const [at, name] of NAMES.entries()) {
  const peers = LINKS[at].map((peer) => stations.get(peer).address);
  stations.set(name, await new Station(name, peers).start());
}
const browser = await launch();
try {
  const page = await visitor(browser, DESK);
  await enter(page, stations.get('station'), 'Ines');
  const others = {};
  for (const [name, node] of [['Mats', 'bridge'], ['Ayla', 'school'], ['Tomas', 'farm'], ['Ridge crew', 'ridge']]) {
    others[name] = await visitor(browser, DESK);
    await enter(others[name], stations.get(node), name);
  }
  const talk = async (who, text) => {
    await say(who, text);
    await shown(page, text.replace(/^\/me /, ''));
  };
  await say(page, '/join water-level');
  await page.locator('#title', { hasText: 'water-level' }).waitFor();
  await say(page, '/join transport');
  await page.locator('#rooms .item', { hasText: '#lobby' }).click();
  await talk(others.Mats, 'Bridge is open in one lane. The gauge says 140 cm and falling.');
  await talk(page, 'Thank you. Two trucks with sandbags leave the station now.');
  await talk(others.Ayla, 'We have 46 people in the gym, and beds for 20 more.');
  await talk(others.Ayla, 'Ines, can one of the trucks bring blankets?');
  await talk(page, 'Yes. 60 blankets are on the second one.');
  await talk(others['Ridge crew'], '/me has the relay running on the battery again');
  await say(others.Tomas, '/away feeding the animals');
  await say(others.Mats, '/msg Ines The left railing is loose. Keep them to the right.');
  stations.get('pump-house').ctl('join', 'water-level');
  stations.get('pump-house').ctl('send', '#water-level', 'Pump 2 runs');
  await page.locator('#rooms .badge', { hasText: '1' }).waitFor();
  await stations.get('pump-house').daemon.kill();
  await page.locator('#mesh', { hasText: 'You are with 5 of 6' }).waitFor({ timeout: 60_000 });
  await talk(page, 'The pump house is off again. Tomas, please look when you are back.');
  await page.locator('.marks .open', { hasText: 'reached 5 of 6' }).waitFor();
  await until('the state of Tomas', () => page.locator('#people .small', { hasText: 'away' }).count());
  await page.locator('#people .item', { hasText: 'Ridge crew' }).hover();
  await page.locator('.card', { hasText: ' ms' }).waitFor();
  await page.screenshot({ path: process.argv[2] });
} finally {
  await browser.close();
  for (const station of stations.values()) await station.stop();
}
