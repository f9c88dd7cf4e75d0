/**
 * `npm run release -- --dry-run`: what would be published, file by file, without a registry. `--version` turns changesets into versions and
 * changelogs, to be committed; without an option what has a new version is published.
 */
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { ROOT, readWorkspaces } from '../structure/workspace.ts'
import { announced, apiReports, unannounced } from './api-report.ts'
import { digestOf, readReleased, writeReleased } from './released.ts'

const { values } = parseArgs({ options: { 'dry-run': { type: 'boolean', default: false }, version: { type: 'boolean', default: false } } })
const bin = (name: string) => path.join(ROOT, 'node_modules/.bin', name)

process.exitCode = values.version ? prepare() : release(values['dry-run'])

function prepare(): number {
  run(bin('changeset'), ['version'])
  run('npm', ['install', '--package-lock-only', '--no-audit', '--no-fund'])
  return 0
}

function release(isDry: boolean): number {
  run(bin('turbo'), ['run', 'build', '--output-logs=errors-only'])
  const reports = apiReports()
  const silent = unannounced(
    reports.map(({ name, text }) => ({ name, digest: digestOf(text) })),
    { released: readReleased(), changesets: announced() },
  )
  if (silent.length > 0) {
    console.error(`The API of ${silent.join(', ')} has changed, and no changeset says so: npx changeset`)
    return 1
  }
  for (const row of contents()) console.log(row)
  if (isDry) {
    const names = [...announced()]
    console.log(
      `\nDry run: nothing was published. ${names.length > 0 ? `Changesets wait for ${names.join(', ')}: npm run release -- --version` : 'No changeset waits.'}`,
    )
    return 0
  }
  run(bin('changeset'), ['publish'])
  writeReleased(reports)
  return 0
}

/** A row a package: what its tarball would be. */
function contents(): readonly string[] {
  const folders = readWorkspaces().filter(({ manifest }) => manifest.private !== true)
  const out = run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', ...folders.flatMap(({ folder }) => ['-w', folder])], 'pipe')
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
  const { status, stdout, error } = spawnSync(command, args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', output, 'inherit'] })
  if (status !== 0) throw new Error(`${path.basename(command)} ${args[0]} ended with ${status}`, { cause: error })
  return stdout ?? ''
}
