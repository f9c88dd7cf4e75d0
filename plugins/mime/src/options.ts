/** What an operator may say to `mime`. */
import { action } from '@postroad/options/zod'
import { z } from 'zod'

/** The options of {@link mime}. */
export const options = z.strictObject({
  ambiguous: z
    .strictObject({
      from: action.default(3).describe('Several From fields: which of them is shown, and which one DMARC judges'),
      fields: action.default(1).describe('Several of another field that may be there once, RFC 5322 §3.6'),
      header: action
        .default(0.5)
        .describe('A line in a header section that is no field: to some readers the section ends there'),
      syntax: action.default(0.5).describe('A Content-Type or Content-Disposition that does not follow the grammar'),
      type: action.default(2).describe('Several Content-Type or Content-Disposition fields in one part'),
      encoding: action.default(1).describe('Several, or an unknown, Content-Transfer-Encoding'),
      name: action.default(1).describe('A file with several names'),
      boundary: action
        .default(1)
        .describe('A multipart with several boundaries, with none that fits, or with that of another one around it'),
      delimiter: action.default(2).describe('A line that only some readers take for a boundary'),
    })
    .prefault({})
    .describe('What it is worth that mail clients may see something else than the checks; what was found is added up'),
  unreadable: action
    .default(3)
    .describe('Parts nested too deep, too many of them, or header fields without end: nothing honest is made so'),
})
