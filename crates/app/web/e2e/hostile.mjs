// Items that are called by scripts: node e2e/hostile.mjs ENDCAP [SHOTS_FOLDER]
//
// A file whose names are programs for a browser is brought in on the data page, in a real browser; wherever the names are
// shown afterwards they are text. The content policy would stop most scripts, and is not relied upon: it may have had nothing to
// stop.

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accessible, launch, looked, newFolder, run, sizes, start, step } from './common.mjs';

const password = 'a long enough secret';
/** How each item is called, and how that is shown: without the marks that would turn the text around it. */
const ITEMS = [
  ['a', '<script>window.ran="script"</script>Milk'],
  ['b', '<img src=x onerror="window.ran=1">'],
  ['c', `"tea" & 'milk' </td><b>bold</b> &lt;i&gt;`],
  ['d', '\u202eevil <svg onload=window.ran=2>', 'evil <svg onload=window.ran=2>'],
  ['e', 'חלב {{constructor.constructor("window.ran=3")()}}', '\u2068חלב {{constructor.constructor("window.ran=3")()}}\u2069'],
  ['f', '${window.ran=4}`+alert(1)+`javascript:alert(1)'],
];
const CATEGORY = '<iframe srcdoc="<script>parent.ran=5</script>">';
const GROUPS = ['<a href="javascript:window.ran=6">go</a>', 'g"1', "g'2"];
const FILE = '<img src=x onerror=window.ran=7>.csv';
const NOTE = '<script>window.ran=8</script><img src=x onerror=window.ran=9>"\u202eenod';
const shown = (item) => item[2] ?? item[1];

const folder = newFolder();
const quoted = (text) => `"${text.replaceAll('"', '""')}"`;

/** A history in which each item was at 20 % off every sixth week, and shoppers answered. */
function sales() {
  const lines = ['sku,place,week,units,price,list_price'];
  for (let week = 1; week <= 44; week += 1) {
    for (const [at, [sku]] of ITEMS.entries()) {
      for (const [store, size] of [['x', 1], ['y', 1.3]]) {
        const ratio = (week + at) % 6 === 0 ? 0.8 : 1;
        const wave = 0.9 + 0.05 * ((week * 7 + at * 3 + (store === 'y' ? 1 : 0)) % 5);
        lines.push(`${sku},${store},2024-W${String(week).padStart(2, '0')},${Math.round((40 + at * 8) * size * wave * ratio ** -3)},${(2 * ratio).toFixed(2)},2.00`);
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

await run(['init', folder]);
writeFileSync(join(folder, 'sales.csv'), sales());
writeFileSync(join(folder, 'places.csv'), 'place,region\nx,north\ny,north\n');
writeFileSync(
  join(folder, 'endcap.toml'),
  `name = "shop"
currency = "EUR"
calendar = "week"
[[sales]]
files = ["sales.csv"]
[sales.columns]
sku = "sku"
place = "place"
period = "week"
units = "units"
price = "price"
list_price = "list_price"
[[places]]
files = ["places.csv"]
[places.columns]
place = "place"
region = "region"
`,
);
const scenario = join(folder, 'scenario.toml');
writeFileSync(
  scenario,
  readFileSync(scenario, 'utf8').replace('\nmargin_rate = 0.30', '\nmargin_rate = 0.55').replace('slots = 20', 'slots = 2').replace('list_price = 4.00', 'list_price = 2.00'),
);
await run(['account', 'add', 'lin', '--role', 'data_scientist', '--role', 'planner', folder], `${password}\n`);
const { server, address } = await start([folder]);
const browser = await launch();
try {
  const context = await browser.newContext(sizes[0]);
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  const broken = [];
  page.on('pageerror', (error) => broken.push(error.message));
  page.on('dialog', (dialog) => { broken.push(`a dialog: ${dialog.message()}`); void dialog.dismiss(); });
  await page.addInitScript(() => {
    window.stopped = [];
    document.addEventListener('securitypolicyviolation', (event) => window.stopped.push(`${event.violatedDirective} ${event.sample || event.blockedURI}`));
  });

  /** Nothing on the page came from a name, and nothing ran or had to be stopped. */
  async function harmless(what) {
    const found = await page.evaluate(() => ({
      ran: window.ran,
      stopped: window.stopped,
      made: [...document.querySelectorAll('body script, img:not([src="/icon.svg"]), iframe, svg[onload], [onerror], [onload], a[href^="javascript:"], main b')].map((own) => own.outerHTML),
    }));
    assert.deepEqual(found, { ran: undefined, stopped: [], made: [] }, what);
  }

  /** The text is on the page as it was written. */
  async function told(text, within = page.locator('main')) {
    const whole = () => within.evaluateAll((all) => all.map((own) => own.textContent).join('\n'));
    for (let tries = 0; tries < 100 && !(await whole()).includes(text); tries += 1) await page.waitForTimeout(100);
    assert.ok((await whole()).includes(text), `${JSON.stringify(text)} is not on ${page.url()}`);
  }

  async function look(name) {
    await harmless(name);
    await accessible(page);
    await looked(page, `hostile-${name}`);
  }

  await step('a file full of scripts is brought in, its own name too', async () => {
    await page.goto(address);
    await page.getByLabel('Name').fill('lin');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await page.goto(`${address}/data`);
    const items = ['sku,name,category,group', ...ITEMS.map(([sku, name], at) => [sku, name, CATEGORY, GROUPS[at % 3]].map(quoted).join(','))];
    await page.getByLabel('Choose files to bring in').setInputFiles([{ name: FILE, mimeType: 'text/csv', buffer: Buffer.from(`${items.join('\n')}\n`) }]);
    await page.getByLabel(/^What .* holds$/).waitFor();
    await look('data-file');
    await page.getByRole('button', { name: 'Check what would come in' }).click();
    await page.getByText('Rows that would come in').waitFor();
    await look('data-checked');
    await page.getByRole('button', { name: 'Bring in', exact: true }).click();
    await page.getByText('Brought in.').waitFor();
    await page.goto(address);
    await page.getByText('Periods to plan').waitFor({ timeout: 600_000 });
    await page.goto(`${address}/data`);
    await told(CATEGORY);
    await look('data');
  });

  let board = '';
  await step('a board shows every name as text', async () => {
    await page.goto(`${address}/plan`);
    await page.getByRole('button', { name: 'New board' }).click();
    await page.locator('#plan-value').waitFor();
    board = new URL(page.url()).pathname.split('/')[2];
    const rows = await page.locator('tbody th.item').evaluateAll((all) => all.map((own) => own.firstChild.textContent));
    assert.deepEqual([...rows].sort(), ITEMS.map(shown).sort());
    await told(GROUPS[0]);
    await look('board');
  });
  await step('why an item runs is told with its name and a note as text', async () => {
    for (const item of ITEMS) {
      await page.getByLabel('Find an item').fill(item[0] === 'c' ? 'tea' : item[1].slice(0, 12));
      await page.locator('tbody tr', { hasText: shown(item) }).locator('button.cell').first().click();
      await page.getByRole('heading', { name: 'Every depth' }).waitFor();
      assert.ok((await page.locator('#cell-title').textContent()).startsWith(`${shown(item)}, 2024-W`), shown(item));
      await harmless(`why ${shown(item)}`);
    }
    await page.getByPlaceholder('Write a note for others').fill(NOTE);
    await page.getByRole('button', { name: 'Keep the note' }).click();
    await told(NOTE, page.locator('section.panel p'));
    await look('why');
  });
  await step('supply, evidence and what past promotions brought show names as text', async () => {
    for (const [name, path] of [
      ['stock', `/supply/stock?board=${board}`],
      ['orders', `/supply/orders?board=${board}`],
      ['effects', '/evidence'],
      ['after', '/after'],
    ]) {
      await page.goto(address + path);
      for (const item of ITEMS) await told(shown(item));
      await look(name);
    }
    for (const path of [`/supply?board=${board}`, '/supply/transfers?board=' + board, '/after/rollup', '/after/playbook', `/plan/compare?boards=${board},${board}`]) {
      await page.goto(address + path);
      await page.locator('main h1').first().waitFor();
      await page.waitForFunction(() => !/Reading…|Planning|Searching/.test(document.querySelector('main')?.textContent ?? ''));
      await harmless(path);
    }
    await page.goto(`${address}/after`);
    await page.getByRole('button', { name: /^Report/ }).first().click();
    await page.getByRole('heading', { name: 'Next time' }).waitFor();
    await look('report');
  });
  await step('a name that turns letters round turns nothing but itself', async () => {
    await page.goto(`${address}/plan/${board}`);
    const row = page.locator('tbody tr', { hasText: shown(ITEMS[3]) });
    await row.locator('button.cell').first().click();
    const title = page.locator('#cell-title');
    await title.waitFor();
    const places = await title.evaluate((own) => {
      const text = own.firstChild;
      const week = text.data.indexOf('2024-W');
      return [week, week + 3].map((at) => {
        const letter = document.createRange();
        letter.setStart(text, at);
        letter.setEnd(text, at + 1);
        return letter.getBoundingClientRect().left;
      });
    });
    assert.ok(places[0] < places[1], 'the week beside the name reads from left to right');
  });
  assert.deepEqual(broken, [], 'errors in the browser');
  console.log('names stay names');
} finally {
  await browser.close();
  server.removeAllListeners('exit');
  server.kill('SIGINT');
  rmSync(folder, { recursive: true, force: true });
}
