import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { commandPages } from '../../src/config/commands.ts'
import { flagsOf, helpOf, parseFlags } from '../../src/config/flags.ts'

describe('flags', () => {
  const table = z.strictObject({
    from: z.string().describe('Where from.').meta({ placeholder: 'URL' }),
    dryRun: z.boolean().default(false).describe('Look only.'),
    maxCount: z.int().min(1).default(5).describe('How many.').meta({ placeholder: 'N' }),
  })
  const parse = (...argv: string[]) => parseFlags(table, argv, 'cmd')

  it('have hyphens, values behind a space or =, and defaults', () => {
    expect(parse('--from', 'a')).toEqual({ from: 'a', dryRun: false, maxCount: 5 })
    expect(parse('--from=a b', '--dry-run', '--max-count', '7')).toEqual({
      ...{ from: 'a b', dryRun: true, maxCount: 7 },
    })
    expect(parse('--from', '-')).toMatchObject({ from: '-' })
  })

  it.each([
    [[], '--from is missing'],
    [['--from'], '--from wants a value'],
    [['--from', '--dry-run'], '--from wants a value'],
    [['--from', 'a', '--dry-run=yes'], '--dry-run takes no value'],
    [['--from', 'a', '--max-count', '1.5'], '--max-count is not valid'],
    [['--from', 'a', '--max-count', '-1'], '--max-count is not valid'],
    [['--from', 'a', 'hunter2'], 'a word that belongs to no flag'],
    [['--from', 'a', '-x'], 'there is no flag -x'],
  ])('%j: %s', (argv, message) => {
    expect(() => parse(...argv)).toThrow(message)
    expect(() => parse(...argv)).toThrow(/see cmd --help$/)
    expect(() => parse(...argv)).not.toThrow(/hunter2/)
  })

  it.each(commandPages)('help of $name names every flag and says what it is', ({ flags }) => {
    const help = helpOf(flags)
    for (const { name, description } of flagsOf(flags)) {
      expect(help).toMatch(new RegExp(`^  --${name}( |$)`, 'm'))
      expect(description, name).not.toBe('')
    }
    for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })
})

it('docs/reference is what the tables say', () => {
  const root = join(import.meta.dirname, '../..')
  const args = [join(root, 'scripts/generate-docs.mjs'), '--check']
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})
