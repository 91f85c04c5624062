// Channels as the desk tells of them.

export interface ChannelState {
  name: string;
  promises: string[];
  stages: Record<string, number>;
  last_sent: string | null;
  last_read: string | null;
  last_tried: string | null;
  lag_seconds: number | null;
  rests_until: string | null;
  reads_back: boolean | null;
  lists: boolean;
  expected: number;
  agree: number;
  unread: number;
  differ: number;
  problem: string | null;
}

export interface Channels {
  channels: ChannelState[];
  may_settle: boolean;
}

export interface Message {
  channel: string;
  place: string;
  sku: string;
  action: string;
  wanted: string;
  from: string;
  until: string | null;
  stage: string;
  reason: string | null;
  tries: number;
  last_sent: string | null;
  rests_until: string | null;
  subject: string | null;
  generation: number | null;
}

export interface Finding {
  id: number;
  channel: string;
  place: string | null;
  sku: string | null;
  kind: 'changed' | 'missing' | 'stale' | 'foreign' | 'extra';
  subject: string;
  expected: string | null;
  held: string | null;
  well_until: string | null;
  found: string;
  repair: 'none' | 'asked' | 'decided' | 'by_hand';
}

export interface Part<T> {
  items: T[];
  total?: number;
  next: string | null;
}

/** Where messages can stand, as the sender names it. */
export const stages = [
  'open',
  'waits for its time',
  'to be sent',
  'sent, not answered',
  'acknowledged',
  'confirmed',
  'superseded',
  'refused',
  'held back',
  'unclear',
] as const;

/** How a difference is told. */
export const kinds: Record<Finding['kind'], string> = {
  changed: 'Changed there',
  missing: 'Missing',
  stale: 'An older one',
  foreign: 'A later one that nobody here decided',
  extra: 'Nobody here decided it',
};

/** How bad it is that something stands there. */
export function tone(stage: string): '' | 'good' | 'warn' | 'bad' {
  if (stage === 'confirmed') return 'good';
  if (stage === 'unclear') return 'bad';
  return stage === 'held back' || stage === 'refused' ? 'warn' : '';
}

/** A time span in its largest unit. */
export function span(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}
