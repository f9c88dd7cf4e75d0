/**
 * Mutants of a source: small wrong versions of it, one change each.
 *
 * Node's own type stripping replaces types by blanks, so that every position in the plain JavaScript is the position in the
 * TypeScript; acorn reads the former, and the change is made in the latter.
 */
import { stripTypeScriptTypes } from 'node:module'
import { type Node, parse } from 'acorn'

/** One wrong version of a file. */
export interface Mutant {
  /** Octets of the text that are replaced: from `start` up to `end`. */
  readonly start: number
  readonly end: number
  readonly replacement: string
  /** 1 is the first line. */
  readonly line: number
  /** What was changed, in words. */
  readonly what: string
}

/** A node as acorn gives it, with the fields that differ by type. */
type Tree = Node & Readonly<Record<string, unknown>>

interface Change {
  readonly node: Node
  readonly replacement: string
  readonly what: string
}

const COMPARISONS: ReadonlyMap<string, readonly string[]> = new Map([
  ['===', ['!==']],
  ['!==', ['===']],
  ['<', ['<=', '>=']],
  ['<=', ['<', '>']],
  ['>', ['>=', '<=']],
  ['>=', ['>', '<']],
])
const ARITHMETIC: ReadonlyMap<string, string> = new Map([
  ['+', '-'],
  ['-', '+'],
  ['*', '/'],
  ['/', '*'],
  ['%', '*'],
  ['&', '|'],
  ['|', '&'],
])
const LOGIC: ReadonlyMap<string, string> = new Map([
  ['&&', '||'],
  ['||', '&&'],
  ['??', '&&'],
])
const CALLS: ReadonlyMap<string, string> = new Map([
  ['some', 'every'],
  ['every', 'some'],
  ['min', 'max'],
  ['max', 'min'],
  ['startsWith', 'endsWith'],
  ['push', 'unshift'],
  ['shift', 'pop'],
])

/** Every mutant of a TypeScript file, in the order of the text. */
export function mutantsOf(source: string): Mutant[] {
  const code = stripTypeScriptTypes(source, { mode: 'strip' })
  const program = parse(code, { ecmaVersion: 'latest', sourceType: 'module', locations: true })
  const changes: Change[] = []
  visit(program as unknown as Tree, (node) => changes.push(...changesOf(node, code))) // acorn's nodes have no index signature
  return changes
    .map(({ node, replacement, what }) => ({
      start: node.start,
      end: node.end,
      replacement,
      line: node.loc?.start.line ?? 0,
      what,
    }))
    .filter(({ start, end, replacement }) => code.slice(start, end) !== replacement)
    .toSorted((a, b) => a.start - b.start || a.end - b.end)
}

/** Whether the changed text is still a program: an operator beside `??` may not be. */
export function isProgram(source: string): boolean {
  try {
    parse(stripTypeScriptTypes(source, { mode: 'strip' }), { ecmaVersion: 'latest', sourceType: 'module' })
    return true
  } catch {
    return false // whatever the parser has against it
  }
}

/** The text of the file with the change in it. */
export function applied(source: string, { start, end, replacement }: Mutant): string {
  return source.slice(0, start) + replacement + source.slice(end)
}

function visit(node: Tree, take: (node: Tree) => void): void {
  if (node.type === 'ImportDeclaration' || node.type === 'ExportAllDeclaration') return
  take(node)
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) if (isNode(child)) visit(child, take)
  }
}

function isNode(value: unknown): value is Tree {
  return (
    typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' && 'start' in value
  )
}

function changesOf(node: Tree, code: string): Change[] {
  const text = (part: unknown) => (isNode(part) ? code.slice(part.start, part.end) : '')
  const change = (replacement: string, what: string, at: Node = node): Change => ({ node: at, replacement, what })
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
      return binary(node, { text, change })
    case 'UnaryExpression':
      return node['operator'] === '!' ? [change(`(${text(node['argument'])})`, '! was left out')] : []
    case 'IfStatement':
    case 'ConditionalExpression':
    case 'WhileStatement':
      return tests(node, change)
    case 'Literal':
      return literal(node, change)
    case 'ExpressionStatement':
      return statement(node, { text, change })
    case 'ReturnStatement':
      return returned(node, change)
    case 'CallExpression':
      return call(node, change)
    default:
      return []
  }
}

type Make = (replacement: string, what: string, at?: Node) => Change
interface Tools {
  readonly text: (part: unknown) => string
  readonly change: Make
}

function binary(node: Tree, { text, change }: Tools): Change[] {
  const { left, right } = node
  if (!isNode(left) || !isNode(right)) return []
  const operator = String(node['operator'])
  const isText = [text(left), text(right)].some((side) => /^['"`]|['"`]$/.test(side))
  const other = LOGIC.get(operator) ?? (isText ? undefined : ARITHMETIC.get(operator))
  const others = COMPARISONS.get(operator) ?? (other === undefined ? [] : [other])
  // Between the two sides there are blanks, parentheses and, where types were, more blanks.
  const gap = text({ ...node, start: left.end, end: right.start })
  const start = left.end + gap.indexOf(operator)
  return others.map((to) => change(to, `${operator} became ${to}`, { ...node, start, end: start + operator.length }))
}

function tests(node: Tree, change: Make): Change[] {
  const test = node['test']
  if (!isNode(test)) return []
  const never = change('false', 'the condition was taken for false', test)
  // A loop that never ends says nothing about the tests.
  return node.type === 'WhileStatement' ? [never] : [change('true', 'the condition was taken for true', test), never]
}

function literal(node: Tree, change: Make): Change[] {
  const value = node['value']
  if (typeof value === 'boolean') return [change(String(!value), `${value} became ${!value}`)]
  if (typeof value === 'number') return [change(String(value + 1), `${value} became ${value + 1}`)]
  return []
}

/** Statements that are there for what they do: calls, assignments. Those that only log or note are left alone. */
function statement(node: Tree, { text, change }: Tools): Change[] {
  const expression = node['expression']
  if (
    !isNode(expression) ||
    !/^(?:CallExpression|AssignmentExpression|AwaitExpression|UpdateExpression)$/.test(expression.type)
  )
    return []
  if (
    /(?:^|[.?])(?:log|logFor\([^)]*\))\??\.(?:debug|info|warn|error)\(/.test(text(expression)) ||
    /^super\(/.test(text(expression))
  )
    return []
  return [change('{}', 'the statement was left out')]
}

function returned(node: Tree, change: Make): Change[] {
  const argument = node['argument']
  if (!isNode(argument) || (argument.type === 'Identifier' && argument['name'] === 'undefined')) return []
  return [change('undefined', 'undefined was returned', argument)]
}

function call(node: Tree, change: Make): Change[] {
  const callee = node['callee']
  if (!isNode(callee) || callee.type !== 'MemberExpression' || !isNode(callee['property'])) return []
  const name = String(callee['property']['name'])
  const other = CALLS.get(name)
  return other === undefined ? [] : [change(other, `${name} became ${other}`, callee['property'])]
}
