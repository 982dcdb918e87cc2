/**
 * Header fields as real mail carries them: Received chains, encoded words in ten charsets, threads, raw 8-bit, dates
 * of twenty years. Rule: every line ends with CRLF and the whole stays under about 2,300 octets, so that the smallest
 * message of the generator has room for a body.
 */
import { PHRASE_BOOKS } from './phrases.ts'
import type { Random } from './random.ts'
import { DOMAINS, FAMILY, GIVEN, MAILERS, SOFTWARE, WORDS } from './words.ts'

/** What the fields of one message have in common. */
export interface Envelope {
  readonly random: Random
  readonly index: number
  /** Octets of the whole message. */
  readonly octets: number
  /** Milliseconds since 1970 UTC. */
  readonly sentAt: number
  /** Message-ID with angle brackets. */
  readonly messageId: string
}

const FIRST_DAY = Date.UTC(2003, 2, 3)
const TWENTY_YEARS = 20 * 365 * 24 * 3600 * 1000
const ZONES = ['+0000', '+0100', '+0200', '-0500 (EST)', '-0700', '+0530', '+0900', 'GMT', 'EST']

export function envelopeOf(random: Random, index: number, octets: number): Envelope {
  const sentAt = FIRST_DAY + ((index * 4_373_000) % TWENTY_YEARS) + random.below(3600) * 1000
  const messageId = `<${random.hex(8)}.${random.hex(8)}.${index}@${random.pick(DOMAINS)}>`
  return { random, index, octets, sentAt, messageId }
}

/** RFC 5322 date-time, in a zone of some sort. */
export function dateTime(random: Random, ms: number): string {
  return `${new Date(ms).toUTCString().slice(0, 25)} ${random.pick(ZONES)}`
}

/** A phrase in RFC 2047 encoded words (B, or Q for the charsets that people write in Q), or raw in its charset. */
function encodedPhrase(random: Random): string {
  const { charset, phrases } = random.pick(PHRASE_BOOKS)
  const base64 = random.pick(phrases)
  if (random.chance(3)) return Buffer.from(base64, 'base64').toString('latin1')
  if (charset.startsWith('iso-8859') || (charset === 'utf-8' && random.chance(50))) {
    const q = Buffer.from(base64, 'base64').toString('latin1')
    const text = q.replace(/[^A-Za-z0-9]/g, (c) =>
      c === ' ' ? '_' : `=${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
    )
    if (text.length < 60) return `=?${charset}?Q?${text}?=`
  }
  return `=?${random.chance(20) ? charset.toUpperCase() : charset}?B?${base64}?=`
}

export function words(random: Random, count: number): string {
  let text = random.pick(WORDS)
  for (let i = 1; i < count; i += 1) text += ` ${random.pick(WORDS)}`
  return text
}

export function subject(random: Random): string {
  const prefix = random.chance(30) ? random.pick(['Re: ', 'RE: ', 'Fwd: ', 'AW: ', '[list] ']) : ''
  if (random.chance(70)) return prefix + words(random, 2 + random.below(6))
  const first = prefix + encodedPhrase(random)
  return random.chance(40) ? `${first}\r\n ${encodedPhrase(random)}` : first
}

export function addrSpec(random: Random): string {
  const name = `${random.pick(GIVEN)}.${random.pick(FAMILY).replace("'", '')}`.toLowerCase()
  return `${name}@${random.pick(DOMAINS)}`
}

export function mailboxOfPerson(random: Random): string {
  const kind = random.below(10)
  const address = addrSpec(random)
  if (kind < 2) return address
  if (kind < 5) return `${encodedPhrase(random)} <${address}>`
  if (kind === 5) return `"${random.pick(FAMILY)}, ${random.pick(GIVEN)}" <${address}>`
  if (kind === 6) return `${address} (${random.pick(GIVEN)} ${random.pick(FAMILY)})`
  return `${random.pick(GIVEN)} ${random.pick(FAMILY)} <${address}>`
}

function mailboxes(random: Random, atMost: number): string {
  let list = mailboxOfPerson(random)
  for (let more = random.below(atMost); more > 0; more -= 1)
    list += `,\r\n\t${mailboxOfPerson(random)}`
  return list
}

function received({ random, octets, sentAt }: Envelope): string {
  const hops = 1 + random.below(octets < 8192 ? 2 : 5)
  let text = `Return-Path: <${addrSpec(random)}>\r\n`
  for (let hop = hops; hop > 0; hop -= 1) {
    const from = `mx${random.below(9)}.${random.pick(DOMAINS)}`
    const ip = `192.0.2.${random.below(256)}`
    text +=
      `Received: from ${from} (${from} [${ip}])\r\n` +
      `\tby mail${random.below(9)}.${random.pick(DOMAINS)} (${random.pick(SOFTWARE)}) with ESMTP id ${random.hex(8)}\r\n` +
      `\tfor <user@example.com>; ${dateTime(random, sentAt + hop * 1700)}\r\n`
  }
  return text
}

function thread({ random, octets }: Envelope): string {
  if (!random.chance(35)) return ''
  const domain = random.pick(DOMAINS)
  const parent = `<${random.hex(8)}.${random.hex(6)}@${domain}>`
  let references = ''
  for (let n = random.below(octets < 8192 ? 3 : 12); n > 0; n -= 1)
    references += `<${random.hex(8)}.${n}@${domain}>\r\n\t`
  return `In-Reply-To: ${parent}\r\nReferences: ${references}${parent}\r\n`
}

function extras({ random }: Envelope): string {
  let text = ''
  if (random.chance(50)) text += `X-Mailer: ${random.pick(MAILERS)}\r\n`
  if (random.chance(20)) text += `Reply-To: ${mailboxOfPerson(random)}\r\n`
  if (random.chance(15))
    text += `List-Id: <${random.pick(WORDS)}.${random.pick(DOMAINS)}>\r\nPrecedence: bulk\r\n`
  if (random.chance(30))
    text +=
      `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${random.pick(DOMAINS)};\r\n` +
      `\ts=sel${random.below(9)}; h=from:to:subject:date;\r\n\tbh=${random.hex(8)}${random.hex(8)}${random.hex(8)}=;\r\n` +
      `\tb=${random.hex(8)}${random.hex(8)}${random.hex(8)}${random.hex(8)}\r\n`
  if (random.chance(25))
    text += `X-Spam-Status: No, score=-${random.below(9)}.${random.below(9)} required=5.0\r\n`
  return text
}

/** The header block without MIME fields and without the empty line. */
export function headerLines(envelope: Envelope, date?: string): string {
  const { random, messageId, sentAt } = envelope
  const cc = random.chance(30) ? `Cc: ${mailboxes(random, 3)}\r\n` : ''
  return (
    received(envelope) +
    `From: ${mailboxOfPerson(random)}\r\nTo: ${mailboxes(random, 3)}\r\n${cc}` +
    `Subject: ${subject(random)}\r\nDate: ${date ?? dateTime(random, sentAt)}\r\n` +
    `Message-ID: ${messageId}\r\n${thread(envelope)}${extras(envelope)}MIME-Version: 1.0\r\n`
  )
}
