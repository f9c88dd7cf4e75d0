/** Things that leave the server and come back: cookies, tokens of previews, links in digests. Whoever changes one cannot seal it again. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import path from 'node:path'

/** Seals and opens, by a secret that all workers share. */
export interface Seal {
  /** @param purpose what is sealed for one is worth nothing for another */
  close(purpose: string, value: object): Promise<string>
  /** The value; undefined of what was not sealed here. Whether it is still good is the caller's to say. */
  open(purpose: string, text: string): Promise<unknown>
}

/** Octets of a sealed text that is looked at. */
const MOST = 8_192

/** The secret is made when it is first needed, by whichever worker comes first. @param folder of the plugin, made already */
export function sealIn(folder: string): Seal {
  let key: Promise<Buffer> | undefined
  const secret = (): Promise<Buffer> => {
    key ??= secretIn(path.join(folder, 'seal.key'))
    key.catch(() => {
      key = undefined
    })
    return key
  }
  const mark = async (purpose: string, text: string): Promise<Buffer> =>
    createHmac('sha256', await secret())
      .update(`${purpose}\0${text}`)
      .digest()
  return {
    async close(purpose, value) {
      const text = Buffer.from(JSON.stringify(value)).toString('base64url')
      return `${text}.${(await mark(purpose, text)).toString('base64url')}`
    },
    async open(purpose, sealed) {
      const [text = '', given = '', ...more] = sealed.length > MOST ? [] : sealed.split('.')
      const shown = Buffer.from(given, 'base64url')
      const real = await mark(purpose, text)
      if (more.length > 0 || shown.length !== real.length || !timingSafeEqual(shown, real)) return undefined
      return JSON.parse(Buffer.from(text, 'base64url').toString())
    },
  }
}

async function secretIn(file: string): Promise<Buffer> {
  for (let tries = 0; tries < 3; tries++) {
    const known = await readFile(file).catch(absent)
    if (known?.length === 32) return known
    if (known) await rm(file, { force: true })
    // Written beside and linked: nobody reads half of it, and of two that make one only the first is there.
    const fresh = `${file}.${process.pid}.new`
    const handle = await open(fresh, 'w', 0o600)
    try {
      await handle.writeFile(randomBytes(32))
      await handle.sync()
      await link(fresh, file).catch(() => undefined) // another was faster: its secret is read
    } finally {
      await handle.close()
      await rm(fresh, { force: true })
    }
  }
  throw new Error(`${file} cannot be made`)
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
