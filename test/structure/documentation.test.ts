/** Links that lead somewhere, dependencies that are explained, and no trace of anybody's machine. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { programPath } from '../runner/program.ts'
import { ROOT, readManifest, readWorkspaces } from './workspace.ts'

const tracked = execFileSync(programPath('git'), ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\0')
  .filter(Boolean)
const existing = tracked.filter((path) => existsSync(join(ROOT, path)))
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const pages = existing.filter((path) => path.endsWith('.md'))

test('every link within the documentation leads to a file, and to a heading of it', () => {
  const wrong = pages.flatMap((page) =>
    links(read(page))
      .filter((link) => !resolves(page, link))
      .map((link) => `${page}: ${link}`),
  )
  assert.deepEqual(wrong, [])
})

test('every threat of docs/security.md names a test that shows what is done, and every boundary has threats', () => {
  const [, table = ''] = /^## Threats\n([\s\S]*?)^## /m.exec(read('docs/security.md')) ?? []
  const rows = [...table.matchAll(/^\| (?:\*\*(B\d)\*\* )?([STRIDE, ]+) \| (.+) \| .+ \| (.+) \| .+ \|$/gm)]
  const unshown = rows.filter(([, , , , shown = '']) => {
    const tests = links(shown)
    return (
      tests.length === 0 || tests.some((link) => !/\.test\.ts$/.test(link) || !existsSync(join(ROOT, 'docs', link)))
    )
  })
  assert.deepEqual(
    unshown.map(([, , , threat]) => threat),
    [],
  )
  assert.deepEqual(
    rows.flatMap(([, boundary]) => boundary ?? []),
    ['B1', 'B2', 'B3', 'B4', 'B5', 'B6'],
  )
  assert.equal(rows.length, table.split('\n').filter((line) => line.startsWith('| ')).length - 1)
})

test('every dependency has its sentence in docs/dependencies.md, and nothing else has', () => {
  const ours = new Set(readWorkspaces().map(({ manifest }) => manifest.name))
  const manifests = [...readWorkspaces().map(({ manifest }) => manifest), readManifest('package.json')]
  const used = new Set(
    manifests.flatMap(({ dependencies = {}, devDependencies = {}, peerDependencies = {} }) =>
      Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }),
    ),
  )
  const explained = [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` \| .{20,} \|$/gm)].map(
    (match) => match[1] ?? '',
  )
  assert.deepEqual(explained.toSorted(), [...used].filter((name) => !ours.has(name)).sort())
})

test('no path of a machine and no host of a registry is in the repository', () => {
  const suspicious =
    /(?:^|[\s"'`(=:,])\/(?:work|farm|home|root|Users)\/[\w.-]+|\/tmp\/bash_jobs|"resolved": "https?:\/\/(?!registry\.npmjs\.org\/)/
  const isText = /\.(?:ts|js|mjs|cjs|json|md|ya?ml|sh|eml|smtp|txt|conf)$|^\.|\/run$/
  const wrong = existing
    .filter((path) => isText.test(path) && path !== 'test/structure/documentation.test.ts')
    .flatMap((path) => {
      const match = suspicious.exec(read(path))
      return match === null ? [] : [`${path}: ${match[0].trim()}`]
    })
  assert.deepEqual(wrong, [])
})

test('nothing that is built, installed or secret is in the repository', () => {
  const wrong = execFileSync(programPath('git'), ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
    .split('\0')
    .filter((path) =>
      /(?:^|\/)(?:node_modules|dist|\.turbo|\.env)(?:\/|$)|\.(?:tgz|tsbuildinfo|cpuprofile|log)$/.test(path),
    )
  assert.deepEqual(wrong, [])
})

/** Relative links, outside of code. */
function links(markdown: string): string[] {
  const text = markdown.replace(/^(?:```|~~~)[\s\S]*?^(?:```|~~~)/gm, '').replace(/`[^`\n]*`/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)]
    .map((match) => match[1] ?? '')
    .filter((link) => !/^[a-z][a-z+.-]*:/i.test(link))
}

function resolves(page: string, link: string): boolean {
  const [path = '', anchor] = decodeURIComponent(link).split('#')
  const target = path === '' ? page : path.startsWith('/') ? path.slice(1) : join(dirname(page), path)
  if (!existsSync(join(ROOT, target))) return false
  return anchor === undefined || !target.endsWith('.md') || anchors(read(target)).includes(anchor)
}

/** Headings as a forge makes links of them. */
function anchors(markdown: string): string[] {
  const text = markdown.replace(/^(?:```|~~~)[\s\S]*?^(?:```|~~~)/gm, '')
  return [...text.matchAll(/^#+ +(.+)$/gm)].map((match) =>
    (match[1] ?? '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
