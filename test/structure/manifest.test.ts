/** Every package.json: complete enough to stand alone, and exact. */
import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Manifest, ROOT, readManifest, readWorkspaces, type Workspace } from './workspace.ts'

const workspaces = readWorkspaces()
const published = workspaces.filter(({ manifest }) => manifest.private !== true)
const ours = new Map(workspaces.map(({ manifest }) => [manifest.name, manifest]))
const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/

for (const workspace of workspaces) {
  test(`${workspace.folder} has a README that begins with its name`, () => {
    const path = join(ROOT, workspace.folder, 'README.md')
    assert.ok(existsSync(path), 'README.md is missing')
    assert.match(readFileSync(path, 'utf8'), /^# \S/)
  })

  test(`${workspace.folder} names foreign dependencies by exact versions, and ours by the version that is here`, () => {
    assert.deepEqual(inexact(workspace.manifest), [])
  })
}

for (const workspace of published) {
  test(`${workspace.folder} can be published: name, licence, engines, files and exports`, () => {
    const { manifest } = workspace
    assert.match(manifest.name, /^(?:@postroad\/[a-z0-9-]+|postroad|create-postroad)$/)
    assert.equal(manifest.license, 'MIT')
    assert.equal(manifest.type, 'module')
    assert.match(manifest.version, EXACT)
    assert.ok((manifest.description ?? '').length > 10, 'a description')
    assert.equal(manifest.engines?.['node'], '>=22.19')
    assert.ok(manifest.files?.includes('dist'), 'files has dist')
    assert.ok(manifest.files?.includes('CHANGELOG.md'), 'files has CHANGELOG.md')
    assert.deepEqual(wrongExports(workspace), [])
  })
}

test('an example can be copied: what it imports is published', () => {
  const isPrivate = new Set(
    readWorkspaces().flatMap(({ manifest }) => (manifest.private === true ? [manifest.name] : [])),
  )
  const wrong = readWorkspaces().flatMap(({ kind, manifest }) =>
    kind === 'examples'
      ? Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).filter((name) => isPrivate.has(name))
      : [],
  )
  assert.deepEqual(wrong, [])
})

test('the changelog of each package speaks of the version that is here', () => {
  const silent = published.filter(({ folder, manifest }) => {
    const path = join(ROOT, folder, 'CHANGELOG.md')
    return !existsSync(path) || !readFileSync(path, 'utf8').includes(`\n## ${manifest.version}\n`)
  })
  assert.deepEqual(
    silent.map(({ folder }) => folder),
    [],
  )
})

test('before the first release there is nothing to compare with: no changeset waits; delete it, git log keeps it', () => {
  const waiting = globSync('.changeset/*.md', { cwd: ROOT }).filter((path) => !path.endsWith('README.md'))
  assert.deepEqual(existsSync(join(ROOT, '.changeset/released.json')) ? [] : waiting, [])
})

test('a plugin has @postroad/plugin as a peer, and as a development dependency for turbo', () => {
  const wrong = workspaces
    .filter(({ kind }) => kind === 'plugins')
    .filter(
      ({ manifest }) =>
        !manifest.peerDependencies?.['@postroad/plugin'] || !manifest.devDependencies?.['@postroad/plugin'],
    )
  assert.deepEqual(
    wrong.map(({ folder }) => folder),
    [],
  )
})

test('the public API of plugins has no dependencies', () => {
  for (const name of ['plugin', 'authres']) {
    const { dependencies = {} } = readManifest(`packages/${name}/package.json`)
    assert.deepEqual(
      Object.keys(dependencies).filter((dependency) => !ours.has(dependency)),
      [],
      name,
    )
  }
})

test('the repository itself pins what it uses, and brings its own runtime', () => {
  const root = readManifest('package.json')
  assert.deepEqual(inexact(root), [])
  assert.ok(root.devDependencies?.['node'], 'the npm package "node"')
})

test('the same foreign library has the same version everywhere', () => {
  const versions = new Map<string, Set<string>>()
  for (const { manifest } of [...workspaces, { manifest: readManifest('package.json') }])
    for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
      if (ours.has(name)) continue
      if (!versions.has(name)) versions.set(name, new Set())
      versions.get(name)?.add(version)
    }
  assert.deepEqual(
    [...versions].filter(([, found]) => found.size > 1).map(([name, found]) => `${name}: ${[...found].join(', ')}`),
    [],
  )
})

/** Ours have versions of their own: what is published takes their patches without being published again. */
function inexact({
  private: isPrivate,
  dependencies = {},
  devDependencies = {},
  peerDependencies = {},
}: Manifest): string[] {
  const isExact = ([name, version]: [string, string]) =>
    EXACT.test(version) && (!ours.has(name) || ours.get(name)?.version === version)
  const isRange = ([name, range]: [string, string]) => inRange(ours.get(name)?.version ?? '', range)
  const run = Object.entries(dependencies).filter(
    (one) => !(ours.has(one[0]) && isPrivate !== true ? isRange(one) : isExact(one)),
  )
  const develop = Object.entries(devDependencies).filter((one) => !isExact(one))
  // A foreign peer is chosen by whoever installs.
  const peers = Object.entries(peerDependencies).filter(
    (one) => !(ours.has(one[0]) ? isRange(one) : /^(?:\^|>=)\d/.test(one[1])),
  )
  return [...run, ...develop, ...peers].map(([name, version]) => `${name}: ${version}`)
}

/** `^1.2.3` takes 1.x.y from there on, `^0.2.3` takes 0.2.x. */
function inRange(version: string, range: string): boolean {
  const [[major = 0, minor = 0, patch = 0], least] = [version, range.slice(1)].map((text) =>
    text.split('.').map(Number),
  ) as [number[], number[]] // two
  const [leastMajor = 0, leastMinor = 0, leastPatch = 0] = least
  if (!range.startsWith('^') || major !== leastMajor) return false
  return minor === leastMinor ? patch >= leastPatch : major > 0 && minor > leastMinor
}

function wrongExports({ folder, manifest }: Workspace): string[] {
  return Object.entries(manifest.exports ?? { '.': '' }).flatMap(([entry, target]) => {
    if (typeof target === 'string') return target === './package.json' ? [] : [`${entry}: ${target}`]
    const source = target['@postroad/source'] ?? ''
    const stem = source.replace(/^\.\/src\//, './dist/').replace(/\.ts$/, '')
    const isRight =
      existsSync(join(ROOT, folder, source)) && target['types'] === `${stem}.d.ts` && target['default'] === `${stem}.js`
    // Conditions are tried in order: the source first, types before code.
    return isRight && Object.keys(target).join() === '@postroad/source,types,default'
      ? []
      : [`${entry}: ${JSON.stringify(target)}`]
  })
}
