/** `postroad dkim keygen` and `postroad dkim check`. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { normaliseName } from '@postroad/dns'
import { getPublicKey, keysFirst, nodeResolver } from '@postroad/mailauth'
import type { CommandIo, Dns, PluginCommand } from '@postroad/plugin'

/** RFC 1035 §3.3.14: a string of a TXT record has at most 255 octets. */
const TXT_STRING = 255

/** The commands; both plugins of this package have them. */
export function dkimCommands(dns: Dns): Readonly<Record<string, PluginCommand>> {
  return {
    keygen: {
      summary: 'Make a key pair and print the DNS record to publish',
      usage: '<domain> [--selector <name>] [--type rsa|ed25519] [--bits 2048] [--folder .]',
      run: keygen,
    },
    check: {
      summary: 'Look up a published key, and compare it with a private key',
      usage: '<domain> --selector <name> [--key <file>]',
      run: (args, io) => check(args, io, dns),
    },
  }
}

/** Writes the private key to `SELECTOR._domainkey.DOMAIN.pem`, for the owner only, and never over another. */
async function keygen(args: readonly string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      selector: { type: 'string' },
      type: { type: 'string', default: 'rsa' },
      bits: { type: 'string', default: '2048' },
      folder: { type: 'string', default: '.' },
    },
  })
  const domain = normaliseName(positionals[0] ?? '')
  const bits = Number(values.bits)
  const isRsa = values.type === 'rsa'
  if (domain === undefined || !isHost(domain)) return complain(io, 'say a domain')
  if (!isRsa && values.type !== 'ed25519') return complain(io, '--type is rsa or ed25519')
  // RFC 8301 §3.2: at least 1,024 bits and better 2,048; verifiers need not know more than 4,096.
  if (isRsa && !(bits >= 1024 && bits <= 4096)) return complain(io, '--bits is from 1024 to 4096')
  const selector = values.selector ?? `${new Date().toISOString().slice(0, 10).replaceAll('-', '')}${isRsa ? 'r' : 'e'}`
  if (!isHost(selector)) return complain(io, '--selector is a name')
  const { privateKey, publicKey } = isRsa
    ? generateKeyPairSync('rsa', { modulusLength: bits })
    : generateKeyPairSync('ed25519')
  const name = `${selector}._domainkey.${domain}`
  const file = join(values.folder, `${name}.pem`)
  try {
    await writeFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    return complain(io, `the key could not be written: ${error instanceof Error ? error.message : error}`)
  }
  const record = keyRecord(publicKey)
  io.row({ name, type: 'TXT', record, file })
  if (!io.json) io.print(`\n${name}. IN TXT ( ${toStrings(record).join(' ')} )`)
  return 0
}

async function check(args: readonly string[], io: CommandIo, dns: Dns): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { selector: { type: 'string' }, key: { type: 'string' } },
  })
  const domain = normaliseName(positionals[0] ?? '')
  if (domain === undefined || values.selector === undefined) return complain(io, 'say a domain and --selector')
  const name = `${values.selector}._domainkey.${domain}`
  try {
    const published = await getPublicKey('DKIM', name, undefined, keysFirst(nodeResolver(dns, io.signal)), {
      strict: true,
    })
    const matches = values.key === undefined ? undefined : isPair(await readFile(values.key), published.publicKey)
    io.row({ name, type: published.keyType, bits: published.modulusLength, testing: published.testing, matches })
    return matches === false ? 1 : 0
  } catch (error) {
    return complain(io, `${name}: ${error instanceof Error ? error.message : error}`)
  }
}

/** RFC 6376 §3.6.1; RFC 8463 §4: an Ed25519 key is published bare, its 32 octets. */
export function keyRecord(key: KeyObject): string {
  const spki = key.export({ type: 'spki', format: 'der' })
  const isEd25519 = key.asymmetricKeyType === 'ed25519'
  return `v=DKIM1; k=${isEd25519 ? 'ed25519' : 'rsa'}; p=${(isEd25519 ? spki.subarray(-32) : spki).toString('base64')}`
}

function isPair(pem: Buffer, published: string): boolean {
  return createPublicKey(createPrivateKey(pem)).equals(createPublicKey(published))
}

function toStrings(record: string): string[] {
  const strings: string[] = []
  for (let at = 0; at < record.length; at += TXT_STRING) strings.push(`"${record.slice(at, at + TXT_STRING)}"`)
  return strings
}

function isHost(name: string): boolean {
  return /^[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*$/.test(name)
}

function complain(io: CommandIo, text: string): number {
  io.print(text)
  return 1
}
