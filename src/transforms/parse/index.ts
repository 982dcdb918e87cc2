/** The parse stage: raw messages become records, in worker threads. */
import { z } from 'zod'
import { ConfigError } from '../../errors.ts'
import type { Stage } from '../stage.ts'
import { type ParseOptions, defaultWorkers, parseOptions } from './options.ts'
import { ParseStream } from './parse-stream.ts'
import { ParsePool } from './pool.ts'

export type { ParseOptions } from './options.ts'

/**
 * Parses raw messages into records; order is kept, several are at work at a time. What cannot be parsed is a record too:
 * its `parseStatus` and `parseReasons` say so, its raw bytes are whole.
 * @throws ConfigError MAILDRAIN_CONFIG_INVALID
 */
export function parse(options: ParseOptions = {}): Stage {
  const result = parseOptions.safeParse(options)
  if (!result.success)
    throw new ConfigError('MAILDRAIN_CONFIG_INVALID', `parse: ${z.prettifyError(result.error)}`)
  const resolved = { ...result.data, workers: result.data.workers ?? defaultWorkers() }
  return {
    name: 'parse',
    create({ clock, expectsMail }) {
      const pool = new ParsePool({ options: resolved, clock })
      if (expectsMail) pool.start()
      return new ParseStream(pool)
    },
  }
}
