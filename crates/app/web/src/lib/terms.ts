// The words that the pages use, in one or two sentences each. `see` names words that help to understand it.

export interface Term { word: string; means: string; see?: string[] }

export const TERMS: Record<string, Term> = {
  autonomy: { word: 'Autonomy', means: 'How far the machine may go by itself, as policy.toml says: halted, advise, propose, act with a veto, or act. A plan that needs a person waits for one.' },
  base: { word: 'Usual sales', means: 'What would have been sold without the promotion: the baseline. It is estimated from the periods around it, the season, and places that did not run it.', see: ['lift', 'anyway'] },
  bias: { word: 'Bias', means: 'Sum of the errors over what was sold. Above 0 the forecasts were too high on the whole, below 0 too low.', see: ['wape'] },
  blind: { word: 'Blind forecast', means: 'A forecast made from what was known before the promotion began, and from nothing else. Only such a forecast can be scored fairly.', see: ['wape', 'interval'] },
  board: { word: 'Board', means: 'A draft of a plan. It keeps what people decided (locks, limits, notes); the plan is drawn from that, anew with every edit.', see: ['lock', 'bound'] },
  bound: { word: 'Bound', means: 'A value that no plan under the same limits can exceed. It is proven, not estimated: the optimiser shows it by putting prices on the limits.', see: ['gap', 'price'] },
  break_even: { word: 'Break-even margin', means: 'The margin over the price without promotion from which a promotion would have paid.', see: ['anyway'] },
  cannibalisation: { word: 'Cannibalisation', means: 'Sales that a promotion takes from substitutes of the same group. They look like a gain on the item and are none for the shop.', see: ['halo', 'pull_forward'] },
  caution: { word: 'Caution', means: 'Standard errors by which lifts are lowered when offers are valued. Of many uncertain offers the best-looking are overrated.', see: ['lift', 'interval'] },
  depth: { word: 'Depth', means: 'The share of the list price that is taken off: 20 % off 5.00 leaves 4.00.' },
  anyway: { word: 'Sold anyway', means: 'Discount given on pieces that would have been sold at full price as well. In most promotions it is the largest cost, and the usual report leaves it out.', see: ['base', 'usual_report'] },
  fill_rate: { word: 'Fill rate', means: 'Pieces sold over pieces wanted: 100 % when no shelf was empty when somebody came.', see: ['stock_out'] },
  gap: { word: 'Gap', means: 'How much better than the shown plan another one could be at most: the bound less the value, over the bound. A gap of 0.1 % leaves little to look for.', see: ['bound'] },
  halo: { word: 'Halo', means: 'What other groups sell more because of a promotion: crisps beside the cola. It is counted only where the history shows that one group follows another.', see: ['cannibalisation'] },
  hit: { word: 'Interval hit', means: 'A range that held what came. Ranges that are meant to hold nine times in ten should do so about nine times in ten: more often means too wide, less often too sure.', see: ['interval'] },
  integrated: { word: 'Integrated', means: 'Planned with supply inside: offers are chosen among those that stock, deliveries and lead times allow, and orders know of them.', see: ['siloed', 'lead_time'] },
  interval: { word: 'Interval', means: 'A range that holds the true value with a stated probability, such as 95 %. A wide one says: the data cannot tell well.', see: ['hit', 'shrunk'] },
  lead_time: { word: 'Lead time', means: 'Periods from an order to its arrival. An offer that is decided later than that runs on what lies in the shop already.', see: ['integrated', 'stock_out'] },
  lift: { word: 'Lift', means: 'What a promotion multiplies usual sales by: a lift of 1.5 sells half as much again.', see: ['base', 'depth'] },
  lock: { word: 'Lock', means: 'A cell that a person has decided: an offer at a depth, or no offer. The plan is made around it.', see: ['board'] },
  margin: { word: 'Margin', means: 'Price paid less what the piece costs. A margin rate is that over the price.' },
  net: { word: 'Net', means: 'What is left of a promotion after what substitutes and later periods lost and other groups gained.', see: ['cannibalisation', 'pull_forward', 'halo'] },
  price: { word: 'Price of a limit', means: 'What one unit more of a limit, such as a slot or a euro of budget, would add to the plan.', see: ['bound'] },
  pull_forward: { word: 'Pull-forward', means: 'Pieces bought on offer and put in the cupboard, which are then not bought later.', see: ['net'] },
  roi: { word: 'Return', means: 'Profit for each unit of money given away. Below 0 the promotion lost money.', see: ['anyway'] },
  shrunk: { word: 'Drawn towards the whole', means: 'Few promotions say little: their mean is drawn towards that of all, by as much as chance alone spreads such means. So one lucky promotion does not lead.', see: ['interval'] },
  siloed: { word: 'Siloed', means: 'Planned without supply: the same estimates and optimiser, but stock is taken for unlimited, and supply hears of an offer when it begins.', see: ['integrated'] },
  spreadsheet: { word: 'Spreadsheet', means: 'How it is often done: every item in turn at one depth, averages of what was sold, one uplift for all, stock for some weeks of cover.', see: ['siloed', 'integrated'] },
  stock_out: { word: 'Stock-out', means: 'An empty shelf when somebody wanted to buy. Sales do not show it: what was wanted has to be estimated.', see: ['fill_rate', 'lead_time'] },
  support: { word: 'Support', means: 'What a shop does for an offer beside its price: an advert, a display.' },
  twin: { word: 'Twin', means: 'A simulated world of shoppers and supply whose shoppers answer by a law that the planner does not know. Plans are tried in it before anybody signs them.', see: ['world'] },
  usual_report: { word: 'Usual report', means: 'Units sold less the mean of the periods before, at the margin that they sold at. It charges nothing for what would have been sold anyway, or was taken from elsewhere.', see: ['anyway', 'net'] },
  value: { word: 'Value', means: 'What a plan earns against running no promotion, after all costs that are counted.', see: ['bound', 'caution'] },
  wape: { word: 'WAPE', means: 'Sum of the absolute errors over what was sold. 0.2 means that forecasts were off by a fifth of the volume.', see: ['bias'] },
  world: { word: 'World', means: 'One run of the twin. The same number has the same shoppers, shocks and late deliveries, so that two ways to plan can be set beside each other in it.', see: ['twin'] },
};

/** The words in the order of the alphabet. */
export const ordered: [string, Term][] = Object.entries(TERMS).sort((a, b) => a[1].word.localeCompare(b[1].word));
