// Measures edits of a board in the browser: node e2e/edits.mjs ADDRESS NAME PASSWORD EDITS
//
// Offers are locked away, locked deeper and unlocked, one after the other, as a person does it: with the panel of the cell
// open. Each edit is timed from the click to the frame after which the new plan is on the screen. Prints a line of JSON for
// each, times in milliseconds.

import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [address, name, password, edits] = process.argv.slice(2);

/** Runs in the page: takes the time of every step between a click and the new plan on the screen. */
function watch() {
  const fetched = window.fetch;
  let clicked = 0;
  window.edits = [];
  addEventListener('click', (event) => (clicked = event.timeStamp), true);
  const painted = () => new Promise((done) => {
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = done;
      port2.postMessage(null);
    });
  });
  window.fetch = async (input, init) => {
    if (!/\/edits\b/.test(String(input))) return fetched(input, init);
    const edit = { clicked, asked: performance.now() };
    const answer = await fetched(input, init);
    edit.answered = performance.now();
    const timing = Object.fromEntries((answer.headers.get('server-timing') ?? '').matchAll(/(\w+);dur=([\d.]+)/g).map(([, part, took]) => [part, +took]));
    const text = await answer.text();
    edit.loaded = performance.now();
    const body = JSON.parse(text);
    edit.parsed = performance.now();
    answer.json = async () => {
      void painted().then(() => {
        const now = performance.now();
        window.edits.push({
          all: now - edit.clicked, before: edit.asked - edit.clicked, server: edit.answered - edit.asked, plan: timing.plan, keep: timing.keep,
          load: edit.loaded - edit.answered, parse: edit.parsed - edit.loaded, draw: now - edit.parsed, bytes: text.length,
          drawing: body.plan?.drawing, version: body.version, shown: +document.querySelector('[data-version]').dataset.version,
        });
      });
      return body;
    };
    return answer;
  };
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'] });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
  page.setDefaultTimeout(120_000);
  await page.addInitScript(watch);
  await page.goto(address);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText('Periods to plan').waitFor({ timeout: 1_200_000 });
  await page.goto(`${address}/plan`);
  await page.getByRole('button', { name: 'New board' }).click();
  await page.locator('#plan-value').waitFor();
  const steps = ['No offer', 'Unlock', '30%', 'Unlock'];
  for (let at = 0; at < +edits; at += 1) {
    if (at % 2 === 0) await page.locator('button.cell:not(.none)').nth(at % 7).click();
    await page.getByRole('heading', { name: 'Every depth' }).waitFor();
    // What was asked for because of the edit before is answered meanwhile.
    await page.waitForTimeout(600);
    const step = steps[at % steps.length];
    await page.locator('section.panel').getByRole('button', { name: step, exact: true }).click();
    await page.waitForFunction((before) => window.edits.length > before, at);
    const edit = await page.evaluate(() => window.edits.at(-1));
    assert.equal(edit.drawing, 'plan', `the edit '${step}' has a plan`);
    assert.equal(edit.shown, edit.version, 'the new plan is on the screen');
    console.log(JSON.stringify({ step, ...edit }));
  }
} finally {
  await browser.close();
}
