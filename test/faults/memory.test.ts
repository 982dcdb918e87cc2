/** Memory that is not there: the built command in a control group of the kernel, or with a small heap. */
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateMailbox, mailboxOf } from '../../src/testing/index.ts'
import { newDirectory, runCli } from '../support/cli.ts'
import { toCrlf } from '../support/corpus.ts'
import { notFull } from '../support/full.ts'
import { KnownMail, NO_LOSS } from '../support/known-mail.ts'

const MIB = 1024 * 1024
/** The two layouts of control groups, and how a limit is said in each. */
const LAYOUTS = [
  { root: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes' },
  { root: '/sys/fs/cgroup', limit: 'memory.max' },
] as const
const layout = LAYOUTS.find(({ root }) => existsSync(join(root, 'cgroup.procs')))
const group = join(layout?.root ?? '', `maildrain-test-${process.pid}`)

function reasonAgainst(): string | undefined {
  if (layout === undefined || process.getuid?.() !== 0) return 'not root, or no control groups'
  try {
    mkdirSync(group)
    try {
      writeFileSync(join(group, layout.limit), String(1024 * MIB))
      return undefined
    } finally {
      rmdirSync(group)
    }
  } catch {
    return 'no memory can be limited here'
  }
}
const wanting = notFull ?? reasonAgainst()

/** Eight of 3 MB each among small ones. */
function largeMail() {
  const small = generateMailbox({ messages: 24, seed: 5, profile: 'small' })
  return mailboxOf(
    Array.from({ length: small.size }, (_, index) => {
      const { uidl } = small.message(index)
      const raw = small.message(index).read()
      const more = index % 3 === 0 ? Buffer.alloc(3_000_000, `line ${index}\r\n`) : Buffer.alloc(0)
      return { uidl, raw: toCrlf(Buffer.concat([raw, more])) }
    }),
  )
}

describe.skipIf(wanting !== undefined)(`memory${wanting ? `: ${wanting}` : ''}`, () => {
  beforeAll(() => {
    mkdirSync(group)
  })
  afterAll(() => rmdirSync(group))

  const limited = (bytes: number): string[] => {
    writeFileSync(join(group, layout?.limit ?? ''), String(bytes))
    return ['sh', '-c', `echo $$ > ${group}/cgroup.procs && exec "$@"`, 'sh']
  }

  it('fault 77: killed by the kernel again and again as the memory allows: each message once', async () => {
    const mail = await KnownMail.serve(join(newDirectory(), 'mail.db'), { mailbox: largeMail() })
    const ended: (number | null)[] = []
    for (let mebibytes = 90; ended.at(-1) !== 0; mebibytes += 30) {
      const { code } = await runCli(mail.args(8), {}, limited(mebibytes * MIB))
      ended.push(code)
      expect(mail.fates()).toEqual(NO_LOSS)
    }
    // Null: by a signal.
    expect(ended.filter((code) => code === null).length).toBeGreaterThan(0)
    expect(mail.server.remaining()).toBe(0)
    await mail.close()
  }, 360_000)

  it('fault 77: a heap that is too small: each message once', async () => {
    const mail = await KnownMail.serve(join(newDirectory(), 'mail.db'), { mailbox: largeMail() })
    const ended: (number | null)[] = []
    for (let mebibytes = 8; ended.at(-1) !== 0; mebibytes += 16) {
      const { code } = await runCli(mail.args(8), {
        NODE_OPTIONS: `--max-old-space-size=${mebibytes}`,
      })
      ended.push(code)
      expect(mail.fates()).toEqual(NO_LOSS)
    }
    expect(ended.filter((code) => code === null).length).toBeGreaterThan(0)
    expect(mail.server.remaining()).toBe(0)
    await mail.close()
  }, 360_000)
})
