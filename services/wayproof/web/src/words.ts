// Codes of the API in the words of the pages (GLOSSARY.md). A code without words is shown as it is, readable.

import type { Location, Urgency } from "./records";

const EVENTS: Readonly<Record<string, string>> = {
  shipment_created: "Shipment created",
  device_attached: "Device attached",
  detach_requested: "Detachment asked for",
  device_detached: "Device detached",
  custody_offered: "Custody offered",
  custody_accepted: "Custody accepted",
  custody_rejected: "Offer rejected",
  excursion_recorded: "Excursion recorded",
  excursion_resolved: "Excursion resolved",
  shipment_amended: "Shipment amended",
  shipment_closed: "Shipment closed",
};

export const URGENCIES: Readonly<Record<Urgency, string>> = {
  critical: "Critical",
  warning: "Warning",
  attention: "Attention",
  fine: "Fine",
};

const FLAGS: Readonly<Record<string, string>> = {
  out_of_range: "Out of range",
  rate_of_change: "Changed too fast",
  flat_line: "Flat line",
  gap: "Silence before it",
  clock_drift: "Clock is wrong",
  clock_jump: "Clock was set",
  two_places: "One serial number twice",
  impossible_speed: "Too fast a way",
  teleport: "Elsewhere at once",
  below_noise: "Smoother than the sensor",
  copied_series: "Copied series",
  unexpected_unit: "Unexpected unit",
};

export const RESOLUTIONS: Readonly<Record<string, string>> = {
  product_released: "Product released",
  product_rejected: "Product rejected",
  false_alarm: "False alarm",
};

export const VERDICTS = {
  verified: "Verified: every check passed",
  failed: "Failed: do not rely on this file",
  impossible: "Not verified: a required check was impossible",
} as const;

export function event(kind: string): string {
  return EVENTS[kind] ?? plain(kind);
}

/** A flag of a reading in words. */
export function flag(code: string): string {
  return FLAGS[code] ?? plain(code);
}

/** "product_released" → "Product released" */
export function plain(code: string): string {
  const words = code.replaceAll(/[_-]+/g, " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function place({ gln, name }: Location): string {
  return name || `GLN ${gln}`;
}

export function short(hex: string): string {
  return hex.length > 14 ? `${hex.slice(0, 10)}…` : hex;
}

export function plural(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
