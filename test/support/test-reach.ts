/**
 * What a test leads to, by its text: the functions that it names, followed through its own file and through the modules of
 * test/ that it imports. Names that are declared twice in a file are taken together, so that it says rather too much.
 */
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, '../..')

export interface ReachingTest {
  /** Of the groups around it and of itself, as they are written. */
  readonly titles: readonly string[]
  /** `FILE#NAME` below the root of the checkout, or `PACKAGE#NAME`, of each function outside of test/, and of each inside. */
  readonly reaches: ReadonlySet<string>
}

interface SourceModule {
  readonly source: ts.SourceFile
  /** By name of what is declared, in whatever depth: the names that its declaration uses. */
  readonly declared: Map<string, Set<string>>
  /** By local name. */
  readonly imported: Map<string, { readonly from: string; readonly name: string }>
}

const modules = new Map<string, SourceModule>()

function moduleOf(file: string): SourceModule {
  const known = modules.get(file)
  if (known !== undefined) return known
  const text = readFileSync(join(root, file), 'utf8')
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const made: SourceModule = { source, declared: new Map(), imported: new Map() }
  modules.set(file, made)
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) addImports(made, file, node)
    const name = declaredName(node)
    if (name !== undefined)
      made.declared.set(name, new Set([...(made.declared.get(name) ?? []), ...namesIn(node)]))
    ts.forEachChild(node, visit)
  }
  visit(source)
  return made
}

function declaredName(node: ts.Node): string | undefined {
  const isNamed =
    ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isVariableDeclaration(node)
  return isNamed && node.name !== undefined && ts.isIdentifier(node.name)
    ? node.name.text
    : undefined
}

function addImports(
  { imported }: SourceModule,
  file: string,
  node: ts.ImportDeclaration | ts.ExportDeclaration,
): void {
  if (node.moduleSpecifier === undefined || !ts.isStringLiteral(node.moduleSpecifier)) return
  const { text } = node.moduleSpecifier
  const from = text.startsWith('.') ? relative(root, join(root, dirname(file), text)) : text
  const clause = ts.isImportDeclaration(node) ? node.importClause?.namedBindings : node.exportClause
  if (clause === undefined || !('elements' in clause)) return
  for (const { name, propertyName } of clause.elements)
    imported.set(name.text, { from, name: (propertyName ?? name).text })
}

/** Names of values, not of properties and types. */
function namesIn(node: ts.Node): Set<string> {
  const names = new Set<string>()
  const visit = (each: ts.Node): void => {
    if (ts.isTypeNode(each) && !ts.isExpressionWithTypeArguments(each)) return
    if (ts.isIdentifier(each)) names.add(each.text)
    else if (ts.isPropertyAccessExpression(each)) visit(each.expression)
    else if (ts.isPropertyAssignment(each)) visit(each.initializer)
    else ts.forEachChild(each, visit)
  }
  visit(node)
  return names
}

function follow(file: string, name: string, found: Set<string>): void {
  const key = `${file}#${name}`
  if (found.has(key)) return
  found.add(key)
  if (!file.startsWith('test/') || !file.endsWith('.ts')) return
  const { declared, imported } = moduleOf(file)
  const elsewhere = imported.get(name)
  if (elsewhere !== undefined) follow(elsewhere.from, elsewhere.name, found)
  for (const used of declared.get(name) ?? []) follow(file, used, found)
}

/** Every test of the file that runs, wherever the machine allows it. */
export function testsOf(file: string): ReachingTest[] {
  const tests: ReachingTest[] = []
  const visit = (node: ts.Node, around: readonly string[]): void => {
    const declares = ts.isCallExpression(node) ? declaresTest(node.expression) : undefined
    const title = ts.isCallExpression(node) ? node.arguments[0] : undefined
    const isTitled =
      title !== undefined && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))
    const titles = declares !== undefined && isTitled ? [...around, title.getText()] : around
    if (isTitled && (declares === 'it' || declares === 'test')) {
      const reaches = new Set<string>()
      for (const name of namesIn(node)) follow(file, name, reaches)
      tests.push({ titles, reaches })
    } else ts.forEachChild(node, (child) => visit(child, titles))
  }
  visit(moduleOf(file).source, [])
  return tests
}

/** `it`, `it.each(…)`, `describe.skipIf(…)`: not what is always left out. */
function declaresTest(callee: ts.Expression): string | undefined {
  if (ts.isIdentifier(callee))
    return ['it', 'test', 'describe'].includes(callee.text) ? callee.text : undefined
  if (ts.isCallExpression(callee) || ts.isTaggedTemplateExpression(callee))
    return declaresTest(ts.isCallExpression(callee) ? callee.expression : callee.tag)
  if (!ts.isPropertyAccessExpression(callee)) return undefined
  const isLeftOut = ['skip', 'todo', 'fails'].includes(callee.name.text)
  return isLeftOut ? undefined : declaresTest(callee.expression)
}
