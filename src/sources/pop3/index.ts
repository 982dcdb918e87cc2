/** The POP3 source. */
import type { Source } from '../source.ts'
import type { Pop3SourceOptions } from './options.ts'
import { Pop3Source } from './source.ts'

export type { Pop3SourceOptions } from './options.ts'

/** A POP3 mailbox as a source. @throws ConfigError naming every option that is wrong */
export function pop3(options: Pop3SourceOptions): Source {
  return new Pop3Source(options)
}
