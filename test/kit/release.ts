/**
 * `npm run release -- --dry-run`: what would be published, file by file, without a registry. `--version` turns changesets into versions and
 * changelogs, to be committed; `--address URL` writes into every package where the project lives; without an option what has a new version
 * is published, to the registry that npm is set to. A registry of this machine is a rehearsal, and asks for no address.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT, readWorkspaces } from '../structure/workspace.ts'
import { withoutAddress, writeAddress } from './address.ts'
import { apiReports, unannounced } from './api-report.ts'
import { addConsequences, announced, writeTemplateVersions } from './changeset.ts'
import { digestOf, readReleased, writeReleased } from './released.ts'

const { values } = parseArgs({
  options: {
    'dry-run': { type: 'boolean', default: false },
    version: { type: 'boolean', default: false },
    address: { type: 'string' },
  },
})
const bin = (name: string) => path.join(ROOT, 'node_modules/.bin', name)
/** Where everything goes. Said to all that is run here: changesets would take the world's own where npm's settings name another. */
const registry = run('npm', ['config', 'get', 'registry'], 'pipe').trim()

process.exitCode = main()

function main(): number {
  if (values.address !== undefined) return address(values.address)
  return values.version ? prepare() : release(values['dry-run'])
}

function address(url: string): number {
  writeAddress(url)
  console.log(`Every package that is published now says that it comes from ${url}. Commit it.`)
  return 0
}

function prepare(): number {
  addConsequences()
  run(bin('changeset'), ['version'])
  writeTemplateVersions()
  run('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund'])
  return 0
}

function release(isDry: boolean): number {
  run(bin('turbo'), ['run', 'build', '--output-logs=errors-only'])
  const reports = apiReports()
  const wrong = [...unspoken(reports), ...(isRehearsal() ? [] : homeless())]
  if (wrong.length > 0 && !isDry) return refuse(wrong)
  for (const row of [...contents(), ...wrong]) console.log(row)
  if (isDry) {
    console.log(`\nDry run: nothing was published. ${outlook()}`)
    return 0
  }
  run(bin('changeset'), ['publish'])
  writeReleased(reports)
  return 0
}

function refuse(sentences: readonly string[]): number {
  for (const sentence of sentences) console.error(sentence)
  console.error('Nothing was published.')
  return 1
}

/** What is to come, for a dry run. */
function outlook(): string {
  const names = [...announced().keys()]
  if (names.length > 0) return `Changesets wait for ${names.join(', ')}: npm run release -- --version`
  return isFirst()
    ? 'It will be the first release: all of it is new, and no changeset is needed.'
    : 'No changeset waits.'
}

function isFirst(): boolean {
  return Object.keys(readReleased()).length === 0
}

/** What is wrong with the changesets: a change that nobody is told of. */
function unspoken(reports: ReturnType<typeof apiReports>): readonly string[] {
  const digests = reports.map(({ name, text }) => ({ name, digest: digestOf(text) }))
  const silent = unannounced(digests, { released: readReleased(), changesets: announced() })
  return silent.length > 0
    ? [`The API of ${silent.join(', ')} has changed, and no changeset says so: npx changeset`]
    : []
}

/** A reader of the registry must find the source and a place to complain. */
function homeless(): readonly string[] {
  const names = withoutAddress()
  return names.length > 0
    ? [
        `${names.length} packages do not say where they come from (repository, homepage, bugs): npm run release -- --address https://host/owner/name, and commit that.`,
      ]
    : []
}

/** Whether what is published goes no further than this machine. */
function isRehearsal(): boolean {
  const { hostname } = new URL(registry)
  return hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname)
}

/** A row a package: what its tarball would be. */
function contents(): readonly string[] {
  const folders = readWorkspaces().filter(({ manifest }) => manifest.private !== true)
  const out = run(
    'npm',
    ['pack', '--dry-run', '--json', '--ignore-scripts', ...folders.flatMap(({ folder }) => ['-w', folder])],
    'pipe',
  )
  const packed = Object.values(JSON.parse(out) as object) as readonly {
    readonly id: string
    readonly size: number
    readonly entryCount: number
  }[] // as npm documents it
  return packed.map(
    ({ id, size, entryCount }) =>
      `${id.padEnd(36)} ${String(entryCount).padStart(4)} files ${String(Math.ceil(size / 1_024)).padStart(6)} KiB`,
  )
}

function run(command: string, args: readonly string[], output: 'inherit' | 'pipe' = 'inherit'): string {
  const env = { ...process.env, ...(args[0] !== 'config' && { npm_config_registry: registry }) }
  const { status, stdout, error } = spawnSync(command, args, {
    cwd: ROOT,
    encoding: 'utf8',
    env,
    stdio: ['ignore', output, 'inherit'],
  })
  if (status !== 0) throw new Error(`${path.basename(command)} ${args[0]} ended with ${status}`, { cause: error })
  return stdout ?? ''
}
