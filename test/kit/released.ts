/** `.changeset/released.json`: what the API of each package was when it was released. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ROOT } from '../structure/workspace.ts'
import type { ApiReport, Released } from './api-report.ts'

const FILE = path.join(ROOT, '.changeset/released.json')

/** Nothing, before the first release. */
export function readReleased(): Released {
  return existsSync(FILE) ? JSON.parse(readFileSync(FILE, 'utf8')) : {}
}

/** Notes that these versions are released with these APIs. */
export function writeReleased(reports: readonly ApiReport[]): void {
  const entries = reports.map(({ name, version, text }) => [name, { version, digest: digestOf(text) }] as const)
  writeFileSync(FILE, `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`)
}

/** SHA-256, hexadecimal. */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
