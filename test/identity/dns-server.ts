/** A DNS server of a few TXT records, for programs that cannot be given a resolver. */
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { decode, encode } from 'dns-packet'
import { programPath } from '../runner/program.ts'

/** A server that runs until it is disposed of. */
export interface ZoneServer extends AsyncDisposable {
  readonly address: string
  readonly port: number
  readonly questions: number
}

/** Where a zone is served, and addresses beside its texts. */
export interface ZoneOptions {
  readonly address?: string
  readonly port?: number
  /** IPv4 addresses by name. */
  readonly addresses?: Readonly<Record<string, string>>
}

/** Serves TXT records, and addresses, over UDP; what is not in the zone is NXDOMAIN. */
export async function serveZone(
  zone: Readonly<Record<string, string>>,
  { address = '127.0.0.1', port = 0, addresses = {} }: ZoneOptions = {},
): Promise<ZoneServer> {
  const records = new Map(Object.entries(zone))
  const hosts = new Map(Object.entries(addresses))
  const socket = createSocket('udp4')
  let questions = 0
  socket.on('message', (request, from) => {
    questions++
    const { id, questions: asked = [] } = decode(request)
    const [question] = asked
    const name = question?.name ?? ''
    const known = question?.type === 'TXT' ? records.get(name.toLowerCase()) : undefined
    const host = question?.type === 'A' ? hosts.get(name.toLowerCase()) : undefined
    const answers = [
      ...(known === undefined ? [] : [{ type: 'TXT' as const, name, ttl: 60, data: known.match(/.{1,255}/gs) ?? [] }]),
      ...(host === undefined ? [] : [{ type: 'A' as const, name, ttl: 60, data: host }]),
    ]
    const RCODE_NXDOMAIN = 3
    const flags = 0x0180 | (answers.length === 0 ? RCODE_NXDOMAIN : 0) // RD and RA
    socket.send(
      encode({ type: 'response', ...(id === undefined ? {} : { id }), flags, questions: asked, answers }),
      from.port,
      from.address,
    )
  })
  socket.bind(port, address)
  await once(socket, 'listening')
  return {
    address,
    port: socket.address().port,
    get questions() {
      return questions
    },
    async [Symbol.asyncDispose]() {
      socket.close()
      await once(socket, 'close')
    },
  }
}

/** Runs a program that sees this file as /etc/resolv.conf; nobody else does. Needs root. */
export async function privateMount(
  file: string,
  command: readonly string[],
  input: Uint8Array,
): Promise<{ code: number | null; text: string }> {
  const script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
  const child = spawn(programPath('unshare'), ['-m', 'sh', '-c', script, file, ...command])
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (text += chunk))
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number | null] // `as`: the event's arguments
  return { code, text }
}
