import { describe, expect, it } from 'vitest'
import { type FetchedRecord, committedRecords } from '../../../src/sinks/kafka/committed-records.ts'

const COMMIT = Buffer.from([0, 0, 0, 1])
const ABORT = Buffer.from([0, 0, 0, 0])

/** `a1` is a record of producer a, `A-` its abort marker, `A+` its commit marker, `.x` a record of no transaction. */
const fetched = (from: number, ...words: string[]): FetchedRecord[] =>
  words.map((word, index) => {
    const marker = { '-': ABORT, '+': COMMIT }[word[1] ?? '']
    const offset = String(from + index)
    return {
      ...{ offset, key: marker ?? Buffer.from(word), value: null, headers: {} },
      isControlRecord: marker !== undefined,
      batchContext: {
        producerId: (word[0] ?? '').toLowerCase(),
        inTransaction: !word.startsWith('.'),
        ...{ firstOffset: offset, lastOffsetDelta: 0 },
      },
    }
  })

const aborted = (...list: [string, number][]) =>
  list.map(([producerId, firstOffset]) => ({ producerId, firstOffset: String(firstOffset) }))

const keys = (records: readonly FetchedRecord[]) => records.map(({ key }) => String(key))

describe('which records of a chunk are committed', () => {
  it('those of a committed transaction, and those of none', () => {
    expect(keys(committedRecords(fetched(0, 'a1', '.x', 'a2', 'A+'), []))).toEqual([
      'a1',
      '.x',
      'a2',
    ])
  })

  it('none of an aborted one, but those that its producer writes after the marker', () => {
    const records = fetched(0, 'a1', 'a2', 'A-', 'a3', 'A+', 'a4', 'A-')
    expect(keys(committedRecords(records, aborted(['a', 0], ['a', 5])))).toEqual(['a3'])
  })

  it('G5: none of one that encloses another, though the broker names the inner one first', () => {
    const records = fetched(0, 'a1', 'b1', 'B-', 'a2', 'A-', 'b2', 'B+')
    expect(keys(committedRecords(records, aborted(['b', 1], ['a', 0])))).toEqual(['b2'])
  })

  it('G5: none of several that began before the chunk', () => {
    const records = fetched(100, 'b2', 'a2', 'c1', 'A-', 'B-', 'C+')
    expect(keys(committedRecords(records, aborted(['a', 9], ['b', 80])))).toEqual(['c1'])
  })

  it('a record whose key looks like a marker is no marker', () => {
    const [record] = fetched(1, 'a2')
    const disguised = record && { ...record, key: ABORT }
    const records = [...fetched(0, 'a1'), ...(disguised ? [disguised] : []), ...fetched(2, 'A-')]
    expect(committedRecords(records, aborted(['a', 0]))).toEqual([])
  })
})
