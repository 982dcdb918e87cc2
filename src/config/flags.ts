/** Reads argv by a table of flags, and shows the table as help. */
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { ConfigError, describeError } from '../errors.ts'
import { wrapWords } from '../observe/wrap.ts'

export interface Flag {
  /** As typed, without the hyphens. */
  readonly name: string
  /** Name in the table. */
  readonly key: string
  readonly kind: 'boolean' | 'integer' | 'string'
  readonly placeholder: string | null
  readonly choices: readonly string[] | null
  readonly byDefault: string | null
  readonly required: boolean
  readonly description: string
}

interface PropertySchema {
  readonly type?: string
  readonly description?: string
  readonly default?: string | number | boolean
  readonly enum?: readonly string[]
  readonly placeholder?: string
}

/** Flags of a table in its order. */
export function flagsOf(table: z.ZodObject): Flag[] {
  const { properties = {}, required = [] } = z.toJSONSchema(table, { io: 'input' }) as {
    properties?: Record<string, PropertySchema>
    required?: string[]
  }
  return Object.entries(properties).map(([key, schema]) => ({
    key,
    name: key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
    kind: schema.type === 'boolean' ? 'boolean' : schema.type === 'integer' ? 'integer' : 'string',
    placeholder: schema.placeholder ?? null,
    choices: schema.enum ?? null,
    byDefault:
      schema.default === undefined || schema.default === false ? null : String(schema.default),
    required: required.includes(key),
    description: schema.description ?? '',
  }))
}

/**
 * @throws ConfigError MAILDRAIN_CONFIG_INVALID, naming the first flag that is wrong
 */
export function parseFlags<Table extends z.ZodObject>(
  table: Table,
  argv: readonly string[],
  command: string,
): z.output<Table> {
  const flags = flagsOf(table)
  const given = readArgv(flags, argv, command)
  const values = Object.fromEntries(
    flags.flatMap(({ key, name, kind }) => {
      const value = given[name]
      if (value === undefined) return []
      return [[key, kind === 'integer' && /^\d+$/.test(String(value)) ? Number(value) : value]]
    }),
  )
  const result = table.safeParse(values)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const flag = flags.find(({ key }) => key === issue?.path[0])
  throw invalid(
    flag === undefined
      ? describeError(result.error)
      : issue?.code === 'invalid_type' && given[flag.name] === undefined
        ? `--${flag.name} is missing`
        : `--${flag.name} is not valid: ${expectedOf(flag)}`,
    command,
  )
}

function readArgv(
  flags: readonly Flag[],
  argv: readonly string[],
  command: string,
): Readonly<Record<string, string | boolean>> {
  const options = Object.fromEntries(
    flags.map(({ name, kind }) => [
      name,
      { type: kind === 'boolean' ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  // Not strict: its errors repeat what was typed, and that may be a password in the wrong place.
  const { tokens } = parseArgs({ args: [...argv], options, strict: false, tokens: true })
  const given: Record<string, string | boolean> = {}
  for (const token of tokens) {
    if (token.kind !== 'option') throw invalid('there is a word that belongs to no flag', command)
    const flag = flags.find(({ name }) => name === token.name)
    if (flag === undefined) throw invalid(`there is no flag ${token.rawName}`, command)
    given[flag.name] = valueOf(flag, token.value, command)
  }
  return given
}

function valueOf(flag: Flag, value: string | undefined, command: string): string | boolean {
  if (flag.kind === 'boolean') {
    if (value !== undefined) throw invalid(`--${flag.name} takes no value`, command)
    return true
  }
  if (value === undefined || value.startsWith('--'))
    throw invalid(`--${flag.name} wants a value`, command)
  return value
}

function expectedOf({ kind, choices }: Flag): string {
  if (choices) return `it is one of ${choices.join(', ')}`
  return kind === 'integer' ? 'it is a whole number from 1' : 'it must not be empty'
}

const invalid = (what: string, command: string): ConfigError =>
  new ConfigError('MAILDRAIN_CONFIG_INVALID', `${what}; see ${command} --help`)

/** The table as people read it, a flag a line or two. */
export function helpOf(table: z.ZodObject, width = 100): string {
  return flagsOf(table)
    .map((flag) => {
      const head = `  --${flag.name}${flag.placeholder ? ` ${flag.placeholder}` : ''}`
      const notes = [
        flag.description,
        flag.choices ? `One of ${flag.choices.join(', ')}.` : '',
        flag.byDefault === null ? '' : `Default: ${flag.byDefault}.`,
      ]
      const text = notes.filter(Boolean).join(' ')
      return head.length < INDENT ? wrap(head, text, width) : `${head}\n${wrap('', text, width)}`
    })
    .join('\n')
}

const INDENT = 24

function wrap(head: string, text: string, width: number): string {
  return wrapWords(text, width - INDENT)
    .map(
      (each, index) =>
        (index === 0 ? head.padEnd(INDENT - 1) : ' '.repeat(INDENT - 1)) + ` ${each}`,
    )
    .join('\n')
}
