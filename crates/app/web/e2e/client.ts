// The main job of a planner over the API, by a client that knows nothing but docs/openapi.json: its types are generated
// from it, and what does not fit them does not compile. test.sh compiles and runs it: client.mjs ADDRESS

import assert from 'node:assert/strict';
import createClient, { type Middleware } from 'openapi-fetch';
import type { components, paths } from './api';

const api = createClient<paths>({ baseUrl: process.argv[2] ?? '' });

/** What came of a request; one that was refused ends the run with the reason that the server gave. */
function done<T>(answer: { data?: T; error?: unknown; response: Response }): { body: T; etag: string } {
  assert.ok(answer.response.ok && answer.data !== undefined, `${answer.response.url}: ${JSON.stringify(answer.error)}`);
  return { body: answer.data, etag: answer.response.headers.get('ETag') ?? '' };
}

/** Signs in to the demo and goes on with a token, as programs do. */
async function signIn(): Promise<void> {
  const signedIn = await api.POST('/api/v1/session/demo', { body: { role: 'planner' } });
  const { csrf } = done(signedIn).body;
  const cookie = signedIn.response.headers.get('Set-Cookie')?.split(';')[0] ?? '';
  const headers = { Cookie: cookie, 'X-CSRF-Token': csrf ?? '' };
  const { token } = done(await api.POST('/api/v1/tokens', { body: { name: 'client', roles: ['planner'], days: 1 }, headers })).body;
  const bearer: Middleware = { onRequest: ({ request }) => request.headers.set('Authorization', `Bearer ${token}`) };
  api.use(bearer);
}

async function ready(): Promise<void> {
  for (;;) {
    const { body } = done(await api.GET('/api/v1/project'));
    if (body.state === 'ready') return;
    assert.notEqual(body.state, 'failed', JSON.stringify(body));
    await new Promise((then) => setTimeout(then, 500));
  }
}

const make = async (name: string) => done(await api.POST('/api/v1/boards', { body: { name }, headers: { 'Idempotency-Key': name } }));
type Board = Awaited<ReturnType<typeof make>>['body'];

/** The plan of a board. */
function planOf({ plan }: Board) {
  assert.ok(plan.drawing === 'plan', 'the board has a plan');
  return plan;
}

/** The first cell that runs an offer nobody locked. */
function offerOf(board: Board): { sku: string; place: string; period: string } {
  const plan = planOf(board);
  for (const row of plan.rows) {
    const at = row.cells.findIndex((cell) => cell.depth !== null && cell.locked === undefined);
    if (at >= 0) return { sku: row.sku, place: row.place, period: plan.periods[at] ?? '' };
  }
  throw new Error('the board runs no offer');
}

await signIn();
await ready();
const first = await make('Made by a client');
const path = { id: first.body.id };
const cell = offerOf(first.body);

const change = (etag: string, edits: components['schemas']['BoardEdit'][]) =>
  api.POST('/api/v1/boards/{id}/edits', { params: { path, header: { 'If-Match': etag } }, body: { edits } });
const limited = done(await change(first.etag, [{ edit: 'slots', slots: 2 }]));
assert.equal(limited.body.limits.slots, 2);
const locked = done(await change(limited.etag, [{ edit: 'lock', ...cell, depth: 0 }]));
const late = await change(first.etag, [{ edit: 'slots', slots: 3 }]);
assert.equal(late.response.status, 412, 'an old version changes nothing');
assert.equal(late.error?.type, '/problems/stale');

const read = done(await api.GET('/api/v1/boards/{id}', { params: { path } }));
assert.equal(read.etag, locked.etag);
const plan = planOf(read.body);
assert.ok(plan.totals.value <= plan.totals.bound && plan.totals.value < planOf(first.body).totals.value);
const why = done(await api.GET('/api/v1/boards/{id}/why', { params: { path, query: cell } })).body;
assert.ok(why.options.length > 0 && why.offer === null, 'it says what every depth would earn');
const history = done(await api.GET('/api/v1/boards/{id}/history', { params: { path } })).body;
assert.deepEqual(history.items.map((one) => one.edits[0]?.edit), ['lock', 'slots']);
const conflicts = done(await api.GET('/api/v1/boards/{id}/conflicts', { params: { path } })).body;
assert.ok(conflicts.every((conflict) => conflict.sentence.length > 0));

const second = await make('As it was');
const boards = `${first.body.id},${second.body.id}`;
const compared = done(await api.GET('/api/v1/compare', { params: { query: { boards } } })).body;
const value = compared.figures.find((figure) => figure.figure === 'value');
assert.deepEqual(value?.values, [plan.totals.value, planOf(second.body).totals.value]);
assert.ok(compared.differing > 0);
const board = { board: first.body.id };
const supply = done(await api.GET('/api/v1/supply', { params: { query: board } })).body;
assert.equal(supply.of, 'board');
const orders = done(await api.GET('/api/v1/supply/orders', { params: { query: { ...board, limit: 5 } } })).body;
assert.ok(orders.items.every((order) => order.quantity > 0) && supply.orders > 0);
console.log(`ok a client of the description plans: ${compared.differing} cells differ, ${supply.orders} orders, value ${plan.totals.value}`);
