// The registry of models with a real browser: champion and challenger by week, promote and roll back by those who may:
// node e2e/models.mjs ENDCAP [SHOTS_FOLDER]

import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { accessible, launch, looked, newFolder, newPassword, run, sizes, start, step } from './common.mjs';

const kept = newFolder();
const folder = join(kept, 'shop');
const password = newPassword();
const WEEK = 7 * 86_400_000;
const monday = Math.floor((Date.now() - 4 * 86_400_000) / WEEK) * WEEK + 4 * 86_400_000;

/** A number from 0 to 1 that is the same in every run. */
const chance = (seed) => {
  let x = (seed * 2_654_435_761) >>> 0;
  x = ((x ^ (x >>> 15)) * 2_246_822_519) >>> 0;
  return ((x ^ (x >>> 13)) >>> 0) / 4_294_967_296;
};

/** Sales of so many weeks of 80; from week 60 on shoppers answer to prices half as strongly. */
function sales(weeks) {
  const rows = ['sku,place,week,units,price,list_price'];
  for (let week = 1; week <= weeks; week += 1) {
    const day = new Date(monday - (80 - week) * WEEK).toISOString().slice(0, 10);
    [60, 45, 80, 35, 50, 70, 40, 55].forEach((level, sku) =>
      [1, 1.3, 0.8].forEach((size, place) => {
        const seed = week * 100 + sku * 10 + place;
        const ratio = chance(seed) < 0.25 ? [0.7, 0.8, 0.9][Math.floor(chance(seed + 1e6) * 3)] : 1;
        const noise = 0.9 + 0.2 * chance(seed + 2e6);
        const units = Math.round(level * size * noise * ratio ** (week < 60 ? -3 : -1.5));
        rows.push(`item ${sku},store ${place},${day},${units},${(2 * ratio).toFixed(2)},2.00`);
      }),
    );
  }
  return `${rows.join('\n')}\n`;
}

await run(['init', folder]);
writeFileSync(join(folder, 'endcap.toml'), `name = "shop"
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
`);
const scenario = join(folder, 'scenario.toml');
const worlds = readFileSync(scenario, 'utf8').replace('worlds = 20', 'worlds = 2').replace('list_price = 4.00', 'list_price = 2.00');
writeFileSync(scenario, worlds);
const load = async (weeks) => {
  writeFileSync(join(folder, 'sales.csv'), sales(weeks));
  await run(['ingest', folder]);
  // Whatever policy says of the plan: here it is about the model behind it.
  await run(['plan', folder, '--gap', '0.01']).catch(() => undefined);
};
for (const weeks of [59, 66, 71]) await load(weeks);
for (const [name, role] of [['dora', 'data_scientist'], ['vic', 'viewer']]) {
  await run(['account', 'add', name, '--role', role, folder], `${password}\n`);
}
const { server, address } = await start([folder]);
const browser = await launch();
const broken = [];

/** A page of somebody's own, signed in. */
async function pageOf(name, size = sizes[0]) {
  const context = await browser.newContext(size);
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.on('pageerror', (error) => broken.push(error.message));
  await page.goto(address);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
  await page.goto(`${address}/evidence/models`);
  await page.getByRole('heading', { name: 'What plans rest on' }).waitFor();
  return page;
}

try {
  const [dora, vic] = [await pageOf('dora'), await pageOf('vic', sizes[1])];
  await step('champion, challenger and loads are shown', async () => {
    await dora.getByRole('heading', { name: 'Champion and challenger on sales that neither has seen' }).waitFor();
    await dora.locator('.pair canvas').nth(1).waitFor();
    await accessible(dora);
    await looked(dora, 'laptop-models');
    await looked(vic, 'phone-models');
  });
  await step('a viewer is offered no change', async () => {
    assert.equal(await vic.getByRole('button', { name: /^Promote/ }).count(), 0);
    assert.equal(await vic.getByRole('button', { name: /^Roll back/ }).count(), 0);
  });
  await step('a data scientist promotes with a reason and rolls back', async () => {
    const dialog = dora.getByRole('dialog');
    const back = dora.getByRole('button', { name: 'Roll back to the champion before' });
    const promote = async (why) => {
      await dora.getByRole('button', { name: /^Promote model/ }).first().click();
      await dialog.getByLabel(/^Why/).fill(why);
      await dialog.getByRole('button', { name: 'Promote', exact: true }).click();
      await dora.getByText(`In use by decision of dora: ${why}`).waitFor();
    };
    await promote('a test in ten stores');
    // Where the gate let the challenger pass, that led back to the champion before it, and leaves none to go back to.
    if ((await back.count()) === 0) await promote('a second test in ten stores');
    await back.click();
    await dialog.getByLabel(/^Why/).fill('plans looked odd');
    await looked(dora, 'laptop-models-rollback');
    await dialog.getByRole('button', { name: 'Roll back', exact: true }).click();
    await dora.getByText('In use by decision of dora: plans looked odd').waitFor();
  });
  assert.deepEqual(broken, []);
} finally {
  await browser.close();
  server.kill();
  rmSync(kept, { recursive: true, force: true });
}
