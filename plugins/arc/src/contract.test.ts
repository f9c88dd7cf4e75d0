import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { Dns, type Service } from '@postroad/plugin'
import { pluginContract } from '@postroad/testing'
import { arc } from './arc.ts'

const services: readonly (readonly [Service<unknown>, unknown])[] = [[Dns, zoneDns({})]]
const folder = mkdtempSync(join(tmpdir(), 'postroad-arc-'))
const file = join(folder, 'key')
writeFileSync(
  file,
  generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
)
after(() => rmSync(folder, { recursive: true }))

const set = [
  'Seal: i=1; a=rsa-sha256; cv=none; d=a.example; s=s; b=AAAA',
  'Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=s; h=from; bh=AAAA; b=AAAA',
  'Authentication-Results: i=1; a.example; none',
]

pluginContract(arc, {
  services,
  options: { trust: ['a.example'], seal: { domain: 'mx.test', selector: 's', file } },
  session: { data: `${set.map((field) => `ARC-${field}\n`).join('')}From: a@client.test\n\nHello\n` },
})
