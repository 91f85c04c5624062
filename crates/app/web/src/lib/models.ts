// The registry of models, as the server tells it.

export interface Gain { mean: number; low: number | null; high: number | null; blocks: number }
export interface Look { snapshot: string; ruling: string; reasons: string[]; all: Gain | null; promoted: Gain | null }
export interface Model {
  model: string;
  state: string;
  reason: string;
  approved_by: string | null;
  made_by: string;
  snapshot: string | null;
  first: string;
  last: string;
  code_version: string;
  seed: number;
  parent: string | null;
  metrics: Record<string, number>;
  unsound: string[];
  looks: Look[];
}
export interface ContestSet { cells: string; periods: string[]; champion: (number | null)[]; challenger: (number | null)[]; gains: Gain[] }
type Ends = [number | null, number | null, number | null];
export interface Load {
  snapshot: string;
  champion: string;
  periods: number;
  verdict: string;
  shift: Ends | null;
  money: Ends | null;
  inputs: string[];
  refit: string | null;
  told: string;
}
export interface Models {
  models: Model[];
  contest: { champion: string | null; challenger: string; sets: ContestSet[] } | null;
  loads: Load[];
  may_change: boolean;
  may_go_back: boolean;
}

/** States for people. */
export const STATES: Record<string, string> = { champion: 'champion', challenger: 'challenger in shadow', retired: 'retired', refused: 'refused' };
/** Causes of a refit for people. */
export const REFITS: Record<string, string> = {
  schedule: 'by schedule',
  error: 'because forecasts err',
  regime: 'because sales left the range that the model knew',
  corrected: 'because the facts behind the model were corrected',
};
