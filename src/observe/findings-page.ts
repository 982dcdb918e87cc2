/** What is wrong with mail, as people read it: the first of each kind by name. */
import type { Findings } from '../audit/findings.ts'
import { shown } from './shown.ts'
import { formatCount } from './units.ts'
import { wrapWords } from './wrap.ts'

/** More of a kind do not fit a page; the JSON has a thousand. */
const NAMED = 10

/** @param sections title and findings; those without any are left out */
export function findingsPage(
  sections: readonly (readonly [title: string, findings: Findings])[],
  width: number,
): string[] {
  return sections.flatMap(([title, findings]) =>
    findings.count === 0 ? [] : [section(title, findings, width)],
  )
}

function section(title: string, { count, first }: Findings, width: number): string {
  const items = first.slice(0, NAMED).flatMap(({ uidl, key, why }) => {
    const name = uidl === null ? 'no unique-id' : `unique-id ${shown(uidl)}`
    const lines = wrapWords(`${name}, key ${shown(key)}: ${shown(why)}`, width - 2)
    return lines.map((line, index) => (index === 0 ? `- ${line}` : `  ${line}`))
  })
  const rest = count - Math.min(NAMED, first.length)
  const more = rest > 0 ? [`  and ${formatCount(rest)} more`] : []
  return [...wrapWords(title, width), ...items, ...more].join('\n')
}
