/** Shares of a whole, as bars and numbers. */

const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** A bar in eighths of a character; whatever is more than nothing can be seen. */
export function bar(share: number, length: number): string {
  const eighths = share > 0 ? Math.max(1, Math.round(share * length * 8)) : 0
  return '█'.repeat(Math.floor(eighths / 8)) + (EIGHTHS[eighths % 8] ?? '')
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`.padStart(8)
