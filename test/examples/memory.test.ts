import { expect, it } from 'vitest'
import { memoryGrowth, residentBytes } from '../../examples/demo/memory.ts'

const samples = (from: number, at: (share: number) => number) =>
  Array.from({ length: 101 }, (_, index) => {
    const share = from + ((1 - from) * index) / 100
    return { share, bytes: at(index / 100) }
  })

it('compares the median of an early part of a run with that of its last fifth', () => {
  for (const from of [0, 0.5]) {
    expect(
      memoryGrowth(
        samples(from, () => 100),
        from,
      ),
    ).toEqual({ early: 100, late: 100 })
    const growing = memoryGrowth(
      samples(from, (share) => Math.round(share * 1000)),
      from,
    )
    expect(Math.round((growing?.early ?? 0) / 20)).toBe(10)
    expect(Math.round((growing?.late ?? 0) / 20)).toBe(45)
  }
})

it('says nothing when there are too few samples', () => {
  expect(memoryGrowth([{ share: 0.1, bytes: 1 }], 0)).toBeNull()
})

it.runIf(process.platform === 'linux')('reads the resident set of a process', () => {
  expect(residentBytes(process.pid)).toBeGreaterThan(20e6)
  expect(residentBytes(2 ** 22 + 1)).toBeNull()
})
