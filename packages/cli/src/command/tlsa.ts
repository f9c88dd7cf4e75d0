/** `postroad tls tlsa`: the records for the present key and for the next, and whether DNS agrees with the certificate on disk. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createDns } from '@postroad/dns'
import { textOf } from '@postroad/plugin'
import { adviseTlsa, type TlsaAdvice } from '@postroad/tls-policy'
import { type Command, InvalidArgumentError } from 'commander'
import { hasConfig } from '../config/load.ts'
import { UsageError } from '../config/usage-error.ts'
import { open } from '../open.ts'
import { dnsOf, dnsServer } from './dns-option.ts'
import { publicKeyOf } from './pem.ts'
import { type CertificateSubject, publishedAt, subjectOf, subjectsIn } from './tlsa-subject.ts'

interface TlsaOptions {
  readonly config?: string
  readonly cert?: string
  readonly host?: readonly string[]
  readonly port: number
  readonly next?: string
  readonly makeNext?: string
  readonly dns?: readonly string[]
  readonly json?: boolean
}

/** Adds `tlsa`. */
export function tlsaCommand(tls: Command, outcome: { code: number }): void {
  tls
    .command('tlsa')
    .description(
      'TLSA records for the keys of this server, present and next, and whether DNS agrees; exit code 1 when it differs',
    )
    .option('--config <config>', 'configuration file or folder: the certificates of its listeners')
    .option('--cert <file>', 'another certificate, PEM with its chain')
    .option(
      '--host <name...>',
      'names of this server in MX records; default: its host name, or those in the certificate',
    )
    .option('--port <port>', 'of the records', portOf, 25)
    .option('--next <file>', 'the key that follows, or its certificate, PEM')
    .option('--make-next <file>', 'make that key (EC P-256) and keep it in this file, which must not be there yet')
    .option('--dns <server...>', 'resolvers to ask instead, 127.0.0.1:53', dnsServer)
    .option('--json', 'print JSON lines')
    .addHelpText(
      'after',
      '\nTo change a key without losing mail: make the next one, publish both records, wait for twice the TTL, give the\nserver the new key with its certificate, and take the old record away.',
    )
    .action(async (options: TlsaOptions) => {
      outcome.code = await tlsa(options)
    })
}

async function tlsa(options: TlsaOptions): Promise<number> {
  const { port, json = false } = options
  const next = await nextKey(options)
  const { subjects, dns } = await subjectsOf(options)
  let isWrong = false
  for (const { file, listeners, hosts, chain } of subjects) {
    for (const host of hosts) {
      const published = await publishedAt(`_${port}._tcp.${host}`, dns)
      const records = 'failure' in published ? undefined : published
      const now = Date.now()
      const advice = adviseTlsa({
        host,
        port,
        chain,
        now,
        ...(next && { next }),
        ...(records && { published: records }),
      })
      isWrong ||= advice.state === 'differs'
      const seen = { host, port, file, listeners, ...('failure' in published && { dns: published.failure }), ...advice }
      process.stdout.write(`${json ? JSON.stringify(seen) : tlsaText(seen, chain).join('\n')}\n`)
    }
  }
  return isWrong ? 1 : 0
}

interface Seen extends TlsaAdvice {
  readonly host: string
  readonly file: string
  readonly listeners: readonly string[]
  readonly dns?: string
}

function tlsaText(seen: Seen, [certificate]: CertificateSubject['chain']): string[] {
  const { host, file, listeners, present, next, published, state, advice, dns } = seen
  const of = listeners.length === 0 ? '' : `, of ${listeners.join(', ')}`
  return [
    `${host}: ${file}${of}, until ${new Date(certificate.validTo).toISOString().slice(0, 10)}`,
    `  present  ${present}`,
    ...(next === undefined ? [] : [`  next     ${next}`]),
    ...published.map(({ record, is }) => `  in DNS   ${record}  (${is === 'other' ? 'neither key' : `${is} key`})`),
    `  DNS      ${dns === undefined ? STATES[state] : `does not answer (${dns})`}`,
    ...advice.map((sentence) => `  ${sentence}.`),
  ]
}

const STATES: Readonly<Record<TlsaAdvice['state'], string>> = {
  agrees: 'agrees with the certificate, and is signed',
  differs: 'DOES NOT AGREE with the certificate',
  unsigned: 'has records that DNSSEC does not sign, or the resolver does not validate',
  none: 'has no record',
  unknown: 'does not answer',
}

async function nextKey({ next, makeNext }: TlsaOptions): Promise<KeyObject | undefined> {
  if (makeNext !== undefined) return await makeKey(makeNext)
  if (next === undefined) return undefined
  try {
    return publicKeyOf(await readFile(next, 'utf8'))
  } catch (cause) {
    throw new UsageError(
      `${next} is no key and no certificate that can be read: ${textOf(cause)}; --make-next FILE makes a key`,
      { cause },
    )
  }
}

async function makeKey(file: string): Promise<KeyObject> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  try {
    await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' })
  } catch (cause) {
    throw new UsageError(`The next key could not be kept in ${file}: ${textOf(cause)}`, { cause })
  }
  return publicKey
}

interface Asked {
  readonly subjects: readonly CertificateSubject[]
  readonly dns: ReturnType<typeof createDns>
}

async function subjectsOf({ config, cert, host, dns }: TlsaOptions): Promise<Asked> {
  if (cert !== undefined && config === undefined)
    return { subjects: [await subjectOf(cert, { hosts: host, listeners: [] })], dns: createDns(dnsOf(dns).dns) }
  if (config === undefined && !(await hasConfig()))
    throw new UsageError('There is no configuration here: give --config, or a certificate with --cert')
  const opened = await open(config, { looks: true, log: { format: 'silent' } })
  try {
    const hosts = host ?? [opened.server.hostname]
    const subjects =
      cert === undefined
        ? await subjectsIn(opened.server, { hosts })
        : [await subjectOf(cert, { hosts, listeners: [] })]
    if (subjects.length === 0)
      throw new UsageError(
        'No SMTP listener of this configuration has certificateFiles: give a certificate with --cert',
      )
    return { subjects, dns: createDns(dnsOf(dns).dns ?? opened.dns) }
  } finally {
    await opened.close()
  }
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError('a port from 1 to 65535.')
  return port
}
