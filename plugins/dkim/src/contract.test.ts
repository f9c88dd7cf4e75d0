import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { Dns, type Service } from '@postroad/plugin'
import { pluginContract, testPlugin } from '@postroad/testing'
import { dkim } from './plugin.ts'

const services: readonly (readonly [Service<unknown>, unknown])[] = [
  [Dns, zoneDns({ 's._domainkey.down.example': 'SERVFAIL' })],
]
const folder = mkdtempSync(join(tmpdir(), 'postroad-dkim-'))
const file = join(folder, 'key')
writeFileSync(file, generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }))
after(() => rmSync(folder, { recursive: true }))

const by = (domain: string) =>
  `DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=${domain}; s=s; h=from;\n bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\nFrom: a@${domain}\n\n`

testPlugin(
  dkim,
  [
    {
      name: 'RFC 6376 §6.3: a message without a signature passes by default',
      data: { From: 'a@b.example' },
      expect: 'accepted',
    },
    {
      name: 'RFC 7372 §3.1: and is refused if the operator says so',
      data: { From: 'a@b.example' },
      options: { none: 'reject' },
      expect: '5.7.20',
    },
    { name: 'a signature without a key is no reason to refuse', data: by('b.example'), expect: 'accepted' },
    { name: 'unless the operator says so', data: by('b.example'), options: { neutral: 'reject' }, expect: '5.7.20' },
    {
      name: 'DNS that fails defers if the operator says so',
      data: by('down.example'),
      options: { temperror: 'defer' },
      expect: '4.7.5',
    },
    {
      name: 'points add up',
      data: { From: 'a@b.example' },
      options: { none: 1.5 },
      expect: { accepted: true, points: 1.5 },
    },
    {
      name: 'a message may be set aside',
      data: { From: 'a@b.example' },
      options: { none: 'quarantine' },
      expect: { quarantined: /dkim=none/ },
    },
  ],
  { services },
)

pluginContract(dkim, { services, session: { data: by('b.example') } })
pluginContract(dkim.sign, {
  services,
  options: { keys: [{ domain: 'client.test', selector: 's', file }], unauthenticated: true },
})
