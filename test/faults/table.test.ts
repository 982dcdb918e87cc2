/** Each of the 112 faults has a test that says so in its title, or says why there is none. */
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import config from '../../vitest.config.ts'
import { rows } from './rows.ts'

const root = join(import.meta.dirname, '..')

/** Every title of a test or a group of tests that runs, wherever the machine allows it. */
function titlesOf(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  if (!/\bfault \d/.test(text)) return []
  const titles: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && declaresTest(node.expression)) {
      const title = node.arguments[0]
      if (title !== undefined && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title)))
        titles.push(title.getText())
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true))
  return titles
}

/** `it`, `it.each(…)`, `describe.skipIf(…)`: not what is always left out. */
function declaresTest(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return ['it', 'test', 'describe'].includes(callee.text)
  if (ts.isCallExpression(callee) || ts.isTaggedTemplateExpression(callee))
    return declaresTest(ts.isCallExpression(callee) ? callee.expression : callee.tag)
  if (!ts.isPropertyAccessExpression(callee)) return false
  return !['skip', 'todo', 'fails'].includes(callee.name.text) && declaresTest(callee.expression)
}

function proven(): Set<number> {
  const found = new Set<number>()
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((name) => name.endsWith('.test.ts')))
    for (const title of titlesOf(join(root, file)))
      for (const [, list = ''] of title.matchAll(/['"`\s]fault (\d+(?:, \d+)*)/g))
        for (const [number] of list.matchAll(/\d+/g)) found.add(Number(number))
  return found
}

describe('the table of faults', () => {
  it('has 112 rows, each once', () => {
    const numbers = rows.map(({ n }) => n).sort((a, b) => a - b)
    expect(numbers).toEqual(Array.from({ length: 112 }, (_, index) => index + 1))
  })

  it('has a test or a reason for each row, and not both', () => {
    // The files that are searched are those that run.
    expect(config.test?.include).toEqual(['test/**/*.test.ts'])
    const found = proven()
    const excused = rows.filter(({ cannot, waitsFor }) => cannot ?? waitsFor)
    const without = new Set(excused.map(({ n }) => n))
    expect(rows.filter(({ n }) => !found.has(n) && !without.has(n)).map(({ n }) => n)).toEqual([])
    const both = excused.filter(({ n }) => found.has(n))
    expect(both.map(({ n }) => n)).toEqual([])
    expect([...found].filter((n) => !rows.some((row) => row.n === n))).toEqual([])
  })
})
