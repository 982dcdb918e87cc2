/**
 * A set of keys in 20 bytes: how many they are, and the sum modulo 2^128 of the first 128 bits of SHA-256(key). It can be
 * added to and taken from in any order, and tells a set from one that lacks a key, or has another in its place: against
 * accidents, not against somebody who may write to the ledger.
 */
import { hash } from 'node:crypto'

export interface KeySet {
  readonly count: number
  /** 32 hex digits. */
  readonly sum: string
}

export const NO_KEYS: KeySet = { count: 0, sum: '0'.repeat(32) }

const MODULUS = 1n << 128n

/** 0.6 µs a key. */
const numberOf = (key: string): bigint => BigInt(`0x${hash('sha256', key).slice(0, 32)}`)

export class KeyCounter implements KeySet {
  #count: number
  #sum: bigint

  constructor({ count, sum }: KeySet = NO_KEYS) {
    this.#count = count
    this.#sum = BigInt(`0x${sum}`)
  }

  get count(): number {
    return this.#count
  }

  get sum(): string {
    return this.#sum.toString(16).padStart(32, '0')
  }

  add(key: string): void {
    this.#count += 1
    this.#sum = (this.#sum + numberOf(key)) % MODULUS
  }

  take(key: string): void {
    this.#count -= 1
    this.#sum = (this.#sum - numberOf(key) + MODULUS) % MODULUS
  }

  /** Those of the one that are not in the other, if the other is a part of it. */
  without({ count, sum }: KeySet): KeySet {
    const rest = new KeyCounter(this)
    rest.#count -= count
    rest.#sum = (rest.#sum - BigInt(`0x${sum}`) + MODULUS) % MODULUS
    return rest.toJSON()
  }

  toJSON(): KeySet {
    return { count: this.count, sum: this.sum }
  }
}
