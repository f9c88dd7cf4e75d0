/** Files of a message, as JSON has them. */
import type { File } from './compose.ts'
import { type Fault, pointerOf } from './refusal.ts'
import type { FileInput } from './schema.ts'

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
/** RFC 2045 §5.1, with values that need no escapes. */
const TYPE =
  /^[A-Za-z0-9!#$&^_.+-]+\/[A-Za-z0-9!#$&^_.+-]+(?:; ?[A-Za-z0-9-]+=(?:[A-Za-z0-9!#$&^_.+-]+|"[ !#-[\]-~]*"))*$/
const CID = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+(?:@[A-Za-z0-9.-]+)?$/

/** Decoded; what is wrong goes to the faults. */
export function readFiles(files: readonly FileInput[], faults: Fault[]): readonly File[] {
  return files.map(({ filename, content, contentType, cid }, at) => {
    const fault = (key: string, detail: string): void =>
      void faults.push({ pointer: pointerOf(['attachments', at, key]), detail })
    if (!TYPE.test(contentType)) fault('contentType', 'is no media type such as "application/pdf"')
    else if (/^(?:multipart|message)\//i.test(contentType))
      fault('contentType', 'cannot be base64, RFC 2045 §6.4: use application/octet-stream')
    if (cid !== undefined && !CID.test(cid)) fault('cid', 'has other characters than letters, digits, "." and "-"')
    const text = content.includes('\n') ? content.replaceAll(/\r?\n/g, '') : content
    if (text.length % 4 !== 0 || !BASE64.test(text)) fault('content', 'is no base64 (RFC 4648 §4, with its padding)')
    return { filename, content: Buffer.from(text, 'base64'), contentType, cid }
  })
}
