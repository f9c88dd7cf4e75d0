/** A service over HTTP: 200 with a text or JSON is an entry, 404 and 410 are none, and everything else is no answer. */
import { type DirectoryEntry, entryOf, textsOf, valueEntry } from '../entry.ts'
import type { HttpFrom } from '../from.ts'
import type { DirectorySource } from '../source.ts'
import { filled } from '../template.ts'

/** Octets of an entry: more is a page that is there by mistake. */
const LONGEST = 65_536
/** Octets of a list. */
const LONGEST_LIST = 256 * 1_048_576

/** The service at this URL. */
export function openHttp({ url, headers }: HttpFrom): DirectorySource {
  const name = new URL(url.replaceAll(/[{}]/g, '')).origin
  const get = (target: string, signal: AbortSignal): Promise<Response> =>
    fetch(target, { headers, signal, redirect: 'error' })
  return {
    name,
    async find(key, signal) {
      const response = await get(filled(url, key, encodeURIComponent), signal)
      if (response.status === 404 || response.status === 410) {
        await response.body?.cancel()
        return undefined
      }
      const text = await bodyOf(response, LONGEST)
      return response.headers.get('content-type')?.startsWith('application/json')
        ? jsonEntry(JSON.parse(text))
        : valueEntry(text.trim() === '' ? [] : [text.trim()])
    },
    async *list(ask, signal) {
      const text = await bodyOf(await get(ask, signal), LONGEST_LIST)
      for (const line of text.split('\n')) {
        const [key = '', ...values] = line.trim().split(/[ \t]+/)
        if (key !== '' && !key.startsWith('#')) yield [key, valueEntry(values.length === 0 ? [] : [values.join(' ')])]
      }
    },
    close: () => undefined,
  }
}

function jsonEntry(value: unknown): DirectoryEntry | undefined {
  if (value === null) return undefined
  if (typeof value !== 'object' || Array.isArray(value)) return valueEntry(textsOf(value))
  return entryOf(Object.entries(value).map(([name, one]) => [name, textsOf(one)]))
}

async function bodyOf(response: Response, longest: number): Promise<string> {
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`HTTP status ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of response.body ?? []) {
    length += chunk.length
    if (length > longest) throw new Error(`more than ${longest} octets`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
