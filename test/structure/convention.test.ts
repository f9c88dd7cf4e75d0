/** The conventions that a machine can check and the linter does not. */
import assert from 'node:assert/strict'
import { basename } from 'node:path'
import { test } from 'node:test'
import { readSources, readWorkspaces, type Source } from './workspace.ts'

const workspaces = readWorkspaces()
const shipped = workspaces
  .filter(({ kind }) => kind !== 'examples')
  .flatMap(({ sources }) => sources.filter(({ path }) => path.includes('/src/')))
const production = shipped.filter(({ isTest }) => !isTest)
const all = [...workspaces.flatMap(({ sources }) => sources), ...readSources('test')]

const MAX_LINES = 400

function check(sources: readonly Source[], findProblem: (source: Source) => string | undefined): string[] {
  return sources.flatMap((source) => {
    const problem = findProblem(source)
    return problem === undefined ? [] : [`${source.path}: ${problem}`]
  })
}

test(`no file has more than ${MAX_LINES} lines`, () => {
  const count = (text: string) => text.split('\n').length - 1
  assert.deepEqual(
    check(all, ({ text }) => (count(text) > MAX_LINES ? `${count(text)} lines` : undefined)),
    [],
  )
})

test('files are kebab-case and named after what they hold', () => {
  const isVague = /^(?:utils?|helpers?|common|types|misc|shared)$/
  const wrong = check(all, ({ path, isTest }) => {
    const [name = ''] = basename(path).split('.')
    return /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) && (isTest || !isVague.test(name))
      ? undefined
      : `"${name}" says nothing, or is not kebab-case`
  })
  assert.deepEqual(wrong, [])
})

test('the index of a package re-exports and does nothing else', () => {
  const indexes = production.filter(({ path }) => path.endsWith('/src/index.ts'))
  assert.ok(indexes.length > 0)
  const wrong = check(indexes, ({ text }) => {
    const code = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
    const rest = code.replace(/^export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s+from\s+'[^']+'\s*$/gm, '')
    // `export {}` keeps a package without exports a module.
    return rest.replace(/^export \{\}\s*$/m, '').trim() === ''
      ? undefined
      : `has more than re-exports: ${rest.trim().slice(0, 80)}`
  })
  assert.deepEqual(wrong, [])
})

test('there are no barrels inside a package', () => {
  const inner = production.filter(({ path }) => basename(path) === 'index.ts' && !path.endsWith('/src/index.ts'))
  assert.deepEqual(
    inner.map(({ path }) => path),
    [],
  )
})

test('every exported function, class and constant of a package has a docstring', () => {
  const declaration = /^export (?:declare )?(?:async )?(?:abstract )?(function\*?|class|const|interface|type) (\w+)/gm
  const wrong = production.flatMap(({ path, text }) => {
    const documented = new Set<string>()
    return [...text.matchAll(declaration)].flatMap((match) => {
      const [, kind = '', name = ''] = match
      const before = text.slice(0, match.index).trimEnd()
      // A lint directive may stand between the docstring and the export; overloads and a type of the same name share the first one's.
      if (/\*\/(?:\n\/\/ .*)*$/.test(before)) documented.add(name)
      return documented.has(name) || /^(?:interface|type)$/.test(kind) ? [] : [`${path}: ${name}`]
    })
  })
  assert.deepEqual(wrong, [])
})

test('tests start programs of the system by the path where they were found', () => {
  const bare = /\b(?:spawn|spawnSync|execFile|execFileSync|promisify\(execFile\))\('(?!\/)[^']*'/
  assert.deepEqual(
    check(readSources('test'), ({ text }) => bare.exec(text)?.[0]),
    [],
  )
})

test('tests write nothing where `npm start` keeps its mail', () => {
  const place = /(?:ROOT|root), '(var)'/
  assert.deepEqual(
    check(readSources('test'), ({ text }) => place.exec(text)?.[1]),
    [],
  )
})

test('RFC 5321 §4.2: what our own code answers a client is ASCII: another sign would arrive as a question mark', () => {
  const speaking = production.filter(
    ({ path }) => !/^packages\/(?:cli|console|doctor|create-postroad|testing)\//.test(path),
  )
  const answer =
    /(?:\b(?:reply|reject|defer|refuse|last|no)\(|\bcode: [245]\d\d\b)[^\n]*?(?:'[^'\n]*[^\x00-\x7f][^'\n]*'|"[^"\n]*[^\x00-\x7f][^"\n]*"|`[^`\n]*[^\x00-\x7f][^`\n]*`)/
  assert.ok(
    answer.test('defer("a’s")') && answer.test("{ code: 550, text: 'a – b' }") && !answer.test("no('a') // b’s"),
  )
  assert.deepEqual(
    check(speaking, ({ text }) => answer.exec(text.replace(/\/\*[\s\S]*?\*\//g, ''))?.[0]),
    [],
  )
})

test('nothing is unfinished by its own word', () => {
  const word = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX'].join('|')})\\b`)
  assert.deepEqual(
    check(all, ({ text }) => word.exec(text)?.[0]),
    [],
  )
})

test('no test is switched off or alone without a reason', () => {
  const tests = all.filter(({ isTest, path }) => isTest && !path.startsWith('test/runner/'))
  assert.deepEqual(
    check(
      tests,
      ({ text }) => /\b(?:test|it|describe|suite)\.(?:only|skip|todo)\b|\b(?:skip|todo|only): *true\b/.exec(text)?.[0],
    ),
    [],
  )
})

test('production code prints nothing by itself: what it has to say goes through the logger', () => {
  const quiet = production.filter(({ path }) => !path.startsWith('packages/cli/'))
  assert.deepEqual(
    check(quiet, ({ text }) => /^(?!\s*(?:\*|\/\/)).*\bconsole\.\w+\(/m.exec(text)?.[0].trim()),
    [],
  )
})

test('the log has one key for errors, `error`: whoever greps needs no other', () => {
  assert.deepEqual(
    check(production, ({ text }) => /[{,]\s*err\s*[:,}].*/.exec(text)?.[0].trim()),
    [],
  )
})

test('a docstring says what it is about: none sends the reader upwards', () => {
  assert.deepEqual(
    check(all, ({ text }) => /\/\*\*\s+(?:\*\s+)?See above\b.*/i.exec(text)?.[0]),
    [],
  )
})

test('the index of a package opens with an overview of 10 to 30 lines: what it is for, how its parts work together, where to begin', () => {
  const indexes = production.filter(({ path }) => /^packages\/[\w-]+\/src\/index\.ts$/.test(path))
  assert.ok(indexes.length > 0)
  const overview = /^\/\*\*\n([\s\S]*?)\n \*\/\n/
  const wrong = check(indexes, ({ text }) => {
    const [, lines = ''] = overview.exec(text) ?? []
    const count = lines === '' ? 0 : lines.split('\n').length
    return count >= 10 && count <= 30 && /\b[Bb]egin\b/.test(lines)
      ? undefined
      : `${count} lines, or no word of where to begin`
  })
  assert.deepEqual(wrong, [])
})
