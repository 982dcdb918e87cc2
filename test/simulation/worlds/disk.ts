/**
 * A log on a disk with a cache: what was appended is read back by whoever comes next, as long as the power is on; only
 * what was synced survives a power cut. Of the rest any part may be there: whole frames, a torn one, nothing.
 */
import { createHash } from 'node:crypto'
import type { Random } from '../../../src/testing/random.ts'

/** Length and checksum of a frame. */
const HEADER = 12

export class DiskLog {
  /** What was appended since, one frame after the other. */
  #appended: Buffer[] = []
  #joined = Buffer.alloc(0)
  #length = 0
  #synced = 0

  append(frame: unknown): void {
    const body = Buffer.from(JSON.stringify(frame))
    const head = Buffer.alloc(HEADER)
    head.writeUInt32BE(body.length)
    checksum(body).copy(head, 4)
    this.#appended.push(head, body)
    this.#length += head.length + body.length
  }

  get #bytes(): Buffer {
    if (this.#appended.length > 0)
      this.#joined = Buffer.concat([this.#joined, ...this.#appended.splice(0)])
    return this.#joined
  }

  #become(bytes: Buffer<ArrayBuffer>): void {
    this.#joined = bytes
    this.#length = bytes.length
    this.#synced = Math.min(this.#synced, bytes.length)
  }

  sync(): void {
    this.#synced = this.#length
  }

  /** Sectors of what was not synced are lost by chance, and read as zeros where later ones were kept. */
  powerCut(random: Random): void {
    const tail = this.#bytes.subarray(this.#synced)
    const kept = tail.length === 0 ? 0 : random.below(Math.min(tail.length, 65_535) + 1)
    const torn = Buffer.from(tail.subarray(0, kept))
    if (random.chance(50)) torn.fill(0, 0, random.below(kept + 1))
    this.#become(Buffer.concat([this.#bytes.subarray(0, this.#synced), torn]))
    this.#synced = this.#length
  }

  /** Frames up to the first that is not whole; what is behind it is cut off, as a write-ahead log does. */
  read(): unknown[] {
    const frames: unknown[] = []
    let at = 0
    while (at + HEADER <= this.#bytes.length) {
      const length = this.#bytes.readUInt32BE(at)
      const body = this.#bytes.subarray(at + HEADER, at + HEADER + length)
      const sum = this.#bytes.subarray(at + 4, at + HEADER)
      if (body.length < length || length === 0 || !checksum(body).equals(sum)) break
      frames.push(JSON.parse(body.toString()))
      at += HEADER + length
    }
    this.#become(Buffer.from(this.#bytes.subarray(0, at)))
    return frames
  }
}

const checksum = (body: Buffer): Buffer => createHash('sha256').update(body).digest().subarray(0, 8)
