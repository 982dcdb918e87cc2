/** Dates in a header block (RFC 5322 section 3.3), as far as they can be read. */

const MONTHS = 'janfebmaraprmayjunjulaugsepoctnovdec'

/** Hours of the zones that RFC 5322 section 4.3 calls obsolete; any other name is UTC there. */
const ZONES: Readonly<Record<string, number>> = {
  ...{ EST: -5, EDT: -4, CST: -6, CDT: -5, MST: -7, MDT: -6, PST: -8, PDT: -7 },
}

const DATE =
  /(\d{1,2})[ \t-]+([a-z]{3})[a-z]*[ \t-]+(\d{2,4})[ \t]+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:[ \t]*([+-]\d{4}|[a-z]{1,4}))?/i

/** When the message was written, as its author says; else when a server received it. Seconds since 1970 UTC. */
export const dateWritten = (block: Buffer): number | undefined =>
  dateOf(block, 'date') ?? dateOf(block, 'received')

/** When the last server received the message; else when it was written. Seconds since 1970 UTC. */
export const dateReceived = (block: Buffer): number | undefined =>
  dateOf(block, 'received') ?? dateOf(block, 'date')

/** Of the first field with this name. */
function dateOf(block: Buffer, name: 'date' | 'received'): number | undefined {
  const text = block.toString('latin1')
  const field = new RegExp(`(?:^|\\n)${name}[ \\t]*:((?:[^\\n]*\\n[ \\t])*[^\\n]*)`, 'i').exec(text)
  if (field === null) return undefined
  const value = (field[1] ?? '').replace(/\r?\n/g, '')
  return parse(name === 'received' ? value.slice(value.lastIndexOf(';') + 1) : value)
}

function parse(value: string): number | undefined {
  const [, day, month = '', year = '', hour, minute, second = '0', zone = ''] =
    DATE.exec(value) ?? []
  const at = MONTHS.indexOf(month.toLowerCase())
  if (day === undefined || at % 3 !== 0) return undefined
  const ms = Date.UTC(
    fullYear(year),
    at / 3,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  )
  return ms / 1000 - offsetSeconds(zone)
}

/** RFC 5322 section 4.3: two digits are of 1950 to 2049, three are counted from 1900. */
function fullYear(year: string): number {
  const value = Number(year)
  if (year.length === 4) return value
  return year.length === 2 && value < 50 ? 2000 + value : 1900 + value
}

function offsetSeconds(zone: string): number {
  const numeric = /^([+-])(\d\d)(\d\d)$/.exec(zone)
  if (numeric === null) return 3600 * (ZONES[zone.toUpperCase()] ?? 0)
  const seconds = 3600 * Number(numeric[2]) + 60 * Number(numeric[3])
  return numeric[1] === '-' ? -seconds : seconds
}
