/** A certificate for the loopback addresses, made for one run and worth nothing after it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { programPath } from '../runner/program.ts'

/** The files of the certificate; disposing of it removes them. */
export interface TestCertificate extends Disposable {
  /** PEM; signs itself. */
  readonly ca: string
  readonly certFile: string
  readonly keyFile: string
}

/** Makes it with OpenSSL. */
export function makeCertificate(): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'pr-certificate-'))
  const certFile = join(folder, 'cert.pem')
  const keyFile = join(folder, 'key.pem')
  const request = [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=redis.test',
  ]
  const names = ['-addext', 'subjectAltName=IP:127.0.0.1,DNS:redis.test']
  execFileSync(programPath('openssl'), [...request, ...names, '-keyout', keyFile, '-out', certFile], {
    stdio: 'ignore',
  })
  return {
    ca: readFileSync(certFile, 'utf8'),
    certFile,
    keyFile,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}
