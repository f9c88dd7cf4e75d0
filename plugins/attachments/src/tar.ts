/** Names of files in a tar archive that is not compressed: libarchive without a locale has no words for letters beyond ASCII. */
import { decoded } from './zip.ts'

const BLOCK = 512
const MOST = 1_000

/** In the order of the files (POSIX pax, and the long names of GNU); empty when it is none. */
export function tarNames(octets: Buffer): readonly string[] {
  const names: string[] = []
  if (octets.toString('latin1', 257, 262) !== 'ustar') return names
  let long: string | undefined
  for (let at = 0; at + BLOCK <= octets.length && names.length < MOST; ) {
    const header = octets.subarray(at, at + BLOCK)
    if (header[0] === 0) break
    const size = Number.parseInt(header.toString('latin1', 124, 136), 8) || 0
    const type = String.fromCharCode(header[156] ?? 0)
    const data = octets.subarray(at + BLOCK, at + BLOCK + Math.min(size, 65_536))
    if (type === 'L') long = upToZero(data)
    else if (type === 'x') long = /(?:^|\n)\d+ path=([^\n]*)/.exec(data.toString('utf8'))?.[1] ?? long
    else if (type !== 'g' && type !== 'K') {
      const prefix = upToZero(header.subarray(345, 500))
      names.push(long ?? `${prefix === '' ? '' : `${prefix}/`}${upToZero(header.subarray(0, 100))}`)
      long = undefined
    }
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return names
}

function upToZero(octets: Buffer): string {
  const end = octets.indexOf(0)
  return decoded(end < 0 ? octets : octets.subarray(0, end))
}
