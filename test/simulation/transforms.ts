/** Transforms of a schedule: one that filters, one that fails. */
import type { RawMessage } from '../../src/message.ts'
import type { Transform } from '../../src/transforms/stage.ts'
import type { Setting } from './setting.ts'

/** Every fifth message. */
export const isFiltered = (index: number): boolean => index % 5 === 4

/** Another one of five: where a destination rejects mail, it rejects that. */
export const isRejected = (index: number): boolean => index % 5 === 2

export const indexOf = ({ raw }: Pick<RawMessage, 'raw'>): number =>
  Number(/Subject: (?:number|new) (\d+)/.exec(raw.toString('latin1'))?.[1] ?? 0)

/** @param failedAt messages at which it has failed: it does so once each */
export function throughOf({ filter, throws }: Setting, failedAt: Set<string>): Transform[] {
  const refuse = (value: RawMessage): RawMessage => {
    if (indexOf(value) % 3 === 2 && !failedAt.has(value.sha256)) {
      failedAt.add(value.sha256)
      throw new Error('a transform has failed')
    }
    return value
  }
  const select = (value: RawMessage): unknown => (isFiltered(indexOf(value)) ? undefined : value)
  return [...(throws ? [refuse] : []), ...(filter ? [select] : [])]
}
