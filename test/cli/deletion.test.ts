import { describe, expect, it } from 'vitest'
import { deletionOf } from '../../src/cli/deletion.ts'
import { durationMs } from '../../src/config/durations.ts'

const NONE = { keep: false, delete: false, retryKept: false, acceptServerDisposal: false }
const flags = (change: object) => ({ ...NONE, deleteAfter: undefined, ...change })

describe('flags about deletion', () => {
  it.each([
    [{}, 'keep', undefined],
    [{ keep: true }, 'keep', undefined],
    [{ delete: true }, 'delete', undefined],
    [{ deleteAfter: '30d' }, 'delete', 30 * 86_400_000],
  ])('%j: %s', (change, deletion, deleteAfterMs) => {
    const made = deletionOf(flags(change))
    expect(made.deletion).toBe(deletion)
    expect(made.source.deleteAfterMs).toBe(deleteAfterMs)
  })

  it.each([
    { keep: true, delete: true },
    { keep: true, deleteAfter: '1d' },
    { delete: true, deleteAfter: '1d' },
    { delete: true, acceptServerDisposal: true },
    { deleteAfter: '1d', acceptServerDisposal: true },
  ])('%j is refused', (change) => {
    expect(() => deletionOf(flags(change))).toThrow(
      expect.objectContaining({ code: 'MAILDRAIN_CONFIG_INVALID' }) as Error,
    )
  })

  it.each([
    ['90s', 90_000],
    ['45m', 2_700_000],
    ['12h', 43_200_000],
    ['30d', 2_592_000_000],
    ['2w', 1_209_600_000],
    ['30', undefined],
    ['1.5d', undefined],
    ['-1d', undefined],
    ['1y', undefined],
  ])('%s is %s ms', (text, ms) => expect(durationMs(text)).toBe(ms))
})
