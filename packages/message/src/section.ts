/** The parts of a message by their types, for who reads reports: RFC 6522, and what was built before it. */
import { MessageError } from './errors.ts'
import { parameterOf } from './mime-part.ts'
import { type MimeLimits, scanMime } from './mime-scan.ts'
import { decodePieces } from './transfer-encoding.ts'

/** One part that is no multipart. */
export interface Section {
  /** Type and subtype, lower-case. */
  readonly type: string
  /** The octets, decoded, at most so many; of an embedded message its own, header section and all. */
  read(limit: number): Buffer
}

/** What a message is made of. */
export interface Sections {
  /** Of the whole message, lower-case. */
  readonly type: string
  /** Parameter `report-type` of it, lower-case. */
  readonly reportType: string | undefined
  /** In order; what is within an embedded message is not among them. */
  readonly sections: readonly Section[]
}

/**
 * Finds the parts. Undefined: there are too many, or they are too deep within each other.
 *
 * @param bytes the message, or as much of it as is to be looked at
 */
export function sectionsOf(bytes: Buffer, limits: MimeLimits = { depth: 10, parts: 200 }): Sections | undefined {
  try {
    const { root } = scanMime(bytes, limits)
    const sections: Section[] = []
    const waiting = [root]
    for (let part = waiting.pop(); part; part = waiting.pop()) {
      const { kind, type, encoding, bodyStart, bodyEnd, bytes: octets, children } = part
      if (kind === 'multipart') {
        waiting.push(...children.toReversed())
        continue
      }
      sections.push({
        type,
        read(limit) {
          // No encoding takes more than three octets for one, but for line ends.
          const pieces = decodePieces(octets, encoding, bodyStart, Math.min(bodyEnd, bodyStart + limit * 4 + 64))
          return Buffer.concat([...pieces]).subarray(0, limit)
        },
      })
    }
    return { type: root.type, reportType: parameterOf(root.types, 'report-type')?.toLowerCase(), sections }
  } catch (error) {
    if (error instanceof MessageError) return undefined
    throw error
  }
}
