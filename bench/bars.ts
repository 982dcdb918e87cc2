/** A horizontal bar chart as SVG: one group a heading, one bar a row, the figure beside it. */
export interface Bar {
  readonly label: string
  readonly value: number
  /** Figure as it is written beside the bar. */
  readonly text: string
  readonly highlighted: boolean
}

export interface BarGroup {
  readonly heading: string
  readonly bars: readonly Bar[]
}

const WIDTH = 760
const LABEL = 130
const ROW = 26
const HEADING = 34
const TEXT_SPACE = 190

const escape = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

/** Bars are as long as their share of the largest value in all groups. */
export function barsSvg(title: string, groups: readonly BarGroup[]): string {
  const largest = Math.max(...groups.flatMap(({ bars }) => bars.map(({ value }) => value)), 1e-9)
  const lines: string[] = []
  let y = 40
  for (const { heading, bars } of groups) {
    lines.push(`<text class="heading" x="16" y="${y + 18}">${escape(heading)}</text>`)
    y += HEADING
    for (const { label, value, text, highlighted } of bars) {
      const length = Math.max(2, (value / largest) * (WIDTH - LABEL - TEXT_SPACE))
      lines.push(
        `<text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escape(label)}</text>`,
        `<rect class="${highlighted ? 'ours' : 'other'}" x="${LABEL}" y="${y}" width="${length.toFixed(1)}" height="18" rx="3"/>`,
        `<text x="${(LABEL + length + 8).toFixed(1)}" y="${y + 13}">${escape(text)}</text>`,
      )
      y += ROW
    }
    y += 6
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y + 10}" role="img" aria-label="${escape(title)}">
<style>
text { font: 13px system-ui, sans-serif; fill: #24292f } .title { font-size: 16px; font-weight: 600 }
.heading { font-weight: 600 } .ours { fill: #1f6feb } .other { fill: #afb8c1 }
</style>
<rect width="100%" height="100%" fill="#ffffff"/>
<text class="title" x="16" y="26">${escape(title)}</text>
${lines.join('\n')}
</svg>
`
}
