/** Holds aggregate reports against the schema of RFC 9990, by xmllint of Debian's libxml2-utils. Has no tests of its own. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { programPath } from '../runner/program.ts'

const SCHEMA = join(import.meta.dirname, 'rfc9990.xsd')

/** What xmllint has against the documents; empty when all of them are valid. */
export function invalidBySchema(documents: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'postroad-schema-'))
  try {
    const files = documents.map((text, at) => {
      const file = join(folder, `${at}.xml`)
      writeFileSync(file, text)
      return file
    })
    const { status, stderr } = spawnSync(programPath('xmllint'), ['--noout', '--schema', SCHEMA, ...files], {
      encoding: 'utf8',
      maxBuffer: 64 * 1_048_576,
    })
    return status === 0
      ? ''
      : stderr
          .split('\n')
          .filter((line) => !line.endsWith(' validates'))
          .join('\n')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
