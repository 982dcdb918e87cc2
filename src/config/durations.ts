/** Durations as people type them. */

const MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const

export const DURATION = /^(\d{1,6})([smhdw])$/

/** Milliseconds of `90s`, `45m`, `12h`, `30d`, `2w`; undefined when it is none of that. */
export function durationMs(text: string): number | undefined {
  const [, count, unit] = DURATION.exec(text) ?? []
  return count === undefined ? undefined : Number(count) * MS[unit as keyof typeof MS]
}
