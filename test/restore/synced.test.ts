/** What is on the disk before a file gets its name, by the system calls of the command. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fill, scratchDirectory } from '../support/filled.ts'
import { MAILBOX, rawMessage } from '../support/messages.ts'

const main = join(import.meta.dirname, '../../dist/cli/main.js')
const noStrace =
  process.platform === 'linux' && spawnSync('strace', ['-V']).status === 0 ? undefined : 'no strace'

interface Call {
  readonly name: 'fsync' | 'named'
  /** Of the file that is synced, or gets its name. */
  readonly path: string
}

/** Syncs, and names given to files (link, rename), in order. */
async function callsOf(args: (database: string) => readonly string[]): Promise<Call[]> {
  const messages = [1, 2, 3].map((n) => rawMessage(`uid-${n}`, `body ${n}`))
  const trace = join(scratchDirectory(), 'trace')
  const calls = 'trace=fsync,fdatasync,link,linkat,rename,renameat,renameat2'
  const run = spawnSync('strace', [
    ...['-f', '-y', '-s', '400', '-o', trace, '-e', calls, process.execPath, main],
    ...args(await fill({ messages })),
  ])
  expect(String(run.stderr)).toBe('')
  const lines = readFileSync(trace, 'utf8').split('\n')
  return lines.flatMap((line): Call[] => {
    const synced = /(?:fsync|fdatasync)\(\d+<([^>]+)>/.exec(line)?.[1]
    if (synced !== undefined) return [{ name: 'fsync', path: synced }]
    const named = /(?:link|linkat|rename\w*)\((?:AT_FDCWD<[^>]*>, )?"([^"]+)"/.exec(line)?.[1]
    return named === undefined ? [] : [{ name: 'named', path: named }]
  })
}

/** Every file that got its name was synced before, and the directory after the last of them. */
function expectSynced(calls: readonly Call[], files: number, directory: string): void {
  const named = calls.flatMap(({ name, path }, at) =>
    name === 'named' && path.includes('partial') ? [{ path, at }] : [],
  )
  expect(named).toHaveLength(files)
  for (const { path, at } of named)
    expect(calls.slice(0, at).some((call) => call.name === 'fsync' && call.path === path)).toBe(
      true,
    )
  const after = calls.slice(named.at(-1)!.at)
  expect(after.some(({ name, path }) => name === 'fsync' && path === directory)).toBe(true)
}

describe.skipIf(noStrace !== undefined)(`a power cut${noStrace ? `: ${noStrace}` : ''}`, () => {
  it.each([
    ['maildir', 3, 'out/new'],
    ['eml', 3, 'out'],
    ['mbox', 1, ''],
  ])('finds no torn file of a restore to %s', async (format, files, directory) => {
    const path = scratchDirectory()
    const calls = await callsOf((database) => [
      ...['restore', '--of', MAILBOX, '--from', `sqlite:${database}`, '--quiet'],
      ...['--to', `${format}:${join(path, 'out')}`],
    ])
    expectSynced(calls, files, join(path, directory))
  })

  it('finds no torn manifest', async () => {
    const path = scratchDirectory()
    const calls = await callsOf((database) => [
      ...['audit', '--of', MAILBOX, '--at', `sqlite:${database}`, '--quiet'],
      ...['--manifest', join(path, 'manifest')],
    ])
    expectSynced(calls, 1, path)
  })
})
