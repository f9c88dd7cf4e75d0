/** The transports we have, held against the contract that transports of plugins are held against. */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { discardTransport, fixedTransport, lmtpTransport, maildirTransport, smtpTransport } from '@postroad/delivery'
import { zoneDns } from '@postroad/dns'
import { createSink, type Sink, type SinkOptions, transportContract } from '@postroad/testing'
import type {
  Scenario,
  TransportFixture,
  TransportPlace,
} from '../../packages/testing/src/contract/transport-fixture.ts'

const SCRIPTS: Readonly<Record<Scenario, SinkOptions['script']>> = {
  gone: undefined,
  silent: ({ verb }) => (verb === 'CONNECT' ? { end: 'hang' } : undefined),
  choosy: ({ verb, argument }) =>
    verb !== 'RCPT'
      ? undefined
      : /<unknown@/.test(argument)
        ? '550 5.1.1 Who?'
        : /<busy@/.test(argument)
          ? '450 4.2.1 Later'
          : undefined,
  mute: ({ verb }) => (verb === 'DOT' ? { end: 'close' } : undefined),
}

/** A sink in this scenario, and the place that it is. */
async function sinkFor(
  scenario: Scenario | undefined,
  options: SinkOptions = {},
): Promise<{ sink: Sink; place: TransportPlace }> {
  const script = scenario && SCRIPTS[scenario]
  const sink = await createSink({ ...options, ...(script && { script }) })
  if (scenario === 'gone') await sink.close()
  let [read, octets] = [0, 0]
  const place: TransportPlace = {
    arrived: () =>
      sink.transactions.flatMap(({ recipients, message }) =>
        recipients.map((to) => ({ to: /<([^>]*)>/.exec(to)?.[1] ?? '', octets: message })),
      ),
    octets() {
      for (; read < sink.reads.length; read++) octets += sink.reads[read]?.length ?? 0
      return octets
    },
  }
  return { sink, place }
}

const hostname = 'client.test'

transportContract({
  name: 'smtp by MX',
  async open(scenario) {
    const { sink, place } = await sinkFor(scenario)
    const dns = zoneDns({
      'to.test': { MX: [{ exchange: 'mx.to.test', preference: 10 }] },
      'mx.to.test': { A: ['127.0.0.1'] },
    })
    const transport = smtpTransport({ hostname, dns, port: sink.port, isOwn: () => false })
    return { transport, route: { via: 'smtp' }, place, close: () => sink.close() }
  },
})

transportContract({
  name: 'smtp to a fixed host, without any extension that makes it quick',
  async open(scenario) {
    const { sink, place } = await sinkFor(scenario, { extensions: ['8BITMIME', 'SMTPUTF8'] })
    const transport = fixedTransport({ hostname, host: '127.0.0.1', port: sink.port })
    return { transport, route: { via: 'relay' }, place, close: () => sink.close() }
  },
})

transportContract({
  name: 'lmtp',
  async open(scenario) {
    const { sink, place } = await sinkFor(scenario, { protocol: 'lmtp' })
    const transport = lmtpTransport({ hostname, host: '127.0.0.1', port: sink.port })
    return { transport, route: { via: 'lmtp' }, place, close: () => sink.close() }
  },
})

transportContract({
  name: 'lmtp over a UNIX socket',
  async open(scenario) {
    const folder = await mkdtemp(path.join(tmpdir(), 'postroad-'))
    const { sink, place } = await sinkFor(scenario, { protocol: 'lmtp', path: path.join(folder, 'lmtp') })
    const close = async (): Promise<void> => {
      await sink.close()
      await rm(folder, { recursive: true, force: true })
    }
    return {
      transport: lmtpTransport({ hostname, path: path.join(folder, 'lmtp') }),
      route: { via: 'lmtp' },
      place,
      close,
    }
  },
})

transportContract({ name: 'maildir', scenarios: ['gone', 'choosy'], open: maildirFixture })

async function maildirFixture(scenario?: Scenario): Promise<TransportFixture> {
  const folder = await mkdtemp(path.join(tmpdir(), 'postroad-'))
  const mailboxes = path.join(folder, 'mail')
  if (scenario !== 'gone') await mkdir(mailboxes)
  if (scenario === 'choosy') {
    for (const name of ['a', 'b', 'c'])
      for (const part of ['tmp', 'new', 'cur']) await mkdir(path.join(mailboxes, name, part), { recursive: true })
    // A mailbox that is there and damaged.
    await mkdir(path.join(mailboxes, 'busy'))
    await writeFile(path.join(mailboxes, 'busy/tmp'), '')
  }
  return {
    transport: maildirTransport({ folder: mailboxes, create: scenario === undefined }),
    route: { via: 'maildir' },
    place: { arrived: () => inboxes(mailboxes), octets: () => sizeOf(mailboxes) },
    close: () => rm(folder, { recursive: true, force: true }),
  }
}

async function inboxes(folder: string): Promise<readonly { to: string; octets: Buffer }[]> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && entry.parentPath.endsWith('/new'),
  )
  return Promise.all(
    files.map(async ({ parentPath, name }) => ({
      // `folderName` writes what is not plain in hexadecimal.
      to: `${decodeURIComponent(path.basename(path.dirname(parentPath)))}@to.test`,
      octets: await readFile(path.join(parentPath, name)),
    })),
  )
}

async function sizeOf(folder: string): Promise<number> {
  const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const sizes = await Promise.all(
    files.map(async ({ parentPath, name }) => (await stat(path.join(parentPath, name))).size),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

transportContract({
  name: 'discard',
  scenarios: [],
  open: async () => ({ transport: discardTransport(), route: { via: 'discard' }, close: async () => undefined }),
})
