// Drives the real desk on the real demo with a real browser: node e2e/desk.mjs ENDCAP [SHOTS_FOLDER]
//
// Every page is used as a person would, checked with axe-core, and looked at in three sizes (screenshots are kept where
// a folder is named).

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { accessible, launch, looked, newFolder, shots, sizes, start, step } from './common.mjs';
import { byKeyboard } from './keyboard.mjs';

const folder = newFolder();

async function signIn(page, address, role) {
  await page.goto(address);
  await page.getByRole('button', { name: role, exact: true }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

const { server, address } = await start(['--demo', join(folder, 'demo')]);
const browser = await launch();
try {
  const context = await browser.newContext(sizes[0]);
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  const broken = [];
  page.on('pageerror', (error) => broken.push(error.message));
  page.on('console', (message) => message.type() === 'error' && !/status of 4\d\d/.test(message.text()) && broken.push(message.text()));

  await step('the first page stands within a second of a cold start', async () => {
    const begun = performance.now();
    await page.goto(address);
    await page.getByRole('button', { name: 'Planner', exact: true }).waitFor();
    const took = performance.now() - begun;
    console.log(`  first page after ${took.toFixed(0)} ms`);
    await accessible(page);
    await looked(page, 'sign-in');
  });
  await step('a planner comes in and the project gets ready', async () => {
    await signIn(page, address, 'Planner');
    await page.getByText('Periods to plan').waitFor({ timeout: 600_000 });
    await accessible(page);
  });

  await step('a client that knows the description of the API alone does the main job', async () => {
    const client = fileURLToPath(new URL('../client.tmp/client.js', import.meta.url));
    console.log(`  ${(await promisify(execFile)(process.execPath, [client, address])).stdout.trim()}`);
  });

  let board = '';
  let played = '';
  let drilled = '';
  await step('a new board begins with a proven plan', async () => {
    await page.goto(`${address}/plan`);
    await page.getByRole('button', { name: 'New board' }).click();
    await page.locator('#plan-value').waitFor({ timeout: 120_000 });
    board = new URL(page.url()).pathname;
    await accessible(page);
  });
  const value = () => page.locator('#plan-value').innerText();
  const cell = () => page.locator('button.cell:not(.none)').first();
  await step('an offer is locked away, planned anew, and brought back', async () => {
    const before = await value();
    await cell().click();
    await page.getByRole('heading', { name: 'Money by cause' }).waitFor();
    await page.getByRole('heading', { name: 'Every depth' }).waitFor();
    await accessible(page);
    await page.getByRole('button', { name: 'No offer', exact: true }).click();
    await page.getByText(/Planned in/).waitFor();
    console.log(`  ${await page.getByText(/Planned in/).innerText()}`);
    await page.getByText(/offers? moved/).click();
    await page.getByRole('listitem').filter({ hasText: '→ no offer' }).first().waitFor();
    assert.ok((await page.locator('button.cell.changed').count()) > 0, 'cells that moved are framed');
    assert.notEqual((await value()).split('\n')[0], before.split('\n')[0]);
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.waitForFunction((was) => document.querySelector('#plan-value')?.textContent?.trim().startsWith(was), before.split('\n')[0]);
  });
  await step('a limit moves and its price is shown', async () => {
    const before = (await value()).split('\n')[0];
    const slider = page.getByLabel(/^Budget/);
    await looked(page, 'laptop-board-new');
    await slider.focus();
    for (let press = 0; press < 4; press += 1) await slider.press('PageDown');
    await page.waitForFunction((was) => !document.querySelector('#plan-value')?.textContent?.trim().startsWith(was), before);
    await page.getByRole('button', { name: 'Value by budget' }).click();
    await page.locator('canvas').first().waitFor({ timeout: 120_000 });
  });
  await step('a note with a script in it stays text', async () => {
    await cell().click();
    await page.getByPlaceholder('Write a note for others').fill('<img src=x onerror="document.title=1"><script>1</script>');
    await page.getByRole('button', { name: 'Keep the note' }).click();
    await page.getByText('<img src=x').first().waitFor();
  });
  await step('a shared board is seen by another role, which cannot change it', async () => {
    await page.getByRole('button', { name: 'Name and share' }).click();
    await page.getByLabel('Name', { exact: true }).fill('<b>Summer</b>');
    await page.getByLabel(/Everybody/).check();
    await page.getByRole('button', { name: 'Keep', exact: true }).click();
    await page.getByRole('heading', { name: '<b>Summer</b>' }).waitFor();
    const other = await (await browser.newContext(sizes[1])).newPage();
    await signIn(other, address, 'Viewer');
    await other.goto(address + board);
    await other.locator('#plan-value').waitFor({ timeout: 60_000 });
    assert.equal(await other.getByRole('button', { name: 'Undo' }).count(), 0);
    await other.context().close();
  });
  await step('of two who change a board at once the second is told where they look, and goes on', async () => {
    const second = await context.newPage();
    await second.route('**/api/v1/live', (route) => route.abort());
    await second.goto(address + board);
    await second.locator('#plan-value').waitFor();
    await second.locator('button.cell:not(.none)').first().click();
    const panel = second.locator('section.panel');
    await panel.getByRole('heading', { name: 'Every depth' }).waitFor();
    await Promise.all([page.waitForResponse(/\/undo/), page.getByRole('button', { name: 'Undo' }).click()]);
    await panel.getByRole('button', { name: 'No offer', exact: true }).click();
    await panel.getByText('Changed by somebody else').waitFor();
    await looked(second, 'laptop-second-is-told');
    await panel.getByRole('button', { name: 'Try again' }).click();
    await panel.getByText('Changed by somebody else').waitFor({ state: 'detached' });
    await second.close();
  });
  await step('who looks on sees at once what another person changed', async () => {
    const other = await (await browser.newContext(sizes[0])).newPage();
    await signIn(other, address, 'Supply planner');
    await other.goto(address + board);
    await other.locator('#plan-value').waitFor();
    await page.getByLabel(/^Items at once/).press('ArrowRight');
    await other.getByText(/changed this board; you see it as it is now/).waitFor();
    await other.context().close();
  });
  await step('a session that ends during an edit leads back to the board', async () => {
    const own = await (await browser.newContext(sizes[0])).newPage();
    await signIn(own, address, 'Planner');
    await own.goto(address + board);
    await own.locator('button.cell:not(.none)').first().click();
    await own.getByRole('heading', { name: 'Every depth' }).waitFor();
    await own.context().clearCookies();
    await own.locator('section.panel').getByRole('button', { name: 'No offer', exact: true }).click();
    await own.getByText('Your session has ended').waitFor();
    await own.getByRole('button', { name: 'Planner', exact: true }).click();
    await own.locator('#plan-value').waitFor();
    assert.equal(new URL(own.url()).pathname, board);
    await own.context().close();
  });
  await step('a double click makes one board', async () => {
    const count = () => page.evaluate(async () => (await (await fetch('/api/v1/boards?limit=500')).json()).items.length);
    await page.goto(`${address}/plan`);
    const before = await count();
    await page.getByRole('button', { name: 'New board' }).dblclick();
    await page.locator('#plan-value').waitFor({ timeout: 120_000 });
    assert.equal(await count(), before + 1);
    await page.evaluate(async (path) => {
      const me = await (await fetch('/api/v1/session')).json();
      await fetch(`/api/v1/boards/${path.split('/')[2]}`, { method: 'DELETE', headers: { 'X-CSRF-Token': me.csrf, 'If-Match': '"v1"' } });
    }, new URL(page.url()).pathname);
  });

  await byKeyboard(browser, address);

  const alert = (on) => on.locator('main [role=alert]').first();
  await step('without a plan in force the supply of a board is offered', async () => {
    await page.goto(`${address}/supply`);
    await page.getByRole('heading', { name: 'No plan is in force' }).waitFor();
    await page.getByRole('link', { name: '<b>Summer</b>' }).click();
    await page.getByText('A person must act').waitFor({ timeout: 120_000 });
    await accessible(page);
  });
  await step('a fan is looked at, and its figures', async () => {
    await page.getByRole('link', { name: 'Stock ahead' }).click();
    await page.locator('article canvas').first().waitFor();
    await page.getByLabel('Only what has an alert').check();
    await page.getByRole('button', { name: /^Figures/ }).first().click();
    await page.locator('dialog[open]').getByRole('columnheader', { name: 'Nine of ten' }).waitFor();
    await accessible(page);
    await looked(page, 'laptop-fan');
    await page.getByRole('button', { name: 'Close' }).click();
  });
  await step('orders are downloaded as they are filtered', async () => {
    await page.getByRole('link', { name: 'Orders' }).click();
    await page.getByRole('row').nth(1).waitFor();
    const place = await page.getByRole('row').nth(1).getByRole('cell').nth(1).innerText();
    await page.getByRole('combobox', { name: 'Place', exact: true }).selectOption(place);
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Download as CSV' }).click()]);
    const rows = readFileSync(await download.path(), 'utf8').trim().split('\n');
    assert.match(rows[0], /^place_id,unit_id,supplier_id,order_period,arrives,quantity/);
    assert.ok(rows.length > 1 && rows.slice(1).every((row) => row.startsWith(`${place},`)), rows[1]);
  });
  await step('an alert leads to the stock that it is about', async () => {
    await page.getByRole('link', { name: 'Alerts' }).click();
    await page.getByRole('button', { name: 'Exception' }).click();
    await page.locator('tbody a').first().click();
    await page.getByRole('button', { name: 'Show all' }).waitFor();
    await page.locator('article canvas').first().waitFor();
  });

  let other = '';
  await step('a second board is made and compared with the first', async () => {
    await page.goto(`${address}/plan`);
    await page.getByRole('button', { name: 'New board' }).click();
    await page.locator('#plan-value').waitFor({ timeout: 120_000 });
    other = new URL(page.url()).pathname;
    await page.getByLabel(/^Items at once/).fill('1');
    await page.getByText(/Planned in/).waitFor();
    await page.goto(`${address}/plan`);
    const boxes = page.getByRole('checkbox', { name: /^Compare / });
    await boxes.nth(1).waitFor();
    for (const path of [board, other]) await page.locator(`input[value="${path.split('/')[2]}"]`).check();
    await page.getByRole('link', { name: 'Compare 2 boards' }).click();
    await page.getByRole('heading', { name: /cells differ/ }).waitFor({ timeout: 120_000 });
    await page.getByRole('heading', { name: 'What each leaves out that another one runs' }).waitFor();
    await page.waitForFunction(() => !document.querySelector('main')?.textContent?.includes('…'), null, { timeout: 120_000 });
    await page.getByText(/share it on the board before you send the link/).waitFor();
    await accessible(page);
  });
  const compared = () => `/plan/compare?boards=${board.split('/')[2]},${other.split('/')[2]}`;

  await step('a lever of the ready season is moved and the result follows', async () => {
    await page.goto(`${address}/plan`);
    await page.getByRole('link', { name: /PittaRosso levers/ }).click();
    const revenue = page.locator('#lever-revenue');
    await revenue.waitFor({ timeout: 60_000 });
    await page.getByText(/published: €88/).waitFor();
    const before = await revenue.innerText();
    const begun = performance.now();
    await page.getByLabel(/^Sports shoes/).press('End');
    await page.waitForFunction((was) => document.querySelector('#lever-revenue')?.innerText !== was, before);
    console.log(`  a moved lever shows after ${(performance.now() - begun).toFixed(0)} ms`);
    await page.getByRole('button', { name: 'Best around what I hold' }).click();
    await page.getByText(/no plan with these levers held/).waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Min inventory' }).click();
    await page.getByText(/published: −€39/).waitFor({ timeout: 60_000 });
    await page.getByRole('button', { name: 'Keep to compare' }).click();
    await page.getByRole('button', { name: 'Max revenue', exact: true }).click();
    await page.getByText(/Set otherwise: goal min inventory, now max revenue/).waitFor({ timeout: 60_000 });
    await page.waitForFunction(() => !document.querySelector('main')?.textContent?.includes('Working it out'), null, { timeout: 60_000 });
    const stands = await revenue.innerText();
    const link = page.url();
    await page.goto(`${address}/plan`);
    await page.goto(link);
    await page.getByText(/Set otherwise/).waitFor({ timeout: 60_000 });
    assert.equal((await revenue.innerText()).split('\n')[0], stands.split('\n')[0], 'the link carries every lever');
    await accessible(page);
  });
  await step('the Promo Planner answers its questions at once', async () => {
    await page.goto(`${address}/plan/ready/promo-planner`);
    const margin = page.getByRole('row', { name: /^Incremental margin/ });
    await margin.waitFor();
    const before = await margin.innerText();
    await page.getByRole('button', { name: 'Cut the budget by 30 %' }).click();
    await page.waitForFunction((was) => ![...document.querySelectorAll('tr')].some((row) => row.innerText === was), before);
    await page.getByRole('button', { name: 'Keep to compare' }).click();
    await page.getByText('The inputs are the same').waitFor();
    await page.getByRole('button', { name: 'Steal rate 20 % to 40 %' }).click();
    await page.getByText(/Set otherwise: 20% taken from the others, now 40%/).waitFor();
    const beside = page.getByRole('region', { name: 'Side by side' });
    const shared = await beside.innerText();
    const link = page.url();
    const other = await (await browser.newContext(sizes[0])).newPage();
    await signIn(other, address, 'Viewer');
    await other.goto(link);
    await other.getByText(/Set otherwise/).waitFor();
    assert.equal(await other.getByRole('region', { name: 'Side by side' }).innerText(), shared, 'the link carries both');
    await other.goto(`${address}/plan/ready/promo-planner?inputs=xyz`);
    await alert(other).getByText(/cannot be read whole/).waitFor();
    await other.context().close();
    await accessible(page);
    await looked(page, 'laptop-planner-beside');
    await page.getByLabel('Price of coffee').fill('0');
    await alert(page).getByText(/a price of at least 0.01/).waitFor();
    await page.getByRole('button', { name: 'Back to the first inputs' }).click();
    await alert(page).waitFor({ state: 'detached' });
    await accessible(page);
  });
  await step('boards that are not there, or are somebody else’s, are said to be missing', async () => {
    const viewer = await (await browser.newContext(sizes[0])).newPage();
    await signIn(viewer, address, 'Viewer');
    for (const path of [`/supply?board=${other.split('/')[2]}`, compared(), '/supply?board=none', '/plan/compare?boards=none,none']) {
      await viewer.goto(address + path);
      await alert(viewer).getByText(/There is no board '.*' that you may see/).waitFor();
    }
    await viewer.context().close();
  });
  await step('the tour is taken by keyboard, left, and gone on with', async () => {
    await page.goto(`${address}/learn`);
    await page.getByRole('button', { name: 'Take the tour' }).press('Enter');
    await page.getByRole('heading', { name: 'Where things are' }).waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.id);
    await page.waitForFunction(() => document.activeElement?.id === 'tour-title');
    await accessible(page);
    await page.getByRole('button', { name: 'Next' }).press('Enter');
    await page.getByRole('heading', { name: 'The project at a glance' }).waitFor();
    await page.getByRole('button', { name: 'Next' }).press('Enter');
    await page.getByRole('heading', { name: 'What it rests on' }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/data');
    assert.equal(await focused(), 'tour-title');
    await page.locator('.frame').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('#tour-title').count(), 0);
    await page.goto(`${address}/learn`);
    await page.getByRole('button', { name: 'Go on at step 3' }).click();
    await page.getByRole('heading', { name: 'What it rests on' }).waitFor();
    await page.getByRole('button', { name: /Leave the tour/ }).click();
  });
  await step('a word explains itself where it stands, and on its page', async () => {
    await page.goto(`${address}/after`);
    const word = page.getByRole('button', { name: 'Usual report', exact: true }).first();
    await word.press('Enter');
    await page.getByRole('link', { name: 'All words' }).first().waitFor();
    await accessible(page);
    await page.keyboard.press('Escape');
    assert.equal(await word.evaluate((element) => document.activeElement === element), true);
    await word.click();
    await page.getByRole('link', { name: 'All words' }).first().click();
    await page.locator('#word-usual_report.asked').waitFor();
    await page.getByLabel('Find a word').fill('zzz');
    await page.getByText('No word fits').waitFor();
  });
  await step('past promotions have a report, a roll-up and a playbook', async () => {
    await page.goto(`${address}/after`);
    await page.getByRole('button', { name: /^Report/ }).first().click();
    await page.getByRole('heading', { name: 'Next time' }).waitFor();
    await page.getByText(/sold was (in|out)side/).waitFor({ timeout: 120_000 });
    await accessible(page);
    await looked(page, 'laptop-report');
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByRole('link', { name: 'Roll-up' }).click();
    await page.getByRole('button', { name: 'Depth', exact: true }).click();
    await page.getByRole('rowheader', { name: 'over 10 to 20 %' }).waitFor();
    await page.getByRole('link', { name: 'Playbook' }).click();
    await page.getByRole('heading', { name: 'What not to do again' }).waitFor();
    await page.getByRole('button', { name: /Open a board with such an offer/ }).first().click();
    await page.locator('#plan-value').waitFor({ timeout: 120_000 });
  });
  await step('a world of the sandbox is played to its end', async () => {
    await page.goto(`${address}/learn/sandbox`);
    await page.getByLabel(/^World/).fill('seven');
    await page.getByRole('button', { name: 'Start a world' }).click();
    await page.getByText('A whole number from 1 to 9999').waitFor();
    await page.getByLabel(/^World/).fill('7');
    await page.getByRole('button', { name: 'Start a world' }).click();
    await page.getByRole('heading', { name: /world 7/ }).waitFor();
    const game = page.url();
    await page.getByLabel('Coffee, 2026-W13').selectOption('0.2');
    await page.getByLabel('Coffee, 2026-W14').selectOption('0.2');
    await page.getByRole('button', { name: 'Play one week' }).click();
    await page.getByText(/expected 4 weeks between/).waitFor();
    assert.equal(await page.locator('select[aria-invalid="true"]').count(), 1);
    await accessible(page);
    await page.getByLabel('Coffee, 2026-W14').selectOption('0');
    await page.getByLabel('Your order of tea').fill('many');
    await page.getByRole('button', { name: 'Play one week' }).click();
    await page.getByText('An order is not a number').waitFor();
    await page.getByLabel('Your order of tea').fill('240');
    const other = await context.newPage();
    await other.goto(game);
    await other.getByRole('button', { name: 'Play one week' }).waitFor();
    await page.getByRole('button', { name: 'Play one week' }).click();
    await page.getByText('Week 2 of 13').waitFor();
    await other.getByRole('button', { name: 'Play one week' }).click();
    await other.getByText(/has been played already/).waitFor();
    await other.close();
    await page.getByRole('button', { name: 'Play four weeks' }).click();
    await page.getByText('Week 6 of 13').waitFor();
    await looked(page, 'laptop-sandbox-half');
    await page.getByRole('button', { name: 'Play to the end' }).click();
    await page.getByRole('heading', { name: 'How you did' }).waitFor({ timeout: 120_000 });
    await accessible(page);
    await looked(page, 'laptop-sandbox-end');
    played = new URL(game).pathname;
  });
  await step('a drill is taken and scored beside the model', async () => {
    await page.goto(`${address}/learn/drill`);
    await page.getByLabel('Promotions').selectOption('3');
    await page.getByRole('button', { name: 'Begin a drill' }).click();
    await page.getByRole('button', { name: 'Give these forecasts' }).waitFor({ timeout: 60_000 });
    assert.equal(await page.getByText('Model', { exact: true }).count(), 0);
    const forecasts = page.getByLabel('Your forecast');
    for (let at = 0; at < 3; at += 1) await forecasts.nth(at).fill('100');
    await forecasts.nth(1).fill('a lot');
    await page.getByRole('button', { name: 'Give these forecasts' }).click();
    await page.getByText('"a lot" is no number').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'units-1');
    await forecasts.nth(1).fill('80');
    await page.getByLabel('Low').nth(1).fill('50');
    await page.getByLabel('High').nth(1).fill('120');
    await accessible(page);
    await page.getByRole('button', { name: 'Give these forecasts' }).click();
    await page.locator('#drill-result').waitFor({ timeout: 180_000 });
    await accessible(page);
    await looked(page, 'laptop-drill-result');
    drilled = new URL(page.url()).pathname;
    await page.goto(`${address}/learn/drill`);
    await page.getByRole('cell', { name: /%/ }).first().waitFor();
  });

  const pages = [
    ['overview', '/'],
    ['boards', '/plan'],
    ['board', board],
    ['compare', compared()],
    ['promo-planner', '/plan/ready/promo-planner'],
    ['levers', '/plan/ready/pittarosso'],
    ['supply', `/supply?board=${board.split('/')[2]}`],
    ['stock', `/supply/stock?board=${board.split('/')[2]}`],
    ['orders', `/supply/orders?board=${board.split('/')[2]}`],
    ['transfers', `/supply/transfers?board=${board.split('/')[2]}`],
    ['sizes', `/supply/sizes?board=${board.split('/')[2]}`],
    ['effects', '/evidence'],
    ['backtest', '/evidence/backtest'],
    ['edits', '/evidence/edits'],
    ['after', '/after'],
    ['rollup', '/after/rollup'],
    ['playbook', '/after/playbook'],
    ['learn', '/learn'],
    ['sandbox', '/learn/sandbox'],
    ['sandbox-played', played],
    ['drill', '/learn/drill'],
    ['drill-taken', drilled],
    ['words', '/learn/words'],
    ['data', '/data'],
    ['autonomy', '/autonomy'],
  ];
  for (const size of sizes) {
    await step(`every page on a ${size.name}`, async () => {
      const context = await browser.newContext(size);
      const page = await context.newPage();
      await signIn(page, address, 'Planner');
      for (const [name, path] of pages) {
        await page.goto(address + path);
        await page.locator('main h1').first().waitFor();
        await page.waitForFunction(() => !/Reading…|Planning|Searching/.test(document.querySelector('main')?.textContent ?? ''), null, { timeout: 120_000 });
        await accessible(page);
        await looked(page, `${size.name}-${name}`);
      }
      await context.close();
    });
  }
  await step('data are brought in: a file that fits, one that does not, and what came of them', async () => {
    const context = await browser.newContext(sizes[0]);
    const page = await context.newPage();
    page.on('pageerror', (error) => broken.push(error.message));
    await signIn(page, address, 'Data scientist');
    await page.goto(`${address}/data`);
    const file = (name, text) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
    const header = 'sku,place,period,units,price_ratio\n';
    await page.getByLabel('Choose files to bring in').setInputFiles([
      file('colours.csv', 'colour,size\nred,1\n'),
      file('sales june.csv', `${header}191,5,2024-06-26,3,1.0\n191,5,2024-06-27,many,1.0\n191,5,2024-06-28,2,0.9\n`),
    ]);
    await page.getByText(/fit no kind of fact/).waitFor();
    await page.getByLabel('What sales_june.csv holds').waitFor();
    await accessible(page);
    await looked(page, 'laptop-import-files');
    await page.getByRole('button', { name: 'Dismiss colours.csv' }).click();
    await page.getByRole('button', { name: 'Check what would come in' }).click();
    await page.getByText('Rows that would come in').waitFor({ timeout: 120_000 });
    await page.getByRole('cell', { name: 'many' }).waitFor();
    const told = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download the row' }).click();
    assert.match(readFileSync(await (await told).path(), 'utf8'), /sales,sales_june.csv,2,units,many,/);
    await accessible(page);
    for (const size of sizes) {
      await page.setViewportSize(size.viewport);
      await page.emulateMedia({ colorScheme: size.colorScheme });
      await looked(page, `${size.name}-import-checked`);
      if (shots) await page.screenshot({ path: join(shots, `${size.name}-import-whole.png`), fullPage: true });
    }
    await page.getByRole('button', { name: 'Bring in', exact: true }).click();
    await page.getByText('Brought in.').waitFor({ timeout: 120_000 });
    await accessible(page);
    await looked(page, 'phone-import-done');
    await context.close();
  });
  await step('an admin makes an account', async () => {
    const context = await browser.newContext(sizes[0]);
    const page = await context.newPage();
    await page.goto(address);
    await page.getByText('Other roles').click();
    await page.getByRole('button', { name: 'Admin', exact: true }).click();
    await page.getByRole('link', { name: 'Accounts' }).click();
    await page.getByRole('button', { name: 'New account' }).click();
    await page.getByLabel('Name', { exact: true }).fill('grace');
    await page.getByLabel(/Password/).fill('a long enough secret');
    await page.getByRole('button', { name: 'Make the account' }).click();
    await page.getByRole('cell', { name: 'grace', exact: true }).waitFor();
    await accessible(page);
    await looked(page, 'laptop-accounts');
    await context.close();
  });
  assert.deepEqual(broken, [], 'errors in the browser');
  console.log('the desk works');
} finally {
  await browser.close();
  server.removeAllListeners('exit');
  server.kill('SIGINT');
  rmSync(folder, { recursive: true, force: true });
}
