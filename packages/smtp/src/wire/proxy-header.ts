/** The PROXY protocol of HAProxy, versions 1 and 2: who the client is, said by the proxy in front before the first octet of the client. */
import type { Socket } from 'node:net'
import { parseIp, UNKNOWN } from '@postroad/listener'
import type { Endpoint } from '@postroad/mail'

/** Both ends as the proxy saw them. */
export interface ProxyHeader {
  /** Of the client; unknown where the proxy does not say whom it speaks for. */
  readonly remote: Endpoint
  /** Of the server; undefined: as the system has it. */
  readonly local: Endpoint | undefined
  /** The proxy speaks for itself, to see that we are there. */
  readonly isProbe: boolean
}

/** What {@link parseProxyHeader} found in the octets so far. */
export type ProxyResult = 'more' | 'bad' | { readonly header: ProxyHeader; readonly length: number }

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
const V1 = Buffer.from('PROXY ', 'latin1')
/** §2.1: a header of version 1 has at most 107 octets with its CRLF. */
const V1_LIMIT = 107
/** §2.2: more than any address needs; the rest are TLVs. */
const V2_LIMIT = 4096
/** `UNKNOWN`, and every family but TCP: somebody is behind the proxy, and must not be taken for it. */
const NOBODY: ProxyHeader = Object.freeze({ remote: UNKNOWN, local: undefined, isProbe: false })
// deviates: PROXY protocol §2.2 — the real endpoints are to be used for LOCAL, and the address of the proxy may be one that may relay: a probe
// needs no rights, and what looks like one must not be a way to get them.
const PROBE: ProxyHeader = Object.freeze({ remote: UNKNOWN, local: undefined, isProbe: true })

/** Reads a header at the begin of `octets`: there, broken, or not all of it there yet. */
export function parseProxyHeader(octets: Buffer): ProxyResult {
  if (isPrefix(octets, SIGNATURE)) return octets.length < 16 ? 'more' : parseBinary(octets)
  if (isPrefix(octets, V1)) return parseText(octets)
  return 'bad'
}

/**
 * Reads the header from a socket, and leaves there what follows it. A socket without one is destroyed, and gives undefined: a proxy that does
 * not say who the client is must not be taken for the client. How long it may take is the business of the caller.
 */
export function readProxyHeader(socket: Socket, done: (header: ProxyHeader | undefined) => void): void {
  let octets: Buffer = Buffer.alloc(0)
  let isDone = false
  const finish = (header: ProxyHeader | undefined): void => {
    if (isDone) return
    isDone = true
    socket.off('readable', read).off('end', fail).off('close', fail)
    if (header === undefined) socket.destroy()
    else socket.off('error', fail)
    done(header)
  }
  const fail = (): void => finish(undefined)
  const read = (): void => {
    const chunk: Buffer | null = socket.read()
    if (chunk === null) return
    octets = Buffer.concat([octets, chunk])
    const result = parseProxyHeader(octets)
    if (result === 'more') return
    if (result !== 'bad' && result.length < octets.length) socket.unshift(octets.subarray(result.length))
    finish(result === 'bad' ? undefined : result.header)
  }
  socket.on('readable', read).on('end', fail).on('close', fail).on('error', fail)
}

function isPrefix(octets: Buffer, mark: Buffer): boolean {
  const length = Math.min(octets.length, mark.length)
  return octets.subarray(0, length).equals(mark.subarray(0, length))
}

/** §2.1: `PROXY TCP4 source destination port port CRLF`. */
function parseText(octets: Buffer): ProxyResult {
  const end = octets.subarray(0, V1_LIMIT).indexOf('\r\n')
  if (end < 0) return octets.length >= V1_LIMIT ? 'bad' : 'more'
  const length = end + 2
  const [, family, source = '', destination = '', sourcePort = '', destinationPort = '', ...more] = octets
    .toString('latin1', 0, end)
    .split(' ')
  if (family === 'UNKNOWN') return { header: NOBODY, length }
  if ((family !== 'TCP4' && family !== 'TCP6') || more.length > 0) return 'bad'
  const remote = endpoint(source, sourcePort)
  const local = endpoint(destination, destinationPort)
  return remote && local ? { header: { remote, local, isProbe: false }, length } : 'bad'
}

function endpoint(text: string, portText: string): Endpoint | undefined {
  const address = parseIp(text)
  const port = /^(?:0|[1-9]\d{0,4})$/.test(portText) ? Number(portText) : 65_536
  return address !== undefined && port < 65_536 ? { address, port } : undefined
}

/** §2.2: signature, version and command, family, length, addresses. */
function parseBinary(octets: Buffer): ProxyResult {
  const [version = 0, family = 0] = [octets[12], octets[13]]
  const size = octets.readUInt16BE(14)
  const length = 16 + size
  if (version >> 4 !== 2 || (version & 15) > 1 || length > V2_LIMIT) return 'bad'
  if (octets.length < length) return 'more'
  if ((version & 15) === 0) return { header: PROBE, length }
  const width = family === 0x11 ? 4 : family === 0x21 ? 16 : 0
  if (width === 0) return { header: NOBODY, length }
  if (size < 2 * width + 4) return 'bad'
  const at = (offset: number): string => addressAt(octets.subarray(16 + offset, 16 + offset + width))
  const ports = 16 + 2 * width
  const remote = endpoint(at(0), String(octets.readUInt16BE(ports)))
  const local = endpoint(at(width), String(octets.readUInt16BE(ports + 2)))
  return remote && local ? { header: { remote, local, isProbe: false }, length } : 'bad'
}

function addressAt(octets: Buffer): string {
  if (octets.length === 4) return octets.join('.')
  const groups: string[] = []
  for (let i = 0; i < 16; i += 2) groups.push(octets.readUInt16BE(i).toString(16))
  return groups.join(':')
}
