/** The README of each package and plugin: every section that a reader looks for, and nothing of its needs left out. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT, readWorkspaces, type Workspace } from './workspace.ts'

const published = readWorkspaces().filter(({ manifest }) => manifest.private !== true)

const SECTIONS: readonly (readonly [section: string, mark: (name: string) => RegExp])[] = [
  ['its name as the title, and what it is', (name) => new RegExp(`^# ${name}\\n\\n.{40}`)],
  [
    'how to install it',
    (name) => new RegExp(`^ *npm (?:install .*${name}|create ${name.replace('create-', '')})\\b`, 'm'),
  ],
  ['an example', () => /^```(?:ts|sh)$/m],
  [
    'its options, where they are, or that there are none',
    () => /^\| Option|^## Options|docs\/options\.md#|docs\/reference\/commands\.md|There are no options/m,
  ],
  ['what happens on failure', () => /^## .*fail|\*\*(?:On failure|When something fails)/m],
]
/** The words that answer a plugin's operator: with which others does it go together? */
const OF_PLUGINS: readonly (readonly [section: string, mark: RegExp])[] = [
  ['hooks', /\*\*Hooks\b|^## Hooks/m],
  ['facts', /\bfacts\b/i],
  ['services', /\bservices\b/i],
]

for (const { folder, kind, manifest } of published)
  test(`the README of ${manifest.name} says all that a README has to`, () => {
    const readme = readFileSync(join(ROOT, folder, 'README.md'), 'utf8')
    const missing = SECTIONS.filter(([, mark]) => !mark(manifest.name).test(readme)).map(([section]) => section)
    if (kind === 'plugins')
      missing.push(...OF_PLUGINS.filter(([, mark]) => !mark.test(readme)).map(([section]) => section))
    assert.deepEqual(missing, [])
  })

/** Constants of facts, wherever they are defined. */
const facts = published.flatMap((workspace) =>
  [...codeOf(workspace).matchAll(/^export const (\w+)(?:: [^=]+)? = defineFact/gm)].map(([, name = '']) => name),
)

for (const workspace of published.filter(({ kind }) => kind === 'plugins'))
  test(`the README of ${workspace.manifest.name} names every fact and service that its code uses`, () => {
    const readme = readFileSync(join(ROOT, workspace.folder, 'README.md'), 'utf8')
    const code = codeOf(workspace)
    const services = [...code.matchAll(/needs: \{([^}]*)\}/g)].flatMap(([, list = '']) =>
      [...list.matchAll(/: ([A-Z]\w+)/g)].map(([, name = '']) => name),
    )
    const used = [...facts.filter((name) => isIn(name, code)), ...services]
    assert.deepEqual(
      used.filter((name) => !isIn(name, readme)),
      [],
    )
  })

function isIn(word: string, text: string): boolean {
  return new RegExp(`(?<![\\w-])${word}(?![\\w-])`).test(text)
}

/** Without tests and comments. */
function codeOf({ sources }: Workspace): string {
  return sources
    .filter(({ isTest }) => !isTest)
    .map(({ text }) => text.replace(/^\s*(?:\/\/.*|\/?\*.*)$/gm, ''))
    .join('\n')
}
