/**
 * The header block as the parser library gets it: what it needs for body and subject. All other fields are ours, and
 * reading them takes the library, which parses every address, date and trace line, a third of its time.
 */
import type { HeaderBlock } from './header-block.ts'

const NEEDED = /^(?:content-[a-z-]+|mime-version|subject)[ \t]*:/i
const CONTINUES = /^[ \t]/

/** Lines of the needed fields with the empty line, octets as they are; undefined where there is a doubt which are. */
export function libraryHeader(bytes: Buffer, block: HeaderBlock): Buffer | undefined {
  const { fields, bodyOffset, malformedLines, truncated } = block
  const inDoubt = malformedLines > 0 || truncated || fields.length === 0
  if (inDoubt || bodyOffset >= bytes.length) return undefined
  const kept: string[] = []
  let needed = false
  for (const line of bytes.toString('latin1', 0, bodyOffset).split(/(?<=\n)/)) {
    if (!CONTINUES.test(line)) needed = NEEDED.test(line) || /^\r?\n$/.test(line)
    if (needed) kept.push(line)
  }
  return Buffer.from(kept.join(''), 'latin1')
}
