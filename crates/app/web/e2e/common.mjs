// What every test of the pages needs: the desk as a process, a browser, and what is looked at on each page.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const [endcap, shots] = process.argv.slice(2);
const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');
if (shots) mkdirSync(shots, { recursive: true });

/** Where screenshots are kept, if anywhere. */
export { shots };

/** A folder of its own, to be removed by whoever asked for it. */
export const newFolder = () => mkdtempSync(join(tmpdir(), 'endcap-desk-'));

/** A password of digits, which holds nobody's name. */
export const newPassword = () => [...randomBytes(24)].map((byte) => byte % 10).join('');

/** Runs a command of endcap and returns its log, once it has ended well. */
export async function run(args, input = '') {
  const child = spawn(endcap, args, { stdio: ['pipe', 'inherit', 'pipe'] });
  let text = '';
  child.stderr.on('data', (part) => (text += part));
  child.stdin.end(input);
  const code = await new Promise((ended) => child.on('exit', ended));
  assert.equal(code, 0, text);
  return text;
}

/** Starts the desk on any free port and returns its address. */
export async function start(args, environment = {}) {
  const server = spawn(endcap, ['serve', ...args, '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const log = { text: '' };
  const address = await new Promise((told, failed) => {
    server.on('exit', (code) => failed(new Error(`the desk ended with ${code}: ${log.text}`)));
    server.stderr.on('data', (part) => {
      log.text += part;
      const found = log.text.match(/Endcap is at (http:\S+)/);
      if (found) told(found[1]);
    });
  });
  return { server, address, log };
}

/** A browser that talks to nobody else. */
export const launch = () =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
  });

export async function step(name, work) {
  const begun = performance.now();
  await work();
  console.log(`ok ${name} (${((performance.now() - begun) / 1000).toFixed(1)} s)`);
}

/** Serious faults of accessibility on the page as it is. */
export async function accessible(page) {
  // The page's own content policy forbids foreign scripts; the checker comes in through the debugger.
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
  const serious = violations.filter((fault) => ['serious', 'critical'].includes(fault.impact));
  const told = serious.map((fault) => `${fault.id}: ${fault.nodes.slice(0, 3).map((node) => node.html).join(' ')}`);
  assert.deepEqual(told, [], `accessibility of ${page.url()}`);
}

export async function looked(page, name) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${name} is ${over} px wider than the screen`);
  // WCAG 2.5.8; links and words within sentences are as tall as their line.
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button:not(.term), input, select, summary, nav a, .button')]
      .map((own) => ({ own, box: own.getBoundingClientRect() }))
      .filter(({ own, box }) => box.width > 0 && matchMedia('(pointer: coarse)').matches && own.type !== 'file' && (box.width < 23.5 || box.height < 23.5))
      .map(({ own, box }) => `${own.outerHTML.slice(0, 80)} (${Math.round(box.width)} x ${Math.round(box.height)})`),
  );
  assert.deepEqual(small, [], `${name} has targets too small for a finger`);
  if (shots) await page.screenshot({ path: join(shots, `${name}.png`) });
}

export const sizes = [
  { name: 'laptop', viewport: { width: 1280, height: 860 }, colorScheme: 'light' },
  { name: 'tablet', viewport: { width: 820, height: 1180 }, colorScheme: 'light', hasTouch: true },
  { name: 'phone', viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true },
];
