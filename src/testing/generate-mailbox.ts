/**
 * A mailbox of realistic mail that is never held in memory: size and unique-id of a message follow from seed and index
 * alone, its bytes are made when they are read. Rule: the same seed gives the same bytes for ever (golden hashes in the
 * tests); a change of that is a breaking change of `maildrain/testing`.
 */
import { type FillKind, base64Octets, fill } from './filler.ts'
import { envelopeOf } from './header-lines.ts'
import { type Mailbox, type MailboxMessage, dovecotUidl } from './mailbox.ts'
import { Random, mix } from './random.ts'
import { type Segment, shapeOf, smallestShape } from './shapes.ts'

/** `mixed`: 4 KB to 1 MB, long-tailed, mean about 55 KB. `small`: 3.5 to 4.5 KB. */
export type MailboxProfile = 'mixed' | 'small'

export interface GenerateMailboxOptions {
  readonly messages: number
  /** Default 1. */
  readonly seed?: number
  /** Default `mixed`. */
  readonly profile?: MailboxProfile
}

export interface GeneratedMailbox extends Mailbox {
  /** Octets of all messages; computed at its first reading, which takes time linear in `size`. */
  readonly totalOctets: number
}

/**
 * Octets at the 65 ends of 64 equally likely intervals: a bounded Pareto distribution (alpha 0.585, 4 KiB to 1 MiB),
 * which is what mailboxes look like: median 12 KB, mean 55 KB. A table, since Math.pow may differ between engines.
 */
const MIXED_QUANTILES = [
  4096, 4203, 4315, 4432, 4553, 4681, 4813, 4952, 5098, 5250, 5409, 5577, 5752, 5937, 6131, 6336,
  6551, 6779, 7019, 7273, 7542, 7827, 8129, 8450, 8792, 9157, 9546, 9961, 10407, 10884, 11398,
  11950, 12547, 13192, 13891, 14651, 15479, 16384, 17375, 18465, 19667, 20999, 22479, 24132, 25986,
  28076, 30446, 33150, 36254, 39847, 44037, 48973, 54846, 61919, 70555, 81270, 94813, 112317,
  135558, 167463, 213148, 282291, 395175, 600971, 1048576,
]

const STREAM = { octets: 0, body: 1, mailbox: 2, order: 3 } as const

/**
 * Each run of 64 messages takes each interval once, in an order of its own: the total of a few thousand messages then
 * hardly depends on the seed, which benchmarks need.
 */
function intervalOf(seed: number, index: number): number {
  const order = mix(seed, index >>> 6, STREAM.order)
  const step = (order & 63) | 1
  return (Math.imul((index ^ (order >>> 6)) & 63, step) + (order >>> 12)) & 63
}

function octetsOf(profile: MailboxProfile, seed: number, index: number): number {
  const chance = mix(seed, index, STREAM.octets)
  if (profile === 'small') return 3584 + (chance >>> 22)
  const interval = intervalOf(seed, index)
  const low = MIXED_QUANTILES[interval] ?? 0
  const high = MIXED_QUANTILES[interval + 1] ?? low
  return low + Math.floor(((high - low) * (chance & 0xffff)) / 0x10000)
}

/** A message of any size: the same seed, index and octets give the same bytes. */
export function messageBytes(seed: number, index: number, octets: number): Buffer {
  const random = new Random(mix(seed, index, STREAM.body))
  const envelope = envelopeOf(random, index, octets)
  let segments = shapeOf(envelope)
  if (octets - fixedOctets(segments) < SPARE_OCTETS) segments = smallestShape(envelope)
  return octets < fixedOctets(segments) ? scrap(octets) : assemble(segments, octets, random)
}

/** What is too small for a header: a line, or less than one. */
function scrap(octets: number): Buffer {
  const line = Buffer.alloc(octets, 'x')
  if (octets >= 2) line.write('\r\n', octets - 2, 'latin1')
  return line
}

/** Below this, the shares of several fills get too small to hold a line each. */
const SPARE_OCTETS = 512

function fixedOctets(segments: readonly Segment[]): number {
  let octets = 0
  for (const segment of segments) if (typeof segment === 'string') octets += segment.length
  return octets
}

const isBase64 = (kind: FillKind): boolean => kind === 'base64' || kind === 'base64Utf8'

function assemble(segments: readonly Segment[], octets: number, random: Random): Buffer {
  const spare = octets - fixedOctets(segments)
  const target = Buffer.allocUnsafe(octets)
  const sizes = segments.map((segment) => {
    if (typeof segment === 'string' || segment.share === 0) return 0
    const share = (spare * segment.share) >>> 8
    return isBase64(segment.kind) ? base64Octets(share) : share
  })
  const rest = spare - sizes.reduce((sum, size) => sum + size, 0)
  let at = 0
  segments.forEach((segment, i) => {
    if (typeof segment === 'string') {
      at += target.write(segment, at, 'latin1')
      return
    }
    const size = segment.share === 0 ? rest : (sizes[i] ?? 0)
    fill(target, at, size, segment.kind, random.next())
    at += size
  })
  return target
}

/**
 * A mailbox of generated mail: text, HTML, alternatives, attachments, forwards, bounces, ten charsets, and one in
 * fourteen messages broken in some way that real mail is.
 * @throws RangeError when `messages` is not a whole number from 0 to 2^31 - 2
 */
export function generateMailbox(options: GenerateMailboxOptions): GeneratedMailbox {
  const { messages: size, seed = 1, profile = 'mixed' } = options
  if (!Number.isInteger(size) || size < 0 || size > 0x7ffffffe)
    throw new RangeError(`messages is ${size}: give a whole number from 0 to 2147483646`)
  // Dovecot's UIDVALIDITY is the time at which the mailbox was made: some second of the years 2004 to 2021.
  const uidValidity = 0x40000000 + (mix(seed, 0, STREAM.mailbox) >>> 3)
  let total: number | undefined
  return {
    size,
    message(index: number): MailboxMessage {
      if (!(index >= 0 && index < size))
        throw new RangeError(`no message ${index} in a mailbox of ${size}`)
      const octets = octetsOf(profile, seed, index)
      return {
        get uidl() {
          return dovecotUidl(index, uidValidity)
        },
        octets,
        read: () => messageBytes(seed, index, octets),
      }
    },
    octetsOf(index: number): number {
      if (!(index >= 0 && index < size))
        throw new RangeError(`no message ${index} in a mailbox of ${size}`)
      return octetsOf(profile, seed, index)
    },
    get totalOctets() {
      if (total === undefined) {
        total = 0
        for (let index = 0; index < size; index += 1) total += octetsOf(profile, seed, index)
      }
      return total
    },
  }
}
