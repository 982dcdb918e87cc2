/**
 * The Date header as milliseconds: RFC 5322 section 3.3 with the obsolete forms of section 4.3, C's asctime and ISO 8601.
 * What is none of these is null: an invented date would make a redelivery another record (G13).
 */

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** Hours of the zone names of RFC 5322 section 4.3; all other names mean nothing known, that is UTC. */
const ZONE_HOURS = new Map([
  ['EST', -5],
  ['EDT', -4],
  ['CST', -6],
  ['CDT', -5],
  ['MST', -7],
  ['MDT', -6],
  ['PST', -8],
  ['PDT', -7],
])

const TIME = String.raw`(\d{1,2})[:.](\d{1,2})(?:[:.](\d{1,2})(?:[.,]\d{1,9})?)?`
const ZONE = String.raw`(?:([+-]\d{1,2}:?\d{2})|([A-Za-z]{1,5})(?:[+-]\d{1,4})?)?`
const RFC_5322 = new RegExp(
  String.raw`^(?:[A-Za-z]{2,9}\.?\s?,?\s?)?(\d{1,2})[\s.-]([A-Za-z]{3,9})\.?[\s,-]{1,2}(\d{2,4})[\s,]{1,2}${TIME}\s?${ZONE}(?:\s|$)`,
)
const ASCTIME = new RegExp(
  String.raw`^[A-Za-z]{3},?\s([A-Za-z]{3})\s(\d{1,2}),?\s${TIME}\s(?:([A-Za-z]{1,5})\s)?(\d{4})(?:\s([+-]\d{4}))?$`,
)
const ISO_8601 = new RegExp(String.raw`^(\d{4})-(\d{2})-(\d{2})[T\s]${TIME}\s?${ZONE}$`)

/** Longest header that is tried: the expressions above never see a megabyte. */
const MAX_LENGTH = 200

/** @returns ms since 1970 UTC, or null when the value is not a date */
export function parseDate(value: string): number | null {
  if (value.length > MAX_LENGTH) return null
  const text = value
    .replace(/\([^()]*\)/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return rfc5322(text) ?? asctime(text) ?? iso8601(text)
}

function rfc5322(text: string): number | null {
  const [, day, month, year, hour, minute, second, offset, zone] = RFC_5322.exec(text) ?? []
  return time({ year, month: monthOf(month), day, hour, minute, second }, offset, zone)
}

function asctime(text: string): number | null {
  const [, month, day, hour, minute, second, zone, year, offset] = ASCTIME.exec(text) ?? []
  return time({ year, month: monthOf(month), day, hour, minute, second }, offset, zone)
}

function iso8601(text: string): number | null {
  const [, year, month, day, hour, minute, second, offset, zone] = ISO_8601.exec(text) ?? []
  return time({ year, month: Number(month) - 1, day, hour, minute, second }, offset, zone)
}

interface Parts {
  readonly year: string | undefined
  readonly month: number
  readonly day: string | undefined
  readonly hour: string | undefined
  readonly minute: string | undefined
  readonly second: string | undefined
}

function time(parts: Parts, offset: string | undefined, zone: string | undefined): number | null {
  if (parts.year === undefined) return null
  const year = fullYear(parts.year)
  const [day, hour, minute] = [Number(parts.day), Number(parts.hour), Number(parts.minute)]
  const second = Number(parts.second ?? 0)
  if (!(parts.month >= 0 && parts.month <= 11) || hour > 23 || minute > 59 || second > 60)
    return null
  const date = new Date(0)
  date.setUTCFullYear(year, parts.month, day)
  if (date.getUTCDate() !== day) return null
  return date.getTime() + ((hour * 60 + minute) * 60 + second) * 1000 - zoneMs(offset, zone)
}

/** RFC 5322 section 4.3: two digits are 1950 to 2049, three digits count from 1900. */
function fullYear(digits: string): number {
  const year = Number(digits)
  if (digits.length === 2) return year < 50 ? 2000 + year : 1900 + year
  return digits.length === 3 ? 1900 + year : year
}

const monthOf = (name: string | undefined): number =>
  name === undefined ? -1 : MONTHS.indexOf(name.slice(0, 3).toLowerCase())

function zoneMs(offset: string | undefined, zone: string | undefined): number {
  if (offset !== undefined) {
    const digits = offset.slice(1).replace(':', '').padStart(4, '0')
    const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
    return (offset.startsWith('-') ? -1 : 1) * minutes * 60_000
  }
  return (ZONE_HOURS.get(zone?.toUpperCase() ?? '') ?? 0) * 3_600_000
}
