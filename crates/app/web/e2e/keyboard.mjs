// The planner's job without a mouse: keys alone, from signing in to signing out. Nothing here clicks or puts the focus
// anywhere; what cannot be reached by Tab, arrows and Enter fails.

import assert from 'node:assert/strict';
import { accessible, looked, sizes, step } from './common.mjs';

/** Most presses of Tab from one thing that is used to the next. */
const TABS = 60;

/** What has the focus: its words, and whether it can be seen that it has it. */
const focused = (page) =>
  page.evaluate(() => {
    const own = document.activeElement;
    const style = getComputedStyle(own);
    const box = own.getBoundingClientRect();
    return {
      tag: own.tagName,
      name: (own.getAttribute('aria-label') ?? own.textContent ?? '').trim().slice(0, 60),
      marked: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
      inView: box.bottom > 0 && box.top < innerHeight,
    };
  });

/** Presses Tab until a thing has the focus; each stop on the way shows that it has it. Returns the number of presses. */
async function tabTo(page, what, key = 'Tab') {
  for (let presses = 0; presses <= TABS; presses += 1) {
    if ((await what.count()) > 0 && (await what.first().evaluate((own) => own === document.activeElement))) return presses;
    await page.keyboard.press(key);
    const stop = await focused(page);
    if (stop.tag !== 'BODY') assert.ok(stop.marked && stop.inView, `${stop.tag} '${stop.name}' has the focus and does not show it`);
  }
  assert.fail(`${what} is not reached by ${TABS} presses of ${key}; the focus is at ${JSON.stringify(await focused(page))}`);
}

async function press(page, what) {
  await tabTo(page, what);
  await page.keyboard.press('Enter');
}

/** The whole job on a desk whose project is ready. */
export async function byKeyboard(browser, address) {
  const context = await browser.newContext(sizes[0]);
  context.setDefaultTimeout(90_000);
  const page = await context.newPage();
  const button = (name) => page.getByRole('button', { name, exact: true });
  const panel = page.locator('section.panel');
  const inPanel = (name) => panel.getByRole('button', { name, exact: true });
  const version = () => page.locator('[data-version]').getAttribute('data-version').then(Number);
  const changed = (from) => page.waitForFunction((was) => Number(document.querySelector('[data-version]')?.dataset.version) > was, from);

  await step('by keyboard: somebody signs in and comes to a new board', async () => {
    await page.goto(address);
    await button('Planner').waitFor();
    await press(page, button('Planner'));
    await page.getByText('Periods to plan').waitFor({ timeout: 600_000 });
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main', 'whoever has signed in is at the page');
    await page.reload();
    await page.getByText('Periods to plan').waitFor();
    await page.keyboard.press('Tab');
    assert.equal((await focused(page)).name, 'Skip to the page', 'what is on every page can be skipped');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await tabTo(page, page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name: 'Plan' }), 'Shift+Tab');
    await page.keyboard.press('Enter');
    await button('New board').waitFor();
    await press(page, button('New board'));
    await page.locator('#plan-value').waitFor();
  });
  await step('by keyboard: the calendar is one stop, and arrows lead to a cell and its reasons', async () => {
    const cell = page.locator('button.cell:focus');
    await page.getByLabel('Find an item').waitFor();
    await tabTo(page, cell);
    await page.keyboard.press('Tab');
    assert.equal(await cell.count(), 0, 'one more Tab leaves the calendar');
    await page.keyboard.press('Shift+Tab');
    assert.equal(await cell.count(), 1, 'and the way back leads to the same cell');
    await page.keyboard.press('Home');
    for (let steps = 0; steps < 40 && (await page.locator('button.cell.none:focus').count()) > 0; steps += 1) {
      await page.keyboard.press(steps % 2 ? 'ArrowDown' : 'ArrowRight');
    }
    assert.equal(await page.locator('button.cell:not(.none):focus').count(), 1, 'an offer is reached by arrows');
    const told = (await focused(page)).name;
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Money by cause' }).waitFor();
    await page.getByRole('heading', { name: 'Every depth' }).waitFor();
    assert.ok(await panel.evaluate((own) => own === document.activeElement), 'the reasons have the focus');
    await press(page, inPanel('Close'));
    assert.equal((await focused(page)).name, told, 'closing leads back to the cell');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Every depth' }).waitFor();
    await accessible(page);
  });
  await step('by keyboard: a depth is changed, locked, moved, and let go', async () => {
    let at = await version();
    await press(page, inPanel('10%'));
    await changed(at);
    await inPanel('Unlock').waitFor();
    await page.waitForFunction(() => document.activeElement !== document.body);
    assert.equal((await focused(page)).name, '10%', 'what was pressed keeps the focus');
    at = await version();
    await tabTo(page, panel.getByLabel('Move to'));
    for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press('ArrowDown');
    await page.waitForTimeout(300);
    assert.equal(await version(), at, 'going through the list changes nothing yet');
    await press(page, inPanel('Move'));
    await Promise.race([changed(at), panel.getByRole('alert').waitFor()]);
    at = await version();
    await press(page, inPanel('No offer'));
    await changed(at);
    at = await version();
    await press(page, inPanel('Unlock'));
    await changed(at);
    await page.waitForFunction(() => document.activeElement !== document.body);
    assert.ok(await panel.evaluate((own) => own.contains(document.activeElement)), 'the focus stays beside what has gone');
    await tabTo(page, panel.getByPlaceholder('Write a note for others'));
    await page.keyboard.type('by keys');
    await page.keyboard.press('Enter');
    await panel.getByText('by keys').waitFor();
    await looked(page, 'laptop-by-keyboard');
  });
  await step('by keyboard: a limit is moved and taken back', async () => {
    await tabTo(page, inPanel('Close'), 'Shift+Tab');
    await page.keyboard.press('Enter');
    let at = await version();
    await tabTo(page, page.getByLabel(/^Budget/), 'Shift+Tab');
    for (let presses = 0; presses < 4; presses += 1) await page.keyboard.press('PageDown');
    await changed(at);
    await page.waitForFunction(() => !document.querySelector('main')?.textContent?.includes('Planning…'));
    await tabTo(page, button('Undo'), 'Shift+Tab');
    at = await version();
    await page.keyboard.press('Enter');
    await changed(at);
    await page.waitForFunction(() => document.activeElement !== document.body);
  });
  await step('by keyboard: supply is looked at, and somebody signs out', async () => {
    await tabTo(page, page.locator('main').getByRole('link', { name: 'Supply', exact: true }), 'Shift+Tab');
    await page.keyboard.press('Enter');
    await page.getByText('A person must act').waitFor();
    await press(page, page.getByRole('link', { name: 'Orders' }));
    await page.getByRole('row').nth(1).waitFor();
    await tabTo(page, button('Sign out'), 'Shift+Tab');
    await page.keyboard.press('Enter');
    await button('Planner').waitFor();
    await tabTo(page, button('Planner'));
  });
  await context.close();
}
