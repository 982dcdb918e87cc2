/** System calls of the built command that fail, wait or kill, by strace. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** Why no call can be made to fail here; undefined when it can. */
export const noStrace: string | undefined =
  spawnSync('strace', ['-o', '/dev/null', '-e', 'trace=none', 'true']).status === 0
    ? undefined
    : 'no strace that may trace'

export interface Injection {
  /** Names of system calls, with commas. */
  readonly calls: string
  /** As strace has it, e.g. `error=EIO:when=3`: the third call of each thread. SQLite is called in the main one. */
  readonly fault: string
  /** Only calls on these files. */
  readonly files?: readonly string[]
  /** Where the calls are written to, with the files that they are about. */
  readonly log: string
}

/** A command that runs another one so (`startCli`). */
export function straced({ calls, fault, files = [], log }: Injection): string[] {
  const only = files.flatMap((file) => ['-P', file])
  const what = ['-e', `trace=${calls}`, '-e', `inject=${calls}:${fault}`]
  // Faster, but strace 6.1 then sends no signals.
  const filter = fault.startsWith('signal=') ? [] : ['--seccomp-bpf']
  return ['strace', '-f', ...filter, '-y', '-qq', ...what, ...only, '-o', log]
}

/** The call that was meddled with, as strace writes it, and those after it; undefined when there was none. */
export function injectedIn(log: string): { call?: string; later: readonly string[] } {
  const lines = readFileSync(log, 'utf8').split('\n')
  const at = lines.findIndex((line) => line.includes('(INJECTED)'))
  return at < 0 ? { later: [] } : { call: lines[at]!, later: lines.slice(at + 1) }
}

/** A SQLite file and what lies beside it. */
export const filesOf = (path: string): string[] => [path, `${path}-wal`, `${path}-journal`]
