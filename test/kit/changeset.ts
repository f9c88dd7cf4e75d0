/** Changesets as data, and those that follow from others. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT, readWorkspaces, type Workspace } from '../structure/workspace.ts'

export type Bump = 'patch' | 'minor' | 'major'

const FOLDER = path.join(ROOT, '.changeset')
const SIZES: readonly Bump[] = ['patch', 'minor', 'major']

/** What waits: the largest bump of each package that a changeset names. */
export function announced(): ReadonlyMap<string, Bump> {
  const largest = new Map<string, Bump>()
  const texts = readdirSync(FOLDER).filter((name) => name.endsWith('.md') && name !== 'README.md')
  for (const { name, bump } of texts.flatMap((file) => entriesOf(readFileSync(path.join(FOLDER, file), 'utf8')))) {
    const before = largest.get(name)
    if (before === undefined || SIZES.indexOf(bump) > SIZES.indexOf(before)) largest.set(name, bump)
  }
  return largest
}

/** @param text a changeset: front matter with a package and a size on each line */
export function entriesOf(text: string): readonly { readonly name: string; readonly bump: Bump }[] {
  const [, head = ''] = /^---\n([\s\S]*?)\n---/.exec(text) ?? []
  // `as`: the expression takes no other size.
  return [...head.matchAll(/^['"]?(@?[\w/-]+)['"]?: *(patch|minor|major)$/gm)].map(([, name = '', bump]) => ({
    name,
    bump: bump as Bump,
  }))
}

/** What every plugin is made of: a change of it that breaks a plugin breaks everything that shows its types. */
const API = '@postroad/plugin'
/** Writes the versions of these into new plugins. */
const SCAFFOLD = 'create-postroad'

/**
 * Adds what follows from the changesets that wait, and what `changeset version` gets wrong: it would make a 1.0.0 of whoever has a
 * peer, the API for one, that breaks in a minor version below 1.0.0, and would leave the scaffold with versions that are gone.
 */
export function addConsequences(): void {
  const waiting = announced()
  const workspaces = readWorkspaces().filter(({ manifest }) => manifest.private !== true)
  const api = workspaces.find(({ manifest }) => manifest.name === API)
  const next = api && breaks(waiting.get(API), api.manifest.version)
  if (next !== undefined) {
    const users = workspaces.filter(({ manifest }) => API in { ...manifest.dependencies, ...manifest.peerDependencies })
    write(
      'api',
      users.map(({ manifest }) => `"${manifest.name}": ${breakOf(manifest.version)}`),
      `Needs ${API} ${next}.`,
    )
  }
  followPeers(workspaces)
  const scaffold = workspaces.find(({ manifest }) => manifest.name === SCAFFOLD)
  const needs = { ...scaffold?.manifest.devDependencies, ...templateVersions() }
  const made = Object.keys(needs).filter((name) => announced().has(name))
  if (made.length > 0)
    write('scaffold', [`"${SCAFFOLD}": patch`], `What is begun begins with this version of ${made.join(' and ')}.`)
}

const VERSIONS = path.join(ROOT, 'packages/create-postroad/template/versions.json')

/** Packages of what `npm create postroad` begins. They are no dependencies of it: `postroad` depends on it itself. */
function templateVersions(): Readonly<Record<string, string>> {
  return JSON.parse(readFileSync(VERSIONS, 'utf8'))
}

/** After `changeset version`: the scaffold writes the versions that are here now. */
export function writeTemplateVersions(): void {
  const here = new Map(readWorkspaces().map(({ manifest }) => [manifest.name, manifest.version]))
  const next = Object.entries(templateVersions()).map(([name, version]) => [name, here.get(name) ?? version])
  writeFileSync(VERSIONS, `${JSON.stringify(Object.fromEntries(next), undefined, 2)}\n`)
}

/** Whoever has a peer that breaks breaks with it, and takes its coming version. */
function followPeers(workspaces: readonly Workspace[]): void {
  const waiting = announced()
  const broken = new Map(
    workspaces.flatMap(({ manifest: { name, version } }) => {
      const next = breaks(waiting.get(name), version)
      return next === undefined ? [] : [[name, next] as const]
    }),
  )
  const followers: string[] = []
  for (const user of workspaces) {
    const peers = Object.keys(user.manifest.peerDependencies ?? {}).filter((name) => broken.has(name))
    for (const name of peers) widenPeer(user, name, broken.get(name) ?? '')
    if (peers.length > 0 && !broken.has(user.manifest.name))
      followers.push(`"${user.manifest.name}": ${breakOf(user.manifest.version)}`)
  }
  if (followers.length > 0) write('peers', followers, 'Needs new versions of its peers.')
}

/** The version that a bump leads to when it breaks what was before: below 1.0.0 a minor one does. */
function breaks(bump: Bump | undefined, version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (bump === 'major') return `${major + 1}.0.0`
  return bump === 'minor' && major === 0 ? `0.${minor + 1}.0` : undefined
}

function breakOf(version: string): Bump {
  return version.startsWith('0.') ? 'minor' : 'major'
}

/** Takes the coming version into the range of the peer: `changeset version` then writes the one range that is right, and no major version. */
function widenPeer({ folder, manifest }: Workspace, peer: string, next: string): void {
  const range = manifest.peerDependencies?.[peer]
  if (range === undefined) return
  const file = path.join(ROOT, folder, 'package.json')
  const text = readFileSync(file, 'utf8')
  const peers = text.indexOf('"peerDependencies"')
  const place = text.indexOf(`"${peer}": "${range}"`, peers)
  writeFileSync(file, text.slice(0, place) + text.slice(place).replace(range, `${range} || ^${next}`))
}

function write(name: string, entries: readonly string[], sentence: string): void {
  writeFileSync(path.join(FOLDER, `follows-${name}.md`), `---\n${entries.join('\n')}\n---\n\n${sentence}\n`)
}
