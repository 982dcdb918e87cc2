/** How wide a page is. */
const [NARROWEST, WIDEST] = [60, 120]

export const terminalWidth = (): number =>
  Math.min(WIDEST, Math.max(NARROWEST, process.stdout.columns || Number(process.env.COLUMNS) || 80))
