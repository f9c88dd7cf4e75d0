/** A second opinion: what OpenSSL's own DANE says of the records and certificates of the matrix. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createSecureContext, TLSSocket } from 'node:tls'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import { type Cell, shownTlsa } from './cell.ts'
import { TLSA_CELLS } from './cells-tlsa.ts'
import { identities } from './certificate.ts'
import { recordOf } from './tlsa-record.ts'

const skip = requires('openssl')

/** It reads no name and no date of a server that stands in a record itself, RFC 7672 §3.1.1; else it is told the name of the host. */
const OPTIONS = [
  '-dane_tlsa_domain',
  'mx.dane.test',
  '-dane_ee_no_namechecks',
  '-verify_return_error',
  '-servername',
  'mx.dane.test',
  '-brief',
]

/** Of those, where OpenSSL has a reason to say something else. */
const DIFFERENT: ReadonlyMap<string, string> = new Map([
  ['2 1 1 root of cnLeaf', 'it reads a common name where there is no other name, as before RFC 9525'],
  ['2 1 1 root of domainLeaf', 'it is not told the domain, the second name of RFC 7672 §3.2.2'],
])

function isJudged({ tlsa, expected }: Cell): boolean {
  return Array.isArray(tlsa) && /^(?:dane|skipped (?:validation|certificate))/.test(expected)
}

async function verdict({ tlsa, server: { chain } }: Cell): Promise<boolean> {
  const all: Readonly<Record<string, { readonly key: string; readonly cert: string }>> = identities
  const shown = chain.map((name) => all[name] ?? assert.fail(name))
  const secureContext = createSecureContext({ key: shown[0]?.key, cert: shown.map(({ cert }) => cert).join('') })
  const server = createServer((raw) => {
    raw.on('error', () => {})
    new TLSSocket(raw, { isServer: true, secureContext }).on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const folder = await mkdtemp(join(tmpdir(), 'postroad-dane-'))
  try {
    await writeFile(join(folder, 'none'), '')
    const records = (tlsa as readonly string[]).map(recordOf) // it was looked at
    const data = records.flatMap((one) => [
      '-dane_tlsa_rrdata',
      `${one.usage} ${one.selector} ${one.matching} ${Buffer.from(one.data).toString('hex')}`,
    ])
    const args = ['s_client', '-connect', `127.0.0.1:${port}`, ...OPTIONS, ...data]
    const text = await new Promise<string>((resolve) => {
      const child = execFile(programPath('openssl') ?? assert.fail(), args, { timeout: 20_000 }, (_, out, err) =>
        resolve(out + err),
      )
      child.stdin?.end()
    })
    return /Verification: OK/.test(text) && /DANE TLSA/.test(text)
  } finally {
    server.close()
    await rm(folder, { recursive: true, force: true })
  }
}

test('OpenSSL says the same of every set of records, or there is a reason', { skip, timeout: 120_000 }, async () => {
  const cells = TLSA_CELLS.filter(isJudged)
  assert.ok(cells.length > 40)
  const different: string[] = []
  for (const cell of cells) {
    const name = `${shownTlsa(cell.tlsa)} of ${cell.server.chain[0]}`
    const isRight = cell.expected.startsWith('dane')
    if ((await verdict(cell)) !== isRight) different.push(name)
  }
  assert.deepEqual(different, [...DIFFERENT.keys()])
})
