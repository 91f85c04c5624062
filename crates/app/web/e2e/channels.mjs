// Channels with a real browser: what differs is seen and asked to be put right, what is unclear is settled by a named person:
// node e2e/channels.mjs ENDCAP [SHOTS_FOLDER]

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { accessible, launch, looked, newFolder, newPassword, run, sizes, start, step } from './common.mjs';

const endcap = process.argv[2];
const kept = newFolder();
const folder = join(kept, 'shop');
const password = newPassword();
const broken = [];

/** Runs a command that may find something (status 1) and returns what it tells programs. */
const told = (args) =>
  new Promise((done, failed) => {
    execFile(endcap, [...args, '--json'], { maxBuffer: 1 << 26 }, (error, out, messages) =>
      error && error.code !== 1 ? failed(new Error(messages)) : done(JSON.parse(out)),
    );
  });

// A receiver that takes what it is sent and never answers: nobody knows what became of it.
const silent = createServer((request) => request.on('data', () => {}).on('end', () => request.socket.destroy()));
await new Promise((listening) => silent.listen(0, '127.0.0.1', listening));

/** A shop whose items are at a fifth off every sixth week, sold until last week, with all that acting needs. */
async function makeShop() {
  await run(['init', folder]);
  const week = (back) => {
    const day = new Date(Date.now() - back * 7 * 86_400_000);
    const thursday = new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), day.getUTCDate() + 4 - (day.getUTCDay() || 7)));
    const number = Math.ceil(((thursday - Date.UTC(thursday.getUTCFullYear(), 0, 1)) / 86_400_000 + 1) / 7);
    return `${thursday.getUTCFullYear()}-W${String(number).padStart(2, '0')}`;
  };
  let sales = 'sku,place,week,units,price,list_price\n';
  const levels = { a: 60, b: 45, c: 80, d: 35, e: 50, f: 70 };
  for (let number = 1; number <= 44; number += 1) {
    for (const [at, [sku, level]] of Object.entries(levels).entries()) {
      for (const [store, [place, size]] of [['x', 1], ['y', 1.3]].entries()) {
        const ratio = (number + at) % 6 === 0 ? 0.8 : 1;
        const wave = 0.9 + 0.05 * ((number * 7 + at * 3 + store) % 5);
        sales += `${sku},${place},${week(45 - number)},${Math.round(level * size * wave * ratio ** -3)},${(2 * ratio).toFixed(2)},2.00\n`;
      }
    }
  }
  const write = (name, text) => writeFileSync(join(folder, name), text);
  const change = (name, ...pairs) => {
    let text = readFileSync(join(folder, name), 'utf8');
    for (const [from, to] of pairs) {
      assert.ok(text.includes(from), `${name} says ${from}`);
      text = text.replace(from, to);
    }
    write(name, text);
  };
  write('sales.csv', sales);
  const columns = ['sku', 'place', 'units', 'price', 'list_price'].map((name) => `${name} = "${name}"`).join('\n');
  write('endcap.toml', `name = "shop"\ncurrency = "EUR"\ncalendar = "week"\n[[sales]]\nfiles = ["sales.csv"]\n[sales.columns]\nperiod = "week"\n${columns}\n`);
  change('scenario.toml', ['\nmargin_rate = 0.30', '\nmargin_rate = 0.55'], ['slots = 20', 'slots = 2'], ['worlds = 20', 'worlds = 2'], ['list_price = 4.00', 'list_price = 2.00']);
  change('policy.toml', ['autonomy = "propose"', 'autonomy = "act"'], ['tail_value_min = -2000.00', 'tail_value_min = -1000000.00'], ['stockout_probability_max = 0.10', 'stockout_probability_max = 1.0'], ['promoted_share_max = 0.30', 'promoted_share_max = 1.0']);
  const policy = readFileSync(join(folder, 'policy.toml'), 'utf8').replace(/\n\[gate\][^[]*/, '\n');
  const gate = 'version = "1"\ncurrency = "EUR"\nmargin_rate_min = 0\nprice_step_max = 0.3\nprice_walk_max = 0.5\norder_pieces_max = 10000\norder_value_max = 5000000\norder_cover_max = 1.5\nforecast_change_mads_max = 3\nmoves_per_day_max = 9\nagent_changes_per_hour_max = 500\ncategory_changes_per_hour_max = 200\nskus_per_hour_max = 1\nplaces_before_reading_max = 1\nrevenue_per_day_max = 10\ngiven_away_per_day_max = 1000000\nopen_end_days = 7\nsupplier_per_day_max = 20000000\nreversals_per_week_max = 9\nduplicate_hours = 24\ndata_age_hours_max = 48\n';
  write('policy.toml', `${policy}\n[gate]\n${gate}`);
  write('acting.toml', 'tenant = "shop"\nagent = "endcap"\nprices_to = ["tills", "partner"]\n[prices]\nfloor = 0.5\nceiling = 1.2\n[[market]]\nlaw = "DE"\ntime_zone = "Europe/Berlin"\n');
  write('partner.key', 'a key of the test, long enough');
  chmodSync(join(folder, 'partner.key'), 0o600);
  write('channels.toml', `[[channel]]\nname = "tills"\nkind = "file_drop"\ncarries = ["prices"]\nfolder = "tills"\nformat = "json"\n[[channel]]\nname = "partner"\nkind = "webhook"\ncarries = ["prices"]\nurl = "http://127.0.0.1:${silent.address().port}/prices"\nkeys = [{ id = "k1", file = "partner.key" }]\nallow = ["127.0.0.1"]\n`);
  write('goods.csv', `unit_id,content_amount,content_measure\n${[...'abcdef'].map((sku) => `${sku},500,gram\n`).join('')}`);
  const shipped = readFileSync(new URL('../../../govern/src/who_may/default.cedar', import.meta.url), 'utf8');
  write('who_may.cedar', `${shipped}\npermit (principal in Role::"agent", action in Action::"send", resource);\n`);
  mkdirSync(join(folder, 'tills'));
  await run(['ingest', folder]);
  for (const [name, role] of [['ada', 'planner'], ['vic', 'viewer']]) {
    await run(['account', 'add', name, '--role', role, folder], `${password}\n`);
  }
}

/** Keys another price into the till's file of an offer; returns its item. */
function clerk(at, price) {
  const name = readdirSync(join(folder, 'tills')).filter((file) => file.endsWith('.json')).sort()[at];
  const path = join(folder, 'tills', name);
  const notice = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify({ ...notice, price }));
  return { sku: notice.sku, place: notice.place };
}

let browser;
let server;
try {
  await step('a shop deploys to a till that is read and to a partner that never answers', async () => {
    await makeShop();
    assert.equal((await told(['plan', folder])).status, 'published');
    const { decided, held_back: held } = await told(['deploy', folder]);
    assert.ok(decided >= 4, `${decided} decided, ${JSON.stringify(held)}`);
    const sent = await told(['send', folder]);
    assert.ok(sent.stages.confirmed > 0, JSON.stringify(sent.stages));
    assert.equal(sent.drift, 0);
    // What was sent without an answer is looked at again a moment later.
    await new Promise((waited) => setTimeout(waited, 2_500));
    const { stages } = await told(['send', folder]);
    assert.ok(stages.unclear > 0, JSON.stringify(stages));
  });
  const changed = clerk(0, 199);
  rmSync(join(folder, 'tills', readdirSync(join(folder, 'tills')).filter((file) => file.endsWith('.manifest')).sort()[1]));
  writeFileSync(join(folder, 'tills', 'E0123456789abcdef01234567-0000000001-0000.manifest'), '{}');
  await step('a reading finds what somebody changed at the till', async () => {
    const { findings } = await told(['reconcile', folder]);
    assert.deepEqual(findings.map((one) => one.kind).sort(), ['changed', 'extra', 'missing']);
  });

  // Since the plan was made people will not have one of its items on offer any more.
  const { plan } = await told(['plan', folder]);
  const offered = JSON.parse(readFileSync(join(folder, 'plans', plan, 'plan.json'), 'utf8')).offers;
  const unwanted = offered.findLast((offer) => offer.sku !== changed.sku && offer.span.start > offered[0].span.start) ?? offered.at(-1);
  const scenario = readFileSync(join(folder, 'scenario.toml'), 'utf8');
  writeFileSync(join(folder, 'scenario.toml'), `${scenario}\n[[limits.locks]]\nsku = "${unwanted.sku}"\ndepth = 0.0\n`);

  let address;
  ({ server, address } = await start([folder]));
  browser = await launch();
  /** A page of somebody's own, signed in, at the channels. */
  const pageOf = async (name, size) => {
    const context = await browser.newContext({ ...size, acceptDownloads: true });
    context.setDefaultTimeout(20_000);
    const page = await context.newPage();
    page.on('pageerror', (error) => broken.push(error.message));
    page.on('console', (message) => message.type() === 'error' && !/status of 4\d\d/.test(message.text()) && broken.push(message.text()));
    await page.goto(address);
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await page.goto(`${address}/channels`);
    await page.getByRole('heading', { name: /^Differences: 3/ }).waitFor();
    return page;
  };
  const [ada, vic] = [await pageOf('ada', sizes[0]), await pageOf('vic', sizes[2])];
  await step('channels, differences and messages stand on one page in every size', async () => {
    const tablet = await pageOf('vic', sizes[1]);
    for (const [page, size] of [[ada, 'laptop'], [tablet, 'tablet'], [vic, 'phone']]) {
      await page.getByText('Cannot be read back').waitFor();
      await page.getByText('3 differ', { exact: true }).waitFor();
      await page.getByText('Nobody here decided it').waitFor();
      await accessible(page);
      await looked(page, `${size}-channels`);
    }
    assert.equal(await vic.getByRole('button', { name: /right$|^Settle/ }).count(), 0, 'who only reads settles nothing');
  });
  await step('a filter narrows what is shown', async () => {
    const form = ada.getByRole('form', { name: 'Filter' });
    await form.getByLabel('Store').fill(changed.place);
    await form.getByLabel('Item').fill(changed.sku);
    await form.getByLabel('Channel').selectOption('tills');
    await form.getByRole('button', { name: 'Filter' }).click();
    await ada.getByRole('heading', { name: 'Differences: 1' }).waitFor();
    await ada.getByText('1.99 EUR').first().waitFor();
    for (const label of ['Store', 'Item']) await form.getByLabel(label).fill('');
    await form.getByLabel('Channel').selectOption('');
    await form.getByRole('button', { name: 'Filter' }).click();
    await ada.getByRole('heading', { name: 'Differences: 3' }).waitFor();
  });
  await step('differences are downloaded as a table', async () => {
    const [download] = await Promise.all([
      ada.waitForEvent('download'),
      ada.getByRole('link', { name: 'Download' }).first().click(),
    ]);
    const rows = readFileSync(await download.path(), 'utf8').trim().split('\n');
    assert.match(rows[0], /^channel,place_id,unit_id,kind/);
    assert.equal(rows.length, 4);
  });
  await step('a repair is asked for by a person and sent through the gate', async () => {
    await ada.getByRole('button', { name: `Put right: ${changed.sku} at ${changed.place} in tills` }).click();
    const dialog = ada.getByRole('dialog', { name: 'Put it right' });
    await dialog.getByLabel(/^Why/).fill('a clerk <b>keyed</b> it in');
    await accessible(ada);
    await looked(ada, 'laptop-channels-repair');
    await dialog.getByRole('button', { name: 'Ask for the repair' }).click();
    await ada.getByText('Repair asked for').waitFor();
    const sent = await told(['send', folder]);
    assert.equal(sent.drift, 2, 'the price is right again');
    await ada.getByRole('heading', { name: 'Differences: 2' }).waitFor();
  });
  await step('what is unclear is settled by a named person', async () => {
    const form = ada.getByRole('form', { name: 'Filter' });
    await form.getByLabel('Messages').selectOption('unclear');
    const settle = ada.getByRole('button', { name: /^Settle/ });
    await settle.first().waitFor();
    const before = await settle.count();
    await settle.first().press('Enter');
    const dialog = ada.getByRole('dialog', { name: 'Did it happen?' });
    await dialog.getByLabel('It happened').press(' ');
    await dialog.getByLabel(/^How you know/).fill('their clerk read it out');
    await accessible(ada);
    await looked(ada, 'laptop-channels-settle');
    await dialog.getByRole('button', { name: 'Settle it' }).click();
    await dialog.waitFor({ state: 'hidden' });
    for (let tries = 0; (await settle.count()) !== before - 1; tries += 1) {
      assert.ok(tries < 50, 'it is still unclear');
      await ada.waitForTimeout(200);
    }
  });
  await step('what has to be known stands on every page, and a named person takes care of it', async () => {
    await ada.getByRole('link', { name: /^Notices: \d+ open/ }).click();
    await ada.getByRole('heading', { name: 'Notices' }).waitFor();
    const open = ada.getByRole('button', { name: /^Take care of it/ });
    await open.first().waitFor();
    const before = await open.count();
    await accessible(ada);
    await looked(ada, 'laptop-notices');
    await vic.goto(`${address}/notices`);
    await vic.getByText(/nobody knows what became of/).first().waitFor();
    await accessible(vic);
    await looked(vic, 'phone-notices');
    assert.equal(await vic.getByRole('button', { name: /^Take care of it/ }).count(), 0, 'who only reads answers nothing');
    await open.first().click();
    const dialog = ada.getByRole('dialog', { name: 'Take care of it' });
    await dialog.getByLabel('What is done about it').fill('I ask <b>them</b>');
    await accessible(ada);
    await looked(ada, 'laptop-notices-answer');
    await dialog.getByRole('button', { name: 'I take care of it' }).click();
    await ada.getByText('ada takes care of it: I ask <b>them</b>').waitFor();
    assert.equal(await open.count(), before - 1);
    // Pushed: nobody reloads the other page.
    await vic.getByText('ada takes care of it: I ask <b>them</b>').waitFor();
  });
  await step('what plans promised stands beside what came, and says what it cannot tell', async () => {
    for (const [page, size] of [[ada, 'laptop'], [vic, 'phone']]) {
      await page.goto(`${address}/after/value`);
      await page.getByText('What this cannot tell.').waitFor();
      await page.getByRole('heading', { name: 'By who decided' }).waitFor();
      await page.waitForTimeout(800);
      await accessible(page);
      await looked(page, `${size}-value`);
    }
  });
  await step('a planner looks at the plan in flight, and who only reads sees what was found', async () => {
    await ada.goto(`${address}/live`);
    await ada.getByText('Nobody has looked at a plan in flight yet').waitFor();
    await ada.getByRole('button', { name: 'Look now' }).click();
    await ada.getByRole('heading', { name: /^Changes proposed from/ }).waitFor();
    assert.ok((await ada.getByRole('row').count()) > 2, 'offers that run are listed');
    await accessible(ada);
    await looked(ada, 'laptop-live');
    await vic.goto(`${address}/live`);
    await vic.getByRole('heading', { name: 'Offers that run' }).waitFor();
    assert.equal(await vic.getByRole('button', { name: 'Look now' }).count(), 0);
    await accessible(vic);
    await looked(vic, 'phone-live');
  });
  await step('what is proposed is put before policy, takes over, and channels are told', async () => {
    await ada.getByRole('button', { name: 'Put the changes before policy' }).click();
    await ada.getByText('Published', { exact: true }).waitFor({ timeout: 60_000 });
    await accessible(ada);
    await looked(ada, 'laptop-live-adopted');
    const deployed = await told(['deploy', folder]);
    assert.ok(deployed.plan !== plan && deployed.taken_back > 0, JSON.stringify(deployed));
  });
  await step('all of it is in the audit trail', async () => {
    const trail = (await told(['audit', 'show', folder, '--last', '500'])).map((record) => record.action);
    for (const action of ['drift found', 'drift gone', 'repair asked', 'effect settled by a person', 'notice acknowledged']) {
      assert.ok(trail.includes(action), action);
    }
    await run(['audit', 'verify', folder]);
  });
  assert.deepEqual(broken, [], 'errors in the browser');
  console.log('channels work');
} finally {
  await browser?.close();
  server?.removeAllListeners('exit');
  server?.kill('SIGINT');
  silent.close();
  rmSync(kept, { recursive: true, force: true });
}
