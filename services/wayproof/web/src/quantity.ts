// Measured values: value · 10^−scale in a unit of UN/ECE Rec 20, shown digit for digit. No float comes between.

import type { Quantity } from "./records";

const UNITS: Readonly<Record<string, string>> = {
  CEL: "°C",
  KEL: "K",
  P1: "%",
  VLT: "V",
  LUX: "lx",
  MSK: "m/s²",
  MTS: "m/s",
  MTR: "m",
  DD: "°",
  PAL: "Pa",
  C62: "",
};

/** The exact decimal: `decimal(-1850, 2)` is "−18.50". A negative scale adds zeros. */
export function decimal(value: number | string, scale: number): string {
  const written = String(value);
  const negative = written.startsWith("-");
  let digits = negative ? written.slice(1) : written;
  if (scale <= 0) {
    digits = digits === "0" ? digits : digits + "0".repeat(-scale);
  } else {
    digits = digits.padStart(scale + 1, "0");
    digits = `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  }
  return (negative ? "−" : "") + digits;
}

export function unit(code: string): string {
  return UNITS[code] ?? code;
}

export function shown({ value, scale, unit: code }: Quantity): string {
  const sign = unit(code);
  return sign ? `${decimal(value, scale)} ${sign}` : decimal(value, scale);
}

/** For drawing only. */
export function drawn({ value, scale }: { value: number | string; scale: number }): number {
  return Number(value) / 10 ** scale;
}

/** What a person typed as [value, scale], or undefined: "4.50" is [450, 2]. Comma and minus sign are understood. */
export function typed(text: string): { value: number; scale: number } | undefined {
  const match = /^([-−+]?)(\d{1,15})(?:[.,](\d{1,9}))?$/.exec(text.trim());
  if (!match) return undefined;
  const fraction = match[3] ?? "";
  const value = Number(`${match[2]}${fraction}`);
  if (!Number.isSafeInteger(value)) return undefined;
  return { value: match[1] === "-" || match[1] === "−" ? -value : value, scale: fraction.length };
}

/** A count with its thousands apart. */
export function count(number: number): string {
  return number.toLocaleString("en");
}

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} kB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}
