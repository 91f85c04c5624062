// Requests for approval, as the desk tells of them.

export interface Entry {
  record: number;
  at: string;
  step: 'asked' | 'signed' | 'turned_down' | 'asked_back' | 'used';
  who: string | null;
  done: boolean;
  words: string[];
}

export interface Listed {
  id: string;
  version: number;
  plan: string;
  proposer: string;
  asked: string;
  expires: string;
  currency: string;
  currency_digits: number;
  at_risk: number;
  own_money: number;
  money: { category: string; amount: number }[];
  reasons: string[];
  state: 'waiting' | 'granted' | 'used' | 'refused' | 'expired' | 'void';
  why: string | null;
  waiting: { function: string; escalated_to: string | null; people: number; until: string; who: string[] } | null;
  steps: { function: string; people: number; signed: { person: string; answer: string; at: string }[] }[];
  mine: { function: string | null; why_not: string | null; sign_in_again: boolean; proposed: boolean };
  happened: Entry[];
}

export interface Change {
  what: 'added' | 'removed' | 'changed' | 'revalued';
  sku: string;
  place: string;
  start: string;
  before: number | null;
  after: number | null;
  value: number;
}

export interface Details {
  value: number;
  bound: number;
  periods: string[];
  changes: { against: string | null; value_before: number; all: number; orders: number; offers: Change[] };
  stress: {
    stockout_rate_promoted: number;
    tail_value: number;
    worlds: number;
    figures: { measure: string; mean: number; tail: number; difference: number | null }[];
  } | null;
  breaches: string[];
}

export type Shown = Listed & { details: Details | null };

/** A state in words, and how it looks. */
export const states: Record<Listed['state'], { words: string; look: string }> = {
  waiting: { words: 'Waiting', look: 'warn' },
  granted: { words: 'Approved, not sent', look: 'good' },
  used: { words: 'Sent', look: 'good' },
  refused: { words: 'Turned down', look: 'bad' },
  expired: { words: 'Out of time', look: '' },
  void: { words: 'Void', look: 'bad' },
};

const told: Record<Entry['step'], [string, string]> = {
  asked: ['asked for approval', 'tried to ask'],
  signed: ['approved', 'tried to approve'],
  turned_down: ['said no', 'tried to say no'],
  asked_back: ['wrote', 'tried to write'],
  used: ['sent the plan', 'tried to send the plan'],
};

/** What happened, in words. */
export function inWords(entry: Entry): string {
  return `${entry.who ?? 'Somebody whose name was erased'} ${told[entry.step][entry.done ? 0 : 1]}`;
}
