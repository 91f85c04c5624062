// Two people and a plan: one proposes, another approves, a third signs for finance: node e2e/approvals.mjs ENDCAP [SHOTS_FOLDER]
//
// The project is the demo with a policy under which the machine proposes only; accounts are real ones with passwords.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { accessible, launch, looked, newFolder, run, sizes, start, step } from './common.mjs';

const endcap = process.argv[2];
const kept = newFolder();
const folder = join(kept, 'shop');
const password = 'correct horse battery';
const chain = `
[approval]
version = "1"
[[approval.steps]]
function = "category"
tiers = [{ from = 0, people = 1 }]
hours = 48
fresh_login_above = 1_000_000_000
[[approval.steps]]
function = "finance"
tiers = [{ from = 0, people = 1 }]
hours = 48
fresh_login_above = 1_000_000_000
`;

async function json(args) {
  const { stdout } = await promisify(execFile)(endcap, [...args, '--json'], { maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

async function signIn(page, address, name) {
  await page.goto(address);
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Sign out' }).waitFor();
}

await run(['demo', folder]);
const policy = join(folder, 'policy.toml');
writeFileSync(policy, readFileSync(policy, 'utf8').replace('autonomy = "act"', 'autonomy = "propose"') + chain);
for (const [name, ...roles] of [
  ['ada', 'planner', 'approver_category'],
  ['carl', 'approver_category'],
  ['fin', 'approver_finance'],
  ['audrey', 'auditor'],
]) {
  await run(['account', 'add', name, ...roles.flatMap((role) => ['--role', role]), folder], `${password}\n`);
}
const scenario = join(folder, 'scenario.toml');
writeFileSync(scenario, readFileSync(scenario, 'utf8').replace(/^slots = (\d+)/m, (_, slots) => `slots = ${slots - 1}`));
const asked = await json(['plan', folder, '--by', 'ada']);
assert.equal(asked.status, 'needs a person');

const { server, address } = await start([folder]);
const browser = await launch();
try {
  const broken = [];
  const pageOf = async (name, size = sizes[0]) => {
    const context = await browser.newContext(size);
    context.setDefaultTimeout(120_000);
    const page = await context.newPage();
    page.on('pageerror', (error) => broken.push(error.message));
    page.on('console', (message) => message.type() === 'error' && !/status of 4\d\d/.test(message.text()) && broken.push(message.text()));
    await signIn(page, address, name);
    return page;
  };
  const open = async (page) => {
    await page.goto(`${address}/inbox`);
    await page.getByRole('link', { name: new RegExp(`Plan ${asked.plan}`) }).click();
    await page.getByRole('heading', { name: 'What changes' }).waitFor();
  };

  const ada = await pageOf('ada');
  await step('who proposed sees no way to approve, and why', async () => {
    await ada.goto(`${address}/inbox`);
    await ada.getByText('Nothing waits for your answer.').waitFor();
    await accessible(ada);
    await looked(ada, 'laptop-inbox-own');
    await open(ada);
    await ada.getByRole('cell', { name: 'Removed' }).first().waitFor();
    await ada.getByText('nobody approves what they proposed').waitFor();
    assert.ok(await ada.getByRole('button', { name: 'Approve', exact: true }).isDisabled());
    await accessible(ada);
    await looked(ada, 'laptop-request-own');
  });
  await step('whoever tries all the same is refused', async () => {
    const status = await ada.evaluate(async (id) => {
      const me = await (await fetch('/api/v1/session')).json();
      const headers = { 'X-CSRF-Token': me.csrf, 'If-Match': '"v1"', 'Content-Type': 'application/json' };
      return (await fetch(`/api/v1/requests/${id}/approve`, { method: 'POST', headers, body: '{}' })).status;
    }, asked.request);
    assert.equal(status, 403);
  });
  const carl = await pageOf('carl');
  await step('another asks back, and is answered', async () => {
    await open(carl);
    await carl.getByLabel(/^Comment/).fill('Why <b>so deep</b> in week one?');
    await carl.getByRole('button', { name: 'Ask or answer' }).click();
    await carl.getByText('Why <b>so deep</b> in week one?').waitFor();
    await ada.getByText('Why <b>so deep</b> in week one?').waitFor();
    await ada.getByLabel(/^Comment/).fill('It expires.');
    await ada.getByRole('button', { name: 'Ask or answer' }).click();
    await carl.getByText('It expires.').waitFor();
  });
  await step('a double click approves once', async () => {
    await carl.getByRole('button', { name: 'Approve', exact: true }).dblclick();
    await carl.getByText('You have answered already.').waitFor();
    await carl.getByText(/carl approved/).first().waitFor();
    await accessible(carl);
    await looked(carl, 'laptop-request-signed');
    const { happened } = await carl.evaluate(async (id) => (await fetch(`/api/v1/requests/${id}`)).json(), asked.request);
    assert.equal(happened.filter((one) => one.step === 'signed' && one.done).length, 1);
  });
  for (const size of sizes) {
    await step(`the inbox fits on a ${size.name}`, async () => {
      const page = await pageOf('fin', size);
      await page.goto(`${address}/inbox`);
      await page.getByRole('heading', { name: 'Waiting for you' }).waitFor();
      await page.getByRole('link', { name: new RegExp(`Plan ${asked.plan}`) }).waitFor();
      await accessible(page);
      await looked(page, `${size.name}-inbox`);
      await open(page);
      await accessible(page);
      await looked(page, `${size.name}-request`);
      await page.context().close();
    });
  }
  await step('finance approves, and the command sends it once', async () => {
    const fin = await pageOf('fin', sizes[2]);
    await open(fin);
    await fin.getByRole('button', { name: 'Approve', exact: true }).click();
    await fin.getByText('Approved, not sent').waitFor();
    await fin.context().close();
    const sent = await json(['approve', 'publish', asked.request, folder]);
    assert.deepEqual([sent.plan, sent.by], [asked.plan, 'carl, fin']);
    await assert.rejects(json(['approve', 'publish', asked.request, folder]), /"refused"|failed/);
  });
  await step('a broken glass stands on every page', async () => {
    const keys = ['carl', 'fin'].map((name) => [name, join(kept, `${name}.key`)]);
    for (const [name, key] of keys) await json(['approve', 'key', 'new', key, folder, '--as', name]);
    const sign = (at) => ['--as', keys[at][0], '--key', keys[at][1]];
    const declared = await json(['approve', 'break-glass', folder, ...sign(0), '--reason', 'till prices are wrong']);
    await json(['approve', 'break-glass', folder, ...sign(1), '--join', declared.glass.nonce]);
    const page = await pageOf('audrey');
    for (const path of ['/inbox', '/learn']) {
      await page.goto(address + path);
      await page.getByText(/carl and fin stand in for everybody.*till prices are wrong/).waitFor();
      await accessible(page);
    }
    await looked(page, 'laptop-emergency');
    await page.context().close();
  });
  for (const size of sizes) {
    await step(`the audit trail fits on a ${size.name}`, async () => {
      const page = await pageOf('audrey', size);
      await page.goto(`${address}/audit`);
      await page.getByText('Self-attested').waitFor();
      await page.getByText('approval: used').first().waitFor();
      await accessible(page);
      await looked(page, `${size.name}-audit`);
      await page.getByLabel('Who', { exact: true }).fill('ada');
      await page.getByLabel('What', { exact: true }).fill('approval');
      await page.getByRole('button', { name: 'Filter' }).click();
      await page.waitForFunction(() => [...document.querySelectorAll('tbody tr')].length > 0 && [...document.querySelectorAll('tbody tr')].every((row) => row.textContent?.includes('ada')));
      await page.getByText('nobody approves what they proposed').first().waitFor();
      await looked(page, `${size.name}-audit-filtered`);
      if (size.name === 'laptop') {
        const told = page.waitForEvent('download');
        await page.getByRole('link', { name: 'Export all records' }).click();
        const lines = readFileSync(await (await told).path(), 'utf8').trim().split('\n');
        assert.ok(lines.length > 5 && lines.every((line) => !line.includes('"carl"')), 'names stay behind');
      }
      await page.context().close();
    });
  }
  assert.deepEqual(broken, [], 'errors in the browser');
  console.log('approvals work');
} finally {
  await browser.close();
  server.removeAllListeners('exit');
  server.kill('SIGINT');
  rmSync(kept, { recursive: true, force: true });
}
