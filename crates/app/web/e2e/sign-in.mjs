// Signs in at a real OpenID Connect provider with a real browser: node e2e/sign-in.mjs ENDCAP [SHOTS_FOLDER]
//
// The provider is `oidc-provider`, on this machine; forged proofs, which it would never make, are tried in the desk's own
// tests (serve/tests/provider.rs).

import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import Provider from 'oidc-provider';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';
import { accessible, launch, looked, newFolder, newPassword, run, sizes, start, step } from './common.mjs';

const folder = newFolder();
const secret = randomBytes(24).toString('hex');
const password = newPassword();
const groups = { grace: ['promo'], lin: ['staff'], mallory: [], ada: ['promo'] };

const there = createServer((request, response) => there.handler(request, response));
const listen = (port = 0) => new Promise((ready) => there.listen(port, '127.0.0.1', ready));
await listen();
const { port } = there.address();
const issuer = `http://127.0.0.1:${port}`;
const adapter = createMemoryAdapter();
const cookieKey = randomBytes(16).toString('hex');

/** The provider with a new key; people who are on its pages go on. */
function provide(kid, site) {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const provider = new Provider(issuer, {
    adapter,
    clients: [{ client_id: 'endcap', client_secret: secret, redirect_uris: [`${site}/sign-in/return`], post_logout_redirect_uris: [`${site}/`] }],
    jwks: { keys: [{ ...key, kid, use: 'sig', alg: 'RS256' }] },
    cookies: { keys: [cookieKey] },
    claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, preferred_username: id, groups: groups[id] ?? [] }) }),
  });
  there.handler = provider.callback();
}

writeFileSync(
  join(folder, 'desk.toml'),
  `[sign_in.oidc]
name = "Acme login"
issuer = "${issuer}"
client_id = "endcap"
client_secret_env = "ACME_SECRET"
scopes = ["profile", "groups"]
roles_claim = "groups"
ask = "it@acme.example"
[sign_in.oidc.roles]
planner = ["promo"]
viewer = ["staff"]
`,
);
await run(['account', 'add', 'ada', '--role', 'viewer', folder], `${password}\n`);
const { server, address, log } = await start([folder, '--trusted-proxy', '127.0.0.1'], { ACME_SECRET: secret });
provide('first', address);
const browser = await launch();

const button = (page) => page.getByRole('button', { name: 'Sign in with Acme login' });
const alert = (page) => page.getByRole('alert');

/** A browser of its own, which the desk counts as a caller of its own. */
async function visitor(number, size = sizes[0]) {
  const context = await browser.newContext({ ...size, extraHTTPHeaders: { 'X-Forwarded-For': `192.0.2.${number}` } });
  await context.route((url) => url.hostname !== '127.0.0.1', (route) => route.abort());
  const page = await context.newPage();
  page.on('pageerror', (error) => broken.push(error.message));
  return { context, page };
}
const broken = [];

/** On the provider's pages: says who one is, and agrees. */
async function identify(page, name) {
  await page.locator('input[name=login]').fill(name);
  await page.locator('input[name=password]').fill('any');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).waitFor();
}
const agree = (page) => page.getByRole('button', { name: 'Continue' }).click();

async function signIn(page, name, path = '/') {
  await page.goto(address + path);
  await button(page).click();
  await identify(page, name);
  await agree(page);
}

try {
  const grace = await visitor(1);
  await step('somebody signs in at the provider, with the roles of their groups, and goes on where they were', async () => {
    const { page } = grace;
    await page.goto(`${address}/data`);
    await button(page).waitFor();
    await accessible(page);
    await looked(page, 'laptop-sign-in-elsewhere');
    await signIn(page, 'grace', '/data');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    assert.equal(new URL(page.url()).pathname + new URL(page.url()).search, '/data', 'no code stays in the address');
    await page.locator('.who').getByText('Planner', { exact: true }).waitFor();
    const cookies = await grace.context.cookies(address);
    const kept = cookies.filter(({ domain, name }) => domain === '127.0.0.1' && name.startsWith('endcap'));
    assert.deepEqual(kept.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite]), [['endcap', true, 'Strict']]);
    await page.reload();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
  });
  await step('signing out ends the session here and there', async () => {
    const { page } = grace;
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Yes, sign me out' }).click();
    await button(page).waitFor();
    await button(page).click();
    await page.locator('input[name=login]').waitFor();
  });
  await step('roles are taken anew at each sign-in', async () => {
    groups.grace = ['staff'];
    await signIn(grace.page, 'grace');
    await grace.page.locator('.who').getByText('Viewer', { exact: true }).waitFor();
  });
  await step('somebody without a group is told whom to ask, on a phone too', async () => {
    for (const [at, size] of sizes.entries()) {
      const { context, page } = await visitor(10 + at, size);
      await signIn(page, 'mallory');
      await alert(page).getByText(/knows you as mallory \(subject '.+'\), but nobody has given you a role at this desk: ask it@acme.example/).waitFor();
      await accessible(page);
      await looked(page, `${size.name}-sign-in-refused`);
      await context.close();
    }
  });
  await step('an account of the same name is not taken over, until an admin links it', async () => {
    const { context, page } = await visitor(20);
    await signIn(page, 'ada');
    await alert(page).getByText(/endcap account link ada --subject 'ada'/).waitFor();
    await run(['account', 'link', 'ada', '--subject', 'ada', folder]);
    await button(page).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await page.locator('.who').getByText('Planner', { exact: true }).waitFor();
    await context.close();
  });
  await step('who cancels there is told so here', async () => {
    const { context, page } = await visitor(21);
    await page.goto(address);
    await button(page).click();
    await page.getByRole('link', { name: /Cancel/ }).click();
    await alert(page).getByText(/Acme login did not sign you in: End-User aborted interaction/).waitFor();
    await context.close();
  });
  await step('a wrong state, a return without a beginning and a code that was used are refused', async () => {
    const { context, page } = await visitor(22);
    await page.goto(`${address}/sign-in/return?code=stolen&state=stolen`);
    await alert(page).getByText(/was begun in another browser/).waitFor();
    assert.equal(new URL(page.url()).pathname, '/');
    await page.goto(address);
    await button(page).click();
    await page.locator('input[name=login]').waitFor();
    await page.goto(`${address}/sign-in/return?code=stolen&state=stolen`);
    await alert(page).getByText(/belongs to another sign-in/).waitFor();
    await context.close();

    const other = await visitor(23);
    let used;
    await other.page.route('**/api/v1/session/provider/return', async (route) => {
      const ticket = (await other.context.cookies(address)).find(({ name }) => name === 'endcap-ticket');
      used = { data: route.request().postDataJSON(), headers: { Cookie: `endcap-ticket=${ticket.value}`, 'X-Forwarded-For': '192.0.2.24' } };
      await route.continue();
    });
    await signIn(other.page, 'lin');
    await other.page.getByRole('button', { name: 'Sign out' }).waitFor();
    await other.context.close();
    const thief = await browser.newContext();
    const again = await thief.request.post(`${address}/api/v1/session/provider/return`, used);
    assert.equal(again.status(), 401);
    assert.match((await again.json()).detail, /no longer knows this sign-in: it was used already/);
    await thief.close();
  });
  await step('keys change while somebody is on the provider’s pages', async () => {
    const { context, page } = await visitor(25);
    await page.goto(address);
    await button(page).click();
    await identify(page, 'lin');
    provide('second', address);
    await agree(page);
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await context.close();
  });
  await step('a provider that is down is told of, and a password still lets people in', async () => {
    const { context, page } = await visitor(26);
    there.closeAllConnections();
    await new Promise((closed) => there.close(closed));
    // The desk takes a provider that answered for one that is there for ten seconds.
    await new Promise((waited) => setTimeout(waited, 10_500));
    await page.goto(address);
    await button(page).click();
    await alert(page).getByText(/Acme login does not answer/).waitFor();
    await accessible(page);
    await looked(page, 'laptop-sign-in-down');
    await page.getByLabel('Name').fill('ada');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await context.close();
    await listen(port);
    const back = await visitor(27);
    await new Promise((waited) => setTimeout(waited, 5_500));
    await signIn(back.page, 'lin');
    await back.page.getByRole('button', { name: 'Sign out' }).waitFor();
  });
  assert.deepEqual(broken, [], 'errors in the browser');
  assert.ok(!log.text.includes(secret), 'the secret of the client is in the log');
  console.log('signing in elsewhere works');
} finally {
  await browser.close();
  server.removeAllListeners('exit');
  server.kill('SIGINT');
  there.closeAllConnections();
  there.close();
  rmSync(folder, { recursive: true, force: true });
}
