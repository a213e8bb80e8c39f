// What the API answers, as docs/reference/api.md has it. Instants are integer milliseconds since 1970 (`_at_ms`).

export interface Organisation {
  organisation: string;
  name: string;
  ledger: { kind: string; channel: string; height: number; stand_in: boolean };
  log?: { log_id: string; epoch: number; size: number; anchored_size: number; anchored_at_ms?: number };
  counts: {
    shipments_open: number;
    shipments_closed: number;
    messages: number;
    readings: number;
    rejections: number;
  };
}

export interface Location {
  gln: string;
  name?: string;
  latitude?: number;
  longitude?: number;
}

/** value · 10^−scale in a unit of UN/ECE Rec 20. */
export interface Quantity {
  value: number | string;
  scale: number;
  unit: string;
}

export interface Measurement extends Quantity {
  device_id: string;
  name: string;
  observed_at_ms: number;
}

/** Why a reading is not plausible: the platform's opinion, no evidence. */
export interface Flag {
  code: string;
  rule_version: number;
  detail: string;
}

export interface JudgedMeasurement extends Measurement {
  state: "inside" | "low" | "high" | "unlimited";
  limit?: { scale: number; low?: number; high?: number };
  flags?: Flag[];
}

export type Urgency = "critical" | "warning" | "attention" | "fine";
export type Status = "open" | "closed";

export interface Reason {
  code: string;
  text: string;
}

export interface Summary {
  gsin: string;
  status: Status;
  role: string;
  custodian: string;
  created_at_ms: number;
  due_at_ms: number;
  lane: { origin: Location; destination: Location; mode: string };
  content: string;
  urgency: Urgency;
  reasons: Reason[];
  latest: {
    measurements: JudgedMeasurement[];
    position?: { latitude: number; longitude: number; observed_at_ms: number };
  };
  excursions: { open: number; unresolved: number; total: number };
  missing: number;
  last_observed_at_ms?: number;
  last_received_at_ms?: number;
  judged_at_ms?: number;
}

export interface Limit {
  name: string;
  unit: string;
  scale: number;
  low?: number;
  high?: number;
}

export interface Position {
  device_id: string;
  stream: string;
  boot: number;
  sequence: number;
  hash: string;
}

export interface Latest extends Measurement {
  stream: string;
}

export interface Condition {
  positions: Position[];
  latest: Latest[];
  remark: string;
}

export interface Offer {
  version: number;
  to: string;
  by: string;
  at_ms: number;
  condition: Condition;
}

export interface CustodyPeriod {
  custodian: string;
  since_at_ms: number;
  until_at_ms?: number;
  observed_from_ms?: number;
  observed_until_ms?: number;
  handover?: {
    offered_at_ms: number;
    accepted_at_ms: number;
    latest: Latest[];
    remarks: { offer: string; acceptance: string };
    tx_ids: string[];
  };
}

export interface Excursion {
  excursion_id: string;
  device_id: string;
  stream: string;
  name: string;
  direction: "high" | "low";
  started_at_ms: number;
  ended_at_ms?: number;
  peak: Quantity;
  rule: string;
  as_of_ms: number;
  standing: boolean;
  custodian?: string;
  resolution?: string;
  remark?: string;
  tx_id: string;
}

export interface Attachment {
  attached: number;
  device_id: string;
  stream: string;
  organisation: string;
  model: string;
  held_here: boolean;
  start: Position;
  end?: Position;
  messages: number;
  readings: number;
  first_observed_at_ms?: number;
  last_observed_at_ms?: number;
  gaps: [boot: number, first: number, last: number][];
  equivocations: [boot: number, sequence: number][];
  retrospective: number;
}

export interface Anchor {
  log_id: string;
  epoch: number;
  counter: number;
  size: number;
  root: string;
  at_ms: number;
  block_number: number;
  tx_id: string;
}

export interface Proof {
  messages: number;
  sealed: number;
  anchored: number;
  log_size: number;
  anchored_size: number;
  anchors: Anchor[];
}

export interface LedgerEvent {
  version: number;
  kind: string;
  organisation: string;
  at_ms: number;
  tx_id: string;
  block_number: number;
}

export interface Unit {
  sscc: string;
  contents: { gtin: string; lot: string }[];
  assets: string[];
}

export interface Amendment {
  version: number;
  organisation: string;
  at_ms: number;
  remark: string;
  due_at_ms?: number;
  late?: Position[];
}

/** A summary with everything told; its excursions are the list, no longer the counts. */
export interface Shipment extends Omit<Summary, "excursions"> {
  excursions: Excursion[];
  parties: { role: string; msp_id: string; location: Location }[];
  units: Unit[];
  limits: Limit[];
  offer?: Offer;
  custody: CustodyPeriod[];
  attachments: Attachment[];
  proof: Proof;
  events: LedgerEvent[];
  amendments: Amendment[];
  actions: string[];
}

export interface Series {
  device_id: string;
  stream: string;
  name: string;
  unit: string;
  points: [observed_at_ms: number, value: number][];
  reduced: boolean;
}

export interface Gap {
  device_id: string;
  stream: string;
  from_ms: number;
  until_ms: number;
  missing: number;
}

export interface TraceFlag extends Flag {
  device_id: string;
  stream: string;
  name: string;
  observed_at_ms: number;
}

export interface Trace {
  gsin: string;
  as_of_ms: number;
  held_here: boolean;
  series: Series[];
  route: [observed_at_ms: number, latitude: number, longitude: number][];
  gaps: Gap[];
  flags: TraceFlag[];
  flags_reduced: boolean;
  doors: [from_ms: number, until_ms: number][];
  dropped: [from_ms: number, until_ms: number][];
}

/** One reading, a number or a text, with its message's place, its leaf once sealed, and the first anchor above that. */
export interface SingleReading {
  device_id: string;
  stream: string;
  name: string;
  observed_at_ms: number;
  value?: number;
  scale?: number;
  unit?: string;
  text?: string;
  flags?: Flag[];
  message: { boot: number; sequence: number; hash: string; received_at_ms: number };
  leaf?: { log_id: string; epoch: number; index: number };
  anchor?: { counter: number; size: number; at_ms: number; block_number: number; tx_id: string };
}

export interface Device {
  device_id: string;
  organisation: string;
  model: string;
  home_log: string;
  status: string;
  revoked: boolean;
  registered_at_ms?: number;
  held_here: boolean;
  keys: { key_id?: string; algorithm: string; registered_at_ms: number; current: boolean }[];
  streams: { stream: string; boot: number; sequence: number; hash: string; last_received_at_ms: number }[];
  attached: { gsin: string; stream: string }[];
  last_received_at_ms?: number;
}

export interface Rejection {
  rejection_id: string;
  code: string;
  detail: string;
  topic: string;
  device_id?: string;
  payload_hash: string;
  payload_size: number;
  first_received_at_ms: number;
  last_received_at_ms: number;
  times: number;
  logged: boolean;
}

export interface Check {
  name: string;
  says: string;
  status: "passed" | "failed" | "not_checkable";
  problems: { reason: string; where: string }[];
  more: number;
}

/** The verifier's report, as docs/reference/evidence.md has it. */
export interface Report {
  verdict: "verified" | "failed" | "impossible";
  exit_status: number;
  ledger: string;
  channel: string;
  as_of_block?: number;
  checks: Check[];
  findings: { kind: string; text: string; where: string }[];
  shipment?: { gsin: string; is_closed: boolean };
}

export interface Verification {
  report: Report;
  text: string;
  trust_root: unknown;
}

export interface Page<Item> {
  items: Item[];
  next?: string | number;
}
