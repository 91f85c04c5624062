// Stops and lifts with a real browser, over a project that has no data yet: node e2e/stop.mjs ENDCAP [SHOTS_FOLDER]

import assert from 'node:assert/strict';
import { appendFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { accessible, launch, looked, newFolder, newPassword, run, sizes, start, step } from './common.mjs';

const kept = newFolder();
const folder = join(kept, 'shop');
const password = newPassword();
await run(['init', folder]);
appendFileSync(join(folder, 'policy.toml'), '\n[[rise]]\nto = "propose"\ndays_min = 0\ndecisions_min = 0\nkept_min = 0.9\nbreaches_max = 0\n');
for (const [name, role] of [['ada', 'planner'], ['cat', 'approver_category'], ['vic', 'viewer']]) {
  await run(['account', 'add', name, '--role', role, folder], `${password}\n`);
}
const { server, address } = await start([folder]);
const browser = await launch();
const broken = [];

/** A page of somebody's own, signed in. */
async function pageOf(name, size = sizes[0]) {
  const context = await browser.newContext(size);
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => broken.push(error.message));
  page.on('console', (message) => message.type() === 'error' && !/status of 4\d\d/.test(message.text()) && broken.push(message.text()));
  await page.goto(address);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  return page;
}

const button = (page) => page.getByRole('button', { name: 'Stop sending', exact: true });
const band = (page) => page.getByRole('alert', { name: 'What is stopped' });

try {
  const [ada, cat, vic] = [await pageOf('ada'), await pageOf('cat', sizes[2]), await pageOf('vic', sizes[1])];
  await step('a stop is given by keyboard alone', async () => {
    await ada.goto(`${address}/learn/words`);
    await button(ada).waitFor();
    for (let press = 0; press < 60; press += 1) {
      await ada.keyboard.press('Tab');
      if (await button(ada).evaluate((element) => element === document.activeElement)) break;
    }
    await ada.keyboard.press('Enter');
    const dialog = ada.getByRole('dialog', { name: 'Stop sending' });
    await dialog.waitFor();
    await accessible(ada);
    await looked(ada, 'laptop-stop-dialog');
    await ada.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    // On a busy machine the page may still be closing the dialog: the button opens it again once it has.
    for (let press = 0; press < 5 && !(await dialog.isVisible()); press += 1) {
      await button(ada).press('Enter');
      await dialog.waitFor({ timeout: 3000 }).catch(() => {});
    }
    await dialog.getByLabel('One category').press(' ');
    await dialog.getByLabel('Category', { exact: true }).fill('dairy');
    await dialog.getByLabel(/^Why/).fill('prices are <b>wrong</b>');
    await ada.keyboard.press('Enter');
    await band(ada).getByText('Stopped: category dairy.').waitFor();
    await band(ada).getByText('prices are <b>wrong</b>').waitFor();
    await dialog.waitFor({ state: 'hidden' });
    assert.equal(await band(ada).getByRole('button').count(), 0, 'who plans does not lift');
  });
  await step('everybody sees it at once, on every page, in every size', async () => {
    for (const [page, size] of [[vic, 'tablet'], [cat, 'phone'], [ada, 'laptop']]) {
      await band(page).getByText('Stopped: category dairy.').waitFor({ timeout: 2_000 });
      for (const path of ['/', '/learn', '/data', '/autonomy']) {
        await page.goto(address + path);
        await band(page).getByText('By ada at').waitFor();
        await accessible(page);
        await looked(page, `${size}-stopped${path.replaceAll('/', '-')}`);
      }
    }
    assert.equal(await button(vic).count(), 0, 'who only reads does not stop');
  });
  await step('a second stop, from the command line, is seen within two seconds', async () => {
    await run(['stop', folder, '--as', 'Grace', '--reason', 'a drill']);
    await band(vic).getByText('Stopped: everything.').waitFor({ timeout: 2_000 });
  });
  await step('an approver lifts both on a phone', async () => {
    await button(cat).waitFor();
    for (const what of ['everything', 'category dairy']) {
      await band(cat).getByRole('button', { name: `Lift the stop of ${what}` }).click();
      const dialog = cat.getByRole('dialog', { name: `Lift the stop of ${what}` });
      await dialog.getByLabel(/^Why/).fill('it is well again');
      await accessible(cat);
      await looked(cat, `phone-lift-${what.replace(' ', '-')}`);
      await dialog.getByRole('button', { name: 'Lift the stop' }).click();
      await band(cat).getByText(`Stopped: ${what}.`).waitFor({ state: 'detached' });
    }
    await band(vic).waitFor({ state: 'detached' });
  });
  await step('the machine is raised on evidence by an approver, and lowered by a planner', async () => {
    const look = async (page) => {
      await page.goto(`${address}/autonomy`);
      await page.locator('main').getByLabel('Category').fill('dairy');
      await page.locator('main').getByLabel('Channel').fill('till');
      await page.getByRole('button', { name: 'Show', exact: true }).click();
      await page.getByRole('cell', { name: 'Decisions judged', exact: true }).waitFor();
    };
    await look(cat);
    await accessible(cat);
    await looked(cat, 'phone-autonomy');
    await cat.getByLabel(/^Why/).fill('four good weeks');
    await cat.getByRole('button', { name: 'Raise to Propose' }).click();
    await cat.getByRole('heading', { name: /till: Propose/ }).waitFor();
    await cat.getByText(/Not yet Act with veto: no rule/).waitFor();
    await look(ada);
    assert.equal(await ada.getByRole('button', { name: /^Raise/ }).count(), 0);
    await ada.getByLabel(/^Why/).fill('odd prices');
    await accessible(ada);
    await looked(ada, 'laptop-autonomy');
    await ada.getByRole('button', { name: 'Lower by a rung' }).click();
    await ada.getByRole('heading', { name: /till: Advise/ }).waitFor();
    await ada.getByRole('cell', { name: /lowered by ada: odd prices/ }).waitFor();
  });
  assert.deepEqual(broken, [], 'errors in the browser');
  console.log('the stop works');
} finally {
  await browser.close();
  server.removeAllListeners('exit');
  server.kill('SIGINT');
  rmSync(kept, { recursive: true, force: true });
}
