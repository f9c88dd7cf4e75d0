/** A Postroad with a scanner before it, that takes what the scanner lets through and remembers it; and who offers it mail. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, createServer, type UseOptions } from '@postroad/core'
import { embeddedServices } from '@postroad/embedded'
import { readAll } from '@postroad/mail'
import { definePlugin, type Plugin } from '@postroad/plugin'
import { SmtpClient } from '../failure/smtp-client.ts'

/** What was taken. */
export interface Taken {
  readonly text: string
  readonly to: readonly string[]
  /** Why it was set aside. */
  readonly quarantined?: string
}

/** A running server. */
export interface ScannerServer extends AsyncDisposable {
  readonly port: number
  readonly taken: readonly Taken[]
  /** Canonical lines of transactions. */
  lines(): readonly Readonly<Record<string, unknown>>[]
}

/** Starts one on a free port of 127.0.0.1. */
export async function startScannerServer(
  plugin: Plugin,
  use: UseOptions = {},
  config: Partial<Omit<Config, 'setup' | 'folder' | 'log'>> = {},
): Promise<ScannerServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-scanner-'))
  const embedded = embeddedServices(join(folder, 'services'))
  const taken: Taken[] = []
  let log = ''
  const sink = definePlugin({
    name: 'sink',
    hooks: {
      route: () => ({ via: 'sink' }),
      queue: async ({ envelope, deliveries, message }) => {
        taken.push({ text: (await readAll(message)).toString('latin1'), to: recipientsOf(deliveries) })
        return { id: envelope.id }
      },
      quarantine: async ({ envelope, deliveries, message, reason }) => {
        const text = (await readAll(message)).toString('latin1')
        taken.push({ text, to: recipientsOf(deliveries), quarantined: reason })
        return { id: envelope.id }
      },
    },
  })
  const server = await createServer(
    {
      hostname: 'mx.test',
      ...config,
      folder,
      log: { format: 'json', write: (lines) => void (log += lines) },
      setup(app) {
        app.use(plugin, use).use(sink())
        app.listen({
          host: '127.0.0.1',
          port: 0,
          limits: { size: 60_000_000, connectionsPerAddress: 1_000, connectionsPerNetwork: 1_000 },
        })
      },
    },
    { services: embedded.services },
  )
  await server.listen()
  return {
    port: server.addresses[0]?.port ?? 0,
    taken,
    lines() {
      server.log.flush()
      return log
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
        .filter(({ event }) => event === 'transaction')
    },
    async [Symbol.asyncDispose]() {
      await server.close({ grace: 2_000 })
      await embedded.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function recipientsOf(
  deliveries: readonly { readonly recipients: readonly { readonly address: object }[] }[],
): string[] {
  return deliveries.flatMap(({ recipients }) => recipients.map(({ address }) => String(address)))
}

/** A message on its way, held back after the first half: something may happen meanwhile. */
export async function offer(
  port: number,
  message: Buffer,
  {
    from = 'sender@client.test',
    to = ['rcpt@mx.test'],
    halfway,
  }: { readonly from?: string; readonly to?: readonly string[]; readonly halfway?: () => Promise<unknown> } = {},
): Promise<string> {
  const client = await SmtpClient.connect(port)
  try {
    await client.reply()
    await client.send('EHLO client.test')
    for (const command of [`MAIL FROM:<${from}>`, ...to.map((one) => `RCPT TO:<${one}>`), 'DATA']) {
      const reply = await client.send(command)
      if (!/^[23]/.test(reply)) return reply
    }
    const text = message.toString('latin1').replaceAll(/^\./gm, '..')
    const half = Math.floor(text.length / 2)
    if (halfway) {
      client.write(text.slice(0, half))
      await halfway()
    }
    client.write(text.slice(halfway ? half : 0))
    return await client.send(text.endsWith('\r\n') ? '.' : '\r\n.')
  } finally {
    client.end()
  }
}

/** A message that carries a file. */
export function carrying(name: string, content: Uint8Array, subject = name): Buffer {
  const lines =
    Buffer.from(content)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  return Buffer.from(
    [
      'From: sender@client.test',
      'To: rcpt@mx.test',
      `Subject: ${subject}`,
      'Date: Thu, 01 Jan 2026 00:00:00 +0000',
      `Message-ID: <${Math.random()}@client.test>`,
      'MIME-Version: 1.0',
      'Content-Type: multipart/mixed; boundary=b',
      '',
      '--b',
      '',
      'See the file.',
      '--b',
      `Content-Type: application/octet-stream; name="${name}"`,
      'Content-Transfer-Encoding: base64',
      `Content-Disposition: attachment; filename="${name}"`,
      '',
      ...lines,
      '--b--',
      '',
    ].join('\r\n'),
  )
}
