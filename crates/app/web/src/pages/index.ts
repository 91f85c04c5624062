// The pages, by address. `area` is the part of the navigation that a page belongs to.

import type { Component } from 'svelte';
import Accounts from './Accounts.svelte';
import After from './After.svelte';
import Audit from './Audit.svelte';
import Autonomy from './Autonomy.svelte';
import Boards from './Boards.svelte';
import Channels from './Channels.svelte';
import Data from './Data.svelte';
import Evidence from './Evidence.svelte';
import Home from './Home.svelte';
import Inbox from './Inbox.svelte';
import Learn from './Learn.svelte';
import Live from './Live.svelte';
import Notices from './Notices.svelte';
import Missing from './Missing.svelte';
import Supply from './Supply.svelte';

export interface Page {
  path: string;
  title: string;
  component: Component;
  /** Shown in the navigation to those with this right; nothing when it is reached from another page. */
  right?: string;
  icon?: string;
  /** Whether it has something to show before the project is ready. */
  always?: boolean;
}

export const pages: Page[] = [
  { path: '/', title: 'Overview', component: Home, right: 'read', icon: '◱', always: true },
  { path: '/plan', title: 'Plan', component: Boards, right: 'read', icon: '▦' },
  { path: '/live', title: 'Live', component: Live, right: 'read', icon: '◉' },
  { path: '/inbox', title: 'Inbox', component: Inbox, right: 'read', icon: '✉', always: true },
  { path: '/supply', title: 'Supply', component: Supply, right: 'read', icon: '⇄' },
  { path: '/evidence', title: 'Evidence', component: Evidence, right: 'read', icon: '≈' },
  { path: '/after', title: 'After', component: After, right: 'read', icon: '✓' },
  { path: '/channels', title: 'Channels', component: Channels, right: 'read', icon: '⇉', always: true },
  { path: '/autonomy', title: 'Autonomy', component: Autonomy, right: 'read', icon: '⇧', always: true },
  { path: '/data', title: 'Data', component: Data, right: 'read', icon: '▤', always: true },
  { path: '/learn', title: 'Learn', component: Learn, right: 'read', icon: '✎', always: true },
  { path: '/notices', title: 'Notices', component: Notices, always: true },
  { path: '/audit', title: 'Audit', component: Audit, right: 'audit', icon: '☰', always: true },
  { path: '/accounts', title: 'Accounts', component: Accounts, right: 'administer', icon: '◍', always: true },
];

const missing: Page = { path: '', title: 'Not found', component: Missing, always: true };

/** The page of an address: the one whose path is the longest beginning of it. */
export function pageOf(path: string): Page {
  const fits = (page: Page) => path === page.path || (page.path !== '/' && path.startsWith(`${page.path}/`));
  const found = pages.filter(fits).sort((a, b) => b.path.length - a.path.length);
  return found[0] ?? missing;
}
