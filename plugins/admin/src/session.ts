/** How a browser says who it is: a token, or the ticket of a link, is exchanged for a cookie that no script can read. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { HttpCaller, HttpIdentify, HttpRole, Store } from '@postroad/plugin'
import { CallRefused } from './answer.ts'
import type { Seal } from './seal.ts'

/** What a cookie says. */
interface Cookie {
  readonly id: string
  readonly name: string
  readonly roles: readonly HttpRole[]
  /** It is good as long as the token of that name is. */
  readonly token?: string
  /** Milliseconds since the epoch. */
  readonly expires: number
}

/** What it works on. */
export interface SessionDeps {
  readonly seal: Seal
  readonly store: Store
  /** Of the plugin. */
  readonly folder: string
  /** Milliseconds. */
  readonly life: number
}

/** Milliseconds that a ticket may be exchanged. */
export const TICKET_MS = 600_000
const ROLES: Readonly<Record<'read' | 'operate' | 'admin', readonly HttpRole[]>> = {
  read: ['read'],
  operate: ['read', 'operate'],
  admin: ['read', 'operate', 'admin', 'send'],
}

/** Cookies and tickets of one server. */
export class Sessions {
  readonly #deps: SessionDeps

  constructor(deps: SessionDeps) {
    this.#deps = deps
  }

  /** Who shows a cookie of ours. */
  readonly identify: HttpIdentify = async ({ request, now, tokenOf }) => {
    const cookie = await this.#read(request)
    if (!cookie || cookie.expires <= now()) return undefined
    if ((await this.#deps.store.get(`admin:gone:${cookie.id}`)) !== undefined) return undefined
    if (cookie.token !== undefined) return tokenOf(cookie.token)
    return { name: cookie.name, roles: cookie.roles }
  }

  /** When the session of a request ends; undefined without one. */
  async expiryOf(request: Request): Promise<number | undefined> {
    return (await this.#read(request))?.expires
  }

  /** `Set-Cookie` for a caller who has shown a token. */
  async begin(
    request: Request,
    { name, roles }: HttpCaller,
    now: number,
  ): Promise<{ cookie: string; expires: number }> {
    return this.#cookieFor(request, { name, roles, token: name }, now)
  }

  /** The same for a ticket, which is worth nothing any more then. @throws {CallRefused} 401 */
  async redeem(
    request: Request,
    ticket: string,
    now: number,
  ): Promise<{ cookie: string; expires: number; caller: HttpCaller }> {
    const file = this.#ticketFile(ticket)
    let found: { readonly name: string; readonly role: keyof typeof ROLES; readonly expires: number }
    try {
      found = JSON.parse(await readFile(file, 'utf8'))
      // Of two that come at once one removes it.
      await unlink(file)
    } catch {
      throw new CallRefused(401, 'This link was used already, or is too old: `postroad admin open` makes another')
    }
    if (!(now < found.expires)) throw new CallRefused(401, 'This link is too old: `postroad admin open` makes another')
    const caller = { name: found.name, roles: ROLES[found.role] ?? [] }
    return { ...(await this.#cookieFor(request, caller, now)), caller }
  }

  /** A ticket: only who may write into the folder of the server can make one. */
  async ticket(name: string, role: keyof typeof ROLES, now: number): Promise<string> {
    const secret = randomBytes(32).toString('base64url')
    const file = this.#ticketFile(secret)
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
    await this.#sweep(now)
    await writeFile(file, JSON.stringify({ name, role, expires: now + TICKET_MS }), { mode: 0o600, flag: 'wx' })
    return secret
  }

  /** The cookie of a request is worth nothing from now on; gives `Set-Cookie` that removes it. */
  async end(request: Request, now: number): Promise<string> {
    const cookie = await this.#read(request)
    if (cookie && cookie.expires > now)
      await this.#deps.store.set(`admin:gone:${cookie.id}`, '1', Math.max(1, cookie.expires - now))
    return `${cookieName(request)}=; ${attributes(request)}; Max-Age=0`
  }

  async #cookieFor(
    request: Request,
    who: Pick<Cookie, 'name' | 'roles' | 'token'>,
    now: number,
  ): Promise<{ cookie: string; expires: number }> {
    const { seal, life } = this.#deps
    const expires = now + life
    const value = await seal.close('session', { id: randomBytes(12).toString('base64url'), expires, ...who })
    return {
      cookie: `${cookieName(request)}=${value}; ${attributes(request)}; Max-Age=${Math.floor(life / 1_000)}`,
      expires,
    }
  }

  async #read(request: Request): Promise<Cookie | undefined> {
    const name = cookieName(request)
    const shown = (request.headers.get('cookie') ?? '').split(/; */).find((one) => one.startsWith(`${name}=`))
    if (shown === undefined) return undefined
    // `as`: what is sealed for this purpose was made above.
    return (await this.#deps.seal.open('session', shown.slice(name.length + 1))) as Cookie | undefined
  }

  #ticketFile(secret: string): string {
    const hash = createHash('sha256').update(secret).digest('hex')
    return path.join(this.#deps.folder, 'tickets', hash)
  }

  async #sweep(now: number): Promise<void> {
    const folder = path.join(this.#deps.folder, 'tickets')
    for (const name of await readdir(folder)) {
      const text = await readFile(path.join(folder, name), 'utf8').catch(() => '{}') // used at this moment
      const { expires = 0 } = JSON.parse(text) as { expires?: number } // as `ticket` writes it
      if (expires <= now) await rm(path.join(folder, name), { force: true })
    }
  }
}

/** A browser takes a cookie that is `Secure` only over TLS, and some not even from this machine without. */
function isPlainLoopback(request: Request): boolean {
  const host = (request.headers.get('host') ?? '').toLowerCase().replace(/:\d*$/, '')
  return new URL(request.url).protocol === 'http:' && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(host)
}

function cookieName(request: Request): string {
  return isPlainLoopback(request) ? 'postroad' : '__Host-postroad'
}

function attributes(request: Request): string {
  return `Path=/; HttpOnly; SameSite=Strict${isPlainLoopback(request) ? '' : '; Secure'}`
}
